"""One process per stand-in for all tests of it; its faults are off before each test."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.services.standin_process import StandInProcess


@pytest.fixture(scope="module")
def process(request: pytest.FixtureRequest) -> Iterator[StandInProcess]:
    """The stand-in that the module tests: its global `STANDIN`."""
    extra = {"mail": ["--smtp-port=0"]}.get(request.module.STANDIN, [])
    process = StandInProcess(request.module.STANDIN, *extra)
    yield process
    process.stop()


@pytest.fixture
def standin(process: StandInProcess) -> StandInProcess:
    """The stand-in without faults."""
    process.faults()
    return process


@pytest.fixture
def client(standin: StandInProcess) -> Iterator[httpx2.Client]:
    """A client of it that follows no redirects and gives up soon."""
    with httpx2.Client(base_url=standin.url, timeout=2, trust_env=False) as client:
        yield client
