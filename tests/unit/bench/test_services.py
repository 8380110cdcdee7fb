"""The arithmetic of the services' benchmark, and its sender against a server that is slow on purpose."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bench.report import quantile
from bench.services import load, plot, pods
from bench.services.checkout import Checkout
from bench.services.comparison import ENTRY, PEER, SERVICE, Measured, Round, Scenario
from bench.services.load import Plan, Request, send
from bench.services.pods import Pod, Usage
from bench.services.report import Memory, Results
from bench.services.schedule import arrivals

SCENARIO = Scenario("product list", "product", 10, {SERVICE: [], PEER: [], ENTRY: []})


def test_as_many_requests_are_due_as_the_rate_says_all_within_the_time() -> None:
    due = arrivals(rate=30, seconds=20, seed=1)

    assert len(due) == 600
    assert due == sorted(due)
    assert 0 <= due[0] < due[-1] < 20


def test_the_same_seed_gives_the_same_moments() -> None:
    assert arrivals(10, 5, seed=1) == arrivals(10, 5, seed=1)
    assert arrivals(10, 5, seed=1) != arrivals(10, 5, seed=2)


def test_requests_come_as_independent_customers_come_not_in_step() -> None:
    due = arrivals(rate=100, seconds=100, seed=1)
    gaps = [later - earlier for earlier, later in itertools.pairwise(due)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)

    # Gaps of a Poisson process are exponential: their deviation is their mean.
    assert variance**0.5 == pytest.approx(mean, rel=0.1)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_a_quantile_is_one_of_the_values_by_nearest_rank(share: float, expected: int) -> None:
    assert quantile(range(1, 101), share) == expected


def test_a_quantile_of_one_value_is_that_value() -> None:
    assert quantile([7.0], 0.5) == quantile([7.0], 0.99) == 7.0


def a_round(answered: int, processor_seconds: float, failures: dict[str, int] | None = None) -> Round:
    return Round([1.0] * answered, failures or {}, [0.0], processor_seconds)


def test_ratios_compare_rounds_that_belong_together() -> None:
    measured = Measured(SCENARIO)
    # The machine was half as fast in the second round, for both.
    measured.rounds[SERVICE] = [a_round(100, 1.0), a_round(100, 2.0), a_round(100, 1.0)]
    measured.rounds[PEER] = [a_round(100, 0.5), a_round(100, 1.0), a_round(100, 0.4)]

    assert measured.ratios == pytest.approx([0.5, 0.5, 0.4])
    assert measured.ratio == pytest.approx(0.5)
    assert measured.per_core(SERVICE) == pytest.approx(75)


def test_what_failed_is_not_answered_and_is_counted_over_all_rounds() -> None:
    measured = Measured(SCENARIO)
    measured.rounds[ENTRY] = [
        a_round(9, 1.0, {"status 503": 1}),
        a_round(7, 1.0, {"status 503": 1, "TimeoutError": 2}),
    ]

    assert measured.answered(ENTRY) == 16
    assert measured.failures(ENTRY) == {"status 503": 2, "TimeoutError": 2}


STAT = "1 (a (strange) name) S 0 1 1 0 -1 4194560 100 0 0 0 1234 66 0 0 20 0 5 0 100 200 300"


@pytest.mark.parametrize("inactive", ["inactive_file 1048576", "total_inactive_file 1048576"])
def test_usage_is_read_from_both_versions_of_control_groups(inactive: str) -> None:
    usage = pods.parse(f"{STAT}\nPss:               65536 kB\n84934656\n{inactive}\n")

    assert usage.processor_seconds == pytest.approx(13.0)
    assert usage.proportional_set == 64 * 2**20
    assert usage.working_set == 80 * 2**20


def test_a_plan_survives_its_way_to_the_sender() -> None:
    plan = Plan(["http://127.0.0.1:1"], [Request("/a", "PUT", {"X": "1"}, {"quantity": 2})], 10, 1, 3)

    assert load.from_json(load.to_json(plan)) == plan


@pytest.fixture
async def one_at_a_time() -> AsyncIterator[str]:
    """A server that answers one request after another and takes 50 ms for each; `/broken` is broken."""
    turn = asyncio.Lock()

    async def slow(request: web.Request) -> web.Response:
        async with turn:
            await asyncio.sleep(0.05)
        return web.Response(status=500 if request.path == "/broken" else 200)

    application = web.Application()
    application.router.add_get("/{any}", slow)
    async with TestServer(application) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_latencies_tell_of_the_queue_that_a_slow_server_makes(one_at_a_time: str) -> None:
    # Twice as much as it can answer: a sender that waited for answers would see 50 ms for each.
    outcome = await send(Plan([one_at_a_time], [Request("/slow")], rate=40, seconds=1, seed=1))

    assert len(outcome.latencies) == 40
    assert not outcome.failures
    assert max(outcome.latencies) > 500


async def test_what_fails_is_told_by_its_reason(one_at_a_time: str) -> None:
    requests = [Request("/slow"), Request("/broken")]

    outcome = await send(Plan([one_at_a_time], requests, rate=10, seconds=1, seed=1))

    assert len(outcome.latencies) == 5
    assert outcome.failures == {"status 500": 5}


async def test_what_is_due_while_too_much_is_unanswered_is_not_sent(one_at_a_time: str) -> None:
    plan = Plan([one_at_a_time], [Request("/slow")], rate=100, seconds=0.5, seed=1, most_in_flight=2)

    outcome = await send(plan)

    assert outcome.failures["too many in flight"] > 0
    assert len(outcome.latencies) + outcome.failures.total() == 50


def results() -> Results:
    measured = Measured(SCENARIO)
    measured.rounds = {
        SERVICE: [a_round(100, 1.0, {"status 503": 2})] * 2,
        PEER: [a_round(100, 0.4)] * 2,
        ENTRY: [a_round(100, 1.1)] * 2,
    }
    checkout = Checkout(1, 10, [80.0, 90.0], [900.0, 1100.0], processor_seconds={"order": 0.5, "user": 0.5})
    at_rest, loaded = Usage(1, 80 * 2**20, 90 * 2**20), Usage(9, 90 * 2**20, 101 * 2**20)
    pods_ = [
        Pod("bench-services", f"{name}-1", name, "10.0.0.1") for name in ("product", "bench-peer-product")
    ]
    memory = [Memory(pod, at_rest, loaded, 0.01) for pod in pods_]
    return Results([measured], checkout, memory, {"exports": 3, "bytes": 4096})


def test_the_file_says_which_goals_are_met_and_a_peer_has_none(tmp_path: Path) -> None:
    results().write(tmp_path / "bench.json", {"revision": "abc"})

    document = json.loads((tmp_path / "bench.json").read_text())
    (scenario,) = document["scenarios"]
    assert (scenario["ratio"], scenario["met"]) == (pytest.approx(0.4), False)
    assert scenario["targets"][SERVICE]["failures"] == {"status 503": 4}
    assert document["checkout"]["per_core"] == pytest.approx(2.0)
    service, peer = document["memory"]
    assert (service["working_set_mib"], service["met"]) == (pytest.approx(101), False)
    assert "met" not in peer


def test_the_table_shows_ratio_spread_and_misses() -> None:
    table = results().table()

    assert "0.40 (0.40…0.40)" in table
    assert table.count("MISSED") == 2
    assert "2 orders shipped, 0 failed" in table


def test_the_picture_is_drawn_from_the_file_alone(tmp_path: Path) -> None:
    results().write(tmp_path / "bench.json", {})

    assert plot.draw(tmp_path / "bench.json", tmp_path / "bench.svg")
    assert "product" in (tmp_path / "bench.svg").read_text()


def test_no_picture_is_drawn_of_nothing(tmp_path: Path) -> None:
    Results().write(tmp_path / "bench.json", {})

    assert not plot.draw(tmp_path / "bench.json", tmp_path / "bench.svg")
