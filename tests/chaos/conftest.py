"""One control plane for the whole suite; the table of what was tried is printed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from storefront_dev.control_plane import ControlPlane

from tests.chaos import sampling
from tests.chaos.arena import Stage
from tests.chaos.operator_process import ROOT
from tests.chaos.tally import Tally
from tests.chaos.valid_specs import PRIORITY_CLASSES
from tests.control_plane.harness import Cluster

_TALLY = Tally()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A control plane with the CRD established."""
    with ControlPlane(tmp_path_factory.mktemp("chaos")) as control_plane:
        cluster = Cluster(control_plane.kubeconfig)
        applied = cluster.kubectl("apply", "-f", str(ROOT / "crds"))
        assert applied.returncode == 0, applied.stderr
        waited = cluster.kubectl(
            "wait", "--for=condition=Established", "crd/storefronts.storefront.dev", "--timeout=60s"
        )
        assert waited.returncode == 0, waited.stderr
        for name in PRIORITY_CLASSES:
            made = cluster.kubectl("create", "priorityclass", name, "--value=5")
            assert made.returncode == 0, made.stderr
        stage = Stage(control_plane, tmp_path_factory.mktemp("stage"))
        yield stage
        stage.close()


@pytest.fixture(scope="session")
def tally() -> Tally:
    """Where scenarios count their cases."""
    return _TALLY


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Operators with a guard disabled are tried in the full suite, or when asked for by `-m sabotage`."""
    if sampling.FULL or "sabotage" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("sabotage")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table and write it to artifacts/chaos.json."""
    if not _TALLY.rows:
        return
    rest = "" if sampling.FULL else f", every {sampling.STEP}th case from offset {sampling.OFFSET}"
    terminalreporter.section(f"fault suite ({sampling.MODE}{rest})")
    for line in _TALLY.table():
        terminalreporter.write_line(line)
    _TALLY.write(ROOT / "artifacts" / "chaos.json", sampling.MODE)
