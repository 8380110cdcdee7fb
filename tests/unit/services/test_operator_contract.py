"""What the operator tells the services is what they read, and their queues get the events that they handle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from notification_service.letters.wording import LETTERS
from notification_service.settings import MailSettings, SmtpSettings
from notification_service.settings import ShopSettings as NotificationShopSettings
from order_service.cache import Cache
from order_service.components import Components
from order_service.settings import OrderSettings, ShippingSettings
from payment_service.handlers import HANDLERS
from payment_service.settings import GatewayApiSettings
from payment_service.settings import ShopSettings as PaymentShopSettings
from product_service import messages
from pydantic_settings import BaseSettings
from storefront_common import settings
from storefront_common.database import Database
from storefront_dev.images.catalogue import IMAGES
from storefront_operator.api import Storefront, parse_storefront
from storefront_operator.components import render_storefront
from storefront_operator.components.rabbitmq_topology import SUBSCRIPTIONS
from storefront_operator.engine.credentials import placeholders
from user_service.application import EVENTS

EXTERNAL = {
    "payments": {"url": "https://api.stripe.com", "secretName": "stripe"},
    "email": {"host": "mail.example.com", "from": "shop@example.com", "secretName": "mail"},
    "shipping": {"url": "https://parcels.example.com/api", "secretName": "parcels"},
}

STORES = (settings.DatabaseSettings, settings.BrokerSettings, settings.GatewaySettings)

READ: Mapping[str, tuple[type[BaseSettings], ...]] = {
    "user": STORES,
    "product": (*STORES, settings.RedisSettings, settings.ElasticsearchSettings),
    "order": (*STORES, settings.RedisSettings, ShippingSettings, OrderSettings),
    "payment": (*STORES, GatewayApiSettings, PaymentShopSettings),
    "notification": (settings.BrokerSettings, SmtpSettings, MailSettings, NotificationShopSettings),
}
"""The settings that each service loads, besides what every server does."""


def shop(**spec: Any) -> Storefront:
    return parse_storefront(
        {
            "apiVersion": "storefront.dev/v1alpha1",
            "kind": "Storefront",
            "metadata": {"name": "shop", "uid": "u", "generation": 1},
            "spec": {"domain": "shop.example.com", **spec},
        }
    )


def told(service: str, **spec: Any) -> dict[str, str]:
    """The environment of a service's pods; what comes from a Secret has the Secret's name here."""
    storefront = shop(**spec)
    environment: dict[str, str] = {}
    for manifest in render_storefront(storefront, placeholders(storefront)):
        if (
            manifest["metadata"].get("namespace") != "shop-services"
            or manifest["metadata"]["name"] != service
        ):
            continue
        if manifest["kind"] == "ConfigMap":
            environment |= manifest["data"]
        if manifest["kind"] == "Deployment":
            (container,) = manifest["spec"]["template"]["spec"]["containers"]
            environment |= {
                each["name"]: each["valueFrom"]["secretKeyRef"]["name"] for each in container.get("env", ())
            }
    return environment


def variables(kind: type[BaseSettings]) -> set[str]:
    """The environment variables that a class of settings reads."""
    prefix = str(kind.model_config.get("env_prefix", ""))
    return {field.alias or f"{prefix}{name}".upper() for name, field in kind.model_fields.items()}


@pytest.mark.parametrize("external", [EXTERNAL, {}], ids=["with all systems", "with none"])
@pytest.mark.parametrize("service", READ)
def test_a_service_can_start_with_what_it_is_told(
    service: str, external: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in told(service, external=external).items():
        monkeypatch.setenv(name, value)

    for kind in READ[service]:
        if kind is MailSettings and not external:
            continue  # only read where there is a mail server
        kind()


@pytest.mark.parametrize("service", READ)
def test_everything_that_a_service_is_told_is_read(service: str) -> None:
    read = set().union(*map(variables, READ[service]))

    assert set(told(service, external=EXTERNAL)) <= read


def no(kind: type[Any]) -> Any:
    """In place of something that is only needed when an event comes."""
    return cast(Any, kind.__name__)


HANDLED: Mapping[str, Callable[[], set[str]]] = {
    "user": lambda: set(EVENTS),
    "product": lambda: set(messages.handlers(no(Database), no(Cache))),
    "order": lambda: set(Components(no(Database), no(Cache), None, OrderSettings()).event_handlers()),
    "payment": lambda: set(HANDLERS),
    "notification": lambda: {letter.type for letter in LETTERS},
}


@pytest.mark.parametrize("service", SUBSCRIPTIONS)
def test_a_queue_gets_exactly_the_events_that_its_service_handles(service: str) -> None:
    assert set(SUBSCRIPTIONS[service]) == HANDLED[service]()


def test_every_service_is_an_image() -> None:
    assert {image.name for image in IMAGES} >= set(SUBSCRIPTIONS)
