"""What becomes of a payment: pure rules, from what is known to what follows.

Knowledge only grows. The gateway tells the same thing several times, by answers and by webhooks, and in no certain
order; the phase of its intent says which report is the newer one, so whoever comes second changes nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from payment_service.gateway import Intent, Phase
from payment_service.ledger.entries import Entry


class State(StrEnum):
    """How a payment stands, as people see it."""

    PENDING = "pending"
    """Asked for; the gateway has not answered yet."""
    ACTION_REQUIRED = "action_required"
    """The customer's bank wants to hear from the customer."""
    AUTHORISED = "authorised"
    """The money is put aside."""
    CAPTURED = "captured"
    """The money is ours."""
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    """All of it went back."""
    VOIDED = "voided"
    """Given up because the order was; nothing was charged."""
    FAILED = "failed"
    """Nothing was charged, and nothing will be."""


class GiveUp(StrEnum):
    """Why a payment shall not be made any more."""

    ORDER_CANCELLED = "order_cancelled"
    BY_SHOP = "voided_by_shop"
    EXPIRED = "expired"
    REJECTED = "rejected"
    """The gateway will not even try."""


class Notice(StrEnum):
    """What the other services are told."""

    ACTION_REQUIRED = "payment.action_required"
    CAPTURED = "payment.captured"
    VOIDED = "payment.voided"
    FAILED = "payment.failed"


class Step(StrEnum):
    """What has to be done next about a payment."""

    AUTHORISE = "authorise"
    LOOK_FOR = "look for"
    """The gateway was asked but did not answer, and the payment is not wanted any more: is there an intent?"""
    CLOSE = "close"
    """Nothing happened at the gateway: end it here."""
    WAIT = "wait"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"
    NONE = "none"


_FINAL = (Phase.CAPTURED, Phase.CANCELLED)

IN_FLIGHT = timedelta(seconds=60)
"""How long a request of ours may take to have its effect, at most: longer than any time-out on the way."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a payment, as far as it decides what follows. Amounts are in minor units."""

    amount: int
    expires_at: datetime
    intent_id: str | None = None
    phase: Phase | None = None
    """None: no intent is known."""
    authorised: bool = False
    """Whether money was ever put aside."""
    captured: int = 0
    refunded: int = 0
    refunding: int = 0
    """What was asked to be refunded and is not yet."""
    give_up: GiveUp | None = None
    failure: str | None = None
    asked_at: datetime | None = None
    """When the gateway was asked for an intent the last time."""
    closed: bool = False
    """It ended without an intent."""


@dataclass(frozen=True, slots=True)
class Change:
    """What follows from news: the facts afterwards, entries (what, amount) and notices in the order of their being."""

    facts: Facts
    entries: tuple[tuple[Entry, int], ...] = ()
    notices: tuple[Notice, ...] = ()


def state(facts: Facts) -> State:
    """How the payment stands."""
    match facts.phase:
        case Phase.CAPTURED if facts.refunded >= facts.captured:
            return State.REFUNDED
        case Phase.CAPTURED if facts.refunded:
            return State.PARTIALLY_REFUNDED
        case Phase.CAPTURED:
            return State.CAPTURED
        case Phase.AUTHORISED:
            return State.AUTHORISED
        case Phase.ACTION_REQUIRED:
            return State.ACTION_REQUIRED
        case Phase.CANCELLED:
            return _ended(facts)
    return _ended(facts) if facts.closed else State.PENDING


def _ended(facts: Facts) -> State:
    return State.VOIDED if facts.give_up in (GiveUp.ORDER_CANCELLED, GiveUp.BY_SHOP) else State.FAILED


def observe(facts: Facts, intent: Intent) -> Change | None:
    """What follows from a report about the payment's intent; None when it tells nothing new.

    Raises:
        ForeignIntentError: the payment has another intent.
    """
    if facts.intent_id not in (None, intent.id):
        raise ForeignIntentError(facts.intent_id or "", intent.id)
    if facts.phase is not None and (facts.phase in _FINAL or intent.phase <= facts.phase):
        return None
    now = replace(
        facts,
        intent_id=intent.id,
        phase=intent.phase,
        # The gateway is right: an intent that turns up after all is not closed.
        closed=False,
        failure=intent.failure if intent.phase is Phase.DECLINED else facts.failure,
        authorised=facts.authorised or intent.phase in (Phase.AUTHORISED, Phase.CAPTURED),
        captured=intent.captured if intent.phase is Phase.CAPTURED else 0,
    )
    entries: list[tuple[Entry, int]] = []
    if now.authorised and not facts.authorised:
        entries.append((Entry.AUTHORISED, intent.amount))
    notices: tuple[Notice, ...] = ()
    match intent.phase:
        case Phase.ACTION_REQUIRED:
            notices = () if facts.give_up else (Notice.ACTION_REQUIRED,)
        case Phase.CAPTURED:
            entries.append((Entry.CAPTURED, intent.captured))
            notices = (Notice.CAPTURED,)
        case Phase.CANCELLED:
            if facts.authorised:
                entries.append((Entry.VOIDED, intent.amount))
            notices = _last_notices(now)
    return Change(now, tuple(entries), notices)


def close(facts: Facts) -> Change | None:
    """What follows from knowing that there is no intent and will be none; None when it ended before."""
    if facts.phase is not None or facts.closed:
        return None
    now = replace(facts, closed=True)
    return Change(now, notices=_last_notices(now))


def _last_notices(facts: Facts) -> tuple[Notice, ...]:
    if _ended(facts) is State.VOIDED:
        return (Notice.VOIDED,)
    # Who waits for the customer's bank learns that it is over, and who waits for the money that there will be none.
    return (Notice.VOIDED, Notice.FAILED) if facts.give_up is GiveUp.EXPIRED else (Notice.FAILED,)


def give_up(facts: Facts, reason: GiveUp) -> Facts:
    """`facts` with the wish not to charge; the first reason counts, but none is stronger than a cancelled order."""
    if facts.give_up is None or reason is GiveUp.ORDER_CANCELLED:
        return replace(facts, give_up=reason)
    return facts


def expire(facts: Facts, now: datetime) -> Facts:
    """`facts`, given up when the time to pay is over and nothing is captured."""
    ended = facts.closed or facts.phase in _FINAL
    return facts if ended or now < facts.expires_at else give_up(facts, GiveUp.EXPIRED)


def next_step(facts: Facts) -> Step:
    """What has to be done about the payment now."""
    unwanted = facts.give_up is not None
    match facts.phase:
        case None if facts.closed:
            return Step.NONE
        case None if unwanted:
            return Step.CLOSE if facts.asked_at is None else Step.LOOK_FOR
        case None:
            return Step.AUTHORISE
        case Phase.CREATED:
            return Step.CANCEL if unwanted else Step.AUTHORISE
        case Phase.DECLINED:
            # Who has another card places another order.
            return Step.CANCEL
        case Phase.ACTION_REQUIRED:
            return Step.CANCEL if unwanted else Step.WAIT
        case Phase.PROCESSING:
            return Step.WAIT
        case Phase.AUTHORISED:
            return Step.CANCEL if unwanted else Step.CAPTURE
        case Phase.CAPTURED if unwanted and facts.refunded + facts.refunding < facts.captured:
            return Step.REFUND
    return Step.NONE


def is_certain(asked_at: datetime, looked_at: datetime) -> bool:
    """Whether an intent that was asked for the last time at `asked_at` and is not there at `looked_at` never comes."""
    return asked_at + IN_FLIGHT < looked_at


def current_notices(facts: Facts) -> tuple[Notice, ...]:
    """What somebody who missed everything has to be told."""
    match facts.phase:
        case Phase.ACTION_REQUIRED if facts.give_up is None:
            return (Notice.ACTION_REQUIRED,)
        case Phase.CAPTURED:
            return (Notice.CAPTURED,)
        case Phase.CANCELLED:
            return _last_notices(facts)
    return _last_notices(facts) if facts.closed else ()


class ForeignIntentError(Exception):
    """The gateway has two intents for one order: somebody must look."""

    def __init__(self, known: str, other: str) -> None:
        super().__init__(f"the payment's intent is {known}, but there is {other} for the same order")
        self.other = other
