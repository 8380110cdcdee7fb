"""What every node needs inside the cluster: DNS, a storage class, and the permissions of the agents."""

from pathlib import Path
from typing import Any

import yaml
from lightkube import ApiError, Client, KubeConfig, codecs
from lightkube.resources.apps_v1 import DaemonSet

from storefront_dev import archives
from storefront_dev.binaries import Binaries
from storefront_dev.topology import DNS_ADDRESS, DOMAIN

PAUSE_IMAGE = "storefront.local/pause:dev"
DNS_IMAGE = "storefront.local/coredns:dev"
PROVISIONER = "local.storefront.dev"
STORAGE_CLASS = "local"
FIELD_MANAGER = "storefront-dev"

_COREFILE = f"""\
{DOMAIN} in-addr.arpa ip6.arpa {{
    errors
    health :8080 {{
        lameduck 2s
    }}
    ready
    kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
        pods insecure
        ttl 5
    }}
    prometheus :9153
    cache 5
    loadbalance
}}
# The cluster is complete in itself: a name from outside does not exist, and that is answered at once.
. {{
    errors
    template ANY ANY . {{
        rcode NXDOMAIN
    }}
}}
"""

_MANIFESTS = f"""\
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: {STORAGE_CLASS}
  annotations:
    storageclass.kubernetes.io/is-default-class: "true"
provisioner: {PROVISIONER}
volumeBindingMode: WaitForFirstConsumer
reclaimPolicy: Delete
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: storefront-dev:node-proxier
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:node-proxier"}}
subjects:
- {{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:kube-proxy"}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: storefront-dev:agent
rules:
- {{apiGroups: [""], resources: [services, persistentvolumeclaims, pods, namespaces], verbs: [get, list, watch]}}
- {{apiGroups: [""], resources: [services/status], verbs: [patch]}}
- {{apiGroups: [""], resources: [persistentvolumes], verbs: [get, list, watch, create, patch, delete]}}
- {{apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}}
- {{apiGroups: [storage.k8s.io], resources: [storageclasses], verbs: [get, list, watch]}}
- {{apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [get, list, watch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: storefront-dev:agent
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "storefront-dev:agent"}}
subjects:
- {{apiGroup: rbac.authorization.k8s.io, kind: User, name: "storefront-dev:agent"}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: coredns, namespace: kube-system}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: storefront-dev:coredns
rules:
- {{apiGroups: [""], resources: [services, pods, namespaces], verbs: [list, watch]}}
- {{apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: storefront-dev:coredns
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "storefront-dev:coredns"}}
subjects:
- {{kind: ServiceAccount, name: coredns, namespace: kube-system}}
---
apiVersion: v1
kind: Service
metadata:
  name: kube-dns
  namespace: kube-system
  labels: {{k8s-app: kube-dns, kubernetes.io/name: CoreDNS}}
spec:
  clusterIP: {DNS_ADDRESS}
  selector: {{k8s-app: kube-dns}}
  # Each node asks its own; the others are there for the moment in which it restarts.
  trafficDistribution: PreferSameNode
  ports:
  - {{name: dns, port: 53, protocol: UDP}}
  - {{name: dns-tcp, port: 53, protocol: TCP}}
  - {{name: metrics, port: 9153, protocol: TCP}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: coredns
  namespace: kube-system
  labels: {{k8s-app: kube-dns}}
spec:
  selector:
    matchLabels: {{k8s-app: kube-dns}}
  template:
    metadata:
      labels: {{k8s-app: kube-dns}}
    spec:
      serviceAccountName: coredns
      priorityClassName: system-node-critical
      dnsPolicy: Default
      tolerations:
      - operator: Exists
      securityContext:
        runAsNonRoot: true
        seccompProfile: {{type: RuntimeDefault}}
        # So that it may listen on port 53 without any capability.
        sysctls:
        - {{name: net.ipv4.ip_unprivileged_port_start, value: "53"}}
      containers:
      - name: coredns
        image: {DNS_IMAGE}
        imagePullPolicy: IfNotPresent
        args: [-conf, /etc/coredns/Corefile]
        env:
        - {{name: GOMAXPROCS, value: "1"}}
        ports:
        - {{name: dns, containerPort: 53, protocol: UDP}}
        - {{name: dns-tcp, containerPort: 53, protocol: TCP}}
        - {{name: metrics, containerPort: 9153, protocol: TCP}}
        resources:
          requests: {{cpu: 10m, memory: 40Mi}}
          limits: {{memory: 170Mi}}
        # The others ask seldom; this one only while it starts.
        startupProbe:
          httpGet: {{path: /ready, port: 8181}}
          periodSeconds: 1
          failureThreshold: 60
        readinessProbe:
          httpGet: {{path: /ready, port: 8181}}
          periodSeconds: 5
        livenessProbe:
          httpGet: {{path: /health, port: 8080}}
          periodSeconds: 10
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {{drop: [ALL]}}
        volumeMounts:
        - {{name: configuration, mountPath: /etc/coredns, readOnly: true}}
      volumes:
      - name: configuration
        configMap: {{name: coredns}}
"""


def images(binaries: Binaries) -> list[Path]:
    """Archives of the images that a node needs before any other: the sandbox's and CoreDNS's."""
    # Beside the programs they hold, in the folder named after their contents: never stale.
    folder = binaries.folder / "images"
    folder.mkdir(exist_ok=True)
    archive = {}
    for name, reference in (("pause", PAUSE_IMAGE), ("coredns", DNS_IMAGE)):
        archive[name] = folder / f"{name}.tar"
        if not archive[name].exists():
            archives.write_program_image(archive[name], reference=reference, program=binaries[name])
    return list(archive.values())


def manifests() -> list[dict[str, Any]]:
    """Every object of the add-ons."""
    corefile = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "coredns", "namespace": "kube-system"},
        "data": {"Corefile": _COREFILE},
    }
    return [corefile, *yaml.safe_load_all(_MANIFESTS)]


def client(kubeconfig: Path) -> Client:
    """A client of the cluster that this kubeconfig names, and of no other."""
    return Client(config=KubeConfig.from_file(kubeconfig), field_manager=FIELD_MANAGER, trust_env=False)


def apply(api: Client) -> None:
    """Bring every object of the add-ons to the cluster."""
    for manifest in manifests():
        api.apply(codecs.from_dict(manifest), force=True)


def dns_ready(api: Client, nodes: int) -> bool:
    """Whether CoreDNS answers on this many nodes."""
    try:
        status = api.get(DaemonSet, "coredns", namespace="kube-system").status
    except ApiError:
        return False
    return status is not None and status.numberReady >= nodes
