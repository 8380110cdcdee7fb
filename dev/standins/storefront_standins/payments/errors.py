"""Errors in the shape that Stripe gives them (https://docs.stripe.com/api/errors)."""

from typing import Any, Literal

Kind = Literal["api_error", "card_error", "idempotency_error", "invalid_request_error"]


class GatewayError(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        kind: Kind,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        began: bool = True,
        **more: Any,
    ) -> None:
        """`began`: whether the call was begun, so that its idempotency key is used up;
        `more`: further members of the error, such as the payment intent it is about.
        """
        super().__init__(message)
        self.began = began
        self.status = status
        named = {"type": kind, "message": message, "code": code, "param": param, **more}
        self.body: dict[str, Any] = {
            "error": {name: value for name, value in named.items() if value is not None}
        }


def no_such(kind: str, identifier: str, param: str = "id") -> GatewayError:
    """Nothing has that id."""
    return GatewayError(
        404,
        "invalid_request_error",
        f"No such {kind}: '{identifier}'",
        code="resource_missing",
        param=param,
    )


def unexpected_state(intent: dict[str, Any], action: str) -> GatewayError:
    """A payment intent cannot do that in its status."""
    return GatewayError(
        400,
        "invalid_request_error",
        f"You cannot {action} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        payment_intent=intent,
    )
