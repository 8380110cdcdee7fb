"""Everything that is known about one Storefront's children at the start of a pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from storefront_operator.objects.child import Child, ChildKey
from storefront_operator.objects.labels import NAME


@dataclass(frozen=True)
class Observed:
    """The live children of one Storefront, by key."""

    children: Mapping[ChildKey, Child] = field(default_factory=dict)
    nodes: Mapping[ChildKey, Child] = field(default_factory=dict)
    """Every node of the cluster."""

    def get(self, kind: str, namespace: str, name: str) -> Child | None:
        """The live child of that identity, or None."""
        return self.children.get(ChildKey(kind, namespace, name))

    def known(self, key: ChildKey) -> ChildKey:
        """An equal key: that of the live child if there is one, so that whoever keeps it shares its memory."""
        child = self.children.get(key)
        return key if child is None else child.key

    def of_kind(self, kind: str, namespace: str | None = None) -> Iterator[Child]:
        """All live children of a kind, optionally of one namespace."""
        return (
            child
            for key, child in self.children.items()
            if key.kind == kind and namespace in (None, key.namespace)
        )

    def pods_of(self, namespace: str, name: str) -> list[Child]:
        """The pods of one workload, by name."""
        pods = (pod for pod in self.of_kind("Pod", namespace) if pod.labels.get(NAME) == name)
        return sorted(pods, key=lambda pod: pod.key)

    def is_lost(self, pod: Child) -> bool:
        """Whether the node of a pod is out of the cluster, or declared out of service: then nothing runs there.

        A node that is merely not ready proves nothing, for its pods may run on.
        """
        name = pod.facts["node"]
        if not name:
            return False
        node = self.nodes.get(ChildKey("Node", "", name))
        return node is None or bool(node.facts["outOfService"])

    def is_in_touch(self, pod: Child) -> bool:
        """Whether the node of a pod tells how the pod is; of any other node the last word may be wrong."""
        node = self.nodes.get(ChildKey("Node", "", pod.facts["node"]))
        return not pod.facts["node"] or (node is not None and bool(node.facts["ready"]))

    def secret_data(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """The base64 values of a generated Secret, or None when it does not exist yet."""
        child = self.get("Secret", namespace, name)
        return None if child is None else child.facts.get("data")
