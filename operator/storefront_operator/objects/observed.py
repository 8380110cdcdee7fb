"""Everything that is known about one Storefront's children at the start of a pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from storefront_operator.objects.child import Child, ChildKey


@dataclass(frozen=True)
class Observed:
    """The live children of one Storefront, by key."""

    children: Mapping[ChildKey, Child] = field(default_factory=dict)

    def get(self, kind: str, namespace: str, name: str) -> Child | None:
        """The live child of that identity, or None."""
        return self.children.get(ChildKey(kind, namespace, name))

    def of_kind(self, kind: str, namespace: str | None = None) -> Iterator[Child]:
        """All live children of a kind, optionally of one namespace."""
        return (
            child
            for key, child in self.children.items()
            if key.kind == kind and namespace in (None, key.namespace)
        )

    def secret_data(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """The base64 values of a generated Secret, or None when it does not exist yet."""
        child = self.get("Secret", namespace, name)
        return None if child is None else child.facts.get("data")
