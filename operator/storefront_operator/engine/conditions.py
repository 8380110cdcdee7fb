"""From the health of the components to the status that people and programs read; pure.

Semantics: Kubernetes API conventions (typical status properties) and kstatus (Reconciling, Stalled).
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from storefront_operator.api import Storefront
from storefront_operator.components import Health, Reason

Condition = dict[str, Any]
Status = dict[str, Any]

_MAX_MESSAGE = 1024


@dataclass(frozen=True)
class Verdict:
    """Why the whole Storefront is not simply the sum of its components.

    `ready` is the status of the Ready condition, None to leave it to the components; `stalled` means that only
    a person can help.
    """

    reason: Reason
    message: str
    phase: str
    ready: str | None = "False"
    stalled: bool = False


def build_status(
    previous: Mapping[str, Any],
    generation: int,
    healths: Mapping[str, tuple[str, Health]],
    verdict: Verdict | None,
    endpoints: Mapping[str, str],
    completed_jobs: Mapping[str, str],
    now: datetime.datetime,
) -> Status:
    """The new status.

    `healths` maps component names to (condition type, health). `verdict` overrides the summary conditions.
    Times change only where a condition's status does. At the first start a component becomes Ready when it is
    complete; afterwards it is Ready whenever it does its job.
    """
    was_ready = {c["type"] for c in previous.get("conditions") or () if c["status"] == "True"}
    begun = "firstReadyTime" in previous
    healths = {
        name: (kind, _in_context(health, was_ready=kind in was_ready, begun=begun))
        for name, (kind, health) in healths.items()
    }
    conditions = _summary(healths, verdict)
    conditions += [
        _condition(kind, "True" if health.ready else "False", health.reason, health.message)
        for kind, health in healths.values()
    ]
    status = {
        "observedGeneration": generation,
        "phase": verdict.phase if verdict else _phase(begun, [health for _, health in healths.values()]),
        "endpoints": dict(endpoints),
        "components": {
            name: {key: value for key, value in health.facts.items() if value is not None}
            for name, (_, health) in healths.items()
            if health.facts
        },
        "completedJobs": dict(completed_jobs),
        "conditions": _dated(previous.get("conditions") or [], conditions, generation, now),
    }
    if begun:
        status["firstReadyTime"] = previous["firstReadyTime"]
    elif conditions[0]["status"] == "True":
        status["firstReadyTime"] = _stamp(now)
    return status


def first_status(generation: int, now: datetime.datetime) -> Status:
    """The very first status: a resource without conditions counts as healthy elsewhere."""
    message = "the operator has seen this Storefront and starts to work on it"
    conditions = [
        _condition("Ready", "Unknown", Reason.PROVISIONING, message),
        _condition("Reconciling", "True", Reason.PROVISIONING, message),
        _condition("Stalled", "False", Reason.PROVISIONING, message),
    ]
    return {
        "observedGeneration": generation,
        "phase": "Provisioning",
        "conditions": _dated([], conditions, generation, now),
    }


def kept_status(
    storefront_status: Mapping[str, Any], generation: int, verdict: Verdict, now: datetime.datetime
) -> Status:
    """A status that changes the summary only: the components keep what was last said about them."""
    previous = storefront_status.get("conditions") or []
    summary = _summary({}, verdict)
    kept = [
        {key: condition[key] for key in ("type", "status", "reason", "message")}
        for condition in previous
        if condition["type"] not in ("Ready", "Reconciling", "Stalled")
    ]
    return {
        **storefront_status,
        "observedGeneration": generation,
        "phase": verdict.phase,
        "conditions": _dated(previous, [*summary, *kept], generation, now),
    }


def endpoints_of(storefront: Storefront) -> dict[str, str]:
    """Public addresses, by what one finds there."""
    return {"shop": f"https://{storefront.spec['domain']}/"}


def ready_condition(status: Mapping[str, Any]) -> Condition | None:
    """The Ready condition of a status, or None."""
    return next((c for c in status.get("conditions") or () if c["type"] == "Ready"), None)


def _in_context(health: Health, *, was_ready: bool, begun: bool) -> Health:
    """A judgement in the light of what was before: what is degraded at a first start is only starting."""
    if health.progressing and not was_ready and not begun:
        health = replace(health, ready=False)
    if not begun and health.reason in (Reason.DEGRADED, Reason.ROLLING_OUT):
        return replace(health, reason=Reason.PROVISIONING)
    if begun and health.reason is Reason.PROVISIONING:
        return replace(health, reason=Reason.UNAVAILABLE)
    return health


def is_transition(old: Condition | None, new: Condition) -> bool:
    """Whether an event is due: Ready was won or lost, or there is another reason for its absence."""
    if old is None:
        return bool(new["status"] != "Unknown")
    if old["reason"] != new["reason"]:
        return True
    return "True" in (old["status"], new["status"]) and old["status"] != new["status"]


def _summary(healths: Mapping[str, tuple[str, Health]], verdict: Verdict | None) -> list[Condition]:
    waiting = [(name, health) for name, (_, health) in healths.items() if not health.ready]
    moving = [(name, health) for name, (_, health) in healths.items() if health.progressing]
    ready = _condition(
        "Ready", "False" if waiting else "True", *_told(waiting, "every component does its job")
    )
    if verdict is None:
        return [
            ready,
            _condition(
                "Reconciling", "True" if moving else "False", *_told(moving, "everything is as desired")
            ),
            _condition("Stalled", "False", Reason.AS_DESIRED, "nothing is in the way"),
        ]
    if verdict.ready is not None:
        ready = _condition("Ready", verdict.ready, verdict.reason, verdict.message)
    going_on = not verdict.stalled and verdict.reason is not Reason.PAUSED
    return [
        ready,
        _condition("Reconciling", "True" if going_on else "False", verdict.reason, verdict.message),
        _condition("Stalled", "True" if verdict.stalled else "False", verdict.reason, verdict.message),
    ]


def _told(concerned: Sequence[tuple[str, Health]], otherwise: str) -> tuple[Reason, str]:
    """The most telling reason: something broken before something under way."""
    if not concerned:
        return Reason.AS_DESIRED, otherwise
    normal = (Reason.PROVISIONING, Reason.MIGRATING, Reason.ROLLING_OUT)
    name, health = min(concerned, key=lambda item: item[1].reason in normal)
    others = [other for other, _ in concerned if other != name]
    also = f" (also: {', '.join(others)})" if others else ""
    return health.reason, f"{name}: {health.message}{also}"


def _phase(begun: bool, healths: Sequence[Health]) -> str:
    if all(health.ready and not health.progressing for health in healths):
        return "Ready"
    if all(health.ready for health in healths):
        return "Updating"
    return "Degraded" if begun else "Provisioning"


def _condition(kind: str, status: str, reason: Reason, message: str) -> Condition:
    return {"type": kind, "status": status, "reason": reason.value, "message": message[:_MAX_MESSAGE]}


def _dated(
    previous: Sequence[Mapping[str, Any]],
    conditions: Sequence[Condition],
    generation: int,
    now: datetime.datetime,
) -> list[Condition]:
    before = {condition["type"]: condition for condition in previous}
    stamp = _stamp(now)
    dated = []
    for condition in conditions:
        old = before.get(condition["type"])
        unchanged = old is not None and old["status"] == condition["status"]
        since = old["lastTransitionTime"] if old is not None and unchanged else stamp
        dated.append({**condition, "observedGeneration": generation, "lastTransitionTime": since})
    return dated


def _stamp(now: datetime.datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")
