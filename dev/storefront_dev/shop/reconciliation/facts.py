"""What is known of a shop at one moment, each fact from the system that owns it. Amounts are in minor units."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Where an order stands, as the order service says."""

    PLACED = "placed"
    RESERVED = "reserved"
    ACTION_REQUIRED = "action_required"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class MailKind(StrEnum):
    """What a mail tells its customer: an event about their order."""

    PLACED = "order.placed"
    PAID = "order.paid"
    SHIPPED = "order.shipped"
    CANCELLED = "order.cancelled"
    REFUNDED = "order.refunded"


@dataclass(frozen=True)
class Order:
    """From the order service."""

    id: str
    number: str
    state: State
    total: int
    quantities: Mapping[str, int]
    """How many of each SKU."""
    refunded: int = 0
    was_paid: bool = False
    """Whether it ever was, also when it was cancelled afterwards."""


@dataclass(frozen=True)
class Stock:
    """From the product service."""

    sku: str
    on_hand: int
    """In the warehouse, reserved ones included."""
    reserved: int


@dataclass(frozen=True)
class Account:
    """From the payment service's ledger: all entries of one order summed up."""

    order_id: str
    captured: int
    refunded: int


@dataclass(frozen=True)
class Charge:
    """From the payment gateway: money that really moved. One that was never captured has 0."""

    id: str
    order_id: str
    captured: int
    refunded: int


@dataclass(frozen=True)
class Mail:
    """From the email service; one that was sent again has the same Message-ID."""

    message_id: str
    order_id: str
    kind: MailKind


@dataclass(frozen=True)
class Label:
    """From the carrier."""

    id: str
    order_id: str


@dataclass(frozen=True)
class Journal:
    """What customers wrote down themselves while they bought.

    All orders of `Facts` were placed after `stock_before` was read, and nothing else has changed the stock.
    """

    accepted: frozenset[str]
    """Ids of the orders that were accepted."""
    stock_before: Mapping[str, int]
    """How many of each SKU were on hand."""


@dataclass(frozen=True)
class Facts:
    """Everything that is compared. Systems are asked one after the other, so compare a shop at rest."""

    orders: tuple[Order, ...] = ()
    stock: tuple[Stock, ...] = ()
    accounts: tuple[Account, ...] = ()
    charges: tuple[Charge, ...] = ()
    mails: tuple[Mail, ...] = ()
    labels: tuple[Label, ...] = ()
    journal: Journal | None = field(default=None)
