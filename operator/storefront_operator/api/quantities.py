"""Kubernetes quantities in canonical form, so that what is applied equals what the API server returns."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
_UNITS = {"m": Decimal("0.001")} | {unit: Decimal(size) for unit, size in (_BINARY | _DECIMAL).items()}


def parse_quantity(text: str) -> Decimal:
    """The number a quantity stands for; ValueError when it is none."""
    match = re.match(QUANTITY_PATTERN, text)
    if not match:
        raise ValueError(
            f"{text!r} is not a quantity; write a number with a unit, such as 500m, 2, 256Mi or 10Gi"
        )
    suffix = match.group(2) or ""
    return Decimal(text.removesuffix(suffix)) * _UNITS[suffix]


def canonical_quantity(value: object) -> str:
    """A quantity as the API server writes it: the largest unit that keeps the number an integer.

    Rule: k8s.io/apimachinery resource.Quantity, "canonical form".
    """
    text = str(value)
    number = parse_quantity(text)
    binary = any(text.endswith(suffix) for suffix in _BINARY)
    if number == 0:
        return "0"
    if binary and number == number.to_integral_value():
        units = reversed(_BINARY.items())
        return next(
            (f"{int(number) // size}{unit}" for unit, size in units if number % size == 0), str(int(number))
        )
    for unit in (*reversed(_DECIMAL), "m"):
        if number % _UNITS[unit] == 0:
            return f"{int(number / _UNITS[unit])}{unit}"
    raise ValueError(f"{text!r} is finer than 1m, the smallest step of a quantity")


Quantity = Annotated[
    str,
    BeforeValidator(canonical_quantity),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": QUANTITY_PATTERN,
        }
    ),
]
"""An amount of CPU, memory or storage: `500m`, `2`, `256Mi`, `10Gi`."""
