"""Hashes that tell whether a live object still carries exactly what was applied.

Server-side apply records the fields each manager owns in `metadata.managedFields`. When anyone changes a field
we own, the ownership of it moves to them, or its value changes; either way the set of *our fields with their
live values* is no longer what we applied. So one hash over that set detects every drift, and it can be compared
with the hash of the desired object without knowing any kind's schema.
Source of the format: https://kubernetes.io/docs/reference/using-api/server-side-apply/ and the
structured-merge-diff serialisation of FieldsV1 (`f:` field, `k:` list key, `v:` set value, `i:` index, `.` self).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from storefront_operator.objects.labels import DESIRED_HASH, FIELD_MANAGER

_IDENTITY = ("apiVersion", "kind")
_UNOWNED_METADATA = ("name", "namespace")


def fingerprint(value: Any) -> str:
    """Hash of a JSON value, 16 hexadecimal digits; lists of objects are compared without their order.

    The API server may return an associative list in another order than it was applied in.
    """
    return hashlib.sha256(_canonical(value)).hexdigest()[:16]


def desired_fingerprint(manifest: Mapping[str, Any]) -> str:
    """Fingerprint of the fields that applying `manifest` would make ours."""
    body = {k: v for k, v in manifest.items() if k not in _IDENTITY}
    metadata = {k: v for k, v in body["metadata"].items() if k not in _UNOWNED_METADATA}
    metadata["annotations"] = {k: v for k, v in metadata.get("annotations", {}).items() if k != DESIRED_HASH}
    return fingerprint(_without_empty({**body, "metadata": metadata}))


def owned_fingerprint(live: Mapping[str, Any]) -> str:
    """Fingerprint of the fields of a live object that this operator owns; empty when it owns none."""
    owned = owned_fields(live)
    if not owned:
        return ""
    annotations = owned.get("metadata", {}).get("annotations")
    if annotations:
        annotations.pop(DESIRED_HASH, None)
    return fingerprint(_without_empty(owned))


def owned_fields(live: Mapping[str, Any], manager: str = FIELD_MANAGER) -> dict[str, Any]:
    """The part of a live object whose fields `manager` owns by server-side apply."""
    fields = _fields_of(live, manager)
    owned: dict[str, Any] = {} if fields is None else _extract(live, fields)
    return owned


def owns_field(live: Mapping[str, Any], *path: str, manager: str = FIELD_MANAGER) -> bool:
    """Whether `manager` owns one field of a live object by server-side apply."""
    fields: Any = _fields_of(live, manager) or {}
    for step in path:
        fields = fields.get(f"f:{step}")
        if fields is None:
            return False
    return True


def _fields_of(live: Mapping[str, Any], manager: str) -> Mapping[str, Any] | None:
    """The FieldsV1 tree of what `manager` has applied; None when it has applied nothing."""
    for entry in live["metadata"].get("managedFields", ()):
        if (
            entry.get("manager") == manager
            and entry.get("operation") == "Apply"
            and not entry.get("subresource")
        ):
            fields: Mapping[str, Any] = entry.get("fieldsV1", {})
            return fields
    return None


def _extract(value: Any, fields: Mapping[str, Any]) -> Any:
    """The part of `value` that a FieldsV1 tree names; a leaf takes the whole value."""
    if not any(name != "." for name in fields):
        return value
    if isinstance(value, dict):
        return {
            name[2:]: _extract(value[name[2:]], sub)
            for name, sub in fields.items()
            if name.startswith("f:") and name[2:] in value
        }
    if isinstance(value, list):
        return [item for name, sub in fields.items() if name != "." for item in _items(value, name, sub)]
    return value


def _items(values: list[Any], name: str, sub: Mapping[str, Any]) -> list[Any]:
    kind, _, argument = name.partition(":")
    if kind == "i":
        index = int(argument)
        return [_extract(values[index], sub)] if index < len(values) else []
    wanted = orjson.loads(argument)
    if kind == "v":
        return [wanted] if wanted in values else []
    for item in values:
        if isinstance(item, dict) and all(item.get(k) == v for k, v in wanted.items()):
            part = _extract(item, sub)
            return [part]
    return []


def _canonical(value: Any) -> bytes:
    """JSON with sorted keys, no spaces, and lists of objects in the order of their texts."""
    return orjson.dumps(_ordered(value), option=orjson.OPT_SORT_KEYS)


def _ordered(value: Any) -> Any:
    """The value with every list of objects in the order of their texts."""
    if isinstance(value, dict):
        return {k: _ordered(v) if isinstance(v, (dict, list, tuple)) else v for k, v in value.items()}
    if not isinstance(value, (list, tuple)):
        return value
    if all(isinstance(item, dict) for item in value):
        return orjson.Fragment(b"[" + b",".join(sorted(map(_canonical, value))) + b"]")
    return [_ordered(item) for item in value]


def _without_empty(value: Any) -> Any:
    """Drop empty maps inside metadata only; elsewhere an empty map (`emptyDir: {}`) means something."""
    metadata = {k: v for k, v in value.get("metadata", {}).items() if v not in ({}, [])}
    return {**{k: v for k, v in value.items() if k != "metadata"}, "metadata": metadata}
