"""Stripe's form encoding: `a[b]=1&list[]=2&list[0][c]=3` is nested objects and lists."""

import re
from typing import Any
from urllib.parse import parse_qsl

_PART = re.compile(r"\[([^\[\]]*)\]")


class MalformedFormError(ValueError):
    """The keys of the form do not nest."""


def decode(text: str) -> dict[str, Any]:
    """The parameters in an encoded form or query; every leaf is text.

    Raises:
        MalformedFormError: brackets do not match, or a key is both a value and an object.
    """
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        _put(tree, _path(key), value, key)
    return {name: _with_lists(branch) for name, branch in tree.items()}


def _path(key: str) -> list[str]:
    head, bracket, rest = key.partition("[")
    parts = _PART.findall(bracket + rest)
    if not head or "]" in head or "".join(f"[{part}]" for part in parts) != bracket + rest:
        raise MalformedFormError(key)
    return [head, *parts]


def _put(tree: dict[str, Any], path: list[str], value: str, key: str) -> None:
    for part in path[:-1]:
        branch = tree.setdefault(part or str(len(tree)), {})
        if not isinstance(branch, dict):
            raise MalformedFormError(key)
        tree = branch
    last = path[-1]
    if isinstance(tree.get(last), dict):
        raise MalformedFormError(key)
    tree[last or str(len(tree))] = value


def _with_lists(branch: Any) -> Any:
    """Objects whose keys are all indexes are lists."""
    if not isinstance(branch, dict):
        return branch
    children = {name: _with_lists(child) for name, child in branch.items()}
    if all(name.isdigit() for name in children):
        return [children[name] for name in sorted(children, key=int)]
    return children
