"""One Storefront under test."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable
from typing import Any

from storefront_operator.api import GROUP_VERSION, KIND

from tests.chaos import state
from tests.chaos.api import Api, Json, RefusedError
from tests.chaos.proxy import GROUP_LABEL, Proxy
from tests.chaos.state import State
from tests.chaos.waiting import eventually

QUIET = 0.3
"""Seconds without a write after which the operator is taken to have finished."""

PAUSE = 0.1
"""Seconds between two looks; with many scenarios side by side, looking is most of the suite's work."""

_LEFT = ("NamespaceContentRemaining", "NamespaceFinalizersRemaining")

SPEC: Json = {"domain": "shop.example.com", "profile": "Development"}


class Shop:
    """A Storefront, what it has become in the cluster, and what the test does in place of nodes."""

    def __init__(self, name: str, group: str, api: Api, proxy: Proxy, patience: float) -> None:
        self.name, self._group, self._api, self._proxy, self.patience = name, group, api, proxy, patience
        self._hurried: dict[str, float] = {}

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
        """Wait until it is settled and return its state; `with_jobs` finishes its Jobs, as nodes would."""

        def settled() -> bool:
            if self.quiet_for() < PAUSE or (with_jobs and self.finish_jobs()):
                return False
            return self.is_settled(quiet=quiet) and self._controllers_are_done()

        eventually(settled, f"Storefront {self.name} settles", self.patience, self._standing, interval=PAUSE)
        return self.capture()

    def _controllers_are_done(self) -> bool:
        """Whether Kubernetes' controllers have made of the workloads what they can without nodes."""
        workloads = [item for kind in ("StatefulSet", "Deployment") for item in self._children(kind)]
        return all(
            item.get("status", {}).get("observedGeneration") == item["metadata"]["generation"]
            and item["status"].get("replicas", 0) >= item["spec"]["replicas"]
            for item in workloads
        )

    def _children(self, kind: str) -> list[Json]:
        return self._api.list(kind, f"storefront.dev/name={self.name}")

    def becomes(
        self,
        expected: State,
        what: str,
        *,
        with_jobs: bool = False,
        seconds: float | None = None,
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

        eventually(reached, f"{self.name}: {what}", seconds or self.patience, detail, interval=2 * PAUSE)
        return found

    def hurry_namespaces(self) -> None:
        """Make the namespace controller look again at namespaces in which it has found something left.

        It takes the grace period of their pods into account before its second look, a quarter of a minute; without
        nodes the pods are gone at once. A namespace that is touched is looked at again after five seconds.
        """
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

        eventually(self.is_gone, f"{self.name} is gone", self.patience, self._standing, interval=0.2)

    def quiet_for(self) -> float:
        """Seconds since the operator's last write about it."""
        return self._proxy.quiet_for(self.name)

    def _standing(self) -> str:
        return str((self.resource() or {}).get("status"))[:1500]
