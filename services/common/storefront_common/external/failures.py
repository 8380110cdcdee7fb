"""How a call to an external system fails."""


class ExternalUnavailableError(Exception):
    """An external system did not do what it was asked, or did not say so.

    `may_have_happened` is what the caller must know before it does anything else: True when a request was sent and
    no answer tells what became of it; False when the system certainly did nothing.
    """

    def __init__(self, system: str, reason: str, *, may_have_happened: bool) -> None:
        """`reason`: for logs and people, without secrets."""
        effect = "it may have happened" if may_have_happened else "nothing has happened"
        super().__init__(f"{system}: {reason}; {effect}")
        self.system = system
        self.reason = reason
        self.may_have_happened = may_have_happened


class CircuitOpenError(ExternalUnavailableError):
    """The system failed too often lately: it was not asked at all."""

    def __init__(self, system: str, retry_after: float) -> None:
        """`retry_after`: seconds until it may be asked again, at the earliest."""
        super().__init__(
            system, f"failed too often; asked again in {retry_after:.1f} s", may_have_happened=False
        )
        self.retry_after = retry_after
