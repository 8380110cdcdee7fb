"""Which cluster is used is said by name; what is somebody else's is not damaged."""

import platform
from pathlib import Path

import pytest
import yaml
from storefront_dev import clusters, kubeconfig, preflight
from storefront_dev.embedded import EmbeddedCluster
from storefront_dev.errors import ClusterError, MachineError, RefusedError

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "production",
    "clusters": [
        {"name": "one", "cluster": {"server": "https://one:6443", "certificate-authority": "pki/ca.crt"}},
        {"name": "two", "cluster": {"server": "https://two:6443"}},
    ],
    "users": [
        {"name": "me", "user": {"token": "secret"}},
        {"name": "other", "user": {"client-certificate": "/etc/me.crt", "client-key": "me.key"}},
    ],
    "contexts": [
        {"name": "production", "context": {"cluster": "two", "user": "me"}},
        {"name": "test/one", "context": {"cluster": "one", "user": "other", "namespace": "shop"}},
    ],
}


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a kubeconfig, and no variable that says anything."""
    for name in ("CLUSTER", "DISPOSABLE", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    source = tmp_path / "kube" / "config"
    source.parent.mkdir()
    source.write_text(yaml.safe_dump(KUBECONFIG))
    monkeypatch.setenv("CLUSTER_KUBECONFIG", str(source))
    monkeypatch.setenv("STOREFRONT_STATE", str(tmp_path / "state"))
    return source


def test_the_argument_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER", "embedded")
    assert clusters.resolve("context:test/one").name == "context:test/one"
    assert clusters.resolve().name == "embedded"


@pytest.mark.parametrize("name", ["embeded", "simulate", "context:", "context", "docker-desktop"])
def test_an_unknown_name_is_refused_with_those_allowed(name: str) -> None:
    with pytest.raises(
        ClusterError, match=f"CLUSTER is '{name}'; allowed: embedded, simulated, context:<name"
    ):
        clusters.resolve(name)


def test_without_a_name_pods_are_simulated_where_no_nodes_can_be_carried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preflight, "can_carry_nodes", lambda: ["root: needed", "program nft: missing"])
    cluster = clusters.resolve()
    assert cluster.name == "simulated"
    assert "cannot carry nodes, it lacks root: needed (and 1 more," in cluster.caveat


def test_without_a_name_another_system_than_linux_gets_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    with pytest.raises(MachineError, match="this is Darwin") as raised:
        clusters.resolve()
    assert len(raised.value.lacks) == 1


def test_a_name_is_taken_at_its_word_whatever_the_machine_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "can_carry_nodes", lambda: ["root: needed"])
    assert clusters.resolve("embedded").name == "embedded"
    monkeypatch.setattr(preflight, "can_carry_nodes", list)
    monkeypatch.setenv("CLUSTER", "simulated")
    assert clusters.resolve().name == "simulated"


def test_without_a_name_the_embedded_cluster_is_used_whatever_kubeconfig_is_around(
    monkeypatch: pytest.MonkeyPatch, environment: Path
) -> None:
    monkeypatch.setattr(preflight, "can_carry_nodes", list)
    monkeypatch.setenv("KUBECONFIG", str(environment))
    cluster = clusters.resolve()
    assert cluster.name == "embedded"
    assert cluster.caveat == ""
    assert cluster.kubeconfig != environment


def test_a_context_is_looked_up_only_where_it_was_named(
    monkeypatch: pytest.MonkeyPatch, environment: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(environment))
    monkeypatch.delenv("CLUSTER_KUBECONFIG")
    monkeypatch.setenv("HOME", str(tmp_path / "empty"))
    with pytest.raises(ClusterError, match="no kubeconfig at"):
        _ = clusters.resolve("context:test/one").kubeconfig


def test_the_kubeconfig_of_a_context_knows_no_other() -> None:
    path = clusters.resolve("context:test/one").kubeconfig
    document = yaml.safe_load(path.read_text())
    assert document["current-context"] == "test/one"
    assert [each["name"] for each in document["contexts"]] == ["test/one"]
    assert [each["name"] for each in document["clusters"]] == ["one"]
    assert [each["name"] for each in document["users"]] == ["other"]
    assert "secret" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_paths_in_it_are_made_absolute(environment: Path) -> None:
    document = yaml.safe_load(clusters.resolve("context:test/one").kubeconfig.read_text())
    assert document["clusters"][0]["cluster"]["certificate-authority"] == str(
        environment.parent / "pki/ca.crt"
    )
    assert document["users"][0]["user"] == {
        "client-certificate": "/etc/me.crt",
        "client-key": str(environment.parent / "me.key"),
    }


def test_a_missing_context_is_answered_with_those_there_are(environment: Path, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="has no context 'nope'; it has: production, test/one"):
        kubeconfig.select(environment, "nope", tmp_path / "out")


def test_somebody_elses_cluster_is_not_damaged_unless_it_is_declared_disposable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = clusters.resolve("context:production")
    assert not cluster.disposable
    with pytest.raises(RefusedError, match="DISPOSABLE=yes"):
        cluster.down()
    with pytest.raises(RefusedError, match="switching node1 off is refused"):
        cluster.stop_node("node1")
    with pytest.raises(RefusedError, match="cutting node1 off is refused"):
        cluster.cut_node("node1")
    monkeypatch.setenv("DISPOSABLE", "true")
    assert not cluster.disposable
    monkeypatch.setenv("DISPOSABLE", "yes")
    assert cluster.disposable


def test_urls_of_the_embedded_cluster_are_on_this_machine(tmp_path: Path) -> None:
    cluster = EmbeddedCluster(tmp_path / "cluster")
    assert cluster.url("shop.localhost") == "http://shop.localhost:8080"
    assert cluster.url("shop.localhost", tls=True) == "https://shop.localhost:8443"


def test_an_unknown_node_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="no node 'node4'; nodes: node1, node2, node3"):
        EmbeddedCluster(tmp_path / "cluster").stop_node("node4")
    with pytest.raises(ClusterError, match="no node 'node4'; nodes: node1, node2, node3"):
        EmbeddedCluster(tmp_path / "cluster").cut_node("node4")


def test_a_cluster_that_is_down_says_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="storefront-dev cluster up"):
        EmbeddedCluster(tmp_path / "cluster").stop_node("node1")
    with pytest.raises(ClusterError, match="storefront-dev cluster up"):
        EmbeddedCluster(tmp_path / "cluster").cut_node("node1")
