"""Send requests at the moments at which they are due, whether or not earlier ones were answered (open loop).

`python -m bench.services.load` reads a plan as JSON from standard input and writes what came of it to standard output.
It runs in a pod of the services' image, or beside a service on this machine: it needs the standard library and aiohttp.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp

from bench.services.schedule import arrivals


@dataclass(frozen=True)
class Request:
    """One request; `path` begins with a slash, `body` is JSON."""

    path: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True)
class Plan:
    """`rate` requests a second for `seconds`, in turn to these addresses."""

    addresses: Sequence[str]
    requests: Sequence[Request]
    rate: float
    seconds: float
    seed: int
    timeout: float = 10.0
    """Seconds from the moment at which a request is sent until it counts as failed."""
    most_in_flight: int = 256
    """What is due while so many are unanswered is not sent: it has failed."""


@dataclass
class Outcome:
    """What came of a plan; times are in milliseconds from the moment at which a request was due."""

    latencies: list[float] = field(default_factory=list)
    """Until the last byte of an answer with a status below 400."""
    failures: Counter[str] = field(default_factory=Counter)
    """How many requests failed, by the reason."""
    sent_late: list[float] = field(default_factory=list)
    """How much later than due each request was sent: what the sender itself adds to a latency."""


def from_json(text: str) -> Plan:
    """The plan that `to_json` wrote."""
    document = json.loads(text)
    return Plan(**{**document, "requests": [Request(**each) for each in document["requests"]]})


def to_json(plan: Plan) -> str:
    """The plan for standard input."""
    return json.dumps(asdict(plan))


async def send(plan: Plan) -> Outcome:
    """Carry a plan out."""
    outcome = Outcome()
    timeout = aiohttp.ClientTimeout(total=plan.timeout)
    connector = aiohttp.TCPConnector(limit=plan.most_in_flight)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        await _send(session, plan, outcome)
    return outcome


async def _send(session: aiohttp.ClientSession, plan: Plan, outcome: Outcome) -> None:
    loop = asyncio.get_running_loop()
    addresses, requests = itertools.cycle(plan.addresses), itertools.cycle(plan.requests)
    in_flight: set[asyncio.Task[None]] = set()
    began = loop.time()
    for moment in arrivals(plan.rate, plan.seconds, plan.seed):
        due = began + moment
        # Also when it is due already: answers must be read meanwhile.
        await asyncio.sleep(max(0.0, due - loop.time()))
        if len(in_flight) >= plan.most_in_flight:
            outcome.failures["too many in flight"] += 1
            continue
        task = asyncio.create_task(_one(session, next(addresses), next(requests), due, outcome))
        in_flight.add(task)
        task.add_done_callback(in_flight.discard)
    await asyncio.gather(*in_flight)


async def _one(
    session: aiohttp.ClientSession, address: str, request: Request, due: float, outcome: Outcome
) -> None:
    loop = asyncio.get_running_loop()
    outcome.sent_late.append(1000 * (loop.time() - due))
    try:
        async with session.request(
            request.method, address + request.path, headers=request.headers, json=request.body
        ) as response:
            await response.read()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        outcome.failures[type(error).__name__] += 1
    else:
        if response.status < 400:
            outcome.latencies.append(1000 * (loop.time() - due))
        else:
            outcome.failures[f"status {response.status}"] += 1


def main() -> None:
    """Entry point."""
    outcome = asyncio.run(send(from_json(sys.stdin.read())))
    # Not `asdict`: it makes a counter of pairs.
    json.dump(vars(outcome), sys.stdout)


if __name__ == "__main__":
    main()
