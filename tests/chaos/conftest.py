"""One control plane for the whole suite; the table of what was tried is printed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
import yaml
from storefront_dev.control_plane import ControlPlane

from tests.chaos import sampling
from tests.chaos.arena import Stage
from tests.chaos.operator_process import ROOT
from tests.chaos.scenes import Act, Played, Programme
from tests.chaos.tally import Tally
from tests.chaos.valid_specs import PRIORITY_CLASSES

_TALLY = Tally()

_OPTIONS = {
    "kube-controller-manager": {
        # Without nodes there are no endpoints, no volumes and no metrics. Every Storefront that was ever made would
        # be told so every few seconds, by events, and the suite makes hundreds.
        "controllers": "*,-endpoints-controller,-endpointslice-controller,-endpointslice-mirroring-controller",
        "pvclaimbinder-sync-period": "1h",
        "horizontal-pod-autoscaler-sync-period": "15s",
    }
}
_ENVIRONMENT = {"GOGC": "800", "GOMEMLIMIT": "4GiB"}
"""Memory for time: collecting garbage would be a fifth of what the API server does here."""

_PRIORITY_CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A control plane that knows Storefronts."""
    with ControlPlane(
        tmp_path_factory.mktemp("chaos"), options=_OPTIONS, environment=_ENVIRONMENT
    ) as control_plane:
        stage = Stage(control_plane, tmp_path_factory.mktemp("stage"))
        for path in sorted((ROOT / "crds").glob("*.yaml")):
            stage.api.establish(yaml.safe_load(path.read_text()))
        for name in PRIORITY_CLASSES:
            stage.api.request("POST", _PRIORITY_CLASSES, {"metadata": {"name": name}, "value": 5})
        yield stage
        stage.close()


@pytest.fixture(scope="session")
def tally() -> Tally:
    """Where scenarios count their cases."""
    return _TALLY


@pytest.fixture(scope="session")
def played(request: pytest.FixtureRequest, stage: Stage, tally: Tally) -> Iterator[Played]:
    """Plays the scenes of the chosen tests side by side; each test waits for its own."""
    groups: dict[str, list[Act]] = {}
    for item in request.session.items:
        if isinstance(item, pytest.Function) and "scene" in item.fixturenames:
            group = item.module.__name__ if getattr(item.module, "ALONE", False) else ""
            groups.setdefault(group, []).append(cast(Act, item.callspec.params["scene"]))
    programme = Programme(groups.values(), stage, tally)
    yield programme.result
    programme.end()


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
    rest = "" if sampling.FULL else f", every {sampling.STEP}th case from offset {sampling.OFFSET}"
    if _TALLY.rows:
        terminalreporter.section(f"fault suite ({sampling.MODE}{rest})")
        terminalreporter.write_line("\n".join(_TALLY.table()))
    if _TALLY.sabotages:
        terminalreporter.section("fault suite against operators with a mechanism switched off")
        terminalreporter.write_line("\n".join(_TALLY.sabotage_table()))
    if _TALLY.rows or _TALLY.sabotages:
        _TALLY.write(ROOT / "artifacts" / "chaos.json", sampling.MODE)
