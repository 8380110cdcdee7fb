"""One control plane for the whole suite; the table of what was tried is printed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
import yaml
from storefront_dev.control_plane import ControlPlane

from tests.chaos import sampling
from tests.chaos.arena import Stage
from tests.chaos.operator_process import ROOT
from tests.chaos.scenes import AT_ONCE, Act, Played
from tests.chaos.tally import Tally
from tests.chaos.valid_specs import PRIORITY_CLASSES

_TALLY = Tally()

_PRIORITY_CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A control plane that knows Storefronts."""
    with ControlPlane(tmp_path_factory.mktemp("chaos")) as control_plane:
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


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, stage: Stage, tally: Tally) -> Iterator[Played]:
    """Plays the scenes of the module's chosen tests side by side; each test waits for its own."""
    scenes = [
        cast(Act, item.callspec.params["scene"])
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and "scene" in item.fixturenames
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        acts = {scene: pool.submit(scene.act, stage, tally) for scene in scenes}
        yield lambda scene: acts[scene].result()
        pool.shutdown(cancel_futures=True)


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
