"""The life of an order, written once as data: states, triggers, guards, effects, and the rules that join them.

`decide` is a pure function of what is known and of what has happened. What it returns is carried out elsewhere, in one
transaction. The rules are all there is: docs/services/order-states.md is generated from them.

Messages are repeated and overtake one another. So a trigger never says "go to that state"; it teaches a fact (so much
is captured, so much is refunded), facts only ever grow, and the first rule that fits what is known then says what
follows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from storefront_common.events import CancellationReason


class State(StrEnum):
    """Where an order stands. Refunds are amounts on the order, not a state."""

    PLACED = "placed"
    """The customer has ordered; the stock is being asked for."""
    RESERVED = "reserved"
    """The stock is set aside; the payment is being made."""
    ACTION_REQUIRED = "action_required"
    """The customer's bank asks the customer something (3-D Secure)."""
    PAID = "paid"
    """The money is captured; the label is being bought."""
    SHIPPED = "shipped"
    """The parcel has a label and is on its way."""
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    """What can happen to an order. Those with a dot are events of other services."""

    STOCK_RESERVED = "stock.reserved"
    STOCK_REJECTED = "stock.rejected"
    PAYMENT_ACTION_REQUIRED = "payment.action_required"
    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_VOIDED = "payment.voided"
    PAYMENT_REFUNDED = "payment.refunded"
    CANCEL = "cancel"
    """The customer, the shop, or the erasure of the customer's data asks for it."""
    LABEL_BOUGHT = "label bought"
    DELIVER = "deliver"
    """The shop says that the parcel has arrived."""
    EXPIRE = "expire"
    """The sweeper: it has taken too long."""
    TELL_AGAIN = "tell again"
    """The sweeper or an operator: whoever has to answer may not have heard."""


class Effect(StrEnum):
    """What follows from a rule. Those with a dot are events that are published."""

    ORDER_PLACED = "order.placed"
    PAYMENT_REQUESTED = "payment.requested"
    ORDER_PAID = "order.paid"
    ORDER_SHIPPED = "order.shipped"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_REFUNDED = "order.refunded"
    BUY_LABEL = "buy the label"
    """A durable task."""


@dataclass(frozen=True, slots=True)
class Action:
    """What the customer must do before the payment can go on."""

    client_secret: str
    """For the gateway's library in the browser."""
    url: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an order, as far as it decides what follows. Amounts are in minor units."""

    state: State
    total: int
    captured: int = 0
    refunded: int = 0
    refund_ids: frozenset[str] = frozenset()
    """The refunds that were heard of. `refunded` may be more than they make up: a later one tells the sum."""
    voided: bool = False
    payment_version: int = 0
    """The newest version of the payment that was heard of."""
    action: Action | None = None
    cancel_reason: CancellationReason | None = None
    labelled: bool = False

    @property
    def outstanding(self) -> int:
        """Money of the customer that the shop holds."""
        return max(0, self.captured - self.refunded)

    @property
    def waiting(self) -> bool:
        """Whether another service owes an answer, or the customer's money."""
        owed = self.state is State.CANCELLED and self.outstanding > 0
        return owed or self.state in (State.PLACED, State.RESERVED)


@dataclass(frozen=True, slots=True)
class Happened:
    """A trigger with what it tells; only the fields of that trigger are set."""

    trigger: Trigger
    amount: int = 0
    """payment.captured: the amount; payment.refunded: all that was refunded so far. Minor units."""
    payment_version: int = 0
    refund_id: str | None = None
    refund: int = 0
    """payment.refunded: the amount of this refund."""
    action: Action | None = None
    reason: CancellationReason | None = None
    """stock.rejected and cancel: why."""


Guard = Callable[[Facts, Facts], bool]
"""Judges what was known before the trigger and what is known with it."""


def money_arrived(before: Facts, now: Facts) -> bool:
    """All of the total is captured (nothing has to be when nothing is to be paid)."""
    return now.captured >= now.total


def nothing_captured(before: Facts, now: Facts) -> bool:
    """No money has arrived."""
    return now.captured == 0


def money_outstanding(before: Facts, now: Facts) -> bool:
    """The shop holds money of the customer."""
    return now.outstanding > 0


def refunded_in_full(before: Facts, now: Facts) -> bool:
    """All of the total was given back."""
    return now.refunded >= now.total > 0


def refund_is_new(before: Facts, now: Facts) -> bool:
    """This refund was not heard of: each is told to the customer once."""
    return now.refund_ids != before.refund_ids


def action_is_new(before: Facts, now: Facts) -> bool:
    """The payment has not moved on since."""
    return now.action is not None and now.action != before.action


@dataclass(frozen=True, slots=True)
class Rule:
    """On `trigger` in one of `sources`, if `guard` holds: go to `target` (None: stay), do `effects` in this order."""

    trigger: Trigger
    sources: frozenset[State]
    target: State | None
    effects: tuple[Effect, ...] = ()
    guard: Guard | None = None
    reason: CancellationReason | None = None
    """Of the cancellation, unless the trigger names one."""


UNPAID = frozenset({State.PLACED, State.RESERVED, State.ACTION_REQUIRED})
PAYING = frozenset({State.RESERVED, State.ACTION_REQUIRED})
CANCELLABLE = UNPAID | {State.PAID}
"""States before shipping: an order in one of them can be cancelled."""


def _in(*states: State) -> frozenset[State]:
    return frozenset(states)


RULES: tuple[Rule, ...] = (
    # Nothing to pay, or money before stock: that is heard of only when the database was set back to an older state.
    Rule(
        Trigger.STOCK_RESERVED,
        _in(State.PLACED),
        State.PAID,
        (Effect.ORDER_PAID, Effect.BUY_LABEL),
        guard=money_arrived,
    ),
    Rule(Trigger.STOCK_RESERVED, _in(State.PLACED), State.RESERVED, (Effect.PAYMENT_REQUESTED,)),
    Rule(Trigger.STOCK_REJECTED, _in(State.PLACED), State.CANCELLED, (Effect.ORDER_CANCELLED,)),
    Rule(Trigger.PAYMENT_ACTION_REQUIRED, PAYING, State.ACTION_REQUIRED, guard=action_is_new),
    Rule(
        Trigger.PAYMENT_CAPTURED,
        PAYING,
        State.PAID,
        (Effect.ORDER_PAID, Effect.BUY_LABEL),
        guard=money_arrived,
    ),
    # Too late: the payment service hears of the cancellation once more, and refunds.
    Rule(
        Trigger.PAYMENT_CAPTURED,
        _in(State.CANCELLED),
        None,
        (Effect.ORDER_CANCELLED,),
        guard=money_outstanding,
    ),
    Rule(
        Trigger.PAYMENT_FAILED,
        UNPAID,
        State.CANCELLED,
        (Effect.ORDER_CANCELLED,),
        guard=nothing_captured,
        reason=CancellationReason.PAYMENT_FAILED,
    ),
    Rule(
        Trigger.PAYMENT_VOIDED,
        UNPAID,
        State.CANCELLED,
        (Effect.ORDER_CANCELLED,),
        guard=nothing_captured,
        reason=CancellationReason.PAYMENT_FAILED,
    ),
    # The money is back, so the goods stay.
    Rule(
        Trigger.PAYMENT_REFUNDED,
        CANCELLABLE,
        State.CANCELLED,
        (Effect.ORDER_CANCELLED, Effect.ORDER_REFUNDED),
        guard=refunded_in_full,
        reason=CancellationReason.BY_SHOP,
    ),
    Rule(Trigger.PAYMENT_REFUNDED, frozenset(State), None, (Effect.ORDER_REFUNDED,), guard=refund_is_new),
    Rule(Trigger.CANCEL, CANCELLABLE, State.CANCELLED, (Effect.ORDER_CANCELLED,)),
    Rule(Trigger.LABEL_BOUGHT, _in(State.PAID), State.SHIPPED, (Effect.ORDER_SHIPPED,)),
    Rule(Trigger.DELIVER, _in(State.SHIPPED), State.DELIVERED),
    Rule(
        Trigger.EXPIRE, UNPAID, State.CANCELLED, (Effect.ORDER_CANCELLED,), reason=CancellationReason.EXPIRED
    ),
    Rule(Trigger.TELL_AGAIN, _in(State.PLACED), None, (Effect.ORDER_PLACED,)),
    Rule(Trigger.TELL_AGAIN, PAYING, None, (Effect.PAYMENT_REQUESTED,)),
    Rule(Trigger.TELL_AGAIN, _in(State.PAID), None, (Effect.ORDER_PAID, Effect.BUY_LABEL)),
    Rule(Trigger.TELL_AGAIN, _in(State.SHIPPED, State.DELIVERED), None, (Effect.ORDER_SHIPPED,)),
    Rule(Trigger.TELL_AGAIN, _in(State.CANCELLED), None, (Effect.ORDER_CANCELLED,)),
)
"""Of several that fit, the first one counts."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an order becomes, and what is to be done besides."""

    facts: Facts
    effects: tuple[Effect, ...]


def decide(before: Facts, happened: Happened) -> Decision | None:
    """What follows when `happened` is heard of an order about which `before` is known; None when nothing is new."""
    now = learn(before, happened)
    for rule in RULES:
        if (
            rule.trigger is happened.trigger
            and before.state in rule.sources
            and (rule.guard is None or rule.guard(before, now))
        ):
            return Decision(_follow(rule, now, happened), rule.effects)
    return Decision(now, ()) if now != before else None


def learn(before: Facts, happened: Happened) -> Facts:
    """`before` with what `happened` tells. Nothing is ever unlearnt, so order and repetition do not matter."""
    version = max(before.payment_version, happened.payment_version)
    match happened.trigger:
        case Trigger.PAYMENT_CAPTURED:
            return replace(before, captured=max(before.captured, happened.amount), payment_version=version)
        case Trigger.PAYMENT_REFUNDED:
            return replace(
                before,
                refunded=max(before.refunded, happened.amount),
                refund_ids=before.refund_ids | {happened.refund_id or ""},
                payment_version=version,
            )
        case Trigger.PAYMENT_VOIDED:
            return replace(before, voided=True, payment_version=version)
        case Trigger.PAYMENT_ACTION_REQUIRED if happened.payment_version > before.payment_version:
            action = happened.action if before.state in PAYING else before.action
            return replace(before, action=action, payment_version=version)
        case Trigger.PAYMENT_FAILED:
            return replace(before, payment_version=version)
        case Trigger.LABEL_BOUGHT:
            return replace(before, labelled=True)
        case _:
            return before


def _follow(rule: Rule, now: Facts, happened: Happened) -> Facts:
    state = rule.target or now.state
    reason = now.cancel_reason
    if state is State.CANCELLED and now.state is not State.CANCELLED:
        reason = happened.reason or rule.reason
    # The bank's question is nobody's business once it is answered.
    action = now.action if state is State.ACTION_REQUIRED else None
    return replace(now, state=state, cancel_reason=reason, action=action)
