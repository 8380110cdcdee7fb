"""The embedded cluster is real Kubernetes: pods, volumes, load balancers, and nodes that fail.

The workload is etcd, which is at hand as a program of the cluster itself: it keeps data in a volume, speaks
HTTP and HTTPS, and forwards TCP by a name of the cluster's DNS.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from storefront_dev import archives, processes
from storefront_dev.binaries import SOURCE as GO_MODULE
from storefront_dev.binaries import binaries, kubernetes_version
from storefront_dev.clusters import Cluster
from storefront_dev.embedded import EmbeddedCluster
from storefront_dev.pki import Authority
from storefront_dev.progress import Progress

from tests.e2e.kubectl import Kubectl, eventually
from tests.e2e.web import eventually_get, get

NAMESPACE = "cluster-test"
HOST = "cluster-test.localhost"
IMAGE = "storefront.local/etcd:test"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the workload's certificate."""
    return Authority(tmp_path_factory.mktemp("pki"), "ca")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of etcd, as a file."""
    archive = tmp_path_factory.mktemp("image") / "etcd.tar"
    archives.write_program_image(archive, reference=IMAGE, program=binaries()["etcd"])
    return archive


@pytest.fixture(scope="module")
def workload(cluster: Cluster, kubectl: Kubectl, authority: Authority, archive: Path) -> Iterator[Kubectl]:
    """Two members on different nodes, each with a volume, behind a LoadBalancer Service that claims HOST."""
    if not isinstance(cluster, EmbeddedCluster):
        pytest.skip(f"the images of this test are loaded from files, which {cluster.name} does not do")
    cluster.load_images([archive])
    certificate = authority.issue("etcd", user="etcd", names=[HOST])
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        }
    )
    kubectl.apply(
        secret({"tls.crt": certificate.certificate, "tls.key": certificate.key}),
        service("etcd", "LoadBalancer", annotations={"external-dns.alpha.kubernetes.io/hostname": HOST}),
        stateful_set(),
        gateway(),
    )
    kubectl("-n", NAMESPACE, "rollout", "status", "statefulset/etcd", "--timeout=90s")
    yield kubectl
    kubectl("delete", "namespace", NAMESPACE, "--timeout=90s")


def test_the_version_is_that_of_the_go_module(cluster: Cluster, kubectl: Kubectl) -> None:
    expected = kubernetes_version((GO_MODULE / "go.mod").read_text())
    assert json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"] == expected
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in kubectl.get("nodes")} == {expected}


@pytest.mark.simulated
def test_there_is_a_node_in_each_of_three_zones(kubectl: Kubectl) -> None:
    nodes = kubectl.get("nodes")
    zones = {
        each["metadata"]["name"]: each["metadata"]["labels"]["topology.kubernetes.io/zone"] for each in nodes
    }
    assert zones == {"node1": "a", "node2": "b", "node3": "c"}


@pytest.mark.simulated
@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_pod_security_admission_rejects_a_privileged_pod(kubectl: Kubectl, level: str) -> None:
    namespace = f"admission-{level}"
    labels = {"pod-security.kubernetes.io/enforce": level}
    kubectl.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
    )
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "privileged", "namespace": namespace},
        "spec": {"containers": [{"name": "a", "image": IMAGE, "securityContext": {"privileged": True}}]},
    }
    # The namespace gets its service account, which is asked for first, a moment after it is made.
    refused = eventually(
        lambda: kubectl.attempt("create", "-f", "-", stdin=json.dumps(pod)),
        lambda result: "service account" not in result.stderr,
        20,
    )
    kubectl("delete", "namespace", namespace, "--wait=false")
    assert refused.returncode != 0
    assert f'violates PodSecurity "{level}:' in refused.stderr


def test_an_image_is_loaded_into_every_node_and_only_once(
    cluster: EmbeddedCluster, workload: Kubectl, archive: Path
) -> None:
    def holders() -> set[str]:
        return {
            node["metadata"]["name"]
            for node in workload.get("nodes")
            if any(IMAGE in (image["names"] or []) for image in node["status"]["images"])
        }

    eventually(holders, lambda nodes: nodes == {"node1", "node2", "node3"}, 60)
    said = io.StringIO()
    EmbeddedCluster(cluster.folder, Progress(said)).load_images([archive])
    assert "every image is loaded already" in said.getvalue()


def test_logs_and_commands_in_a_pod(workload: Kubectl) -> None:
    assert "serving client traffic" in workload("-n", NAMESPACE, "logs", "etcd-0")
    assert "etcd Version: 3." in workload("-n", NAMESPACE, "exec", "etcd-0", "--", "/etcd", "--version")


def test_a_port_is_forwarded_to_a_pod(workload: Kubectl) -> None:
    command = [*workload.command, "-n", NAMESPACE, "port-forward", "pod/etcd-0", ":2379"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forwarding:
        try:
            assert forwarding.stdout is not None
            port = forwarding.stdout.readline().split("127.0.0.1:")[1].split()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/version", timeout=5) as answer:
                assert "etcdserver" in json.load(answer)
        finally:
            forwarding.terminate()


def test_a_service_is_reached_through_the_api_server(workload: Kubectl) -> None:
    answer = workload("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/services/etcd:http/proxy/version")
    assert "etcdserver" in json.loads(answer)


def test_pods_on_different_nodes_reach_each_other_by_name(workload: Kubectl) -> None:
    # The gateway resolves the Service's name in the cluster's DNS and forwards to its cluster address.
    nodes = {each["spec"]["nodeName"] for each in workload.get("-n", NAMESPACE, "pods")}
    assert len(nodes) == 3
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/gateway:23790/proxy/version"
    answer = eventually(lambda: workload.attempt("get", "--raw", path), lambda each: each.returncode == 0, 20)
    assert "etcdserver" in json.loads(answer.stdout)


def test_names_outside_the_cluster_do_not_exist_and_that_is_said_at_once(workload: Kubectl) -> None:
    (dns, *_) = workload.get("-n", "kube-system", "pods", "-l", "k8s-app=kube-dns")
    assert dns_code(dns["status"]["podIP"], "www.example.com") == 3
    assert dns_code(dns["status"]["podIP"], f"etcd.{NAMESPACE}.svc.cluster.local") == 0


def test_data_in_a_volume_outlives_its_pod_and_ends_with_its_claim(
    cluster: EmbeddedCluster, workload: Kubectl
) -> None:
    put(workload, "etcd-1", "key", "value")
    claim = workload.get("-n", NAMESPACE, "pvc", "data-etcd-1")
    volume = claim["spec"]["volumeName"]
    assert volume_folders(cluster, volume)

    workload("-n", NAMESPACE, "delete", "pod", "etcd-1")
    workload("-n", NAMESPACE, "rollout", "status", "statefulset/etcd", "--timeout=60s")
    assert read(workload, "etcd-1", "key") == "value"

    workload("-n", NAMESPACE, "scale", "statefulset/etcd", "--replicas=1")
    workload("-n", NAMESPACE, "wait", "pod/etcd-1", "--for=delete", "--timeout=60s")
    workload("-n", NAMESPACE, "delete", "pvc", "data-etcd-1")
    workload("wait", f"pv/{volume}", "--for=delete", "--timeout=30s")
    assert volume_folders(cluster, volume) == []

    workload("-n", NAMESPACE, "scale", "statefulset/etcd", "--replicas=2")
    workload("-n", NAMESPACE, "rollout", "status", "statefulset/etcd", "--timeout=60s")
    assert read(workload, "etcd-1", "key") is None


def test_a_load_balancer_is_reached_by_the_host_it_claims(cluster: Cluster, workload: Kubectl) -> None:
    assert "etcdserver" in eventually_get(cluster.url(HOST) + "/version").json()


def test_a_load_balancer_is_reached_at_its_address(workload: Kubectl) -> None:
    (ingress,) = workload.get("-n", NAMESPACE, "service", "etcd")["status"]["loadBalancer"]["ingress"]
    assert "etcdserver" in eventually_get(f"http://{ingress['ip']}/version").json()


def test_tls_goes_through_to_the_pod(cluster: Cluster, workload: Kubectl, authority: Authority) -> None:
    answer = get(cluster.url(HOST, tls=True) + "/version", authority.certificate)
    assert "etcdserver" in answer.json()


def test_a_host_that_nobody_claims_is_answered_with_those_claimed(
    cluster: Cluster, workload: Kubectl
) -> None:
    answer = get(cluster.url("nobody.localhost"))
    assert answer.status == http.client.NOT_FOUND
    assert HOST in answer.data.decode()
    with pytest.raises(urllib3.exceptions.SSLError, match=r"(?i)unrecognized.name"):
        get(cluster.url("nobody.localhost", tls=True))


def test_a_node_is_switched_off_and_on_again(cluster: Cluster, workload: Kubectl) -> None:
    if not cluster.disposable:
        pytest.skip(f"{cluster.name} is not ours to damage")
    workload("-n", NAMESPACE, "rollout", "status", "statefulset/etcd", "--timeout=60s")
    victim = workload.get("-n", NAMESPACE, "pod", "etcd-1")["spec"]["nodeName"]
    url = cluster.url(HOST) + "/version"
    eventually_get(url)

    cluster.stop_node(victim)
    try:
        # From the first moment on: the control plane has yet to notice.
        slowest = 0.0
        noticed = False
        deadline = time.monotonic() + 60
        while not noticed:
            assert time.monotonic() < deadline, f"{victim} is still called ready"
            began = time.monotonic()
            assert get(url).status == http.client.OK
            slowest = max(slowest, time.monotonic() - began)
            noticed = not ready(workload, victim)
        assert slowest < 2
        assert out_of_service(workload, victim)
        # Nothing of the pod is left to hold its place, so that a replacement may be made.
        eventually(
            lambda: workload(
                "-n",
                NAMESPACE,
                "get",
                "pod",
                "etcd-1",
                "--ignore-not-found",
                "-o",
                "jsonpath={.spec.nodeName}",
            ),
            lambda node: node != victim,
            60,
        )
    finally:
        cluster.start_node(victim)

    assert ready(workload, victim)
    assert not out_of_service(workload, victim)
    workload("-n", NAMESPACE, "rollout", "status", "statefulset/etcd", "--timeout=60s")


def test_the_metrics_api_tells_what_pods_use(workload: Kubectl) -> None:
    usage = eventually(
        lambda: workload.attempt("-n", NAMESPACE, "top", "pod", "etcd-0", "--no-headers").stdout.split(),
        lambda found: len(found) == 3,
        90,
    )

    name, processor, memory = usage
    assert name == "etcd-0"
    assert processor.endswith("m")
    assert int(memory.removesuffix("Mi")) > 5


def test_up_repairs_what_a_crash_left(cluster: Cluster, workload: Kubectl) -> None:
    if not isinstance(cluster, EmbeddedCluster):
        pytest.skip("only the embedded cluster's parts are ours to kill")
    put(workload, "etcd-0", "before", "crash")
    for owner in cluster.folders():
        for role, pids in processes.running(owner).items():
            if role in ("kube-apiserver", "kube-scheduler", "agent") or owner.name == "node3":
                processes.kill(pids, signals=[(signal.SIGKILL, 10)])
    subprocess.run(["ip", "link", "delete", "storefront0"], check=True)

    cluster.up()

    status = cluster.status()
    assert status.running, status.lines
    # Until the kubelets have looked, the API tells what was true before the crash: wait for the member itself.
    assert read_when_up(workload, "etcd-0", "before") == "crash"
    workload("-n", NAMESPACE, "rollout", "status", "statefulset/etcd", "--timeout=90s")
    eventually_get(cluster.url(HOST) + "/version")


def secret(files: dict[str, Path]) -> dict[str, Any]:
    data = {name: base64.b64encode(path.read_bytes()).decode() for name, path in files.items()}
    metadata = {"name": "tls", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def service(name: str, kind: str, annotations: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations},
        "spec": {
            "type": kind,
            "selector": {"app": "etcd"},
            "ports": [
                {"name": "http", "port": 80, "targetPort": 2379},
                {"name": "https", "port": 443, "targetPort": 2380},
            ],
        },
    }


def pod_spec(container: dict[str, Any], **more: Any) -> dict[str, Any]:
    user = {
        "runAsNonRoot": True,
        "runAsUser": 10000,
        "fsGroup": 10000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    base = {"image": IMAGE, "imagePullPolicy": "Never", "securityContext": RESTRICTED}
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": user,
        "containers": [{**base, **container}],
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {}}
                ]
            }
        },
        **more,
    }


def stateful_set() -> dict[str, Any]:
    listen = "http://0.0.0.0:2379,https://0.0.0.0:2380"
    container = {
        "name": "etcd",
        "args": [
            "--data-dir=/data/db",
            f"--listen-client-urls={listen}",
            "--advertise-client-urls=http://localhost:2379",
            "--listen-peer-urls=http://127.0.0.1:2381",
            "--initial-advertise-peer-urls=http://127.0.0.1:2381",
            "--initial-cluster=default=http://127.0.0.1:2381",
            "--cert-file=/tls/tls.crt",
            "--key-file=/tls/tls.key",
        ],
        "readinessProbe": {"httpGet": {"path": "/health", "port": 2379}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "tls", "mountPath": "/tls"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "etcd", "namespace": NAMESPACE},
        "spec": {
            "replicas": 2,
            "podManagementPolicy": "Parallel",
            "serviceName": "etcd",
            "selector": {"matchLabels": {"app": "etcd"}},
            "template": {
                "metadata": {"labels": {"app": "etcd"}},
                "spec": pod_spec(container, volumes=[{"name": "tls", "secret": {"secretName": "tls"}}]),
            },
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "data"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": "64Mi"}},
                    },
                }
            ],
        },
    }


def gateway() -> dict[str, Any]:
    endpoint = f"etcd.{NAMESPACE}.svc.cluster.local:80"
    listen = "--listen-addr=0.0.0.0:23790"
    container = {"name": "gateway", "args": ["gateway", "start", f"--endpoints={endpoint}", listen]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "gateway", "namespace": NAMESPACE},
        "spec": pod_spec(container),
    }


def put(kubectl: Kubectl, pod: str, key: str, value: str) -> None:
    body = {
        "key": base64.b64encode(key.encode()).decode(),
        "value": base64.b64encode(value.encode()).decode(),
    }
    post(kubectl, pod, "/v3/kv/put", body)


def read(kubectl: Kubectl, pod: str, key: str) -> str | None:
    found = post(kubectl, pod, "/v3/kv/range", {"key": base64.b64encode(key.encode()).decode()}).get("kvs")
    return base64.b64decode(found[0]["value"]).decode() if found else None


def read_when_up(kubectl: Kubectl, pod: str, key: str) -> str | None:
    """What `read` returns, as soon as the member answers."""

    def ask() -> str | OSError | None:
        try:
            return read(kubectl, pod, key)
        except OSError as error:
            return error

    answer = eventually(ask, lambda each: not isinstance(each, OSError), 90)
    assert not isinstance(answer, OSError)
    return answer


def post(kubectl: Kubectl, pod: str, path: str, body: dict[str, str]) -> dict[str, Any]:
    """Ask one member, at its pod's address: the host has a way to each."""
    address = kubectl.get("-n", NAMESPACE, "pod", pod)["status"]["podIP"]
    request = urllib.request.Request(f"http://{address}:2379{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=5) as answer:
        document: dict[str, Any] = json.load(answer)
        return document


def volume_folders(cluster: EmbeddedCluster, volume: str) -> list[Path]:
    return list(cluster.folder.glob(f"nodes/*/volumes/{volume}"))


def ready(kubectl: Kubectl, node: str) -> bool:
    conditions = kubectl.get("node", node)["status"]["conditions"]
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def out_of_service(kubectl: Kubectl, node: str) -> bool:
    taints = kubectl.get("node", node)["spec"].get("taints", [])
    return any(each["key"] == "node.kubernetes.io/out-of-service" for each in taints)


def dns_code(server: str, name: str) -> int:
    """The response code (RFC 1035, 4.1.1) to a question for the IPv4 addresses of a name."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = bytes.fromhex("1234 0100 0001 0000 0000 0000") + labels + bytes.fromhex("00 0001 0001")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.sendto(question, (server, 53))
        return client.recv(512)[3] & 0x0F
