"""The service against its peer, in turn: the same requests at the same moments."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.report import quantile
from bench.services import pods
from bench.services.laboratory import Laboratory
from bench.services.load import Plan, Request
from bench.services.pods import Pod

SERVICE, PEER, ENTRY = "service", "peer", "entry"
TARGETS = (SERVICE, PEER, ENTRY)
"""The service's pods, the peer's pod, and the service's pods by way of ingress and API gateway."""


@dataclass(frozen=True)
class Scenario:
    """Requests that a service and its peer can answer, by target, at so many a second."""

    name: str
    service: str
    rate: float
    requests: Mapping[str, Sequence[Request]]


@dataclass(frozen=True)
class Round:
    """What one target did with one plan. Latencies are in milliseconds."""

    latencies: Sequence[float]
    failures: Mapping[str, int]
    sent_late: Sequence[float]
    processor_seconds: float
    """Used by the pods of the service, or of the peer."""

    @property
    def per_core(self) -> float:
        """Requests answered for each second that a processor worked for the pods."""
        return len(self.latencies) / self.processor_seconds


@dataclass
class Measured:
    """All rounds of a scenario, by target."""

    scenario: Scenario
    rounds: dict[str, list[Round]] = field(default_factory=lambda: {target: [] for target in TARGETS})

    @property
    def ratios(self) -> list[float]:
        """Of each round: requests per core of the service over those of the peer."""
        pairs = zip(self.rounds[SERVICE], self.rounds[PEER], strict=True)
        return [service.per_core / peer.per_core for service, peer in pairs]

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    def per_core(self, target: str) -> float:
        """Requests answered per processor second over all rounds."""
        rounds = self.rounds[target]
        return sum(len(each.latencies) for each in rounds) / sum(each.processor_seconds for each in rounds)

    def latency(self, target: str, share: float) -> float:
        """The latency in milliseconds that so large a share (0 to 1) of the answers does not exceed."""
        return quantile([value for each in self.rounds[target] for value in each.latencies], share)

    def answered(self, target: str) -> int:
        """How many requests were answered."""
        return sum(len(each.latencies) for each in self.rounds[target])

    def failures(self, target: str) -> Counter[str]:
        """How many requests failed, by the reason."""
        return sum((Counter(each.failures) for each in self.rounds[target]), Counter())


class MeasurementError(Exception):
    """What was measured would say nothing; the message says why."""


def check_answers(laboratory: Laboratory, scenario: Scenario) -> None:
    """Ask service and peer for the scenario's first answer. Raises MeasurementError when they differ."""
    answers = []
    for target, working in (
        (SERVICE, laboratory.service(scenario.service)),
        (PEER, laboratory.peer(scenario.service)),
    ):
        request = scenario.requests[target][0]
        answers.append(laboratory.answer(_address(working[0]) + request.path, request.headers))
    if answers[0] != answers[1]:
        raise MeasurementError(f"{scenario.name}: the service says {answers[0]}, its peer {answers[1]}")


def measure(
    laboratory: Laboratory, scenario: Scenario, *, rounds: int, seconds: float, warm_up: float
) -> Measured:
    """Let the targets take turns, in an order that is turned round each time."""
    measured = Measured(scenario)
    for target in TARGETS:
        _round(laboratory, scenario, target, warm_up, seed=0)
    for number in range(1, rounds + 1):
        for target in TARGETS if number % 2 else reversed(TARGETS):
            measured.rounds[target].append(_round(laboratory, scenario, target, seconds, seed=number))
    return measured


def _round(laboratory: Laboratory, scenario: Scenario, target: str, seconds: float, seed: int) -> Round:
    working = laboratory.peer(scenario.service) if target == PEER else laboratory.service(scenario.service)
    addresses = [laboratory.entry] if target == ENTRY else [_address(pod) for pod in working]
    plan = Plan(addresses, scenario.requests[target], scenario.rate, seconds, seed)
    before = pods.processor_seconds(laboratory.cluster, working)
    outcome = laboratory.send(plan)
    used = pods.processor_seconds(laboratory.cluster, working) - before
    if not outcome.latencies:
        raise MeasurementError(f"{scenario.name}: {target} answered nothing: {dict(outcome.failures)}")
    return Round(outcome.latencies, outcome.failures, outcome.sent_late, used)


def _address(pod: Pod) -> str:
    return f"http://{pod.address}:8080"
