"""One pass: make the cluster match one Storefront and say how it stands."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from storefront_operator.api import InvalidStorefrontError, Storefront, parse_storefront
from storefront_operator.client import ApiError, Client
from storefront_operator.client.resources import STOREFRONTS
from storefront_operator.components import (
    COMPONENTS,
    NAMESPACES,
    Action,
    Reason,
    context_of,
    render_component,
    rendering_inputs,
)
from storefront_operator.components.workloads import worst
from storefront_operator.engine import conditions, metrics, rotation
from storefront_operator.engine.apply import Applier, NamespaceConflictError, Outcome
from storefront_operator.engine.conditions import Status, Verdict
from storefront_operator.engine.credentials import ensure_credentials, lacks_credentials
from storefront_operator.engine.events import EventPoster
from storefront_operator.engine.inquiries import Inquiries
from storefront_operator.engine.merge_patch import merge_patch
from storefront_operator.engine.plan import Plan, Wanted, Why, is_steady, make_plan
from storefront_operator.engine.view import View
from storefront_operator.objects import ChildKey, Observed

log = structlog.get_logger()

_ROLLING = 2.0
"""Seconds until the next look at a rolling change: what it waits for is not always told by an event."""

CONFLICT_RETRY = 15.0
"""Seconds until a foreign namespace is looked at again; the informers do not see it."""


class GoneError(Exception):
    """The Storefront is not in the cluster any more."""


class PassFailedError(Exception):
    """Some objects could not be written; the pass is to be tried again after at least `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Rendered:
    """What a component was rendered from, and the fingerprints of its objects."""

    inputs: str
    desired: Mapping[ChildKey, str]


class Reconciler:
    """Runs passes. It keeps nothing that a restart could lose but the memory of its own last writes."""

    def __init__(
        self, client: Client, view: View, applier: Applier, events: EventPoster, inquiries: Inquiries
    ) -> None:
        self._client = client
        self._inquiries = inquiries
        self._events = events
        self._view = view
        self._applier = applier
        self._rendered: dict[str, dict[str, _Rendered]] = {}
        """Per Storefront and component: what its objects were last."""
        self._statuses: dict[str, tuple[str, Status]] = {}

    async def reconcile(self, resource: Mapping[str, Any]) -> float | None:
        """Run one pass over a Storefront as it came from the API; returns in how many seconds the next one is due.

        None when only a change asks for another.

        Raises `PassFailedError`, `ApiError` or `ApiUnavailableError` when it is to be tried again, and `GoneError`.
        """
        generation = resource["metadata"]["generation"]
        status = self.status_of(resource)
        if not status.get("conditions"):
            status = conditions.first_status(generation, _now())
            await self.write_status(resource, status)
        try:
            storefront = parse_storefront({**resource, "status": status})
        except InvalidStorefrontError as error:
            message = f"{error}. The last valid state is kept; correct the spec"
            verdict = Verdict(Reason.INVALID_SPEC, message, "Stalled", stalled=True)
            await self.write_status(resource, conditions.kept_status(status, generation, verdict, _now()))
            return None
        if storefront.spec["paused"]:
            verdict = Verdict(
                Reason.PAUSED, "spec.paused is true: nothing is changed", "Paused", ready="Unknown"
            )
            await self.write_status(resource, conditions.kept_status(status, generation, verdict, _now()))
            return None
        started = time.monotonic()
        await self._repair(storefront)
        outcome = await self._converge(storefront)
        again = await self._report(resource, storefront, status, outcome)
        self._tell_drift(storefront, outcome)
        rolling = outcome.complete and await self._roll(storefront)
        _log_pass(storefront, outcome, time.monotonic() - started)
        if outcome.failures:
            worst = outcome.failures[0]
            raise PassFailedError(
                str(worst),
                CONFLICT_RETRY
                if isinstance(worst.error, NamespaceConflictError)
                else max(failure.retry_after for failure in outcome.failures),
            )
        return 0.0 if again else _ROLLING if rolling else None

    def status_of(self, resource: Mapping[str, Any]) -> Status:
        """The last status: what was written last may be newer than what the watch has brought."""
        metadata = resource["metadata"]
        uid, written = self._statuses.get(metadata["name"], ("", {}))
        return written if uid == metadata["uid"] else (resource.get("status") or {})

    def sharing_status(self, resource: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same resource; a status that was written here and came back is kept in memory once."""
        status = self.status_of(resource)
        return {**resource, "status": status} if status == resource.get("status") else resource

    async def write_status(self, resource: Mapping[str, Any], status: Status) -> None:
        """Write a status when it differs from the last one; tell about a change of Ready."""
        metadata = resource["metadata"]
        before = self.status_of(resource)
        patch = merge_patch(before, status)
        if not patch:
            return
        await self._client.patch_status(STOREFRONTS, metadata["name"], patch)
        self._statuses[metadata["name"]] = (metadata["uid"], status)
        old, new = conditions.ready_condition(before), conditions.ready_condition(status)
        if new and conditions.is_transition(old, new):
            self._events.tell(
                metadata["name"],
                metadata["uid"],
                reason=new["reason"] if new["status"] != "True" else "Ready",
                message=new["message"],
                warning=new["status"] == "False" and new["reason"] not in ("Provisioning", "Migrating"),
            )

    def forget(self, name: str) -> None:
        """Drop what is remembered of a Storefront that is gone."""
        self._statuses.pop(name, None)
        self._rendered.pop(name, None)
        self._applier.forget(name)
        self._inquiries.forget(name)

    async def _repair(self, storefront: Storefront) -> None:
        """First of all what ends an outage; it concerns what runs, not what is wanted."""
        observed = self._view.observe(storefront.name)
        for component in COMPONENTS:
            for repair in component.repairs(storefront, observed):
                await self._act(storefront, repair)

    async def _roll(self, storefront: Storefront) -> bool:
        """Take the next step of each rolling change; True when one is due that has to wait, or more may follow."""
        observed = self._view.observe(storefront.name)
        steps = [step for component in COMPONENTS if (step := component.rollout(storefront, observed))]
        for step in steps:
            await self._act(storefront, step)
        return bool(steps)

    async def _act(self, storefront: Storefront, action: Action) -> None:
        done = await action.run(self._client, self._inquiries.ask)
        if done:
            log.info("action", storefront=storefront.name, done=done)
            self._events.tell(
                storefront.name, storefront.uid, reason=action.event, message=done, warning=action.warning
            )

    async def _converge(self, storefront: Storefront) -> Outcome:
        observed = self._view.observe(storefront.name)
        applied = self._applier.applied.get(storefront.name, {})
        if lacks_credentials(storefront, observed):
            context = context_of(NAMESPACES, storefront, observed)
            namespaces = make_plan(
                map(Wanted.of, render_component(NAMESPACES, storefront, context)), observed, applied
            )
            await self._require_live(storefront)
            outcome = await self._applier.execute(storefront.name, replace(namespaces, prune=()))
            observed = self._view.observe(storefront.name)
            if outcome.failures:
                return outcome
            if not await ensure_credentials(self._client, self._view, storefront, observed):
                return replace(outcome, complete=False)
            observed = self._view.observe(storefront.name)
            applied = self._applier.applied.get(storefront.name, {})
        plan = self._plan(storefront, observed, applied)
        while plan.is_empty and (steps := rotation.due_steps(storefront, observed)):
            await self._require_live(storefront)
            for step in steps:
                await rotation.take(self._client, self._view, step)
            observed = self._view.observe(storefront.name)
            plan = self._plan(storefront, observed, applied)
        if any(write.key not in observed.children for wave in plan.waves for write in wave):
            await self._require_live(storefront)
        return await self._applier.execute(storefront.name, plan)

    async def _require_live(self, storefront: Storefront) -> None:
        """Before a pass makes something, it asks whether the Storefront is still there.

        The watch may have missed its end, and what is made for one that is gone would never be removed.
        """
        live = await self._client.get(STOREFRONTS, "", storefront.name)
        if live is None or live["metadata"]["uid"] != storefront.uid:
            raise GoneError(storefront.name)

    def _plan(
        self, storefront: Storefront, observed: Observed, applied: Mapping[ChildKey, tuple[str, str]]
    ) -> Plan:
        """Render the components whose inputs have changed or whose objects differ, and compare."""
        last = self._rendered.setdefault(storefront.name, {})
        steady: set[ChildKey] = set()
        desired: list[Wanted] = []
        for component in COMPONENTS:
            context = context_of(component, storefront, observed)
            inputs = rendering_inputs(storefront, context)
            known = last.get(component.name)
            if known and known.inputs == inputs and is_steady(known.desired, observed, applied):
                steady.update(known.desired)
                continue
            wanted = [Wanted.of(manifest) for manifest in render_component(component, storefront, context)]
            hashes = {observed.known(each.key): each.desired_hash for each in wanted}
            last[component.name] = _Rendered(inputs, hashes)
            desired += wanted
        return make_plan(desired, observed, applied, steady)

    async def _report(
        self, resource: Mapping[str, Any], storefront: Storefront, status: Status, outcome: Outcome
    ) -> bool:
        """Write the status; True when a once-only Job was found done, which changes what is desired."""
        observed = self._view.observe(storefront.name)
        done = {**storefront.completed_jobs, **_succeeded_jobs(storefront, observed)}
        judged = replace(storefront, status={**status, "completedJobs": done})
        said = self._inquiries.healths(storefront.name)
        healths = {
            c.name: (c.condition, worst(c.health(judged, observed), said.get(c.name))) for c in COMPONENTS
        }
        self._inquiries.follow(
            storefront.name,
            [(c, inquiry) for c in COMPONENTS if (inquiry := c.inquiry(storefront, observed)) is not None],
            settled=all(health.reason is Reason.AS_DESIRED for _, health in healths.values()),
        )
        new = conditions.build_status(
            status,
            storefront.generation,
            healths,
            _verdict(outcome, status, storefront.generation),
            conditions.endpoints_of(storefront),
            done,
            _now(),
        )
        if rotation.is_complete(judged, observed):
            new["rotatedCredentials"] = storefront.rotation
            self._events.tell(
                storefront.name,
                storefront.uid,
                reason="CredentialsRotated",
                message=f"the services have new credentials, as asked for by {storefront.rotation!r}",
                warning=False,
            )
        elif storefront.rotated:
            new["rotatedCredentials"] = storefront.rotated
        await self.write_status(resource, new)
        if (outcome.written or outcome.pruned) and rotation.is_under_way(storefront, observed):
            return True  # the next step waits for a pass that has nothing to write
        return done != storefront.completed_jobs

    def _tell_drift(self, storefront: Storefront, outcome: Outcome) -> None:
        for write in outcome.written:
            if write.why is Why.DRIFT:
                metrics.DRIFT_REPAIRS.labels(kind=write.key.kind).inc()
                self._events.tell(
                    storefront.name,
                    storefront.uid,
                    reason="DriftReverted",
                    message=f"{write.key} was changed or deleted by somebody else; it is as desired again",
                    warning=False,
                )


def _verdict(outcome: Outcome, status: Status, generation: int) -> Verdict | None:
    """What the failures of a pass mean for the whole."""
    if not outcome.failures:
        return None
    failure = outcome.failures[0]
    if isinstance(failure.error, NamespaceConflictError):
        return Verdict(Reason.NAMESPACE_CONFLICT, str(failure.error), "Stalled", stalled=True)
    if isinstance(failure.error, ApiError) and failure.error.is_permanent:
        message = f"{failure}. It is tried again, but most likely the spec has to change"
        return Verdict(Reason.APPLY_FAILED, message, "Stalled", stalled=True)
    # What is healthy stays Ready over a passing error, unless the spec it is asked to follow is a new one.
    ready = None if status.get("observedGeneration") == generation else "False"
    return Verdict(Reason.APPLY_FAILED, f"{failure}. It is tried again", "Updating", ready=ready)


def _succeeded_jobs(storefront: Storefront, observed: Observed) -> dict[str, str]:
    succeeded = {}
    for component in COMPONENTS:
        for job in component.jobs(storefront, observed):
            child = observed.get("Job", job.namespace, job.object_name)
            if child is not None and child.facts["succeeded"]:
                succeeded[job.name] = job.version
    return succeeded


def _log_pass(storefront: Storefront, outcome: Outcome, seconds: float) -> None:
    changed = [f"{write.why} {write.key}" for write in outcome.written]
    changed += [f"pruned {child.key}" for child in outcome.pruned]
    if changed or outcome.failures:
        log.info(
            "pass",
            storefront=storefront.name,
            generation=storefront.generation,
            changed=changed,
            failed=[str(failure) for failure in outcome.failures],
            seconds=round(seconds, 3),
        )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
