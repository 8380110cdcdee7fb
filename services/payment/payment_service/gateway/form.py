"""Stripe's form encoding: nested objects and lists become keys such as `metadata[orderId]` and `types[0]`."""

from collections.abc import Mapping, Sequence
from typing import Any


def encode(parameters: Mapping[str, Any]) -> dict[str, str]:
    """`parameters` as flat fields of a form; what is None is left out."""
    fields: dict[str, str] = {}
    for name, value in parameters.items():
        _add(fields, name, value)
    return fields


def _add(fields: dict[str, str], name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, Mapping):
        for key, part in value.items():
            _add(fields, f"{name}[{key}]", part)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, part in enumerate(value):
            _add(fields, f"{name}[{index}]", part)
    elif isinstance(value, bool):
        fields[name] = "true" if value else "false"
    else:
        fields[name] = str(value)
