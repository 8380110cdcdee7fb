"""What every rendered object gets: labels, owner, the hash of the configuration its pods read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from storefront_operator.api import GROUP_VERSION, KIND, Storefront
from storefront_operator.objects import ChildKey, Manifest, fingerprint, key_of
from storefront_operator.objects.labels import (
    COMPONENT,
    CONFIG_HASH,
    FIELD_MANAGER,
    GENERATED,
    MANAGED_BY,
    RELOADED,
    STOREFRONT,
)


def finish(storefront: Storefront, component: str, manifests: Iterable[Manifest]) -> list[Manifest]:
    """Add labels and, but for what must outlive the Storefront, the ownerReference."""
    result = []
    for manifest in manifests:
        metadata = manifest["metadata"]
        metadata["labels"] = {**metadata.get("labels", {}), **child_labels(storefront.name, component)}
        if not outlives_storefront(storefront, manifest):
            metadata["ownerReferences"] = [_owner(storefront)]
        result.append(manifest)
    return result


def child_labels(storefront: str, component: str) -> dict[str, str]:
    """Labels of every child; the informers select by them."""
    return {
        "app.kubernetes.io/part-of": "storefront",
        "app.kubernetes.io/instance": storefront,
        COMPONENT: component,
        MANAGED_BY: FIELD_MANAGER,
        STOREFRONT: storefront,
    }


def outlives_storefront(storefront: Storefront, manifest: Mapping[str, Any]) -> bool:
    """Whether deletionPolicy, not the garbage collector, decides about this object."""
    data = storefront.namespace("data")
    metadata = manifest["metadata"]
    if manifest["kind"] == "Namespace":
        return bool(metadata["name"] == data)
    return bool(metadata.get("namespace") == data and GENERATED in metadata.get("labels", {}))


def add_config_hashes(manifests: Iterable[Manifest]) -> None:
    """Annotate each pod template with the hash of the ConfigMaps and Secrets it reads.

    So a change of configuration rolls exactly the pods that read it, unless they reload it by themselves.
    """
    manifests = list(manifests)
    contents = {
        key_of(m): m.get("data")
        for m in manifests
        if m["kind"] in ("ConfigMap", "Secret") and RELOADED not in m["metadata"].get("annotations", {})
    }
    for manifest in manifests:
        template = manifest.get("spec", {}).get("template")
        if manifest["kind"] not in ("Deployment", "StatefulSet") or template is None:
            continue
        namespace = manifest["metadata"]["namespace"]
        read = {
            str(key): contents[key]
            for key in sorted(references(template["spec"], namespace))
            if key in contents
        }
        if read:
            template["metadata"].setdefault("annotations", {})[CONFIG_HASH] = fingerprint(read)


def references(pod: Mapping[str, Any], namespace: str) -> set[ChildKey]:
    """ConfigMaps and Secrets that a pod mounts or takes its environment from."""
    found = {
        ChildKey("ConfigMap", namespace, source["configMapRef"]["name"])
        for container in pod["containers"]
        for source in container.get("envFrom", ())
    }
    for volume in pod.get("volumes", ()):
        sources = volume["projected"]["sources"] if "projected" in volume else [volume]
        for source in sources:
            if "configMap" in source:
                found.add(ChildKey("ConfigMap", namespace, source["configMap"]["name"]))
            if "secret" in source:
                secret = source["secret"]
                found.add(ChildKey("Secret", namespace, secret.get("secretName") or secret["name"]))
    return found


def _owner(storefront: Storefront) -> Manifest:
    return {
        "apiVersion": GROUP_VERSION,
        "kind": KIND,
        "name": storefront.name,
        "uid": storefront.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
