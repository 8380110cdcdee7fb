"""The stores lose their leaders, nodes, network and API while clients on every node write to all of them.

STORE_ROUNDS=n repeats every fault. Nothing may be lost by PostgreSQL and RabbitMQ, Elasticsearch may never be red, and
every store takes writes again; how long that takes is measured, not asserted.
"""

from __future__ import annotations

import os

import pytest

from tests.chaos.stores.account import Table
from tests.chaos.stores.client_pods import STORES
from tests.chaos.stores.trial import CONTROL, DELETED, KILLED, UNATTENDED, Trial

ROUNDS = int(os.environ.get("STORE_ROUNDS", "1"))
API_SECONDS = 120.0 if ROUNDS > 1 else 30.0
"""How long the API server is away; one round is the sample of `make test`."""

pytestmark = [pytest.mark.nodes, pytest.mark.stores]


@pytest.mark.parametrize("number", range(1, ROUNDS + 1))
def test_a_round_of_faults_loses_nothing_that_must_not_be_lost(
    trial: Trial, table: Table, number: int
) -> None:
    trial.each_leader(KILLED, trial.kill)
    trial.each_leader(DELETED, trial.delete)
    with trial.unattended():
        trial.each_leader(UNATTENDED, trial.delete)
    trial.roll()
    trial.outage()
    trial.node_off()
    trial.node_cut()
    trial.api_away(API_SECONDS)

    lost = trial.read_back()

    print("\n".join(table.lines()), flush=True)
    assert lost["postgres"] == set()
    assert lost["rabbitmq"] == set()
    assert sum(each.red for each in table.costs) == 0


def test_a_record_that_is_removed_by_hand_is_missed(trial: Trial, table: Table) -> None:
    trial.well()
    trial.read_back()

    removed = {store: {trial.remove_one(store)} for store in STORES}

    assert trial.read_back() == removed
    assert [each.lost for each in table.costs if each.fault == CONTROL] == [1] * len(STORES)
