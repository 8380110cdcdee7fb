"""Bringing the stand-ins to a cluster, connecting a Storefront with them, and taking them away."""

import base64
import json
import os
import secrets
from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from storefront_dev import platform
from storefront_dev.clusters import Cluster
from storefront_dev.embedded import EmbeddedCluster
from storefront_dev.errors import ClusterError
from storefront_dev.images import archive, catalogue
from storefront_dev.progress import Progress
from storefront_dev.standins import manifests
from storefront_dev.standins.manifests import NAMESPACE, SECRET, STANDINS, Manifest, Setup, Shop

_NOT_RUNNING = "the stand-ins do not run; start them with `storefront-dev standins up`"
_SHOP_CONFIGMAP = "shop"
"""Remembers which Storefront was connected, so that `up` leaves its webhooks alone."""


def up(cluster: Cluster, progress: Progress) -> None:
    """Run the stand-ins; does nothing to those that run as they should. Their image must be there already.

    Raises:
        ClusterError: one of them does not become ready.
    """
    _apply(cluster, [manifests.namespace()])
    if _secret_values(cluster) is None:
        _apply(cluster, [manifests.secret(SECRET, NAMESPACE, _new_secret_values())])
    _apply_workloads(cluster, _connected_shop(cluster))
    for standin in STANDINS:
        progress(f"stand-ins: waiting for {standin.name}")
        rollout = ("rollout", "status", f"deployment/{standin.name}", f"--namespace={NAMESPACE}")
        platform.run(cluster, *rollout, "--timeout=120s")


def connect(cluster: Cluster, storefront: str) -> None:
    """Give a Storefront the Secrets that it needs to use the stand-ins, and send webhooks to it.

    Its namespaces must exist, so it must have been applied. What its `spec.external` has to say is
    `external_systems`.

    Raises:
        ClusterError: the Storefront, its namespaces or its ingress do not exist.
    """
    values = _secret_values(cluster)
    if values is None:
        raise ClusterError(_NOT_RUNNING)
    _apply(cluster, manifests.shop_secrets(f"{storefront}-services", values))
    domain = platform.storefront(cluster, storefront)["spec"]["domain"]
    service = ("get", "service", "ingress", f"--namespace={storefront}-edge", "-o", "json")
    ingress = json.loads(platform.run(cluster, *service))
    shop = Shop(domain, ingress["spec"]["clusterIP"])
    remembered = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _SHOP_CONFIGMAP, "namespace": NAMESPACE},
        "data": {"domain": shop.domain, "ingressAddress": shop.ingress_address},
    }
    _apply(cluster, [remembered])
    _apply_workloads(cluster, shop)


def down(cluster: Cluster) -> None:
    """Remove the stand-ins and everything they know."""
    platform.run(cluster, "delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")


def ready(cluster: Cluster) -> dict[str, bool]:
    """Which of the stand-ins are ready; empty when they were not started."""
    listing = platform.run(cluster, "get", "deployments", f"--namespace={NAMESPACE}", "-o", "json")
    found = {each["metadata"]["name"]: each.get("status", {}) for each in json.loads(listing)["items"]}
    return {
        each.name: found[each.name].get("availableReplicas", 0) > 0 for each in STANDINS if each.name in found
    }


def public_url(cluster: Cluster, name: str) -> str:
    """Where a browser on this machine finds a stand-in. Elsewhere than on the embedded cluster, a port-forward
    has to lead there.
    """
    if isinstance(cluster, EmbeddedCluster):
        return cluster.url(f"{name}.{manifests.DOMAIN}")
    return f"http://127.0.0.1:{next(each.port for each in STANDINS if each.name == name)}"


def payments_key(cluster: Cluster) -> str:
    """A key of the payment stand-in's API.

    Raises:
        ClusterError: the stand-ins do not run.
    """
    values = _secret_values(cluster)
    if values is None:
        raise ClusterError(_NOT_RUNNING)
    return values["payments-key"]


def external_systems(cluster: Cluster) -> Manifest:
    """What `spec.external` of a Storefront says to use the stand-ins."""
    provider = manifests.identity_provider(public_url(cluster, "identity"))
    return {**manifests.external_systems(), "identityProvider": provider}


def _apply_workloads(cluster: Cluster, shop: Shop | None) -> None:
    registry = os.environ.get(platform.REGISTRY_VARIABLE) or catalogue.DEFAULT_REGISTRY
    (image,) = catalogue.select(["standins"])
    record = archive.load("standins") if cluster.runs_pods else None
    setup = Setup(
        image=image.reference(catalogue.version(), registry),
        pull_policy="IfNotPresent" if registry == catalogue.DEFAULT_REGISTRY else "Always",
        content_hash=record.content_hash[:16] if record else "",
        public_url=lambda name: public_url(cluster, name),
        balanced=isinstance(cluster, EmbeddedCluster),
        shop=shop,
    )
    _apply(cluster, manifests.workloads(setup))


def _apply(cluster: Cluster, objects: Iterable[Manifest]) -> None:
    listing = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    platform.run(cluster, "apply", "--server-side", "--force-conflicts", "-f", "-", text=json.dumps(listing))


def _found(cluster: Cluster, kind: str, name: str) -> Any:
    """An object of our namespace; None when it does not exist."""
    options = (f"--namespace={NAMESPACE}", "--ignore-not-found", "-o", "json")
    text = platform.run(cluster, "get", kind, name, *options)
    return json.loads(text) if text.strip() else None


def _secret_values(cluster: Cluster) -> dict[str, str] | None:
    found = _found(cluster, "secret", SECRET)
    if found is None:
        return None
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def _connected_shop(cluster: Cluster) -> Shop | None:
    found = _found(cluster, "configmap", _SHOP_CONFIGMAP)
    return Shop(found["data"]["domain"], found["data"]["ingressAddress"]) if found else None


def _new_secret_values() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "payments-key": f"sk_test_{secrets.token_hex(16)}",
        "payments-webhook-secret": f"whsec_{secrets.token_hex(24)}",
        "shipping-key": secrets.token_hex(16),
        "identity-key.pem": pem.decode(),
    }
