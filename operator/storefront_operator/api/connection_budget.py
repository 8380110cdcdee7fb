"""How many connections to PostgreSQL the services may open, and how many it therefore has to allow.

Each pod opens as many as its pool has at most. With every service at its greatest number of pods and in the middle
of a rollout, all of them together must fit: a connection that is refused is a request that fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

USUAL = 200
"""What a managed PostgreSQL allows at least, so that small changes of the spec do not restart it."""

STEP = 100
"""Beyond that it grows in steps, for the same reason."""

LARGEST = 1000
"""What a managed PostgreSQL allows at most: each connection is a process with memory of its own."""

EXTERNAL = 100
"""PostgreSQL's own default, for a server of which nobody says what it allows."""

RESERVE = 15
"""For superusers (3), Patroni on each member, monitoring, and a person who looks."""

_IN_MOTION = 2
"""Pods that a rollout adds to each service: one that comes, and one that goes and has not closed its connections."""

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class ConnectionBudget:
    """What each service opens at most, what Jobs need, and what PostgreSQL allows."""

    services: Mapping[str, int]
    jobs: int
    allowed: int

    @property
    def needed(self) -> int:
        """Connections that PostgreSQL has to allow."""
        return sum(self.services.values()) + self.jobs + RESERVE

    def __str__(self) -> str:
        services = ", ".join(f"{name} {count}" for name, count in self.services.items())
        return (
            f"{self.needed} connections to PostgreSQL may be needed ({services}, Jobs {self.jobs}, "
            f"reserve {RESERVE}); {self.allowed} are allowed"
        )


def connection_budget(spec: Spec) -> ConnectionBudget:
    """The budget of an effective spec."""
    services = {
        name: (most_pods(service) + _IN_MOTION) * service["databasePoolSize"]
        for name, service in spec["services"].items()
        if "databasePoolSize" in service
    }
    jobs = len(services) + 1  # a migration each, and the one that makes roles and databases
    needed = sum(services.values()) + jobs + RESERVE
    return ConnectionBudget(services, jobs, _allowed(spec["postgres"], needed))


def most_pods(service: Spec) -> int:
    """How many pods a service may have, rollouts aside."""
    autoscaling = service["autoscaling"]
    return int(autoscaling["maxReplicas"] if autoscaling["enabled"] else service["replicas"])


def problem_with(spec: Spec) -> str | None:
    """Why the connections of an effective spec do not fit, in words that name the numbers; None when they do."""
    budget = connection_budget(spec)
    if budget.needed <= budget.allowed:
        return None
    remedy = "Lower autoscaling.maxReplicas, replicas or databasePoolSize of spec.services"
    if spec["postgres"]["mode"] == "External":
        remedy += ", or let the server allow more and say so in spec.postgres.external.maxConnections"
    return f"spec.services: {budget}. {remedy}"


def _allowed(postgres: Spec, needed: int) -> int:
    if postgres["mode"] == "External":
        return int(postgres["external"].get("maxConnections", EXTERNAL))
    return min(LARGEST, max(USUAL, -(-needed // STEP) * STEP))
