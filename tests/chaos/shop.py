"""One Storefront under test."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from storefront_operator.api import GROUP_VERSION, KIND

from tests.chaos import sampling, state
from tests.chaos.api import Api, Json, RefusedError
from tests.chaos.proxy import GROUP_LABEL, Proxy
from tests.chaos.state import State
from tests.chaos.waiting import eventually

QUIET = 0.3
"""Seconds without a write after which the operator is taken to have finished."""

PAUSE = 0.1
"""Seconds between two looks; with many scenarios side by side, looking is most of the suite's work."""

_LEFT = ("NamespaceContentRemaining", "NamespaceFinalizersRemaining")

WHOLE: Json = {
    "domain": "shop.example.com",
    "profile": "Development",
    "services": {"notification": {"autoscaling": {"enabled": True}}},
}
"""Every component, and every kind of child."""

SMALL: Json = {
    **WHOLE,
    **{
        store: {"mode": "External", "external": {"host": f"{store}.example.com", "secretName": store}}
        for store in ("rabbitmq", "redis", "elasticsearch")
    },
}
"""Three stores elsewhere: every kind of child, a third of the objects."""

SPEC = WHOLE if sampling.FULL else SMALL
"""What most scenarios install."""


class Shop:
    """A Storefront, what it has become in the cluster, and what the test does in place of nodes."""

    def __init__(self, name: str, group: str, api: Api, proxy: Proxy, patience: float) -> None:
        self.name, self._group, self._api, self._proxy, self.patience = name, group, api, proxy, patience
        self._hurried: dict[str, float] = {}
        self._looked = 0.0

    def apply(self, spec: Any = SPEC) -> Json:
        """Create it, or replace its whole spec. Unknown fields are refused, as kubectl has it by default."""
        if self.resource() is not None:
            return self._api.replace_field("Storefront", "", self.name, "/spec", spec)
        manifest = {
            "apiVersion": GROUP_VERSION,
            "kind": KIND,
            "metadata": {"name": self.name, "labels": {GROUP_LABEL: self._group}},
            "spec": spec,
        }
        return self._api.create(manifest, fieldValidation="Strict")

    def retire(self) -> None:
        """Take it out of the sight of its operator, for which nothing is left to do; what is in the cluster stays.

        But for its autoscalers: they would ask for metrics every few seconds as long as the suite lasts.
        """
        self._proxy.leave_out(self.name)
        with contextlib.suppress(RefusedError):  # it may be gone
            self._api.patch("Storefront", "", self.name, {"metadata": {"labels": {GROUP_LABEL: None}}})
        for item in self._children("HorizontalPodAutoscaler"):
            self._api.delete(item["kind"], item["metadata"]["namespace"], item["metadata"]["name"])

    def delete(self, policy: str = "Background") -> None:
        """Ask for its deletion; the finalizer holds it."""
        self._api.delete("Storefront", "", self.name, policy)

    def resource(self) -> Json | None:
        """The Storefront as it is now."""
        return self._api.get("Storefront", "", self.name)

    def conditions(self) -> list[Json]:
        """All its conditions."""
        found: list[Json] = ((self.resource() or {}).get("status") or {}).get("conditions") or []
        return found

    def condition(self, kind: str) -> Json:
        """One of its conditions; empty when there is none."""
        return next((c for c in self.conditions() if c["type"] == kind), {})

    def capture(self) -> State:
        """All its objects, untouched."""
        return state.capture(self._api, self.name)

    def comparable(self) -> State:
        """All its objects, comparable with another Storefront of the same spec."""
        return state.between_lives(self.capture(), self.name)

    def finish_jobs(self) -> int:
        """Mark every unfinished Job as succeeded, as the nodes would make it, had this cluster any."""
        done = 0
        for job in self._children("Job"):
            if not job.get("status", {}).get("succeeded") and "deletionTimestamp" not in job["metadata"]:
                done += self._finish(job)
        return done

    def _finish(self, job: Json) -> int:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        condition = {"status": "True", "lastProbeTime": now, "lastTransitionTime": now, "reason": "ByTheTest"}
        status = {
            "startTime": job.get("status", {}).get("startTime", now),
            "completionTime": now,
            "active": 0,
            "ready": 0,
            "terminating": 0,
            "succeeded": 1,
            "uncountedTerminatedPods": None,
            "conditions": [{**condition, "type": kind} for kind in ("SuccessCriteriaMet", "Complete")],
        }
        metadata = job["metadata"]
        try:
            self._api.patch("Job", metadata["namespace"], metadata["name"], {"status": status}, "status")
        except RefusedError as error:
            if error.status not in (404, 409, 422):
                raise
            return 0
        return 1

    def is_settled(self, *, quiet: float = QUIET) -> bool:
        """The status speaks of the current spec and of every component, and the operator writes no more."""
        if self.quiet_for() < quiet:
            return False
        resource = self.resource()
        if resource is None:
            return False
        status = resource.get("status") or {}
        conditions = {c["type"]: c for c in status.get("conditions") or ()}
        generation = resource["metadata"]["generation"]
        return (
            status.get("observedGeneration") == generation
            and conditions["Ready"]["status"] != "Unknown"
            and "EdgeReady" in conditions
            and all(condition["reason"] != "ApplyFailed" for condition in conditions.values())
        )

    def settle(self, *, with_jobs: bool = False, quiet: float = QUIET) -> State:
        """Wait until it is settled and return its state; `with_jobs` finishes its Jobs, as nodes would.

        The operator takes finished Jobs away, and until then has not seen that they are.
        """

        def settled() -> bool:
            if self.quiet_for() < PAUSE or (with_jobs and (self.finish_jobs() or self._children("Job"))):
                return False
            return self.is_settled(quiet=quiet) and self._controllers_are_done()

        self.eventually(settled, f"Storefront {self.name} settles", interval=PAUSE)
        return self.capture()

    def wait_rolled(self) -> None:
        """Wait until every pod of a StatefulSet has its images: members are replaced one by one, with pauses."""

        def images(pod: Json) -> list[str]:
            return [container["image"] for container in pod["spec"]["containers"]]

        def rolled() -> bool:
            wanted = {
                item["metadata"]["uid"]: images(item["spec"]["template"])
                for item in self._children("StatefulSet")
            }
            owned = [
                (pod["metadata"]["ownerReferences"][0]["uid"], images(pod)) for pod in self._children("Pod")
            ]
            return all(wanted.get(owner, found) == found for owner, found in owned)

        self.eventually(rolled, f"all members of {self.name}'s stores are replaced", interval=PAUSE)

    def _controllers_are_done(self) -> bool:
        """Whether Kubernetes' controllers have made of the workloads what they can without nodes."""
        return not self._unfinished()

    def _unfinished(self) -> list[str]:
        """Workloads that lack pods, and with them claims.

        Their observedGeneration says nothing here: without nodes, a StatefulSet that shrinks in the middle of a
        rollout counts its current replicas below zero, and its controller fails to write that.
        """
        workloads = [item for kind in ("StatefulSet", "Deployment") for item in self._children(kind)]
        return [
            f"{item['kind']} {item['metadata']['name']}: {item.get('status')}"
            for item in workloads
            if item.get("status", {}).get("replicas", 0) < item["spec"]["replicas"]
        ]

    def _children(self, kind: str) -> list[Json]:
        return self._api.list(kind, f"storefront.dev/name={self.name}")

    def becomes(
        self,
        expected: State,
        what: str,
        *,
        with_jobs: bool = False,
        only: Callable[[State], State] = lambda found: found,
    ) -> State:
        """Wait until its comparable state, or `only` a part of it, is `expected`; returns the raw state."""
        found: State = {}

        def gap(limit: int = 12) -> list[str]:
            return state.differences(expected, only(state.between_lives(found, self.name)), limit)

        def reached() -> bool:
            nonlocal found
            if self.quiet_for() < PAUSE or (with_jobs and self.finish_jobs()) or self.quiet_for() < QUIET:
                return False
            found = self.capture()
            return not gap(1)

        def detail() -> str:
            return "\n".join(gap() if found else ["the operator does not stop writing"])

        self.eventually(reached, f"{self.name}: {what}", detail, interval=2 * PAUSE)
        return found

    def hurry_namespaces(self) -> None:
        """Make the namespace controller look again at namespaces in which it has found something left.

        It takes the grace period of their pods into account before its second look, a quarter of a minute; without
        nodes the pods are gone at once. A namespace that is touched is looked at again after five seconds.
        """
        if time.monotonic() - self._looked < 1.0:
            return
        self._looked = time.monotonic()
        for namespace in self._children("Namespace"):
            metadata, conditions = namespace["metadata"], namespace["status"].get("conditions", ())
            left = any(c["type"] in _LEFT and c["status"] == "True" for c in conditions)
            if left and time.monotonic() - self._hurried.get(metadata["uid"], 0) > 5:
                self._hurried[metadata["uid"]] = time.monotonic()
                touch = {"metadata": {"annotations": {"chaos.storefront.dev/hurry": "true"}}}
                with contextlib.suppress(RefusedError):
                    self._api.patch("Namespace", "", metadata["name"], touch)

    def has_children(self) -> bool:
        """Whether the operator has begun to work on it."""
        return bool(self._children("Namespace"))

    def is_gone(self) -> bool:
        """Whether it has left the cluster; its namespaces are hurried along."""
        self.hurry_namespaces()
        return self.resource() is None

    def wait_gone(self) -> None:
        """Wait until the Storefront itself has left the cluster."""
        self.eventually(self.is_gone, f"{self.name} is gone", interval=5 * PAUSE)

    def eventually(
        self,
        condition: Callable[[], Any],
        what: str,
        detail: Callable[[], Any] | None = None,
        interval: float = 0.05,
    ) -> Any:
        """Wait for a condition as long as anything about this Storefront moves; by default tell where it stands."""
        still_for = partial(self._proxy.still_for, self.name)
        return eventually(condition, what, self.patience, detail or self._standing, interval, still_for)

    def quiet_for(self) -> float:
        """Seconds since the operator's last write about it."""
        return self._proxy.quiet_for(self.name)

    def _standing(self) -> str:
        jobs = [job["metadata"]["name"] for job in self._children("Job")]
        status = (self.resource() or {}).get("status")
        lines = [
            f"Jobs left: {jobs}",
            *self._unfinished(),
            f"quiet for {self.quiet_for():.1f} s",
            str(status),
        ]
        return "\n".join(lines)[:2500]
