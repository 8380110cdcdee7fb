"""The kinds the operator reads and writes, and their place in the API."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of the API: `group_version` as in manifests (`apps/v1`), `plural` as in URLs."""

    group_version: str
    kind: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "") -> str:
        """URL path of the collection, or of one object when `name` is given."""
        root = f"/apis/{self.group_version}" if "/" in self.group_version else f"/api/{self.group_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


STOREFRONTS = Resource("storefront.dev/v1alpha1", "Storefront", "storefronts", namespaced=False)
NAMESPACES = Resource("v1", "Namespace", "namespaces", namespaced=False)
EVENTS = Resource("v1", "Event", "events")
PODS = Resource("v1", "Pod", "pods")
CLAIMS = Resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
NODES = Resource("v1", "Node", "nodes", namespaced=False)

CHILD_RESOURCES: tuple[Resource, ...] = (
    NAMESPACES,
    Resource("v1", "ServiceAccount", "serviceaccounts"),
    Resource("rbac.authorization.k8s.io/v1", "Role", "roles"),
    Resource("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    Resource("v1", "Secret", "secrets"),
    Resource("v1", "ConfigMap", "configmaps"),
    Resource("v1", "Service", "services"),
    Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Resource("apps/v1", "StatefulSet", "statefulsets"),
    Resource("batch/v1", "Job", "jobs"),
    Resource("apps/v1", "Deployment", "deployments"),
    Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
)
"""Kinds of which a Storefront has children, in the order in which they are written."""

_BY_KIND = {resource.kind: resource for resource in (*CHILD_RESOURCES, PODS, CLAIMS, NODES, STOREFRONTS)}


def resource_of(kind: str) -> Resource:
    """The resource of a kind; KeyError for a kind the operator does not handle."""
    return _BY_KIND[kind]
