"""The rules of payments, driven at random against a model of the gateway that loses answers and repeats itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from payment_service.gateway import Intent, Phase
from payment_service.ledger.entries import Entry, balance
from payment_service.payments import lifecycle
from payment_service.payments.lifecycle import Facts, ForeignIntentError, GiveUp, Notice, State, Step

START = datetime(2026, 1, 1, tzinfo=UTC)
INTENT = Intent("pi_1", None, Phase.CREATED, 1_000, 0, "EUR")
FACTS = Facts(amount=1_000, expires_at=START + timedelta(minutes=30))


def test_a_report_that_comes_twice_or_too_late_changes_nothing() -> None:
    captured = lifecycle.observe(FACTS, replace(INTENT, phase=Phase.CAPTURED, captured=1_000))
    assert captured is not None

    assert lifecycle.observe(captured.facts, replace(INTENT, phase=Phase.CAPTURED, captured=1_000)) is None
    assert lifecycle.observe(captured.facts, replace(INTENT, phase=Phase.AUTHORISED)) is None
    assert lifecycle.observe(captured.facts, replace(INTENT, phase=Phase.CANCELLED)) is None


def test_a_capture_that_is_heard_of_first_books_what_came_before_as_well() -> None:
    change = lifecycle.observe(FACTS, replace(INTENT, phase=Phase.CAPTURED, captured=1_000))

    assert change is not None
    assert change.entries == ((Entry.AUTHORISED, 1_000), (Entry.CAPTURED, 1_000))
    assert change.notices == (Notice.CAPTURED,)


def test_a_second_intent_of_an_order_is_never_taken_for_the_first() -> None:
    facts = replace(FACTS, intent_id="pi_other", phase=Phase.CREATED)

    with pytest.raises(ForeignIntentError, match="pi_other"):
        lifecycle.observe(facts, INTENT)


def test_an_intent_that_turns_up_after_the_end_is_cancelled() -> None:
    closed = lifecycle.close(replace(FACTS, give_up=GiveUp.EXPIRED))
    assert closed is not None
    assert lifecycle.state(closed.facts) is State.FAILED

    late = lifecycle.observe(closed.facts, replace(INTENT, phase=Phase.AUTHORISED))

    assert late is not None
    assert lifecycle.next_step(late.facts) is Step.CANCEL


def test_money_that_arrives_after_the_order_was_cancelled_goes_back() -> None:
    given_up = lifecycle.give_up(FACTS, GiveUp.ORDER_CANCELLED)

    change = lifecycle.observe(given_up, replace(INTENT, phase=Phase.CAPTURED, captured=1_000))

    assert change is not None
    assert lifecycle.next_step(change.facts) is Step.REFUND
    assert lifecycle.next_step(replace(change.facts, refunding=1_000)) is Step.NONE


def test_a_cancelled_order_is_the_stronger_reason() -> None:
    expired = lifecycle.give_up(FACTS, GiveUp.EXPIRED)

    assert lifecycle.give_up(expired, GiveUp.BY_SHOP).give_up is GiveUp.EXPIRED
    assert lifecycle.give_up(expired, GiveUp.ORDER_CANCELLED).give_up is GiveUp.ORDER_CANCELLED


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        (FACTS, Step.AUTHORISE),
        (replace(FACTS, give_up=GiveUp.EXPIRED), Step.CLOSE),
        (replace(FACTS, give_up=GiveUp.EXPIRED, asked_at=START), Step.LOOK_FOR),
        (replace(FACTS, closed=True), Step.NONE),
        (replace(FACTS, phase=Phase.CREATED), Step.AUTHORISE),
        (replace(FACTS, phase=Phase.ACTION_REQUIRED), Step.WAIT),
        (replace(FACTS, phase=Phase.ACTION_REQUIRED, give_up=GiveUp.EXPIRED), Step.CANCEL),
        (replace(FACTS, phase=Phase.DECLINED), Step.CANCEL),
        (replace(FACTS, phase=Phase.PROCESSING, give_up=GiveUp.BY_SHOP), Step.WAIT),
        (replace(FACTS, phase=Phase.AUTHORISED), Step.CAPTURE),
        (replace(FACTS, phase=Phase.AUTHORISED, give_up=GiveUp.BY_SHOP), Step.CANCEL),
        (replace(FACTS, phase=Phase.CAPTURED, captured=1_000), Step.NONE),
        (replace(FACTS, phase=Phase.CANCELLED), Step.NONE),
    ],
)
def test_the_next_step(facts: Facts, step: Step) -> None:
    assert lifecycle.next_step(facts) is step


@dataclass
class ModelGateway:
    """What a gateway has of one payment; `reports` are all that it has ever said, and may say again."""

    card: str
    phase: Phase | None = None
    captures: int = 0
    refunds: list[int] = field(default_factory=list)
    reports: list[Intent] = field(default_factory=list)

    def become(self, phase: Phase) -> None:
        self.phase = phase
        captured = 1_000 if phase is Phase.CAPTURED else 0
        failure = "declined" if phase is Phase.DECLINED else None
        self.reports.append(replace(INTENT, phase=phase, captured=captured, failure=failure))

    def authorise(self) -> None:
        if self.phase is None:
            self.become(
                {"good": Phase.AUTHORISED, "bad": Phase.DECLINED, "careful": Phase.ACTION_REQUIRED}[self.card]
            )

    def capture(self) -> None:
        if self.phase is Phase.AUTHORISED:
            self.captures += 1
            self.become(Phase.CAPTURED)

    def cancel(self) -> None:
        if self.phase not in (None, Phase.CAPTURED, Phase.CANCELLED):
            self.become(Phase.CANCELLED)


class Payments(RuleBasedStateMachine):
    """One payment, with everything that can happen to it in any order."""

    @initialize(card=st.sampled_from(["good", "bad", "careful"]))
    def begin(self, card: str) -> None:
        self.gateway = ModelGateway(card)
        self.facts = FACTS
        self.now = START
        self.ledger: list[tuple[Entry, int]] = []
        self.notices: list[Notice] = []
        self.open_refunds: list[int] = []
        self.under_way = False

    @rule(answered=st.booleans(), slow=st.booleans())
    def settle(self, answered: bool, slow: bool = False) -> None:
        """The next step; its answer may be lost, and a request may be under way for a while."""
        self.facts = lifecycle.expire(self.facts, self.now)
        match lifecycle.next_step(self.facts):
            case Step.AUTHORISE:
                self.facts = replace(self.facts, asked_at=self.now)
                if slow:
                    self.under_way = True
                    return
                self.gateway.authorise()
            case Step.CAPTURE:
                self.gateway.capture()
            case Step.CANCEL:
                self.gateway.cancel()
            case Step.CLOSE:
                self.close()
                return
            case Step.LOOK_FOR:
                assert self.facts.asked_at is not None
                if self.gateway.phase is None and lifecycle.is_certain(self.facts.asked_at, self.now):
                    self.close()
                    return
            case Step.REFUND:
                self.open_refunds.append(self.left())
                self.count_open()
                return
            case Step.NONE:
                return
        if answered and self.gateway.reports:
            self.observe(self.gateway.reports[-1])

    @precondition(lambda self: self.gateway.reports)
    @rule(data=st.data())
    def webhook(self, data: st.DataObject) -> None:
        """Anything that the gateway has ever said, again."""
        self.observe(data.draw(st.sampled_from(self.gateway.reports)))

    @precondition(lambda self: self.gateway.phase is Phase.ACTION_REQUIRED)
    @rule(succeeds=st.booleans())
    def payer_answers(self, succeeds: bool) -> None:
        self.gateway.become(Phase.AUTHORISED if succeeds else Phase.DECLINED)

    @precondition(lambda self: self.gateway.phase is Phase.DECLINED)
    @rule()
    def payer_takes_another_card(self) -> None:
        self.gateway.become(Phase.AUTHORISED)

    @rule(reason=st.sampled_from([GiveUp.ORDER_CANCELLED, GiveUp.BY_SHOP]))
    def give_up(self, reason: GiveUp) -> None:
        if reason is GiveUp.ORDER_CANCELLED or self.facts.phase not in (Phase.CAPTURED, Phase.CANCELLED):
            self.facts = lifecycle.give_up(self.facts, reason)

    @rule(minutes=st.integers(1, 20))
    def time_passes(self, minutes: int) -> None:
        self.arrive()
        self.now += timedelta(minutes=minutes)

    @precondition(lambda self: self.under_way)
    @rule()
    def arrive(self) -> None:
        """A request that was under way has its effect; its answer is lost."""
        if self.under_way:
            self.gateway.authorise()
        self.under_way = False

    @rule(amount=st.integers(1, 1_000))
    def refund(self, amount: int) -> None:
        if amount <= self.left():
            self.open_refunds.append(amount)
            self.count_open()

    @precondition(lambda self: self.open_refunds)
    @rule()
    def refund_is_made(self) -> None:
        amount = self.open_refunds.pop()
        self.gateway.refunds.append(amount)
        self.ledger.append((Entry.REFUNDED, amount))
        self.facts = replace(self.facts, refunded=self.facts.refunded + amount)
        self.count_open()

    def observe(self, intent: Intent) -> None:
        change = lifecycle.observe(self.facts, intent)
        if change is not None:
            self.note(change)

    def close(self) -> None:
        change = lifecycle.close(self.facts)
        if change is not None:
            self.note(change)

    def note(self, change: lifecycle.Change) -> None:
        self.facts = change.facts
        self.ledger += change.entries
        self.notices += change.notices

    def left(self) -> int:
        return self.books().captured - self.books().refunded - sum(self.open_refunds)

    def count_open(self) -> None:
        self.facts = replace(self.facts, refunding=sum(self.open_refunds))

    def books(self) -> lifecycle.Facts:
        sums: dict[str, int] = {}
        for kind, amount in self.ledger:
            sums[kind] = sums.get(kind, 0) + amount
        found = balance(sums)
        return replace(self.facts, captured=found.captured, refunded=found.refunded)

    @invariant()
    def nothing_is_taken_twice_or_given_back_twice(self) -> None:
        assert self.gateway.captures <= 1
        assert sum(self.gateway.refunds) <= 1_000 * self.gateway.captures
        assert self.books().captured - self.books().refunded >= 0

    @invariant()
    def every_entry_is_written_once_and_true(self) -> None:
        once = [kind for kind, _ in self.ledger if kind is not Entry.REFUNDED]
        assert len(once) == len(set(once))
        assert self.books().captured <= 1_000 * self.gateway.captures
        assert not {Entry.CAPTURED, Entry.VOIDED} <= set(once)

    @invariant()
    def the_shop_is_told_one_story(self) -> None:
        assert self.notices.count(Notice.CAPTURED) <= 1
        assert self.notices.count(Notice.FAILED) <= 1
        if Notice.CAPTURED in self.notices:
            assert Notice.FAILED not in self.notices

    def teardown(self) -> None:
        """Once everybody answers again, both sides tell the same and nothing is left undone."""
        if not hasattr(self, "gateway"):
            return
        self.arrive()
        self.now += timedelta(hours=1)
        for _ in range(20):
            self.settle(answered=True)
            while self.open_refunds:
                self.refund_is_made()
        assert lifecycle.next_step(self.facts) is Step.NONE
        books = self.books()
        assert books.captured == 1_000 * self.gateway.captures
        assert books.refunded == sum(self.gateway.refunds)
        assert self.gateway.phase in (None, Phase.CAPTURED, Phase.CANCELLED)
        if self.facts.give_up is not None:
            assert books.captured == books.refunded
        assert self.notices[-1] in (Notice.CAPTURED, Notice.FAILED, Notice.VOIDED)


TestPayments = Payments.TestCase
TestPayments.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
