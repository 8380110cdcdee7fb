"""Random valid specs, drawn from the pydantic models: a new field of the API is covered without a change here.

What a type alone does not say (a network, a label, an image name) is in `MEANINGS`; a text field that is not there
gets plain words. What every draw must be is checked by the model itself.
"""

from __future__ import annotations

import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo
from storefront_operator.api.spec import IMAGE_NAMES, StorefrontSpec
from storefront_operator.api.storefront import InvalidStorefrontError, parse_storefront

from tests.chaos.api import Json

LARGEST = 4
"""Upper end of counts: more pods would only cost time."""

STORES = ("postgres", "rabbitmq", "redis", "elasticsearch")

MOVABLE = ("rabbitmq", "redis", "elasticsearch")
"""Stores that a drawn spec may have elsewhere."""

LEFT_ALONE: dict[str, str] = {
    "paused": "a paused Storefront does not follow its spec",
    "ingress.loadBalancerClass": "Kubernetes forbids its change; the field's description says so",
    "ingress.tls.mode": "only valid together with secretName; see MEANINGS of tls",
    "ingress.tls.secretName": "only valid together with mode; see MEANINGS of tls",
    **{
        f"{store}.{field}": reason
        for store in STORES
        for field, reason in (
            (
                "storage",
                "claim templates of a StatefulSet cannot be changed; volume growth has its own tests",
            ),
            ("mode", "only valid together with external; drawn by `specs` for MOVABLE stores"),
            ("external", "only valid together with mode"),
        )
    },
}
"""Fields that sequences of specs do not vary, and why."""

FIXED: Json = {store: {"storage": {"size": "1Gi"}} for store in STORES}
"""What every drawn spec has: the size of volumes must not follow the profile."""

PRIORITY_CLASSES = ("chaos-low", "chaos-high")
"""Made in the cluster by the suite; pods of a class that does not exist are not admitted."""

_labels = st.dictionaries(
    st.sampled_from(["disk", "zone.example.com/name", "pool"]), st.sampled_from(["a", "b"])
)

_tolerations = st.sampled_from(
    [
        {"key": "spot", "operator": "Exists"},
        {"key": "spot", "operator": "Equal", "value": "yes", "effect": "NoSchedule"},
        {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
    ]
)

MEANINGS: dict[str, st.SearchStrategy[Any]] = {
    "domain": st.sampled_from(["a.example.com", "b.example.com", "shop.example.org"]),
    "nodeSelector": _labels,
    "tolerations": st.lists(_tolerations, max_size=2),
    "resources": st.fixed_dictionaries(
        {},
        optional={
            "requests": st.fixed_dictionaries(
                {},
                optional={
                    "cpu": st.sampled_from(["10m", "0.1"]),
                    "memory": st.sampled_from(["16Mi", "64Mi"]),
                },
            ),
            "limits": st.fixed_dictionaries(
                {},
                optional={"cpu": st.sampled_from([2, "4000m"]), "memory": st.sampled_from(["4Gi", "5000M"])},
            ),
        },
    ),
    "annotations": st.dictionaries(
        st.sampled_from(["cloud.example.com/scheme", "note"]),
        st.text("abc: {}'\"#%\n", max_size=8),
        max_size=2,
    ),
    "loadBalancerSourceRanges": st.lists(
        st.sampled_from(["10.0.0.0/8", "192.168.1.0/24", "2001:db8::/32"]), max_size=2, unique=True
    ),
    "overrides": st.dictionaries(
        st.sampled_from(sorted(IMAGE_NAMES)),
        st.sampled_from(["example.com/a:1", "example.com/b:2"]),
        max_size=2,
    ),
    "registry": st.sampled_from(["registry.example.com/shop", "registry.example.com"]),
    "tag": st.sampled_from(["v1", "v2", "v3"]),
    "parameters": st.dictionaries(
        st.sampled_from(["work_mem", "statement_timeout"]),
        st.sampled_from(["8MB", "100", "it's"]),
        max_size=2,
    ),
    "url": st.sampled_from(["https://api.example.com", "http://sandbox.example.svc:8080/v1"]),
    "issuer": st.sampled_from(["https://id.example.com", "https://id.example.com/realms/shop"]),
    "jwksUri": st.sampled_from(["https://id.example.com/keys"]),
    "host": st.sampled_from(["mail.example.com", "192.0.2.25"]),
    "from": st.sampled_from(["shop@example.com", "no-reply@shop.example.org"]),
    "maxReplicas": st.integers(LARGEST, LARGEST + 2),
    "heapSize": st.sampled_from(["128Mi", "200Mi"]),
    "shopName": st.sampled_from(["Corner Shop", 'Käse & "Brot"', "{{ 7*7 }}", "a: b # c"]),
    "extraEnv": st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from(["LOG_LEVEL", "DATABASE_PORT", "HOME"])},
            optional={"value": st.sampled_from(["1", "", "$(HOME)", "a b"])},
        ),
        max_size=2,
        unique_by=lambda entry: entry["name"],
    ),
    "priorityClassName": st.sampled_from(PRIORITY_CLASSES),
    "pullSecrets": st.lists(
        st.fixed_dictionaries({"name": st.sampled_from(["pull-a", "pull-b"])}),
        max_size=2,
        unique_by=lambda entry: entry["name"],
    ),
    "tls": st.fixed_dictionaries({}, optional={"redirectHttp": st.booleans()})
    | st.just({"mode": "Secret", "secretName": "own-certificate"})
    | st.just({"mode": "SelfSigned"}),
}
"""Values for fields by their name, where the type does not say enough."""

_WORDS = st.sampled_from(["alpha", "beta"])


def specs() -> st.SearchStrategy[Json]:
    """Valid specs as a user would write them; most leave most fields out."""
    elsewhere = st.sets(st.sampled_from(MOVABLE))
    return st.builds(_completed, _model(StorefrontSpec, ""), elsewhere).filter(_is_valid)


def _model(model: type[BaseModel], path: str) -> st.SearchStrategy[Json]:
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        alias = field.alias or name
        where = f"{path}.{alias}".lstrip(".")
        if where in LEFT_ALONE:
            continue
        strategy = _field(alias, field, where)
        (required if field.is_required() else optional)[alias] = strategy
    return st.fixed_dictionaries(required, optional=optional)


def _field(alias: str, field: FieldInfo, path: str) -> st.SearchStrategy[Any]:
    if alias in MEANINGS:
        return MEANINGS[alias]
    return _typed(field.annotation, tuple(field.metadata), path)


def _typed(annotation: Any, metadata: tuple[Any, ...], path: str) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _typed(arguments[0], (*arguments[1:], *metadata), path)
    if origin in (Union, types.UnionType):
        (inner,) = [argument for argument in arguments if argument is not type(None)]
        return _typed(inner, metadata, path)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is list:
        return st.lists(_typed(arguments[0], (), path), max_size=2)
    if origin is dict:
        return st.dictionaries(_WORDS, _typed(arguments[1], (), path), max_size=2)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model(annotation, path)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from([member.value for member in annotation])
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        lowest = max((limit for limit in _limits(metadata, "ge")), default=0)
        return st.integers(lowest, max(LARGEST, lowest))
    if annotation is str:
        shortest = max((c.min_length or 0 for c in metadata if isinstance(c, StringConstraints)), default=0)
        return _WORDS.filter(lambda word: len(word) >= shortest)
    raise NotImplementedError(f"{path}: say in tests/chaos/valid_specs.py how to draw {annotation}")


def _limits(metadata: tuple[Any, ...], name: str) -> list[int]:
    parts = [part for entry in metadata for part in (entry, *getattr(entry, "metadata", ()))]
    return [getattr(part, name) for part in parts if getattr(part, name, None) is not None]


def _completed(spec: Json, elsewhere: set[str]) -> Json:
    for block, values in FIXED.items():
        spec = {**spec, block: {**spec.get(block, {}), **values}}
    for store in elsewhere:
        external = {"host": f"{store}.example.com", "secretName": store}
        spec = {**spec, store: {**spec[store], "mode": "External", "external": external}}
    return spec


def _is_valid(spec: Json) -> bool:
    resource = {
        "apiVersion": "storefront.dev/v1alpha1",
        "kind": "Storefront",
        "metadata": {"name": "x"},
        "spec": spec,
    }
    try:
        parse_storefront(resource)
    except InvalidStorefrontError:
        return False
    return True
