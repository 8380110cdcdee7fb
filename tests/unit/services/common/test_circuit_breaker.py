"""The circuit breaker does what a list of everything that ever happened says it must."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule
from prometheus_client import REGISTRY
from storefront_common.external.breaker import Admission, CircuitBreaker, State
from storefront_common.external.failures import CircuitOpenError

WINDOW, VOLUME, RATE, OPEN, PROBES = 10.0, 4, 0.5, 5.0, 2


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def breaker(clock: Clock, name: str = "test") -> CircuitBreaker:
    return CircuitBreaker(
        name,
        window_seconds=WINDOW,
        minimum_volume=VOLUME,
        failure_rate=RATE,
        open_seconds=OPEN,
        half_open_probes=PROBES,
        clock=clock,
    )


class Model:
    """The same rules, written down plainly: it keeps every outcome and counts anew each time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.state = State.CLOSED
        self.opened_at = 0.0
        self.outcomes: list[tuple[float, bool]] = []
        self.running: set[int] = set()
        """Blocks that were admitted since the last change of state."""
        self.probes_succeeded = 0

    def seen(self) -> State:
        waited = self.clock.now - self.opened_at
        return State.HALF_OPEN if self.state is State.OPEN and waited >= OPEN else self.state

    def admits(self) -> bool:
        if self.seen() is State.HALF_OPEN:
            if self.state is State.OPEN:
                self.change(State.HALF_OPEN)
            return len(self.running) + self.probes_succeeded < PROBES
        return self.state is State.CLOSED

    def end(self, number: int, succeeded: bool | None) -> None:
        if number not in self.running:
            return
        self.running.remove(number)
        if succeeded is None:
            return
        if self.state is State.HALF_OPEN:
            self.probes_succeeded += succeeded
            if not succeeded:
                self.change(State.OPEN)
            elif self.probes_succeeded == PROBES:
                self.change(State.CLOSED)
            return
        self.outcomes.append((self.clock.now, succeeded))
        recent = [good for at, good in self.outcomes if at > self.clock.now - WINDOW]
        if len(recent) >= VOLUME and recent.count(False) / len(recent) >= RATE:
            self.change(State.OPEN)

    def change(self, state: State) -> None:
        self.state = state
        self.outcomes, self.running, self.probes_succeeded = [], set(), 0
        if state is State.OPEN:
            self.opened_at = self.clock.now


class BreakerAgainstModel(RuleBasedStateMachine):
    """Calls that begin, end well or badly or are given up, in any order and at any time."""

    blocks: Bundle[tuple[int, Admission]] = Bundle("blocks")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = breaker(self.clock)
        self.model = Model(self.clock)
        self.number = 0

    @rule(seconds=st.sampled_from([0.25, OPEN - 0.25, OPEN, WINDOW / 4, WINDOW]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @precondition(lambda self: self.model.seen() is not State.OPEN)
    @rule(target=blocks)
    def begin(self) -> tuple[int, Admission]:
        self.number += 1
        if self.model.admits():
            self.model.running.add(self.number)
            return self.number, self.breaker.admit()
        with pytest.raises(CircuitOpenError):
            self.breaker.admit()
        return self.number, Admission(-1)

    @precondition(lambda self: self.model.seen() is State.CLOSED)
    @rule(
        outcomes=st.lists(st.booleans(), min_size=1, max_size=VOLUME),
        pause=st.sampled_from([0.0, WINDOW / 4, WINDOW / 2, WINDOW]),
    )
    def call_several_times(self, outcomes: list[bool], pause: float) -> None:
        for succeeded in outcomes:
            if self.model.state is State.CLOSED:
                self.end(self.begin(), succeeded)
        self.clock.now += pause

    @precondition(lambda self: self.model.seen() is State.OPEN)
    @rule()
    def be_refused(self) -> None:
        with pytest.raises(CircuitOpenError) as refused:
            self.breaker.admit()
        assert refused.value.retry_after == self.model.opened_at + OPEN - self.clock.now
        assert not refused.value.may_have_happened

    @rule(block=consumes(blocks), succeeded=st.sampled_from([False, False, True, None]))
    def end(self, block: tuple[int, Admission], succeeded: bool | None) -> None:
        number, admission = block
        self.breaker.record(admission, succeeded=succeeded)
        self.model.end(number, succeeded)

    @invariant()
    def agrees(self) -> None:
        assert self.breaker.state is self.model.seen()
        assert REGISTRY.get_sample_value("external_circuit_state", {"system": "test"}) == self.model.seen()


TestBreakerAgainstModel = BreakerAgainstModel.TestCase


async def fail(guarded: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(ValueError, match="broken"):
            async with guarded:
                raise ValueError("broken")


async def test_it_opens_when_half_of_enough_calls_failed() -> None:
    guarded = breaker(Clock(), "rate")
    await fail(guarded)
    async with guarded:
        pass
    await fail(guarded)
    assert guarded.state is State.CLOSED  # three are too few
    await fail(guarded)
    assert guarded.state is State.OPEN
    with pytest.raises(
        CircuitOpenError, match=r"rate: failed too often; asked again in 5\.0 s; nothing has happened"
    ):
        async with guarded:
            pytest.fail("the block must not run")
    assert REGISTRY.get_sample_value("external_circuit_opened_total", {"system": "rate"}) == 1


async def test_old_failures_are_forgotten() -> None:
    clock = Clock()
    guarded = breaker(clock, "window")
    await fail(guarded, VOLUME - 1)
    clock.now += WINDOW
    await fail(guarded, VOLUME - 1)
    assert guarded.state is State.CLOSED


async def test_a_given_up_probe_leaves_its_place_to_another() -> None:
    clock = Clock()
    guarded = breaker(clock, "probes")
    await fail(guarded, VOLUME)
    clock.now += OPEN
    entered = asyncio.Event()

    async def hang() -> None:
        async with guarded:
            entered.set()
            await asyncio.Event().wait()

    probe = asyncio.create_task(hang())
    await entered.wait()
    async with guarded:  # in the other place
        with pytest.raises(CircuitOpenError):
            async with guarded:
                pass
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert guarded.state is State.HALF_OPEN
    async with guarded:
        pass
    assert guarded.state is State.CLOSED


async def test_what_began_before_it_opened_does_not_close_it() -> None:
    clock = Clock()
    guarded = breaker(clock, "late")
    late = [guarded.admit() for _ in range(PROBES)]
    await fail(guarded, VOLUME)
    clock.now += OPEN
    probe = guarded.admit()
    for admission in late:
        guarded.record(admission, succeeded=True)
    assert guarded.state is State.HALF_OPEN
    guarded.record(probe, succeeded=False)
    assert guarded.state is State.OPEN


async def test_a_closed_circuit_begins_anew() -> None:
    clock = Clock()
    guarded = breaker(clock, "anew")
    for _ in range(VOLUME):
        async with guarded:
            pass
    await fail(guarded, VOLUME)
    assert guarded.state is State.OPEN
    clock.now += OPEN
    for _ in range(PROBES):
        async with guarded:
            pass
    await fail(guarded, VOLUME - 1)
    assert guarded.state is State.CLOSED
    await fail(guarded)
    assert guarded.state is State.OPEN
