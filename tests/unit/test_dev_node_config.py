"""What the files of a node say."""

import json
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from storefront_dev import binaries, node_config
from storefront_dev.errors import ClusterError
from storefront_dev.topology import NODES, POD_NETWORK, Node


def kubelet(node: Node) -> dict[str, object]:
    text = node_config.kubelet(
        node=node,
        authority=Path("/pki/ca.crt"),
        certificate=Path("/pki/node.crt"),
        key=Path("/pki/node.key"),
        reserved_memory=3 * 2**30,
    )
    document: dict[str, object] = yaml.safe_load(text)
    return document


def test_a_full_disk_evicts_no_pod_and_deletes_no_image() -> None:
    document = kubelet(NODES[0])
    thresholds = document["evictionHard"]
    assert isinstance(thresholds, dict)
    assert {
        name: value for name, value in thresholds.items() if not name.startswith("memory")
    } == dict.fromkeys(
        ("nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree"), "0%"
    )
    assert document["imageGCHighThresholdPercent"] == 100


def test_a_node_leaves_memory_to_the_others() -> None:
    assert kubelet(NODES[0])["systemReserved"] == {"memory": "3072Mi"}


def test_nodes_share_no_address_no_network_and_no_name() -> None:
    for attribute in ("name", "zone", "address", "pod_network", "network_namespace", "interface", "cgroup"):
        assert len({getattr(node, attribute) for node in NODES}) == len(NODES)
    for node in NODES:
        assert len(node.interface) <= 15
        subnet = json.loads(node_config.cni(node))["plugins"][0]["ipam"]["ranges"][0][0]["subnet"]
        assert subnet == node.pod_network
        assert subnet.startswith(str(POD_NETWORK).split(".0.0")[0])


def test_containerd_writes_only_where_it_is_told() -> None:
    document = tomllib.loads(
        node_config.containerd(
            cni_programs=Path("/usr/lib/cni"),
            cni_configuration=Path("/state/cni"),
            pause_image="registry/pause:1",
            root="/var/lib/containerd",
            state="/run/containerd",
        )
    )
    assert (document["root"], document["state"]) == ("/var/lib/containerd", "/run/containerd")
    cri = document["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["sandbox_image"] == "registry/pause:1"
    assert cri["cni"] == {"bin_dir": "/usr/lib/cni", "conf_dir": "/state/cni"}


def test_the_boot_script_is_a_valid_shell_script(tmp_path: Path) -> None:
    script = tmp_path / "boot.sh"
    script.write_text(
        node_config.boot(
            node=NODES[1],
            folder=Path("/state/node2"),
            binaries=Path("/cache/bin"),
            kubeconfig=Path("/state/kubeconfig"),
            configuration=Path("/state/node2/configuration"),
        )
    )
    subprocess.run(["sh", "-n", script], check=True)
    assert (
        "--node-labels=topology.kubernetes.io/region=local,topology.kubernetes.io/zone=b"
        in script.read_text()
    )


def test_the_release_of_kubernetes_is_read_from_the_go_module() -> None:
    go_mod = "require (\n\tk8s.io/api v0.37.2\n\tk8s.io/kubernetes v1.37.2\n)\n"
    assert binaries.kubernetes_version(go_mod) == "v1.37.2"
    with pytest.raises(ClusterError):
        binaries.kubernetes_version("module x\n")
