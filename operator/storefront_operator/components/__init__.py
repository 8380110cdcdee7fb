"""The parts of the platform. To add one, add a module here, a folder in templates/, and a line below."""

from collections.abc import Mapping, Sequence
from typing import Any

from storefront_operator.api import Storefront
from storefront_operator.components.base import (
    Action,
    Component,
    GeneratedSecret,
    Health,
    Inquiry,
    OnceJob,
    Reason,
    Rotation,
)
from storefront_operator.components.common import common_context
from storefront_operator.components.customer_web import CustomerWeb
from storefront_operator.components.elasticsearch import Elasticsearch
from storefront_operator.components.gateway import Gateway
from storefront_operator.components.gateway_credential import GatewayCredential
from storefront_operator.components.ingress import Ingress
from storefront_operator.components.namespaces import Namespaces
from storefront_operator.components.network_policies import NetworkPolicies
from storefront_operator.components.postgres import Postgres
from storefront_operator.components.rabbitmq import RabbitMq
from storefront_operator.components.redis import Redis
from storefront_operator.components.services import Notification, Order, Payment, Product, User
from storefront_operator.objects import Manifest, Observed, fingerprint
from storefront_operator.rendering import finish, render_folder
from storefront_operator.rendering.finish import add_config_hashes

__all__ = [
    "COMPONENTS",
    "NAMESPACES",
    "Action",
    "Component",
    "GeneratedSecret",
    "Health",
    "Inquiry",
    "OnceJob",
    "Reason",
    "Rotation",
    "context_of",
    "render_component",
    "render_storefront",
    "rendering_inputs",
]

NAMESPACES = Namespaces()

COMPONENTS: Sequence[Component] = (
    NAMESPACES,
    Postgres(),
    RabbitMq(),
    Redis(),
    Elasticsearch(),
    GatewayCredential(),
    User(),
    Product(),
    Order(),
    Payment(),
    Notification(),
    Gateway(),
    CustomerWeb(),
    Ingress(),
    NetworkPolicies(),
)
"""In the order in which people read about them in the status."""


def context_of(component: Component, storefront: Storefront, observed: Observed) -> dict[str, Any]:
    """Everything that the templates of a component may use."""
    return {**common_context(storefront, component.name), **component.context(storefront, observed)}


def rendering_inputs(storefront: Storefront, context: Mapping[str, Any]) -> str:
    """Fingerprint of everything that `render_component` depends on: equal inputs, equal objects."""
    return fingerprint([storefront.uid, context])


def render_component(
    component: Component, storefront: Storefront, context: Mapping[str, Any]
) -> list[Manifest]:
    """The objects of one component, labelled and owned. Pure: they depend on the arguments alone.

    Pods read ConfigMaps and Secrets of their own component only, so a component can be rendered by itself.
    """
    manifests = finish(storefront, component.name, render_folder(component.templates, context))
    add_config_hashes(manifests)
    return manifests


def render_storefront(storefront: Storefront, observed: Observed) -> list[Manifest]:
    """Every object a Storefront wants, given what is observed of the cluster.

    The generated Secrets must be in `observed`; they are not part of the result.
    """
    return [
        manifest
        for component in COMPONENTS
        for manifest in render_component(component, storefront, context_of(component, storefront, observed))
    ]
