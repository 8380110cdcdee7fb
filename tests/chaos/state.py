"""The whole state of a Storefront: every child as a full object, minus the fields of `ignored_fields.yaml`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml
from storefront_operator.client.resources import CHILD_RESOURCES, CLAIMS

from tests.chaos.api import Api, Json

Key = tuple[str, str, str]
State = dict[Key, Json]
"""Objects by kind, namespace and name."""

_KINDS = [resource.kind for resource in (*CHILD_RESOURCES, CLAIMS)]
_JOB_HASH = re.compile(r"-[0-9a-f]{8}$")
_RULES = Path(__file__).with_name("ignored_fields.yaml")


def capture(api: Api, storefront: str) -> State:
    """Every live object that carries the Storefront's label, and the Storefront itself, untouched."""
    found = {}
    for kind in _KINDS:
        for item in api.list(kind, f"storefront.dev/name={storefront}"):
            metadata = item["metadata"]
            found[kind, metadata.get("namespace", ""), metadata["name"]] = item
    resource = api.get("Storefront", "", storefront)
    if resource is not None:
        found["Storefront", "", storefront] = resource
    return found


def within_a_life(state: State) -> State:
    """For a comparison with the same Storefront at another time: random values must be the same."""
    copied = {key: _renamed(item, {}) for key, item in state.items()}
    for (kind, _, _), item in copied.items():
        _strip(kind, item, lives=False)
    return copied


def between_lives(state: State, storefront: str) -> State:
    """For a comparison with another Storefront of the same spec: name and uid are replaced, random values dropped."""
    result: State = {}
    resource = state.get(("Storefront", "", storefront))
    replaced = {storefront: "NAME", **({resource["metadata"]["uid"]: "UID"} if resource else {})}
    copied = {key: _renamed(item, replaced) for key, item in state.items()}
    _drop_what_autoscalers_choose(copied)
    for (kind, namespace, name), item in copied.items():
        if kind == "Job":
            name = _JOB_HASH.sub("-HASH", name)
            while (kind, namespace.replace(storefront, "NAME"), name) in result:
                name += "-AGAIN"
        _strip(kind, item, lives=True)
        if kind == "Job":
            item["metadata"]["name"] = name
        result[kind, namespace.replace(storefront, "NAME"), name.replace(storefront, "NAME")] = item
    return result


def _drop_what_autoscalers_choose(state: State) -> None:
    """How many pods an autoscaled Deployment has depends on its past; so does whose the field is.

    It is the operator's until the autoscaler has changed it for the first time.
    """
    scaled = {(namespace, name) for kind, namespace, name in state if kind == "HorizontalPodAutoscaler"}
    services = {name for _, name in scaled}
    for (kind, namespace, name), item in state.items():
        if kind == "Deployment" and (namespace, name) in scaled:
            item["spec"].pop("replicas")
            for entry in item["metadata"].get("managedFields", ()):
                entry.get("fieldsV1", {}).get("f:spec", {}).pop("f:replicas", None)
        if kind == "Storefront":
            for service in services & set(item.get("status", {}).get("components", {})):
                item["status"]["components"][service].pop("desired", None)


def credentials(state: State) -> dict[Key, Any]:
    """The values of the generated Secrets."""
    return {
        key: item.get("data")
        for key, item in state.items()
        if key[0] == "Secret" and "storefront.dev/generated" in item["metadata"].get("labels", {})
    }


def identities(state: State) -> dict[Key, str]:
    """The uid of each object."""
    return {key: item["metadata"]["uid"] for key, item in state.items()}


def children(state: State) -> State:
    """The state without the Storefront itself."""
    return {key: item for key, item in state.items() if key[0] != "Storefront"}


def differences(expected: Mapping[Any, Any], actual: Mapping[Any, Any], limit: int = 12) -> list[str]:
    """What differs, one line each: missing and surplus objects, changed fields."""
    lines = [f"missing: {_title(key)}" for key in expected if key not in actual]
    lines += [f"surplus: {_title(key)}" for key in actual if key not in expected]
    for key in expected:
        if key in actual:
            lines += [f"{_title(key)}: {line}" for line in _compare(expected[key], actual[key], "")]
    return lines[:limit] + ([f"... {len(lines) - limit} more"] if len(lines) > limit else [])


def _title(key: Any) -> str:
    return " ".join(part for part in key if part) if isinstance(key, tuple) else str(key)


def _compare(expected: Any, actual: Any, path: str) -> list[str]:
    if expected == actual:
        return []
    if isinstance(expected, dict) and isinstance(actual, dict):
        return [
            line
            for key in sorted({*expected, *actual})
            for line in _compare(expected.get(key), actual.get(key), f"{path}.{key}")
        ]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [
            line
            for n, (one, other) in enumerate(zip(expected, actual, strict=True))
            for line in _compare(one, other, f"{path}[{n}]")
        ]
    return [f"{path}: expected {json.dumps(expected)[:160]}, found {json.dumps(actual)[:160]}"]


@cache
def _rules() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = yaml.safe_load(_RULES.read_text())
    assert all(rule["reason"] for rule in rules)
    return rules


def _strip(kind: str, item: Json, *, lives: bool) -> None:
    for rule in _rules():
        if kind in rule.get("kinds", (kind,)) and (lives or rule.get("between") != "lives"):
            _drop(item, rule["path"], rule.get("unless"))
    entries = item["metadata"].get("managedFields", [])
    entries.sort(key=lambda entry: orjson.dumps(entry, option=orjson.OPT_SORT_KEYS))


def _drop(value: Any, path: list[str], unless: Mapping[str, Any] | None) -> None:
    step, *rest = path
    if step == "*":
        if not rest:
            _drop_items(value, unless)
        else:
            for item in value.values() if isinstance(value, dict) else value:
                _drop(item, rest, unless)
    elif isinstance(value, dict) and step in value:
        if rest:
            _drop(value[step], rest, unless)
        else:
            del value[step]


def _drop_items(value: Any, unless: Mapping[str, Any] | None) -> None:
    if isinstance(value, dict):
        for key in value:
            value[key] = "*"
    else:
        value[:] = [item for item in value if unless and all(item.get(k) == v for k, v in unless.items())]


def _renamed(item: Json, replaced: Mapping[str, str]) -> Json:
    """A copy with other names; those of a Storefront are chosen so that they occur in nothing else."""
    text = orjson.dumps(item)
    for name, stand_in in replaced.items():
        text = text.replace(name.encode(), stand_in.encode())
    renamed: Json = orjson.loads(text)
    return renamed
