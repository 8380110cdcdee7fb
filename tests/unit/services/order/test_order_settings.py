"""The order service's settings from the environment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from order_service.settings import OrderSettings
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("given", "means"),
    [("90", 90), ("0.5", 0.5), ("PT30M", 1800), ("P1D", 86400)],
)
def test_durations_are_seconds_or_iso_8601(given: str, means: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_SWEEP_EVERY", given)
    assert OrderSettings().sweep_every == timedelta(seconds=means)


@pytest.mark.parametrize("given", ["0", "-1", "soon", "nan", "inf", ""])
def test_what_is_no_duration_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_SWEEP_EVERY", given)
    with pytest.raises(ValidationError):
        OrderSettings()


def test_an_order_does_not_expire_before_its_payment() -> None:
    settings = OrderSettings()
    assert settings.payment_limit < settings.expire_after
