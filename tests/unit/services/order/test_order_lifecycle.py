"""The life of an order, with every trigger at any time, any number of times and in any order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from order_service.orders.lifecycle import (
    CANCELLABLE,
    RULES,
    Action,
    Decision,
    Effect,
    Facts,
    Happened,
    State,
    Trigger,
    decide,
)
from storefront_common.events import CancellationReason

TOTAL = 5000
NOW = datetime(2026, 1, 1, tzinfo=UTC)

FORWARD = {
    State.PLACED: {State.RESERVED, State.PAID, State.CANCELLED},
    State.RESERVED: {State.ACTION_REQUIRED, State.PAID, State.CANCELLED},
    State.ACTION_REQUIRED: {State.PAID, State.CANCELLED},
    State.PAID: {State.SHIPPED, State.CANCELLED},
    State.SHIPPED: {State.DELIVERED},
    State.DELIVERED: set(),
    State.CANCELLED: set(),
}
"""The contract's saga: no order ever takes another way."""


def happened(trigger: Trigger, **given: object) -> Happened:
    """A trigger as it usually comes."""
    usual: dict[Trigger, Happened] = {
        Trigger.STOCK_REJECTED: Happened(trigger, reason=CancellationReason.OUT_OF_STOCK),
        Trigger.PAYMENT_CAPTURED: Happened(trigger, amount=TOTAL, payment_version=3),
        Trigger.PAYMENT_FAILED: Happened(trigger, payment_version=3),
        Trigger.PAYMENT_VOIDED: Happened(trigger, payment_version=4),
        Trigger.PAYMENT_REFUNDED: Happened(
            trigger, amount=TOTAL, refund=TOTAL, refund_id="re_1", payment_version=5
        ),
        Trigger.PAYMENT_ACTION_REQUIRED: Happened(
            trigger, payment_version=2, action=Action("secret", None, NOW + timedelta(minutes=15))
        ),
        Trigger.CANCEL: Happened(trigger, reason=CancellationReason.BY_CUSTOMER),
    }
    return replace(usual.get(trigger, Happened(trigger)), **given)  # type: ignore[arg-type]


def after(*triggers: Trigger | Happened) -> Facts:
    """What is known of an order to which these have happened."""
    facts = Facts(State.PLACED, TOTAL)
    for each in triggers:
        decision = decide(facts, each if isinstance(each, Happened) else happened(each))
        facts = decision.facts if decision else facts
    return facts


def follows(facts: Facts, trigger: Trigger | Happened) -> Decision:
    """What follows, which must be something."""
    decision = decide(facts, trigger if isinstance(trigger, Happened) else happened(trigger))
    assert decision is not None
    return decision


def test_the_way_of_an_order_that_is_paid_and_sent() -> None:
    steps = [
        (Trigger.STOCK_RESERVED, State.RESERVED, (Effect.PAYMENT_REQUESTED,)),
        (Trigger.PAYMENT_ACTION_REQUIRED, State.ACTION_REQUIRED, ()),
        (Trigger.PAYMENT_CAPTURED, State.PAID, (Effect.ORDER_PAID, Effect.BUY_LABEL)),
        (Trigger.LABEL_BOUGHT, State.SHIPPED, (Effect.ORDER_SHIPPED,)),
        (Trigger.DELIVER, State.DELIVERED, ()),
    ]
    facts = Facts(State.PLACED, TOTAL)
    for trigger, state, effects in steps:
        decision = follows(facts, trigger)
        assert (decision.facts.state, decision.effects) == (state, effects)
        assert (decision.facts.action is not None) == (state is State.ACTION_REQUIRED)
        facts = decision.facts


@pytest.mark.parametrize("state", sorted(CANCELLABLE))
def test_whoever_cancels_before_shipping_everybody_hears_of_it(state: State) -> None:
    decision = follows(Facts(state, TOTAL), Trigger.CANCEL)
    assert decision.facts.state is State.CANCELLED
    assert decision.facts.cancel_reason is CancellationReason.BY_CUSTOMER
    assert decision.effects == (Effect.ORDER_CANCELLED,)


@pytest.mark.parametrize("state", [State.SHIPPED, State.DELIVERED, State.CANCELLED])
def test_what_is_shipped_or_cancelled_cannot_be_cancelled(state: State) -> None:
    assert decide(Facts(state, TOTAL), happened(Trigger.CANCEL)) is None


def test_money_that_comes_after_the_cancellation_makes_it_be_told_again() -> None:
    facts = after(Trigger.STOCK_RESERVED, Trigger.CANCEL)
    decision = follows(facts, Trigger.PAYMENT_CAPTURED)
    assert decision.facts.state is State.CANCELLED
    assert decision.effects == (Effect.ORDER_CANCELLED,)
    assert decision.facts.waiting, "the sweeper must go on telling it until the money is back"
    assert not follows(decision.facts, Trigger.PAYMENT_REFUNDED).facts.waiting


def test_money_that_was_refunded_before_its_arrival_was_heard_of_is_not_asked_back_twice() -> None:
    facts = after(Trigger.STOCK_RESERVED, Trigger.CANCEL, Trigger.PAYMENT_REFUNDED)
    decision = follows(facts, Trigger.PAYMENT_CAPTURED)
    assert (decision.facts.outstanding, decision.effects) == (0, ())


def test_a_full_refund_before_shipping_keeps_the_goods_here() -> None:
    for facts in (after(Trigger.STOCK_RESERVED, Trigger.PAYMENT_CAPTURED), after(Trigger.STOCK_RESERVED)):
        decision = follows(facts, Trigger.PAYMENT_REFUNDED)
        assert decision.facts.state is State.CANCELLED
        assert decision.effects == (Effect.ORDER_CANCELLED, Effect.ORDER_REFUNDED)


def test_each_refund_is_told_once_whatever_their_order() -> None:
    first = happened(Trigger.PAYMENT_REFUNDED, refund_id="re_1", refund=1000, amount=1000)
    second = happened(Trigger.PAYMENT_REFUNDED, refund_id="re_2", refund=500, amount=1500)
    facts = after(Trigger.STOCK_RESERVED, Trigger.PAYMENT_CAPTURED, Trigger.LABEL_BOUGHT)
    told = 0
    for each in (second, first, second, first):
        decision = decide(facts, each)
        if decision is not None:
            facts = decision.facts
            told += decision.effects.count(Effect.ORDER_REFUNDED)
    assert (told, facts.refunded, facts.state) == (2, 1500, State.SHIPPED)


def test_an_older_question_of_the_bank_does_not_come_back() -> None:
    facts = after(Trigger.STOCK_RESERVED, happened(Trigger.PAYMENT_ACTION_REQUIRED, payment_version=4))
    older = happened(
        Trigger.PAYMENT_ACTION_REQUIRED, payment_version=2, action=Action("old secret", None, NOW)
    )
    assert decide(facts, older) is None
    paid = after(Trigger.STOCK_RESERVED, Trigger.PAYMENT_CAPTURED)
    assert decide(paid, happened(Trigger.PAYMENT_ACTION_REQUIRED)) is None


def test_less_than_the_total_does_not_pay_an_order() -> None:
    decision = follows(after(Trigger.STOCK_RESERVED), happened(Trigger.PAYMENT_CAPTURED, amount=TOTAL - 1))
    assert (decision.facts.state, decision.effects) == (State.RESERVED, ())
    expired = follows(decision.facts, Trigger.EXPIRE)
    assert expired.facts.outstanding == TOTAL - 1
    assert expired.effects == (Effect.ORDER_CANCELLED,)


def test_nothing_is_asked_for_an_order_that_costs_nothing() -> None:
    decision = follows(Facts(State.PLACED, 0), Trigger.STOCK_RESERVED)
    assert (decision.facts.state, decision.effects) == (State.PAID, (Effect.ORDER_PAID, Effect.BUY_LABEL))


def test_a_label_for_an_order_cancelled_meanwhile_changes_nothing_else() -> None:
    decision = follows(after(Trigger.STOCK_RESERVED, Trigger.CANCEL), Trigger.LABEL_BOUGHT)
    assert (decision.facts.state, decision.effects) == (State.CANCELLED, ())


@given(st.sampled_from(State), st.sampled_from(Trigger))
def test_no_rule_leads_off_the_way(state: State, trigger: Trigger) -> None:
    for each in RULES:
        if each.trigger is trigger and state in each.sources and each.target not in (None, state):
            assert each.target in FORWARD[state]


payments = st.builds(
    Happened,
    st.sampled_from([t for t in Trigger if t.startswith("payment.")]),
    amount=st.sampled_from([TOTAL, TOTAL, TOTAL - 1, 1]),
    payment_version=st.integers(1, 6),
    refund_id=st.sampled_from(["re_1", "re_2"]),
    refund=st.sampled_from([1, TOTAL]),
    action=st.builds(Action, st.sampled_from(["a", "b"]), st.none(), st.just(NOW)),
)
others = st.sampled_from([t for t in Trigger if not t.startswith("payment.")]).map(happened)


@given(st.lists(payments | others, max_size=15))
def test_whatever_happens_the_order_stays_on_its_way(many: list[Happened]) -> None:
    facts = Facts(State.PLACED, TOTAL)
    told_cancelled_with = 0
    reserved = False
    for each in many:
        reserved |= each.trigger is Trigger.STOCK_RESERVED
        decision = decide(facts, each)
        if decision is None:
            continue
        now = decision.facts
        assert now.state is facts.state or now.state in FORWARD[facts.state]
        assert (now.captured, now.refunded, now.payment_version) >= (
            facts.captured,
            facts.refunded,
            facts.payment_version,
        )
        assert (now.cancel_reason is not None) == (now.state is State.CANCELLED)
        assert (now.action is not None) == (now.state is State.ACTION_REQUIRED)
        if now.state in (State.PAID, State.SHIPPED, State.DELIVERED):
            assert now.captured >= now.total
            assert reserved, "it was paid before there was anything to sell"
        if Effect.ORDER_CANCELLED in decision.effects:
            told_cancelled_with = now.captured
        if now.state is State.CANCELLED and now.outstanding:
            assert told_cancelled_with == now.captured, "the payment service was not asked for this money"
            assert now.waiting
        facts = now


@given(st.lists(payments | others, max_size=12), st.randoms())
def test_hearing_everything_twice_changes_nothing_more(many: list[Happened], random: object) -> None:
    once = Facts(State.PLACED, TOTAL)
    twice = Facts(State.PLACED, TOTAL)
    effects: list[Effect] = []
    repeated: list[Effect] = []
    for each in many:
        decision = decide(once, each)
        if decision:
            once = decision.facts
            effects += decision.effects
        for _ in range(2):
            decision = decide(twice, each)
            if decision:
                twice = decision.facts
                repeated += decision.effects
    assert twice == once
    # Only what asks for an answer is said more often: cancellations that wait for money, and what is told again.
    harmless = {Effect.ORDER_CANCELLED}
    again = Trigger.TELL_AGAIN in {each.trigger for each in many}
    if not again:
        assert [e for e in repeated if e not in harmless] == [e for e in effects if e not in harmless]


class Payments:
    """The payment service as the contract describes it: it charges once, and never after a cancellation it knows."""

    def __init__(self) -> None:
        self.version = 0
        self.captured = 0
        self.refunded = 0
        self.cancelled = False
        self.ended = False

    def requested(self, outcome: str) -> list[Happened]:
        """What it tells of a request."""
        if self.ended or self.cancelled:
            return []
        self.version += 1
        if outcome == "action":
            action = Action(f"secret {self.version}", None, NOW)
            return [Happened(Trigger.PAYMENT_ACTION_REQUIRED, payment_version=self.version, action=action)]
        self.ended = True
        if outcome == "captured":
            self.captured = TOTAL
            return [Happened(Trigger.PAYMENT_CAPTURED, amount=TOTAL, payment_version=self.version)]
        told = [Happened(Trigger.PAYMENT_FAILED, payment_version=self.version)]
        if outcome == "expired":
            self.version += 1
            told.append(Happened(Trigger.PAYMENT_VOIDED, payment_version=self.version))
        return told

    def heard_cancellation(self) -> list[Happened]:
        """What it tells of a cancellation: voided, or refunded once."""
        self.cancelled = True
        if self.captured == self.refunded:
            if self.ended or self.version == 0:
                return []
            self.ended = True
            self.version += 1
            return [Happened(Trigger.PAYMENT_VOIDED, payment_version=self.version)]
        return self.refund()

    def refund(self) -> list[Happened]:
        """All that is left."""
        amount = self.captured - self.refunded
        if not amount:
            return []
        self.refunded = self.captured
        self.version += 1
        return [
            Happened(
                Trigger.PAYMENT_REFUNDED,
                amount=self.refunded,
                refund=amount,
                refund_id=f"re_{self.version}",
                payment_version=self.version,
            )
        ]


class Saga(RuleBasedStateMachine):
    """An order among services whose messages are late, doubled and overtake one another."""

    def __init__(self) -> None:
        super().__init__()
        self.facts = Facts(State.PLACED, TOTAL)
        self.version = 1
        self.payments = Payments()
        self.stock: str | None = None
        self.to_stock: list[Effect] = [Effect.ORDER_PLACED]
        self.to_payments: list[Effect] = []
        self.to_order: list[Happened] = []
        self.heard: list[Happened] = []
        self.labels = 0
        self.shipped = 0

    def hear(self, each: Happened) -> None:
        decision = decide(self.facts, each)
        if decision is None:
            return
        before, self.facts = self.facts, decision.facts
        self.version += 1
        assert self.facts.state is before.state or self.facts.state in FORWARD[before.state]
        for effect in decision.effects:
            match effect:
                case Effect.ORDER_PLACED | Effect.ORDER_PAID:
                    self.to_stock.append(effect)
                case Effect.PAYMENT_REQUESTED:
                    self.to_payments.append(effect)
                case Effect.ORDER_CANCELLED:
                    self.to_stock.append(effect)
                    self.to_payments.append(effect)
                case Effect.BUY_LABEL:
                    self.labels = 1
                case Effect.ORDER_SHIPPED if each.trigger is Trigger.LABEL_BOUGHT:
                    self.shipped += 1
                case _:
                    pass

    def answer_stock(self, message: Effect, outcome: str) -> None:
        """The product service: idempotent; a cancellation that comes first wins."""
        if message is Effect.ORDER_CANCELLED:
            self.stock = "committed, then returned" if self.stock == "committed" else "released"
        elif message is Effect.ORDER_PAID:
            if self.stock == "reserved":
                self.stock = "committed"
        elif self.stock is None:
            self.stock = outcome
        if message is Effect.ORDER_PLACED and self.stock in ("reserved", "rejected"):
            trigger = Trigger.STOCK_RESERVED if self.stock == "reserved" else Trigger.STOCK_REJECTED
            self.to_order.append(happened(trigger))

    def answer_payments(self, message: Effect, outcome: str) -> None:
        """The payment service."""
        if message is Effect.PAYMENT_REQUESTED:
            self.to_order += self.payments.requested(outcome)
        else:
            self.to_order += self.payments.heard_cancellation()

    @precondition(lambda self: self.to_stock)
    @rule(data=st.data(), outcome=st.sampled_from(["reserved", "reserved", "rejected"]), again=st.booleans())
    def stock_hears(self, data: st.DataObject, outcome: str, again: bool) -> None:
        message = data.draw(st.sampled_from(self.to_stock))
        if not again:
            self.to_stock.remove(message)
        self.answer_stock(message, outcome)

    @precondition(lambda self: self.to_payments)
    @rule(
        data=st.data(),
        outcome=st.sampled_from(["captured", "captured", "failed", "action", "expired"]),
        again=st.booleans(),
    )
    def payments_hear(self, data: st.DataObject, outcome: str, again: bool) -> None:
        message = data.draw(st.sampled_from(self.to_payments))
        if not again:
            self.to_payments.remove(message)
        self.answer_payments(message, outcome)

    @precondition(lambda self: self.to_order)
    @rule(data=st.data())
    def order_hears(self, data: st.DataObject) -> None:
        each = data.draw(st.sampled_from(self.to_order))
        self.to_order.remove(each)
        self.heard.append(each)
        self.hear(each)

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def order_hears_again(self, data: st.DataObject) -> None:
        self.hear(data.draw(st.sampled_from(self.heard)))

    @rule(trigger=st.sampled_from([Trigger.CANCEL, Trigger.EXPIRE, Trigger.TELL_AGAIN, Trigger.DELIVER]))
    def somebody_acts(self, trigger: Trigger) -> None:
        self.hear(happened(trigger))

    @precondition(lambda self: self.labels)
    @rule()
    def label_is_bought(self) -> None:
        self.hear(happened(Trigger.LABEL_BOUGHT))

    @precondition(lambda self: self.payments.captured)
    @rule()
    def shop_refunds(self) -> None:
        self.to_order += self.payments.refund()

    @invariant()
    def no_way_without_a_refund(self) -> None:
        if self.facts.state is State.CANCELLED and self.facts.outstanding:
            asked = Effect.ORDER_CANCELLED in self.to_payments or any(
                each.trigger is Trigger.PAYMENT_REFUNDED for each in self.to_order
            )
            assert asked or self.payments.refunded, "the customer's money is kept and nobody is asked for it"
        if self.facts.state in (State.PAID, State.SHIPPED, State.DELIVERED):
            assert self.payments.captured == TOTAL
        assert self.shipped <= 1

    def teardown(self) -> None:
        """Every message arrives in the end, and then the sweeper has nothing left to do."""
        for _ in range(200):
            if self.to_stock:
                self.answer_stock(self.to_stock.pop(), "reserved")
            elif self.to_payments:
                self.answer_payments(self.to_payments.pop(), "captured")
            elif self.to_order:
                self.hear(self.to_order.pop())
            elif self.facts.state is State.PAID:
                self.hear(happened(Trigger.LABEL_BOUGHT))
            elif self.facts.state is State.ACTION_REQUIRED:
                self.hear(happened(Trigger.EXPIRE))
            elif self.facts.waiting:
                self.hear(happened(Trigger.TELL_AGAIN))
            else:
                break
        else:
            raise AssertionError(f"it never ends: {self.facts}")
        state = self.facts.state
        assert state in (State.SHIPPED, State.DELIVERED, State.CANCELLED)
        assert self.facts.outstanding == self.payments.captured - self.payments.refunded
        if state is State.CANCELLED:
            assert self.payments.captured == self.payments.refunded, "cancelled, but the money is kept"
            assert self.stock in (None, "rejected", "released", "committed, then returned")
        else:
            assert self.stock == "committed"


TestSaga = Saga.TestCase
