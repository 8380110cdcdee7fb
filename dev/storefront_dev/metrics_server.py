"""metrics-server: what pods use, for autoscalers and `kubectl top`. It runs beside the API server, not in a pod."""

import base64
from typing import Any

from lightkube import Client, codecs

from storefront_dev import processes
from storefront_dev.binaries import Binaries
from storefront_dev.control_plane import ControlPlane

ROLE = "metrics-server"
_PORT = 4443
_NAMESPACE = "kube-system"
_HOST = f"{ROLE}.{_NAMESPACE}.svc"


def start(control_plane: ControlPlane, programs: Binaries) -> None:
    """Start it unless it runs; it has something to say half a minute after the nodes have pods."""
    if ROLE in processes.running(control_plane.state_dir):
        return
    authority = control_plane.authority
    serving = authority.issue(f"{ROLE}-serving", user=ROLE, names=[_HOST])
    account = control_plane.credentials(
        ROLE, user="storefront-dev:metrics-server", groups=("system:masters",)
    )
    options = {
        "kubeconfig": account,
        "authentication-kubeconfig": account,
        "authorization-kubeconfig": account,
        "bind-address": control_plane.address,
        "secure-port": _PORT,
        "tls-cert-file": serving.certificate,
        "tls-private-key-file": serving.key,
        "kubelet-certificate-authority": authority.certificate,
        "kubelet-preferred-address-types": "InternalIP",
        "metric-resolution": "10s",
        "kubelet-request-timeout": "5s",
    }
    command = [programs[ROLE], *(f"--{name}={value}" for name, value in options.items())]
    control_plane.run(ROLE, [str(each) for each in command])


def register(api: Client, control_plane: ControlPlane) -> None:
    """Tell the API server where the metrics API is."""
    for manifest in _manifests(control_plane):
        api.apply(codecs.from_dict(manifest), force=True)


def _manifests(control_plane: ControlPlane) -> list[dict[str, Any]]:
    metadata = {"name": ROLE, "namespace": _NAMESPACE}
    authority = base64.b64encode(control_plane.authority.certificate.read_bytes()).decode()
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"ports": [{"name": "https", "port": 443, "protocol": "TCP"}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": ROLE}},
            "addressType": "IPv4",
            "ports": [{"name": "https", "port": _PORT, "protocol": "TCP"}],
            "endpoints": [{"addresses": [control_plane.address], "conditions": {"ready": True}}],
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "service": metadata,
                "caBundle": authority,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        },
    ]
