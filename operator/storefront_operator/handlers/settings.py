"""kopf's settings: it keeps no state of its own in the resource but the finalizer."""

from __future__ import annotations

import logging

import kopf

_BACKOFFS = (1, 1, 2, 3, 5, *[8] * 10_000)
"""Seconds between attempts of a request; in sum about a day."""

FINALIZER = "storefront.dev/teardown"


class NoDiffBase(kopf.DiffBaseStorage):
    """Remember nothing: passes are level-triggered, no handler asks what has changed.

    kopf's own storages write the last seen spec into an annotation of the resource.
    """

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        """The body itself, so that no change is ever seen."""
        return self.build(body=body)

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Nowhere."""


def configure(settings: kopf.OperatorSettings) -> None:
    """Set everything that differs from kopf's defaults."""
    settings.persistence.finalizer = FINALIZER
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix="storefront.dev")
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    # An API server that is away is no reason to give up, let alone to restart.
    settings.networking.error_backoffs = _BACKOFFS
    logging.getLogger("kopf").setLevel(logging.WARNING)
