"""A serving process loads only what serving needs: memory is paid for in every pod."""

from __future__ import annotations

import subprocess
import sys

import pytest

from services.contracts import composition

HEAVY = {"alembic", "aiohttp", "jinja2", "redis", "requests"}
NEEDED = {
    "notification": {"jinja2"},
    "order": {"redis"},
    "product": {"redis"},
}


EXPORTING = """
from storefront_common.settings import TelemetrySettings
from storefront_common.telemetry import provider

provider.configure("test", TelemetrySettings(exporter_otlp_endpoint="http://127.0.0.1:9"))
"""


def heavy_modules(program: str) -> set[str]:
    """Which of HEAVY a process has loaded that has run `program`."""
    # Rich is installed beside the tests; structlog loads it where it is.
    hide_rich = "import sys; sys.modules['rich'] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{hide_rich}{program}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.split()) & HEAVY


@pytest.mark.parametrize("service", composition.services())
def test_nothing_is_loaded_that_serving_does_without(service: str) -> None:
    assert heavy_modules(f"import {service}_service.main") == NEEDED.get(service, set())


def test_who_exports_traces_loads_one_http_client_for_it() -> None:
    assert heavy_modules(EXPORTING) == set()
