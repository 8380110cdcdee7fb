"""Rolling changes: which member of a store is replaced next, and when none may be."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from storefront_operator.api import parse_storefront
from storefront_operator.client import ApiError
from storefront_operator.client.resources import Resource
from storefront_operator.components import COMPONENTS, Action, Health, Reason
from storefront_operator.components.patroni_settings import RaiseConnections
from storefront_operator.components.patroni_switchover import Switchover
from storefront_operator.components.rolling import Due, ReplaceMember, due_member
from storefront_operator.engine.projection import project
from storefront_operator.objects import Child, Observed

NAMESPACE = "shop-data"
OLD, NEW = "postgres-1", "postgres-2"
LONG_AGO = "2026-01-01T00:00:00Z"


def workload(name: str = "postgres", *, replicas: int = 3, seen: int = 2, ready: int = 0) -> Child:
    return project("StatefulSet", stateful_set(name, replicas=replicas, seen=seen, ready=ready))


def stateful_set(name: str, *, replicas: int = 3, seen: int = 2, ready: int = 0) -> dict[str, Any]:
    container = {"name": name, "image": f"{name}:1"}
    return {
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": "w",
            "resourceVersion": "1",
            "generation": 2,
        },
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}},
        "status": {
            "observedGeneration": seen,
            "updateRevision": NEW,
            "replicas": replicas,
            "readyReplicas": ready,
        },
    }


def member(
    number: int,
    *,
    name: str = "postgres",
    revision: str = OLD,
    ready: bool = True,
    role: str = "replica",
    streaming: bool = True,
    waiting: str = "",
    deleting: bool = False,
    since: str = LONG_AGO,
    says: Mapping[str, Any] | None = None,
) -> Child:
    labels = {
        "app.kubernetes.io/name": name,
        "controller-revision-hash": revision,
        "role": role,
        "storefront.dev/replication": "linked",
    }
    metadata = {
        "name": f"{name}-{number}",
        "namespace": NAMESPACE,
        "uid": f"{name}-{number}",
        "resourceVersion": "1",
        "labels": labels,
        "annotations": {"status": json.dumps({"replication_state": "streaming", **(says or {})})}
        if streaming
        else {},
    }
    if deleting:
        metadata["deletionTimestamp"] = LONG_AGO
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": since}
    container = {"name": name, "state": {"waiting": {"reason": waiting}} if waiting else {"running": {}}}
    status = {"phase": "Running", "conditions": [condition], "containerStatuses": [container]}
    return project("Pod", {"metadata": metadata, "spec": {"nodeName": f"node{number}"}, "status": status})


def node(number: int, *, ready: bool = True) -> Child:
    status = {"conditions": [{"type": "Ready", "status": "True" if ready else "Unknown"}]}
    metadata = {"name": f"node{number}", "uid": f"node{number}", "resourceVersion": "1"}
    return project("Node", {"metadata": metadata, "status": status})


def observed(*children: Child, silent: int | None = None) -> Observed:
    nodes = [node(number, ready=number != silent) for number in range(3)]
    return Observed({child.key: child for child in children}, {each.key: each for each in nodes})


def due(*members: Child, **of_workload: Any) -> Due | None:
    return due_member(observed(workload(**of_workload), *members), NAMESPACE, "postgres")


def chosen(*members: Child) -> tuple[str, bool] | None:
    found = due(*members)
    return found and (found.pod.key.name, found.serving)


PRIMARY = member(0, role="primary")


class TestOrder:
    def test_when_all_have_the_newest_template_nothing_is_due(self) -> None:
        assert due(*(member(number, revision=NEW) for number in range(3))) is None

    def test_the_highest_replica_goes_first_and_the_primary_last(self) -> None:
        primary = member(2, role="primary")

        assert chosen(member(0), member(1), primary) == ("postgres-1", True)
        assert chosen(member(0), member(1, revision=NEW), primary) == ("postgres-0", True)
        assert chosen(member(0, revision=NEW), member(1, revision=NEW), primary) == ("postgres-2", True)

    @pytest.mark.parametrize(
        "other",
        [
            member(2, revision=NEW, ready=False),
            member(2, revision=NEW, deleting=True),
            member(2, deleting=True),
        ],
        ids=["starting", "new and deleted", "old and deleted"],
    )
    def test_the_next_one_waits_for_the_one_before(self, other: Child) -> None:
        assert due(PRIMARY, member(1), other) is None

    def test_a_missing_member_is_waited_for(self) -> None:
        assert due(PRIMARY, member(1)) is None

    def test_a_template_that_the_controller_has_not_seen_is_waited_for(self) -> None:
        assert due(PRIMARY, member(1), member(2), seen=1) is None

    def test_what_is_broken_is_replaced_before_what_serves(self) -> None:
        broken = member(1, revision="postgres-broken", ready=False, waiting="CrashLoopBackOff")

        assert chosen(PRIMARY, broken, member(2)) == ("postgres-1", False)

    def test_a_primary_that_is_not_ready_for_a_moment_is_left_alone(self) -> None:
        assert due(member(0, role="primary", ready=False), member(1), member(2)) is None

    def test_where_nothing_is_ready_every_member_is_replaced(self) -> None:
        members = [member(number, ready=False) for number in range(3)]

        assert chosen(*members) == ("postgres-2", False)
        assert chosen(*members[:2], member(2, revision=NEW, ready=False)) == ("postgres-1", False)


def test_while_a_node_is_silent_nothing_is_replaced() -> None:
    members = [member(number, ready=False) for number in range(3)]

    assert due_member(observed(workload(), *members, silent=1), NAMESPACE, "postgres") is None


class FakeClient:
    """Remembers what is written; ConfigMaps come from a dictionary, and every StatefulSet wants the NEW template."""

    def __init__(self, config_maps: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self.config_maps = config_maps or {}
        self.done: list[tuple[Any, ...]] = []
        self.error: ApiError | None = None
        self.wanted = NEW

    async def get(self, resource: Resource, _namespace: str, name: str) -> dict[str, Any] | None:
        if resource.kind == "StatefulSet":
            found = stateful_set(name)
            found["status"]["updateRevision"] = self.wanted
            return found
        if name not in self.config_maps:
            return None
        metadata = {"resourceVersion": "7", "labels": {"scope": "x"}, "annotations": self.config_maps[name]}
        return {"metadata": metadata}

    async def delete(
        self, _resource: object, _namespace: str, name: str, *, uid: str, resource_version: str
    ) -> None:
        assert resource_version == "1"
        if self.error:
            raise self.error
        self.done.append(("delete", name, uid))

    async def create(self, _resource: object, manifest: dict[str, Any], _manager: str) -> None:
        self.done.append(("create", manifest["metadata"]))

    async def patch(self, _resource: object, _namespace: str, name: str, patch: dict[str, Any]) -> None:
        self.done.append(("patch", name, patch["metadata"]))


def run(action: Action | None, client: FakeClient, answer: Health | None = None) -> str | None:
    async def ask(*_: object) -> Health | None:
        return answer

    assert action is not None
    return asyncio.run(action.run(client, ask))  # type: ignore[arg-type]


def step(name: str, *members: Child) -> Action | None:
    resource = {
        "apiVersion": "storefront.dev/v1alpha1",
        "kind": "Storefront",
        "metadata": {"name": "shop", "uid": "u", "generation": 1},
        "spec": {"domain": "shop.example.com"},
    }
    component = next(each for each in COMPONENTS if each.name == name)
    replicas = {"redis": 2}.get(name, 3)
    return component.rollout(
        parse_storefront(resource), observed(workload(name, replicas=replicas), *members)
    )


class TestPostgres:
    LOCK: Mapping[str, Mapping[str, str]] = {
        "postgres-leader": {"leader": "postgres-0"},
        "postgres-sync": {"leader": "postgres-0", "sync_standby": "postgres-2"},
    }

    def last(self) -> Sequence[Child]:
        return PRIMARY, member(1, revision=NEW), member(2, revision=NEW)

    def test_a_replica_is_replaced_while_the_other_streams(self) -> None:
        client = FakeClient()

        assert run(step("postgres", PRIMARY, member(1), member(2)), client)
        assert client.done == [("delete", "postgres-2", "postgres-2")]

    def test_a_replica_that_does_not_stream_is_waited_for(self) -> None:
        assert step("postgres", PRIMARY, member(1), member(2, revision=NEW, streaming=False)) is None

    def test_a_replica_far_behind_or_on_an_old_timeline_is_waited_for(self) -> None:
        ahead = member(0, role="primary", says={"timeline": 2, "xlog_location": 2**40})

        for late in ({"timeline": 2, "xlog_location": 0}, {"timeline": 1, "xlog_location": 2**40}):
            assert step("postgres", ahead, member(1), member(2, revision=NEW, says=late)) is None

    def test_without_a_primary_nothing_is_replaced(self) -> None:
        assert step("postgres", member(0), member(1), member(2)) is None

    def test_the_primary_hands_over_to_a_synchronous_replica(self) -> None:
        client = FakeClient(self.LOCK)

        told = run(step("postgres", *self.last()), client)

        assert "postgres-2 takes over from postgres-0" in str(told)
        ((verb, metadata),) = client.done
        assert (verb, metadata["name"]) == ("create", "postgres-failover")
        assert metadata["annotations"] == {"leader": "postgres-0", "member": "postgres-2"}
        assert metadata["labels"] == {"scope": "x"}  # by which Patroni finds it

    def test_an_earlier_request_is_written_over_when_it_was_met(self) -> None:
        client = FakeClient({**self.LOCK, "postgres-failover": {}})

        run(step("postgres", *self.last()), client)

        assert client.done == [
            (
                "patch",
                "postgres-failover",
                {"resourceVersion": "7", "annotations": {"leader": "postgres-0", "member": "postgres-2"}},
            )
        ]

    @pytest.mark.parametrize(
        "state",
        [
            {**LOCK, "postgres-failover": {"leader": "postgres-0", "member": "postgres-2"}},
            {**LOCK, "postgres-leader": {"leader": "postgres-1"}},
            {**LOCK, "postgres-sync": {}},
        ],
        ids=["under way", "another leads", "nobody is synchronous"],
    )
    def test_a_handover_waits(self, state: Mapping[str, Mapping[str, str]]) -> None:
        client = FakeClient(state)
        action = step("postgres", *self.last())

        assert isinstance(action, RaiseConnections)
        assert isinstance(action.then, Switchover)
        assert run(action, client) is None
        assert client.done == []

    def test_where_patroni_has_never_led_the_pod_is_just_replaced(self) -> None:
        client = FakeClient()

        run(step("postgres", *self.last()), client)

        assert client.done == [("delete", "postgres-0", "postgres-0")]


class TestConnectionsOfPostgres:
    """The number is told to Patroni before the first member restarts with it."""

    @staticmethod
    def config(connections: str) -> dict[str, dict[str, str]]:
        parameters = {"max_connections": connections, "wal_level": "replica"}
        config = {"ttl": 20, "postgresql": {"use_slots": True, "parameters": parameters}}
        return {"postgres-config": {"config": json.dumps(config)}}

    def test_a_number_that_is_too_small_is_raised_and_the_members_wait(self) -> None:
        client = FakeClient(self.config("100"))

        assert run(step("postgres", PRIMARY, member(1), member(2)), client) is None

        ((verb, name, metadata),) = client.done
        assert (verb, name, metadata["resourceVersion"]) == ("patch", "postgres-config", "7")
        config = json.loads(metadata["annotations"]["config"])
        assert config["postgresql"]["parameters"] == {"max_connections": "200", "wal_level": "replica"}
        assert (config["ttl"], config["postgresql"]["use_slots"]) == (20, True)

    @pytest.mark.parametrize("connections", ["200", "300"])
    def test_one_that_is_large_enough_is_left_alone(self, connections: str) -> None:
        client = FakeClient(self.config(connections))

        assert run(step("postgres", PRIMARY, member(1), member(2)), client)
        assert client.done == [("delete", "postgres-2", "postgres-2")]

    @pytest.mark.parametrize("annotations", [{}, {"config": "nonsense"}, {"config": "{}"}])
    def test_what_cannot_be_read_stops_nothing(self, annotations: dict[str, str]) -> None:
        client = FakeClient({"postgres-config": annotations})

        assert run(step("postgres", PRIMARY, member(1), member(2)), client)
        assert client.done == [("delete", "postgres-2", "postgres-2")]


class TestRedis:
    def step(self, *members: Child, sentinels: int = 3) -> Action | None:
        voters = workload("redis-sentinel", ready=sentinels)
        return step("redis", *members, voters)

    def test_the_replica_goes_first_then_the_primary(self) -> None:
        client = FakeClient()
        primary = member(0, name="redis", role="primary")

        run(self.step(primary, member(1, name="redis")), client)
        run(self.step(primary, member(1, name="redis", revision=NEW)), client)

        assert [name for _, name, _ in client.done] == ["redis-1", "redis-0"]

    def test_without_a_majority_of_sentinels_nobody_could_take_over(self) -> None:
        primary = member(0, name="redis", role="primary")

        assert self.step(primary, member(1, name="redis", revision=NEW), sentinels=1) is None


class TestByJudgement:
    FINE = Health(True, Reason.AS_DESIRED, "green")

    def action(self, since: str = LONG_AGO) -> Action | None:
        return step(
            "elasticsearch", *(member(n, name="elasticsearch", role="", since=since) for n in range(3))
        )

    def test_a_member_that_runs_is_given_time_to_become_ready_again(self) -> None:
        client = FakeClient()
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

        def unready(since: str) -> Action | None:
            others = [member(n, name="elasticsearch", role="") for n in range(2)]
            return step("elasticsearch", *others, member(2, name="elasticsearch", ready=False, since=since))

        assert run(unready(now), client) is None
        assert run(unready(LONG_AGO), client)

    def test_a_store_that_is_well_gives_a_member_away(self) -> None:
        client = FakeClient()

        assert run(self.action(), client, self.FINE)
        assert client.done == [("delete", "elasticsearch-2", "elasticsearch-2")]

    def test_a_store_that_is_not_well_keeps_its_members(self) -> None:
        client = FakeClient()

        assert run(self.action(), client, Health(True, Reason.DEGRADED, "yellow", True)) is None
        assert client.done == []

    def test_a_member_that_is_itself_what_ails_the_store_is_replaced(self) -> None:
        def ill(*dispensable: str) -> Health:
            return Health(True, Reason.DEGRADED, "partition", True, dispensable=frozenset(dispensable))

        client = FakeClient()
        assert run(self.action(), client, ill()) is None
        assert run(self.action(), client, ill("elasticsearch-0", "elasticsearch-2"))
        assert run(self.action(), client, ill("elasticsearch-0"))
        assert [name for _, name, _ in client.done] == ["elasticsearch-2", "elasticsearch-0"]

    def test_a_member_that_ails_the_store_and_is_of_the_newest_template_stays(self) -> None:
        client = FakeClient()
        old = (member(n, name="elasticsearch", role="") for n in range(2))
        rolling = step("elasticsearch", *old, member(2, name="elasticsearch", role="", revision=NEW))
        ill = Health(True, Reason.DEGRADED, "partition", True, dispensable=frozenset({"elasticsearch-2"}))

        assert run(rolling, client, ill) is None
        assert client.done == []

    def test_where_the_store_cannot_be_reached_half_a_minute_of_readiness_has_to_do(self) -> None:
        client = FakeClient()
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

        assert run(self.action(since=now), client, None) is None
        assert run(self.action(), client, None)

    def test_a_member_that_has_the_template_the_api_wants_now_is_not_touched(self) -> None:
        client = FakeClient()
        client.wanted = PRIMARY.facts["revision"]

        assert run(ReplaceMember(PRIMARY), client) is None
        assert client.done == []

    def test_another_pod_of_that_name_is_not_touched(self) -> None:
        client = FakeClient()
        client.error = ApiError(409, {"reason": "Conflict"})

        assert run(ReplaceMember(PRIMARY), client) is None
