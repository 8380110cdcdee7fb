"""A circuit breaker: who fails too often is left alone for a while (Nygard, Release It!, 2nd edition, chapter 5)."""

import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Self

import structlog
from prometheus_client import Counter, Gauge

from storefront_common.external.failures import CircuitOpenError

logger = structlog.stdlib.get_logger(__name__)

_STATE = Gauge("external_circuit_state", "0: closed, 1: half open, 2: open", ["system"])
_OPENED = Counter("external_circuit_opened_total", "Times that the circuit opened", ["system"])


class State(IntEnum):
    """What becomes of a call now; the numbers are what the metric shows."""

    CLOSED = 0
    """Calls pass."""
    HALF_OPEN = 1
    """A few calls pass and find out whether the system is back."""
    OPEN = 2
    """Calls are refused."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A block that was let in."""

    era: int
    """Number of state changes before it."""


class CircuitBreaker:
    """Around every call of one system: `async with breaker: …`.

    The block fails when it raises any Exception; so raise in it only what speaks against the system. A cancelled
    block counts neither way. The circuit opens when, of at least `minimum_volume` blocks that ended within the last
    `window_seconds`, the share `failure_rate` has failed. After `open_seconds` it lets `half_open_probes` blocks
    pass: when all of them succeed, it closes; when one fails, it opens again.

    For the tasks of one event loop. What a block finds out that began before the last change of state is no news.
    """

    def __init__(
        self,
        name: str,
        *,
        window_seconds: float = 30.0,
        minimum_volume: int = 10,
        failure_rate: float = 0.5,
        open_seconds: float = 10.0,
        half_open_probes: int = 3,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._window_seconds = window_seconds
        self._minimum_volume = minimum_volume
        self._failure_rate = failure_rate
        self._open_seconds = open_seconds
        self._half_open_probes = half_open_probes
        self._clock = clock
        self._era = 0
        self._outcomes: deque[tuple[float, bool]] = deque()
        self._failures = 0
        self._opened_at = 0.0
        self._probes_running = 0
        self._probes_succeeded = 0
        self._state = State.CLOSED
        # Time alone makes an open circuit half open: the metric asks when it is read.
        _STATE.labels(name).set_function(lambda: float(self.state))

    @property
    def state(self) -> State:
        """What would become of a call now."""
        if self._state is State.OPEN and self._remaining() <= 0:
            return State.HALF_OPEN
        return self._state

    def admit(self) -> Admission:
        """Let a block in; `record` must be told how it ended.

        Raises:
            CircuitOpenError: not now.
        """
        if self._state is State.OPEN:
            if self._remaining() > 0:
                raise CircuitOpenError(self.name, self._remaining())
            self._change(State.HALF_OPEN)
        if self._state is State.HALF_OPEN:
            if self._probes_running + self._probes_succeeded >= self._half_open_probes:
                raise CircuitOpenError(self.name, 0.0)
            self._probes_running += 1
        return Admission(self._era)

    def record(self, admission: Admission, *, succeeded: bool | None) -> None:
        """How an admitted block ended; None: it was given up and tells nothing."""
        if admission.era != self._era:
            return
        if self._state is State.HALF_OPEN:
            self._probes_running -= 1
            if succeeded is False:
                self._change(State.OPEN)
            elif succeeded:
                self._probes_succeeded += 1
                if self._probes_succeeded == self._half_open_probes:
                    self._change(State.CLOSED)
        elif succeeded is not None:
            self._count(succeeded)

    async def __aenter__(self) -> Self:
        """Let the block in, or raise CircuitOpenError."""
        _entered.set((*_entered.get(), self.admit()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        *outer, admission = _entered.get()
        _entered.set(tuple(outer))
        given_up = error is not None and not isinstance(error, Exception)
        self.record(admission, succeeded=None if given_up else error is None)

    def _count(self, succeeded: bool) -> None:
        now = self._clock()
        self._outcomes.append((now, succeeded))
        self._failures += not succeeded
        while self._outcomes[0][0] <= now - self._window_seconds:
            _, was_success = self._outcomes.popleft()
            self._failures -= not was_success
        volume = len(self._outcomes)
        if volume >= self._minimum_volume and self._failures >= self._failure_rate * volume:
            self._change(State.OPEN)

    def _remaining(self) -> float:
        """Seconds until an open circuit lets somebody in."""
        return self._opened_at + self._open_seconds - self._clock()

    def _change(self, state: State) -> None:
        self._state = state
        self._era += 1
        self._outcomes.clear()
        self._failures = self._probes_running = self._probes_succeeded = 0
        if state is State.OPEN:
            self._opened_at = self._clock()
            _OPENED.labels(self.name).inc()
        log = logger.warning if state is State.OPEN else logger.info
        log("circuit changed", system=self.name, state=state.name.lower())


_entered: ContextVar[tuple[Admission, ...]] = ContextVar("circuits_entered", default=())
"""The blocks that this task is in, innermost last: one breaker serves many tasks at once."""
