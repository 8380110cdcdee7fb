"""What can go wrong between the operator and the Kubernetes API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LoginError(Exception):
    """No usable credentials; the message says what was looked for."""


class ApiUnavailableError(Exception):
    """The API server did not answer: refused, reset or timed out. Always worth a retry."""


class ApiError(Exception):
    """The API server answered with an error status.

    `status` is the HTTP code, `reason` the machine-readable reason of the Status object (`Conflict`, `Invalid`,
    …), `retry_after` the seconds the server asked to wait, or None.
    """

    def __init__(self, status: int, body: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.reason = str(body.get("reason", ""))
        self.retry_after = retry_after
        super().__init__(str(body.get("message") or f"HTTP {status}"))

    @property
    def is_expired(self) -> bool:
        """The resourceVersion or continue token is too old; list again (HTTP 410)."""
        return self.status == 410

    @property
    def is_permanent(self) -> bool:
        """The same request would fail again: the object itself is refused."""
        return self.status in (400, 403, 405, 413, 415, 422)
