"""The pure parts of the engine: fingerprints, plans, conditions, the queue."""

from __future__ import annotations

import asyncio
import copy
import datetime
from typing import Any

import pytest
from storefront_operator.components import Health, Reason
from storefront_operator.engine.conditions import (
    Verdict,
    build_status,
    first_status,
    kept_status,
    ready_condition,
)
from storefront_operator.engine.merge_patch import merge_patch
from storefront_operator.engine.plan import Plan, Wanted, Why, make_plan
from storefront_operator.engine.queue import Queue
from storefront_operator.objects import Child, ChildKey, Observed
from storefront_operator.objects.fingerprint import desired_fingerprint, owned_fingerprint

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
LATER = NOW + datetime.timedelta(hours=1)


def config_map(name: str = "settings", **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "shop-edge", "labels": {"a": "b"}},
        "data": data,
    }


def child(name: str, desired_hash: str = "", owned_hash: str | None = None, **changes: Any) -> Child:
    values = {
        "key": ChildKey(changes.pop("kind", "ConfigMap"), "shop-edge", name),
        "uid": f"uid-{name}",
        "resource_version": "1",
        "labels": {},
        "desired_hash": desired_hash,
        "owned_hash": desired_hash if owned_hash is None else owned_hash,
        "deleting": False,
    }
    return Child(**{**values, **changes})


def observed(*children: Child) -> Observed:
    return Observed({each.key: each for each in children})


def plan_of(
    manifests: list[dict[str, Any]], live: Observed, applied: dict[ChildKey, tuple[str, str]]
) -> Plan:
    return make_plan(map(Wanted.of, manifests), live, applied)


def why(plan: Plan) -> dict[str, Why]:
    return {write.key.name: write.why for wave in plan.waves for write in wave}


def pruned(plan: Plan) -> set[str]:
    return {each.key.name for each in plan.prune}


class TestFingerprint:
    def live(self) -> dict[str, Any]:
        """A Deployment as the API server returns it: our fields, defaults, another manager's, a status."""
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": "web",
                "namespace": "shop",
                "uid": "u",
                "labels": {"a": "b", "theirs": "x"},
                "annotations": {"storefront.dev/desired-hash": "h"},
                "managedFields": [
                    {
                        "manager": "kubectl",
                        "operation": "Update",
                        "fieldsV1": {"f:metadata": {"f:labels": {"f:theirs": {}}}},
                    },
                    {
                        "manager": "storefront-operator",
                        "operation": "Apply",
                        "fieldsV1": {
                            "f:metadata": {
                                "f:labels": {"f:a": {}},
                                "f:annotations": {"f:storefront.dev/desired-hash": {}},
                            },
                            "f:spec": {
                                "f:replicas": {},
                                "f:template": {
                                    "f:spec": {
                                        "f:containers": {
                                            'k:{"name":"web"}': {
                                                ".": {},
                                                "f:name": {},
                                                "f:image": {},
                                                "f:args": {},
                                                "f:ports": {
                                                    'k:{"containerPort":80,"protocol":"TCP"}': {
                                                        ".": {}, "f:containerPort": {}, "f:protocol": {},
                                                    }
                                                },
                                            }
                                        }
                                    }
                                },
                            },
                        },
                    },
                ],
            },
            "spec": {
                "replicas": 2,
                "progressDeadlineSeconds": 600,
                "template": {
                    "spec": {
                        "restartPolicy": "Always",
                        "containers": [
                            {"name": "injected", "image": "sidecar"},
                            {
                                "name": "web",
                                "image": "i",
                                "args": ["b", "a"],
                                "imagePullPolicy": "Always",
                                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                            },
                        ],
                    }
                },
            },
            "status": {"replicas": 2},
        }  # fmt: skip

    def desired(self) -> dict[str, Any]:
        container = {
            "name": "web",
            "image": "i",
            "args": ["b", "a"],
            "ports": [{"containerPort": 80, "protocol": "TCP"}],
        }
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"a": "b"}},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [container]}}},
        }

    def test_an_untouched_object_hashes_to_what_was_applied(self) -> None:
        assert owned_fingerprint(self.live()) == desired_fingerprint(self.desired())

    @pytest.mark.parametrize("field", ["value", "ownership", "list item"])
    def test_any_change_of_an_owned_field_changes_the_hash(self, field: str) -> None:
        live = self.live()
        ours = live["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"]
        match field:
            case "value":
                live["spec"]["replicas"] = 3
            case "ownership":
                del ours["f:replicas"]
            case "list item":
                live["spec"]["template"]["spec"]["containers"].pop()

        assert owned_fingerprint(live) != desired_fingerprint(self.desired())

    def test_other_managers_fields_do_not_matter(self) -> None:
        live = self.live()
        live["metadata"]["labels"]["theirs"] = "y"
        live["spec"]["progressDeadlineSeconds"] = 1
        live["status"] = {}

        assert owned_fingerprint(live) == desired_fingerprint(self.desired())

    def test_the_order_of_plain_lists_matters(self) -> None:
        other = self.desired()
        other["spec"]["template"]["spec"]["containers"][0]["args"].reverse()

        assert desired_fingerprint(other) != desired_fingerprint(self.desired())

    def test_an_object_that_is_not_ours_has_no_fingerprint(self) -> None:
        live = self.live()
        del live["metadata"]["managedFields"][1]

        assert owned_fingerprint(live) == ""


class TestPlan:
    def test_what_is_missing_is_created_in_waves(self) -> None:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
        role = {"kind": "Role", "metadata": {"name": "r", "namespace": "n"}}
        binding = {"kind": "RoleBinding", "metadata": {"name": "b", "namespace": "n"}}

        plan = plan_of([binding, role, namespace], observed(), {})

        waves = [[write.key.kind for write in wave] for wave in plan.waves if wave]
        assert waves == [["Namespace"], ["Role"], ["RoleBinding"]]
        assert set(why(plan).values()) == {Why.CREATE}

    def test_the_steady_state_is_an_empty_plan(self) -> None:
        manifest = config_map(key="value")
        live = child("settings", desired_fingerprint(manifest))

        assert plan_of([manifest], observed(live), {}).is_empty

    def test_a_changed_desire_is_an_update(self) -> None:
        live = child("settings", desired_fingerprint(config_map(key="old")))

        assert why(plan_of([config_map(key="new")], observed(live), {})) == {"settings": Why.UPDATE}

    def test_a_touched_object_is_drift(self) -> None:
        manifest = config_map(key="value")
        live = child("settings", desired_fingerprint(manifest), "something else")

        assert why(plan_of([manifest], observed(live), {})) == {"settings": Why.DRIFT}

    def test_a_deleted_object_that_was_there_is_drift(self) -> None:
        applied = {ChildKey("ConfigMap", "shop-edge", "settings"): ("x", "y")}

        assert why(plan_of([config_map()], observed(), applied)) == {"settings": Why.DRIFT}

    def test_a_removed_hash_annotation_is_drift(self) -> None:
        manifest = config_map()
        desired = desired_fingerprint(manifest)
        live = child("settings", "", "other")

        plan = plan_of([manifest], observed(live), {live.key: (desired, desired)})

        assert why(plan) == {"settings": Why.DRIFT}

    def test_a_value_that_the_server_normalises_is_written_once_only(self) -> None:
        manifest = config_map()
        desired = desired_fingerprint(manifest)
        live = child("settings", desired, "as the server writes it")

        plan = plan_of([manifest], observed(live), {live.key: (desired, "as the server writes it")})

        assert plan.is_empty

    def test_what_is_no_longer_wanted_is_pruned(self) -> None:
        assert pruned(plan_of([], observed(child("old", "h")), {})) == {"old"}

    @pytest.mark.parametrize(
        "kept",
        [
            child("claim", "h", kind="PersistentVolumeClaim"),
            child("namespace", "h", kind="Namespace"),
            child("pod", "h", kind="Pod"),
            child("generated", "h", kind="Secret", labels={"storefront.dev/generated": "true"}),
            child("not applied by us", ""),
            child("going already", "h", deleting=True),
        ],
        ids=lambda each: each.key.name,
    )
    def test_some_things_are_never_pruned(self, kept: Child) -> None:
        assert pruned(plan_of([], observed(kept), {})) == set()

    def test_nothing_is_written_into_a_namespace_that_is_going(self) -> None:
        namespace = child("shop-edge", "h", kind="Namespace", deleting=True)
        namespace = Child(
            **{
                **{f: getattr(namespace, f) for f in Child.__slots__},
                "key": ChildKey("Namespace", "", "shop-edge"),
            }
        )

        plan = plan_of([config_map()], observed(namespace), {})

        assert why(plan) == {}
        assert plan.blocked_namespaces == {"shop-edge"}


FINE = Health(True, Reason.AS_DESIRED, "fine")
STARTING = Health(False, Reason.PROVISIONING, "starting", progressing=True)
BROKEN = Health(False, Reason.POD_FAILING, "Pod x: CrashLoopBackOff", progressing=True)
DEGRADED = Health(True, Reason.DEGRADED, "2 of 3", progressing=True)


def status(
    previous: dict[str, Any] | None = None, verdict: Verdict | None = None, **healths: Health
) -> dict[str, Any]:
    named = {name: (f"{name}Ready", health) for name, health in healths.items()}
    return build_status(previous or {}, 2, named, verdict, {}, {}, LATER if previous else NOW)


def condition(status: dict[str, Any], kind: str) -> tuple[str, str]:
    (found,) = [c for c in status["conditions"] if c["type"] == kind]
    return found["status"], found["reason"]


class TestConditions:
    def test_all_fine_is_ready(self) -> None:
        result = status(A=FINE, B=FINE)

        assert condition(result, "Ready") == ("True", "AsDesired")
        assert condition(result, "Reconciling") == ("False", "AsDesired")
        assert result["phase"] == "Ready"

    def test_what_is_broken_is_told_before_what_is_starting(self) -> None:
        result = status(A=STARTING, B=BROKEN)

        assert condition(result, "Ready") == ("False", "PodFailing")
        assert "B: Pod x" in (ready_condition(result) or {})["message"]
        assert "also: A" in (ready_condition(result) or {})["message"]

    def test_a_component_is_not_ready_before_it_was_once_complete(self) -> None:
        assert condition(status(A=DEGRADED), "Ready")[0] == "False"

    def test_a_component_that_was_ready_stays_so_while_it_serves(self) -> None:
        result = status(status(A=FINE), A=DEGRADED)

        assert condition(result, "Ready")[0] == "True"
        assert condition(result, "Reconciling") == ("True", "Degraded")
        assert result["phase"] == "Updating"

    def test_what_is_incomplete_at_a_first_start_is_only_starting(self) -> None:
        assert condition(status(A=DEGRADED), "Ready") == ("False", "Provisioning")

    def test_what_was_complete_and_has_no_pod_left_is_unavailable(self) -> None:
        assert condition(status(status(A=FINE), A=STARTING), "Ready") == ("False", "Unavailable")

    def test_a_passing_error_at_a_first_start_leaves_it_a_first_start(self) -> None:
        retried = Verdict(Reason.APPLY_FAILED, "409", "Updating", ready="False")

        assert condition(status(status(None, retried, A=STARTING), A=STARTING), "Ready") == (
            "False",
            "Provisioning",
        )

    def test_the_time_of_the_first_ready_is_kept(self) -> None:
        first = status(A=FINE)

        assert first["firstReadyTime"] == "2026-01-02T03:04:05Z"
        assert status(status(first, A=BROKEN), A=FINE)["firstReadyTime"] == "2026-01-02T03:04:05Z"
        assert "firstReadyTime" not in status(A=BROKEN)

    def test_lost_components_are_degraded_not_provisioning(self) -> None:
        assert status(status(A=FINE), A=BROKEN)["phase"] == "Degraded"
        assert status(A=BROKEN)["phase"] == "Provisioning"

    def test_times_change_only_with_the_status(self) -> None:
        before = status(A=FINE, B=FINE)
        after = status(before, A=FINE, B=BROKEN)

        since = {c["type"]: c["lastTransitionTime"] for c in after["conditions"]}
        assert since["AReady"] == "2026-01-02T03:04:05Z"
        assert since["BReady"] == "2026-01-02T04:04:05Z"

    def test_a_verdict_that_only_a_person_can_lift_stalls(self) -> None:
        result = status(None, Verdict(Reason.NAMESPACE_CONFLICT, "taken", "Stalled", stalled=True), A=FINE)

        assert condition(result, "Ready") == ("False", "NamespaceConflict")
        assert condition(result, "Stalled") == ("True", "NamespaceConflict")
        assert condition(result, "Reconciling")[0] == "False"

    def test_the_first_status_is_unknown_not_absent(self) -> None:
        assert condition(first_status(1, NOW), "Ready") == ("Unknown", "Provisioning")

    def test_a_kept_status_changes_the_summary_only(self) -> None:
        before = status(A=FINE)
        after = kept_status(before, 3, Verdict(Reason.INVALID_SPEC, "x", "Stalled", stalled=True), LATER)

        assert condition(after, "AReady") == ("True", "AsDesired")
        assert condition(after, "Stalled") == ("True", "InvalidSpec")
        assert after["observedGeneration"] == 3

    def test_messages_are_bounded(self) -> None:
        result = status(A=Health(False, Reason.APPLY_FAILED, "x" * 5000))

        assert all(len(c["message"]) <= 1024 for c in result["conditions"])


class TestMergePatch:
    @pytest.mark.parametrize(
        ("before", "after", "patch"),
        [
            ({"a": 1}, {"a": 1}, {}),
            ({"a": 1}, {"a": 2}, {"a": 2}),
            ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, {"a": {"y": None}}),
            ({"a": [1]}, {"a": [2]}, {"a": [2]}),
            ({}, {"a": {}}, {"a": {}}),
            ({"a": {"x": 1}}, {"a": {}}, {"a": {"x": None}}),
        ],
    )
    def test_only_differences_are_sent(self, before: Any, after: Any, patch: Any) -> None:
        assert merge_patch(before, after) == patch
        assert applied(before, patch) == after


def applied(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = copy.deepcopy(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = applied(result.get(key), value)
    return result


class TestQueue:
    async def test_a_key_waits_in_line_once(self) -> None:
        queue = Queue()
        for key in ("a", "b", "a"):
            queue.add(key)

        assert [await queue.get(), await queue.get()] == ["a", "b"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), 0.01)

    async def test_a_key_is_never_with_two_workers(self) -> None:
        queue = Queue()
        queue.add("a")
        assert await queue.get() == "a"
        queue.add("a")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), 0.01)

        queue.done("a")

        assert await asyncio.wait_for(queue.get(), 1) == "a"

    async def test_a_failing_key_does_not_hold_up_others(self) -> None:
        queue = Queue()
        queue.add("bad")
        queue.add("good")
        assert await queue.get() == "bad"
        queue.retry("bad")
        queue.done("bad")

        assert await asyncio.wait_for(queue.get(), 0.1) == "good"

    async def test_retries_back_off_and_are_forgotten_after_success(self) -> None:
        queue = Queue()
        delays = [queue.retry("a") for _ in range(12)]

        assert delays[0] < 1
        assert delays[5] > 5
        assert max(delays) <= 75
        queue.succeeded("a")
        assert queue.retry("a") < 1
        assert queue.retry("a", at_least=30) >= 30

    async def test_a_failed_key_waits_whatever_its_children_do(self) -> None:
        queue = Queue()
        queue.retry("a", at_least=0.2)

        queue.add("a")
        queue.add_after("a", 0.01)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), 0.1)
        assert await asyncio.wait_for(queue.get(), 5) == "a"

    @pytest.mark.parametrize("running", [False, True])
    async def test_what_is_urgent_ends_a_backoff(self, running: bool) -> None:
        queue = Queue()
        for _ in range(12):
            queue.retry("a")
        if running:
            queue._running.add("a")

        queue.add("a", urgent=True)
        queue.done("a")

        assert await asyncio.wait_for(queue.get(), 1) == "a"

    async def test_nothing_is_so_urgent_as_to_break_a_retry_after(self) -> None:
        queue = Queue()
        queue.retry("a", at_least=30)

        queue.add("a", urgent=True)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), 0.05)

    async def test_the_earlier_of_two_appointments_wins(self) -> None:
        queue = Queue()
        queue.add_after("a", 60)
        queue.add_after("a", 0.01)
        queue.add_after("a", 60)

        assert await asyncio.wait_for(queue.get(), 5) == "a"
