"""kopf's settings. It keeps no state of its own in the resource."""

from __future__ import annotations

import logging

import kopf

_BACKOFFS = (1, 1, 2, 3, 5, *[8] * 10_000)
"""Seconds between attempts of a request; in sum about a day."""


def configure(settings: kopf.OperatorSettings) -> None:
    """Set everything that differs from kopf's defaults."""
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    # An API server that is away is no reason to give up, let alone to restart.
    settings.networking.error_backoffs = _BACKOFFS
    logging.getLogger("kopf").setLevel(logging.WARNING)
    # It warns that it leaves the signals to us, since it runs in a thread.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
