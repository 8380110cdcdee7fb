"""Signatures of webhooks, checked against Stripe's own library."""

from __future__ import annotations

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from payment_service.gateway.signature import TOLERANCE, WrongSignatureError, verify
from storefront_standins.payments.signatures import sign

NOW = 1_800_000_000.0
BODY = '{"id": "evt_1", "name": "Zoë"}'


def header(body: str = BODY, secret: str = "whsec_new", seconds: float = NOW) -> str:
    """What Stripe's library signs with."""
    signed: str = stripe.WebhookSignature.generate_signature_header(body, secret, int(seconds))
    return signed


def test_what_stripe_signs_is_believed() -> None:
    verify(BODY.encode(), header(), ["whsec_new"], NOW)


def test_while_a_secret_is_exchanged_both_are_believed() -> None:
    verify(BODY.encode(), header(secret="whsec_old"), ["whsec_new", "whsec_old"], NOW)
    both = header() + "," + header(secret="whsec_old").partition(",")[2]
    verify(BODY.encode(), both, ["whsec_old"], NOW)


@pytest.mark.parametrize("seconds", [NOW - TOLERANCE - 1, NOW + TOLERANCE + 1])
def test_an_old_message_is_not_believed_again(seconds: float) -> None:
    with pytest.raises(WrongSignatureError, match="300 s away"):
        verify(BODY.encode(), header(seconds=seconds), ["whsec_new"], NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        "", "t=", "t=abc,v1=00", "v1=00", f"t={NOW:.0f}", f"t={NOW:.0f},v1=", f"t={NOW:.0f},v1=ä",
        f"t={NOW:.0f},t=1,v1=00", header(secret="whsec_other"), header().replace("v1=", "v0="),
        header(body=BODY + " "),
    ],
)  # fmt: skip
def test_anything_else_is_not_believed(wrong: str) -> None:
    with pytest.raises(WrongSignatureError):
        verify(BODY.encode(), wrong, ["whsec_new"], NOW)


@given(st.text(), st.binary())
def test_no_header_can_do_more_than_be_refused(text: str, body: bytes) -> None:
    with pytest.raises(WrongSignatureError):
        verify(body, text, ["whsec_new"], NOW)


def test_the_sandbox_signs_as_stripe_does() -> None:
    signed = sign(BODY.encode(), ["whsec_one", "whsec_two"])

    for secret in ("whsec_one", "whsec_two"):
        assert stripe.WebhookSignature.verify_header(BODY, signed, secret, TOLERANCE)
