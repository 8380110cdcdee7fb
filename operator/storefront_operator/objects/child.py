"""What the operator remembers of a live child object: a few hundred bytes instead of the object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from sys import intern
from typing import Any, NamedTuple

from storefront_operator.objects.labels import STOREFRONT

Manifest = dict[str, Any]
"""A Kubernetes object as its JSON form."""


class ChildKey(NamedTuple):
    """Identity of an object inside one cluster; `namespace` is empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {where}"


def key_of(manifest: Mapping[str, Any], kind: str = "") -> ChildKey:
    """The key of an object from its metadata and its kind, which items of a List do not carry.

    Many keys have the same parts, Storefronts' children being called alike: each part is in memory once.
    """
    metadata = manifest["metadata"]
    return ChildKey(
        intern(kind or manifest["kind"]), intern(metadata.get("namespace", "")), intern(metadata["name"])
    )


@dataclass(frozen=True, slots=True)
class Child:
    """A projection of one live object.

    `owned_hash` is the fingerprint of the fields this operator owns according to `managedFields`, with their
    live values; it equals `desired_hash` while nobody has touched them. `facts` holds the status that health
    and rendering need, per kind (see `engine.projection`).
    """

    key: ChildKey
    uid: str
    resource_version: str
    labels: Mapping[str, str]
    desired_hash: str
    owned_hash: str
    deleting: bool
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def storefront(self) -> str:
        """Name of the Storefront this object belongs to, or an empty string."""
        return self.labels.get(STOREFRONT, "")

    def differs_from(self, other: Child) -> bool:
        """Whether more than the version is another: where nothing else is, nothing follows from it."""
        return replace(self, resource_version=other.resource_version) != other

    def is_newer_than(self, other: Child) -> bool:
        """Whether this is a later state of the same object (resourceVersion is an increasing number)."""
        return self.uid != other.uid or int(self.resource_version) > int(other.resource_version)
