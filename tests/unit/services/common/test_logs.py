"""What log lines hold, and what they must not."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from storefront_common import logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logging as it was before the test."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_traceback_holds_no_values_of_variables(capsys: pytest.CaptureFixture[str]) -> None:
    def connect(password: str) -> None:
        raise ConnectionError("refused")

    logs.configure()
    try:
        connect("hunter2")
    except ConnectionError:
        structlog.stdlib.get_logger("test").exception("failed")
    line = capsys.readouterr().out
    assert json.loads(line)["exception"][0]["exc_value"] == "refused"
    assert "hunter2" not in line
