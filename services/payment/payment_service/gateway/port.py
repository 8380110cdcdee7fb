"""What the service asks of a payment gateway, in words of its own.

Every call may raise `storefront_common.external.ExternalUnavailableError` (which says whether the effect may have
happened) and `NotConfiguredError`.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Protocol
from uuid import UUID


class Phase(IntEnum):
    """How far an intent to pay has come. It only grows: of two reports the one with the higher phase is the newer."""

    CREATED = 0
    """Nothing was tried yet."""
    ACTION_REQUIRED = 1
    """The payer has to prove who they are."""
    PROCESSING = 2
    DECLINED = 3
    """The last try failed; the payer could try another card."""
    AUTHORISED = 4
    """The money is put aside for us."""
    CAPTURED = 5
    """The money is ours."""
    CANCELLED = 6
    """Given up; what was put aside is free again. Neither this nor CAPTURED ever follows the other."""


@dataclass(frozen=True, slots=True)
class Intent:
    """The gateway's side of a payment at one moment."""

    id: str
    order_id: UUID | None
    """None: it was not made by this service."""
    phase: Phase
    amount: int
    captured: int
    currency: str
    """ISO 4217, upper case; amounts are in its minor units."""
    client_secret: str | None = None
    next_action_url: str | None = None
    failure: str | None = None
    """Why the last try failed: the gateway's code, such as `insufficient_funds`."""


class RefundStatus(StrEnum):
    """What became of a refund."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RefundReport:
    """The gateway's side of a refund at one moment."""

    id: str
    refund_id: UUID | None
    """Ours; None: somebody refunded at the gateway's own pages."""
    intent_id: str | None
    amount: int
    currency: str
    status: RefundStatus
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class DisputeReport:
    """A payer's bank has taken money back, at least for now."""

    id: str
    intent_id: str | None
    amount: int
    currency: str
    won: bool
    """Decided for us: the money came back."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What is to be paid, and how."""

    order_id: UUID
    payment_id: UUID
    amount: int
    currency: str
    payment_method: str
    """The gateway's token."""
    return_url: str | None
    """Where the payer's browser goes after 3-D Secure."""


class RejectedError(Exception):
    """The gateway will not do that, now or later."""

    def __init__(self, code: str, message: str) -> None:
        """`code`: the gateway's, such as `amount_too_small`."""
        super().__init__(f"{code}: {message}")
        self.code = code


class UnexpectedPhaseError(Exception):
    """The intent is not in a phase in which that can be done: ask how it is."""


class PaymentGateway(Protocol):
    """A payment gateway."""

    async def authorise(self, charge: Charge) -> Intent:
        """Have the money put aside. However often it is called for one order, it is put aside once.

        An intent whose try failed is in phase DECLINED.

        Raises:
            RejectedError: it cannot even be tried; there is no intent.
        """

    async def capture(self, intent_id: str, payment_id: UUID) -> Intent:
        """Take all that was put aside, once.

        Raises:
            UnexpectedPhaseError: nothing is put aside.
        """

    async def cancel(self, intent_id: str) -> Intent:
        """Give up an intent that is not captured.

        Raises:
            UnexpectedPhaseError: it is captured or given up already.
        """

    async def retrieve(self, intent_id: str) -> Intent:
        """How the intent is now."""

    async def find(self, order_id: UUID, since: datetime) -> Intent | None:
        """The intent of an order that was made after `since`, if there is one."""

    async def refund(self, intent_id: str, refund_id: UUID, amount: int) -> RefundReport:
        """Give back `amount`, once per `refund_id`.

        Raises:
            RejectedError: it cannot be given back.
        """

    async def find_refund(self, intent_id: str, refund_id: UUID) -> RefundReport | None:
        """The refund that was made under that id of ours, if there is one."""

    def intents(self, since: datetime) -> AsyncIterator[Intent]:
        """All intents made after `since`, the newest first."""

    def refunds(self, since: datetime) -> AsyncIterator[RefundReport]:
        """All refunds made after `since`, the newest first."""

    def disputes(self, since: datetime) -> AsyncIterator[DisputeReport]:
        """All disputes opened after `since`, the newest first."""
