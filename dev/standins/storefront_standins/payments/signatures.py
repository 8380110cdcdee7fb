"""The `Stripe-Signature` header (https://docs.stripe.com/webhooks#verify-manually)."""

import hashlib
import hmac
import time
from collections.abc import Sequence


def sign(body: bytes, secrets: Sequence[str]) -> str:
    """The header for `body`, now, with one signature per secret: during a rotation several are valid."""
    moment = int(time.time())
    signed = f"{moment}.".encode() + body
    signatures = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={moment}", *(f"v1={signature}" for signature in signatures)])
