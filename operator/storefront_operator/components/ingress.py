"""The one public entry: NGINX behind a Service of type LoadBalancer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storefront_operator.api import Storefront
from storefront_operator.components.base import Component, GeneratedSecret, Health, Reason
from storefront_operator.components.common import image_reference, merged_env
from storefront_operator.components.workloads import workload_health, worst
from storefront_operator.objects import Observed

TLS_SECRET = "ingress-tls"  # noqa: S105 - the name of a Secret


class Ingress(Component):
    """TLS, hosts and routing."""

    name = "ingress"
    condition = "EdgeReady"

    def secrets(self, storefront: Storefront) -> Sequence[GeneratedSecret]:
        if storefront.spec["ingress"]["tls"]["mode"] != "SelfSigned":
            return ()
        domain = storefront.spec["domain"]
        return (
            GeneratedSecret(
                storefront.namespace("edge"), TLS_SECRET, self.name, hosts=(domain, f"*.{domain}")
            ),
        )

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        spec = storefront.spec["ingress"]
        domain = storefront.spec["domain"]
        return {
            "workload": spec,
            "image": image_reference(storefront, "nginx"),
            "env": merged_env({}, spec),
            "annotations": {
                # external-dns makes the DNS records of these names point to the load balancer.
                "external-dns.alpha.kubernetes.io/hostname": f"{domain},*.{domain}",
                **spec["annotations"],
            },
            "load_balancer_class": spec.get("loadBalancerClass"),
            "source_ranges": spec["loadBalancerSourceRanges"],
            "tls_secret": spec["tls"].get("secretName", TLS_SECRET),
            "redirect_http": spec["tls"]["redirectHttp"],
        }

    def health(self, storefront: Storefront, observed: Observed) -> Health:
        namespace = storefront.namespace("edge")
        return worst(
            workload_health(observed, "Deployment", namespace, self.name), _address(observed, namespace)
        )


def _address(observed: Observed, namespace: str) -> Health | None:
    service = observed.get("Service", namespace, "ingress")
    if service is None:
        return Health(False, Reason.PROVISIONING, f"Service {namespace}/ingress is not created yet", True)
    if not service.facts["addresses"]:
        return Health(
            False,
            Reason.ADDRESS_PENDING,
            f"Service {namespace}/ingress has no address yet. If this lasts, the cluster has no load balancer for "
            "Services (or not for this loadBalancerClass): install one, such as MetalLB, or your cloud's controller",
            True,
        )
    return None
