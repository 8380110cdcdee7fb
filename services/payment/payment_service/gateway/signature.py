"""Whether a webhook really comes from the gateway (https://docs.stripe.com/webhooks#verify-manually)."""

import hashlib
import hmac
from collections.abc import Iterable

TOLERANCE = 300
"""Seconds by which the signature's time and ours may differ: an old message cannot be sent again later."""


class WrongSignatureError(Exception):
    """The message is not signed with one of the secrets, or not now."""


def verify(body: bytes, header: str, secrets: Iterable[str], now: float) -> None:
    """Check the `Stripe-Signature` header of a webhook.

    Args:
        body: exactly as it came.
        header: `t=<seconds>,v1=<hex>[,v1=<hex>…]`; schemes other than v1 are ignored.
        secrets: those that are valid now.
        now: seconds since the epoch.

    Raises:
        WrongSignatureError: it does not hold.
    """
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    given = [value.encode("latin-1", "replace") for name, _, value in pairs if name == "v1"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 12):
        raise WrongSignatureError("the signature has no time")
    if abs(now - int(times[0])) > TOLERANCE:
        raise WrongSignatureError(f"the signature's time is more than {TOLERANCE} s away from ours")
    signed = times[0].encode() + b"." + body
    expected = [hmac.new(each.encode(), signed, hashlib.sha256).hexdigest().encode() for each in secrets]
    # All pairs are compared, each in constant time: how long it takes says nothing.
    matches = [hmac.compare_digest(one, other) for one in expected for other in given]
    if not any(matches):
        raise WrongSignatureError("no signature matches a secret that is valid now")
