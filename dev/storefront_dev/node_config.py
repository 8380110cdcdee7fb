"""The configuration files of one node: pure functions from where things are to text."""

import json
from pathlib import Path
from typing import Any

import yaml

from storefront_dev.topology import DNS_ADDRESS, DOMAIN, Node

SOCKET = "/run/containerd/containerd.sock"
MEBIBYTE = 1024 * 1024


def containerd(
    *, cni_programs: Path, cni_configuration: Path, pause_image: str, root: str, state: str
) -> str:
    """containerd's configuration (TOML) with everything it writes under `root` and `state`."""
    return f"""\
version = 2
root = "{root}"
state = "{state}"
# Needs a capability that containers and some virtual machines withhold from root.
oom_score = 0

[grpc]
  address = "{state}/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause_image}"
  restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{cni_programs}"
  conf_dir = "{cni_configuration}"
"""


def cni(node: Node) -> str:
    """The pod network of one node: a bridge, with routes between nodes made by the host (network.py)."""
    return json.dumps(
        {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "cni0",
                    "isGateway": True,
                    "ipMasq": False,
                    "hairpinMode": True,
                    "ipam": {
                        "type": "host-local",
                        "ranges": [[{"subnet": node.pod_network}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ],
        },
        indent=2,
    )


def kubelet(*, node: Node, authority: Path, certificate: Path, key: Path, reserved_memory: int) -> str:
    """The kubelet's configuration; `reserved_memory` bytes of the machine belong to others."""
    return _yaml(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(authority)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(certificate),
            "tlsPrivateKeyFile": str(key),
            "address": node.address,
            "healthzBindAddress": node.address,
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{node.cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "oomScoreAdj": 0,
            "enforceNodeAllocatable": ["pods"],
            "systemReserved": {"memory": f"{reserved_memory // MEBIBYTE}Mi"},
            "clusterDNS": [DNS_ADDRESS],
            "clusterDomain": DOMAIN,
            "resolvConf": "",
            "nodeStatusUpdateFrequency": "4s",
            "nodeLeaseDurationSeconds": 12,
            # The disk is the developer's: how full it is says nothing about the pods, and images are few.
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "0%",
                "nodefs.inodesFree": "0%",
                "imagefs.available": "0%",
                "imagefs.inodesFree": "0%",
            },
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            # Images are loaded by hand, so there are no credentials that a pod could have to prove.
            "imagePullCredentialsVerificationPolicy": "NeverVerify",
            "serializeImagePulls": False,
            "registerWithTaints": [],
            "logging": {"flushFrequency": "5s"},
        }
    )


def kube_proxy(*, node: Node, kubeconfig: Path) -> str:
    """kube-proxy's configuration. The conntrack limits are the machine's, not a node's, and stay as they
    are.
    """
    return _yaml(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "hostnameOverride": node.name,
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            "clusterCIDR": "10.244.0.0/16",
            "oomScoreAdj": 0,
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
        }
    )


def boot(*, node: Node, folder: Path, binaries: Path, kubeconfig: Path, configuration: Path) -> str:
    """The script that is process 1 of the node: mounts what is the node's own, then keeps its daemons
    running.
    """
    return f"""\
#!/bin/sh
set -eu
mount --make-rshared /
# Containers inherit this limit: as many open files as this machine allows, not as few as a login shell.
ulimit -n "$(ulimit -H -n)"
# Forward between pods; let rules see what crosses the pods' bridge; let a hostPort answer on the loopback
# interface.
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
[ ! -d /proc/sys/net/bridge ] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
hostname {node.name}
# Closed to pods until the agent, which sees that folders below are made anew, has written their rules.
nft -f {configuration}/policies.nft
# What a reboot forgets.
rm -rf {folder}/run {folder}/cni
for pair in run:/run cni:/var/lib/cni containerd:/var/lib/containerd kubelet:/var/lib/kubelet \\
    pod-logs:/var/log/pods container-logs:/var/log/containers volumes:{VOLUMES}; do
  mkdir -p "{folder}/${{pair%%:*}}" "${{pair#*:}}"
  mount --bind "{folder}/${{pair%%:*}}" "${{pair#*:}}"
done

# Starts a daemon again when it ends, as a machine's own init would.
keep() {{
  log={folder}/logs/$1.log
  shift
  while :; do
    "$@" >>"$log" 2>&1 || true
    sleep 1
  done
}}

keep containerd containerd --config {configuration}/containerd.toml &
until [ -S {SOCKET} ]; do sleep 0.05; done
keep kubelet {binaries}/kubelet --config={configuration}/kubelet.yaml --kubeconfig={kubeconfig} \\
  --hostname-override={node.name} --node-ip={node.address} \\
  --node-labels=topology.kubernetes.io/region=local,topology.kubernetes.io/zone={node.zone} &
keep kube-proxy {binaries}/kube-proxy --config={configuration}/kube-proxy.yaml &
while :; do wait; done
"""


VOLUMES = "/var/lib/storefront-volumes"
"""Where a node keeps the volumes that were made for it."""


def _yaml(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False)
