"""Specs that mean nothing: generated from the CRD's schema, and written by hand."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tests.chaos.api import Json
from tests.chaos.operator_process import ROOT
from tests.chaos.shop import WHOLE

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Invalid:
    """A spec, how it is called, and what the refusal must name."""

    title: str
    spec: Any
    names: str


def from_schema() -> list[Invalid]:
    """For each field of the CRD: the wrong type, and one value beyond each limit that the schema sets."""
    crd = yaml.safe_load((ROOT / "crds/storefronts.storefront.dev.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return list(_of_node(schema, ()))


def _of_node(schema: Json, path: Path) -> Iterator[Invalid]:
    for what, value in _wrong_values(schema):
        yield Invalid(f"{_dotted(path)}: {what}", _with(path, value), _dotted(path))
    if "properties" in schema:
        yield Invalid(
            f"{_dotted(path)}: unknown field",
            _with((*path, "unheardOf"), 1),
            "unheardOf",
        )
        for name, sub in schema["properties"].items():
            yield from _of_node(sub, (*path, name))
        for name in schema.get("required", ()):
            yield Invalid(f"{_dotted((*path, name))}: missing", _without((*path, name)), name)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _of_node(
            schema["additionalProperties"], (*path, "nginx" if path[-1] == "overrides" else "key")
        )
    if "items" in schema:
        yield from _of_node(schema["items"], (*path, 0))


def _wrong_values(schema: Json) -> Iterator[tuple[str, Any]]:
    if schema.get("x-kubernetes-int-or-string"):
        yield "a truth value for a quantity", True
        yield "no quantity", "a lot"
        yield "a negative quantity", "-1"
        return
    kind = schema["type"]
    wrong = {"string": 5, "integer": "three", "boolean": "yes", "array": {"a": 1}, "object": "text"}
    yield f"a {type(wrong[kind]).__name__} for a {kind}", wrong[kind]
    if kind == "integer":
        yield "a fraction", 1.5
    if "enum" in schema:
        yield "none of the allowed values", "Nonsense"
    if "minimum" in schema:
        yield "below the minimum", schema["minimum"] - 1
    if "maximum" in schema:
        yield "above the maximum", schema["maximum"] + 1
    if "pattern" in schema:
        yield "not of the pattern", "-- not this --"
    if "maxLength" in schema:
        yield "too long", "a" * (schema["maxLength"] + 1)
    if schema.get("minLength"):
        yield "too short", ""


def _with(path: Path, value: Any) -> Any:
    spec: Any = copy.deepcopy(WHOLE)
    if not path:
        return value
    node = spec
    for step, following in itertools.pairwise(path):
        empty: Any = [None] if isinstance(following, int) else {}
        if isinstance(step, int):
            if node[step] is None:
                node[step] = empty
        else:
            node.setdefault(step, empty)
        node = node[step]
    node[path[-1]] = value
    return spec


def _without(path: Path) -> Any:
    spec = _with((*path[:-1], "x"), 1) if len(path) > 1 else copy.deepcopy(WHOLE)
    node: Any = spec
    for step in path[:-1]:
        node = node[step]
    node.pop("x", None)
    node.pop(path[-1], None)
    if len(path) > 1 and not node and isinstance(path[-2], int):
        node["value"] = "x"
        if path[-2:] == (0, "name") and "pullSecrets" in path:
            node.pop("value")
    return spec


def _dotted(path: Path) -> str:
    text = "spec"
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text


_BAD_TOLERATIONS = [
    ("value with operator Exists", {"key": "a", "operator": "Exists", "value": "b"}),
    ("seconds without NoExecute", {"key": "a", "operator": "Exists", "tolerationSeconds": 5}),
    ("no key with operator Equal", {"operator": "Equal", "value": "b"}),
]

REFUSED_AT_APPLY = [
    Invalid(
        "TLS mode Secret without a name", {**WHOLE, "ingress": {"tls": {"mode": "Secret"}}}, "secretName"
    ),
    Invalid("TLS Secret without the mode", {**WHOLE, "ingress": {"tls": {"secretName": "x"}}}, "secretName"),
    Invalid("unknown image", {**WHOLE, "images": {"overrides": {"pg": "x"}}}, "spec.images.overrides"),
    Invalid(
        "the same variable twice",
        {**WHOLE, "postgres": {"extraEnv": [{"name": "A"}, {"name": "A"}]}},
        "extraEnv",
    ),
    Invalid(
        "a variable that is the operator's own",
        {**WHOLE, "postgres": {"extraEnv": [{"name": "POD_IP", "value": "10.0.0.1"}]}},
        "extraEnv",
    ),
    Invalid(
        "the same pull secret twice",
        {**WHOLE, "images": {"pullSecrets": [{"name": "a"}, {"name": "a"}]}},
        "pullSecrets",
    ),
    *(
        case
        for store in ("postgres", "rabbitmq", "redis", "elasticsearch")
        for case in (
            Invalid(f"{store} elsewhere, nowhere", _with((store, "mode"), "External"), f"spec.{store}"),
            Invalid(
                f"{store} here and elsewhere",
                _with((store, "external"), {"host": "db.example.com", "secretName": "x"}),
                f"spec.{store}",
            ),
        )
    ),
    Invalid(
        "more pods at least than at most",
        _with(("services", "order", "autoscaling"), {"minReplicas": 5, "maxReplicas": 4}),
        "spec.services.order.autoscaling",
    ),
    Invalid(
        "a pool that is not counted",
        _with(("services", "user", "extraEnv"), [{"name": "DATABASE_POOL_SIZE", "value": "50"}]),
        "spec.services.user.extraEnv",
    ),
    Invalid("no spec", None, "spec"),
    Invalid("tag that ends in a blank", _with(("images", "tag"), "v1 "), "spec.images.tag"),
    Invalid("empty image", _with(("images", "overrides"), {"nginx": ""}), "spec.images.overrides"),
]
"""Refused by rules that the schema of one field does not tell."""

JUDGED_BY_THE_OPERATOR = [
    Invalid(
        "finer than the smallest quantity",
        {**WHOLE, "postgres": {"storage": {"size": "0.0001"}}},
        "spec.postgres.storage.size",
    ),
    *(
        Invalid(
            f"CPU finer than 1m ({'.'.join(path)})",
            _with((*path, "resources", "requests", "cpu"), "0.0001"),
            f"spec.{'.'.join(path)}.resources.requests.cpu",
        )
        for path in (("postgres",), ("ingress",), ("services", "product"), ("frontends", "customer"))
    ),
    *(
        Invalid(f"toleration: {what} ({'.'.join(path)})", _with((*path, "tolerations"), [bad]), "toleration")
        for what, bad in _BAD_TOLERATIONS
        for path in (("ingress",), ("services", "product"))
    ),
    Invalid(
        "requests above limits",
        _with(("services", "product", "resources"), {"requests": {"memory": "9Gi"}}),
        "memory",
    ),
    Invalid(
        "fewer pods at most than replicas",
        _with(("services", "payment"), {"replicas": 3, "autoscaling": {"enabled": True, "maxReplicas": 2}}),
        "spec.services.payment.autoscaling.maxReplicas",
    ),
    Invalid(
        "more connections than PostgreSQL may have",
        _with(("services", "order"), {"replicas": 100, "databasePoolSize": 50}),
        "5165 connections",
    ),
    Invalid("label that is none", _with(("ingress", "nodeSelector"), {"a b": "c"}), "nodeSelector"),
    Invalid(
        "label value that is none",
        _with(("frontends", "customer", "nodeSelector"), {"a": "no spaces"}),
        "nodeSelector",
    ),
    Invalid("annotation that is none", _with(("ingress", "annotations"), {"a b": "c"}), "annotation"),
    Invalid(
        "network that is none",
        _with(("ingress", "loadBalancerSourceRanges"), ["nonsense"]),
        "oadBalancerSourceRanges",
    ),
    Invalid("class that is none", _with(("ingress", "loadBalancerClass"), "Not Valid"), "oadBalancerClass"),
    Invalid(
        "storage class changed", _with(("postgres", "storage", "storageClassName"), "fast"), "StatefulSet"
    ),
]
"""The schema lets them through; the operator or the API server refuses what would come of them."""
