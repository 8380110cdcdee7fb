"""What a machine lacks is said before anything starts, one line each."""

import platform
import shutil

import pytest
from storefront_dev import cgroups, network, node, preflight
from storefront_dev.errors import MachineError
from storefront_dev.progress import Progress


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux machine that has everything, and we are root on it."""
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    monkeypatch.setattr(preflight, "_PROBES", {})
    monkeypatch.setattr(node, "cni_programs", lambda: "/usr/lib/cni")
    monkeypatch.setattr(cgroups, "missing", list)
    monkeypatch.setattr(network, "conflicts", list)


@pytest.mark.usefixtures("root")
def test_a_machine_with_everything_lacks_nothing() -> None:
    assert preflight.missing() == []


@pytest.mark.usefixtures("root")
def test_without_root_that_is_the_one_thing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    (line,) = preflight.missing()
    assert line.startswith("root: ")
    with pytest.raises(MachineError, match="root: "):
        preflight.prepare(Progress())


@pytest.mark.usefixtures("root")
def test_another_system_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert preflight.missing() == ["Linux on x86-64 or ARM64 (this is Darwin on x86_64)"]


@pytest.mark.usefixtures("root")
def test_missing_programs_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    present = {"containerd", "ctr", "runc", "nsenter", "unshare", "mount", "hostname"}
    monkeypatch.setattr(shutil, "which", lambda name, path=None: name if name in present else None)
    monkeypatch.setattr(node, "cni_programs", lambda: None)
    assert preflight.missing() == [
        "program nft: install the package nftables",
        "program conntrack: install the package conntrack",
        "program ip: install the package iproute2",
        "program CNI plug-ins: install the package containernetworking-plugins",
    ]


@pytest.mark.usefixtures("root")
def test_every_piece_of_the_kernel_that_is_missing_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    probes = {"bridges": ({"ip"}, lambda: "Not supported"), "mounts": (set(), lambda: "")}
    monkeypatch.setattr(preflight, "_PROBES", probes)
    monkeypatch.setattr(cgroups, "missing", lambda: ["memory"])
    monkeypatch.setattr(network, "conflicts", lambda: ["network 10.200.0.0/24 is taken: route …"])
    assert preflight.missing() == [
        "bridges: Not supported",
        "control group controller memory",
        "network 10.200.0.0/24 is taken: route …",
    ]


@pytest.mark.usefixtures("root")
def test_programs_that_can_be_installed_here_keep_no_machine_from_carrying_nodes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None if name == "nft" else name)
    assert preflight.missing()
    assert preflight.can_carry_nodes() == []


@pytest.mark.usefixtures("root")
def test_a_container_without_privileges_is_recognised_before_anything_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None if name == "nft" else name)
    probes = {
        "namespaces": ({"unshare"}, lambda: "Operation not permitted"),
        "nftables": ({"unshare", "nft"}, lambda: "nft: not found"),
    }
    monkeypatch.setattr(preflight, "_PROBES", probes)
    assert preflight.can_carry_nodes() == ["namespaces: Operation not permitted"]
