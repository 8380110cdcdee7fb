"""What each call may be given. An unknown parameter is an error, as it is at Stripe."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from storefront_standins.payments.errors import GatewayError

MAX_AMOUNT = 99_999_999
LEAST_AMOUNT = 50

Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
Metadata = dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=500)]]


class Parameters(BaseModel):
    """Base of all parameters: text from the form becomes numbers and booleans."""

    model_config = ConfigDict(extra="forbid")


Given = TypeVar("Given", bound=Parameters)


class AutomaticPaymentMethods(Parameters):
    """Whether the payer chooses the method."""

    enabled: bool
    allow_redirects: Literal["always", "never"] = "always"


class IntentCreation(Parameters):
    """https://docs.stripe.com/api/payment_intents/create"""

    amount: Amount
    currency: Annotated[str, StringConstraints(to_lower=True, pattern=r"^[a-zA-Z]{3}$")]
    automatic_payment_methods: AutomaticPaymentMethods | None = None
    capture_method: Literal["automatic", "automatic_async", "manual"] = "automatic_async"
    confirm: bool = False
    description: str | None = None
    metadata: Metadata = {}
    payment_method: str | None = None
    payment_method_types: list[str] | None = None
    receipt_email: str | None = None
    return_url: str | None = None
    statement_descriptor_suffix: Annotated[str, Field(max_length=22)] | None = None


class IntentConfirmation(Parameters):
    """https://docs.stripe.com/api/payment_intents/confirm"""

    payment_method: str | None = None
    receipt_email: str | None = None
    return_url: str | None = None


class IntentCapture(Parameters):
    """https://docs.stripe.com/api/payment_intents/capture"""

    amount_to_capture: Amount | None = None


class IntentCancellation(Parameters):
    """https://docs.stripe.com/api/payment_intents/cancel"""

    cancellation_reason: Literal["duplicate", "fraudulent", "requested_by_customer", "abandoned"] | None = (
        None
    )


class RefundCreation(Parameters):
    """https://docs.stripe.com/api/refunds/create"""

    amount: Amount | None = None
    charge: str | None = None
    metadata: Metadata = {}
    payment_intent: str | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None


class Search(Parameters):
    """https://docs.stripe.com/api/payment_intents/search"""

    query: str
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    page: str | None = None


class CreatedRange(Parameters):
    """Seconds since the epoch between which a thing was made."""

    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None


class Listing(Parameters):
    """What every list takes (https://docs.stripe.com/api/pagination)."""

    limit: Annotated[int, Field(ge=1, le=100)] = 10
    starting_after: str | None = None
    ending_before: str | None = None
    created: CreatedRange | None = None


class RefundListing(Listing):
    """https://docs.stripe.com/api/refunds/list"""

    payment_intent: str | None = None
    charge: str | None = None


class DisputeListing(RefundListing):
    """https://docs.stripe.com/api/disputes/list"""


class EventListing(Listing):
    """https://docs.stripe.com/api/events/list"""

    type: str | None = None


class Nothing(Parameters):
    """A call without parameters."""


def check(kind: type[Given], given: dict[str, Any]) -> Given:
    """`given` as parameters of that kind.

    Raises:
        GatewayError: a parameter is unknown, missing or not allowed (400).
    """
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        param = _name(first["loc"])
        code, message = {
            "extra_forbidden": ("parameter_unknown", f"Received unknown parameter: {param}"),
            "missing": ("parameter_missing", f"Missing required param: {param}."),
        }.get(first["type"], (None, f"Invalid {param}: {first['msg']}"))
        raise GatewayError(
            400, "invalid_request_error", message, code=code, param=param, began=False
        ) from None


def _name(location: tuple[str | int, ...]) -> str:
    head, *rest = location
    return str(head) + "".join(f"[{part}]" for part in rest)
