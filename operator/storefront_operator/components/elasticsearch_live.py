"""What Elasticsearch tells of a running cluster: facts for the status, and a judgement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storefront_operator.components.base import Health, Reason

PATHS = ("/_cluster/health?timeout=1s&master_timeout=1s",)
"""What is asked of port 9200 of the Service `elasticsearch`. Without a master the answer is an error (503)."""


def live_health(answer: Mapping[str, Any] | None, members: int) -> Health:
    """Judge the answer to `PATHS`, or None when there was none; `members` is how many nodes there should be."""
    # An error has a status too: that of HTTP.
    if answer is None or "number_of_nodes" not in answer:
        return Health(
            False,
            Reason.FAILING_OVER,
            "no master is elected; a majority of the members has to run and reach each other",
            True,
        )
    color, nodes = answer["status"], answer["number_of_nodes"]
    unassigned = answer["unassigned_shards"] + answer["initializing_shards"]
    facts = {
        "health": color,
        "nodesRunning": nodes,
        "shards": answer["active_shards"],
        "shardsMissing": unassigned,
    }
    if color == "red":
        return Health(
            False,
            Reason.UNAVAILABLE,
            f"an index has no copy at hand ({unassigned} shards are missing, {nodes} of {members} members run); "
            "it is back when the members that hold one are, or rebuilt by the product service's re-index",
            True,
            facts,
        )
    if color == "yellow" or nodes < members:
        return Health(
            True,
            Reason.DEGRADED,
            f"{nodes} of {members} members run, {unassigned} copies of shards are missing",
            True,
            facts,
        )
    return Health(
        True, Reason.AS_DESIRED, f"{color}: {nodes} members, {answer['active_shards']} shards", facts=facts
    )
