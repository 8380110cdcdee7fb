"""What RabbitMQ's management API tells of a running cluster: facts for the status, and a judgement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from storefront_operator.components.base import Health, Reason
from storefront_operator.components.rabbitmq_topology import VIRTUAL_HOST

PATHS = ("/api/nodes", f"/api/queues/{VIRTUAL_HOST}?columns=name,type,leader,members,online")
"""What is asked of port 15672 of the Service `rabbitmq`, with the user of the Secret `rabbitmq-monitor`."""

Answer = Sequence[Mapping[str, Any]]


def live_health(nodes: Answer | None, queues: Answer | None, members: int) -> Health:
    """Judge the answers to both of `PATHS`, None for an error; `members` is how many there should be.

    Any one member answers for all: what it does not see, it calls not running.
    """
    if nodes is None or queues is None:
        return Health(True, Reason.DEGRADED, "the management API answers with an error", True)
    running = sorted(node["name"] for node in nodes if node.get("running"))
    # Nodes that have just started do not tell everything yet.
    cut_off = sorted(node["name"] for node in nodes if node.get("partitions"))
    alarms = sorted(
        f"{_member(node['name'])} is short of {what}"
        for node in nodes
        for field, what in (("mem_alarm", "memory"), ("disk_free_alarm", "disk space"))
        if node.get(field)
    )
    quorum_queues = [queue for queue in queues if queue.get("type") == "quorum"]
    without_majority = sorted(queue["name"] for queue in quorum_queues if not _has_majority(queue))
    facts = {
        "nodesRunning": len(running),
        "partitions": len(cut_off),
        "queues": len(quorum_queues),
        "queueLeaders": _leaders(quorum_queues),
    }
    if alarms:
        return Health(
            False,
            Reason.UNAVAILABLE,
            f"publishers are held back: {', '.join(alarms)}; let consumers catch up, "
            "or raise spec.rabbitmq.resources or spec.rabbitmq.storage",
            True,
            facts,
        )
    if without_majority:
        return Health(
            False,
            Reason.UNAVAILABLE,
            f"{len(without_majority)} of {len(quorum_queues)} queues have no majority of their replicas, "
            f"such as {without_majority[0]}; {len(running)} of {members} members run",
            True,
            facts,
        )
    catching_up = sorted(queue["name"] for queue in quorum_queues if not _is_complete(queue))
    if cut_off:
        ailment = f"{_member(cut_off[0])} is cut off from other members"
    elif len(running) < members:
        ailment = f"{len(running)} of {members} members run"
    elif catching_up:
        more = f"{len(catching_up)} of {len(quorum_queues)} queues, such as {catching_up[0]}"
        ailment = f"replicas of {more}, are not online"
    else:
        return Health(
            True, Reason.AS_DESIRED, f"{len(running)} members, {len(quorum_queues)} queues", facts=facts
        )
    dispensable = frozenset(
        _member(node["name"])
        for node in nodes
        if {*cut_off} <= {node["name"]}
        and len({*running} - {node["name"]}) == members - 1
        and all(_has_majority(queue, without=node["name"]) for queue in quorum_queues)
    )
    return Health(True, Reason.DEGRADED, ailment, True, facts, dispensable)


def _has_majority(queue: Mapping[str, Any], without: str = "") -> bool:
    return len(_online(queue) - {without}) * 2 > len(queue.get("members", ()))


def _is_complete(queue: Mapping[str, Any]) -> bool:
    return len(_online(queue)) == len(queue.get("members", ()))


def _online(queue: Mapping[str, Any]) -> set[str]:
    """The nodes whose replicas of a quorum queue take part."""
    return {*queue.get("online", ())} & {*queue.get("members", ())}


def _leaders(queues: Answer) -> dict[str, int]:
    """How many queues each member leads, by the name of its pod."""
    counts = Counter(_member(queue["leader"]) for queue in queues if queue.get("leader"))
    return dict(sorted(counts.items()))


def _member(node: str) -> str:
    """`rabbitmq-0` of `rabbit@rabbitmq-0.rabbitmq-members`."""
    return node.partition("@")[2].partition(".")[0]
