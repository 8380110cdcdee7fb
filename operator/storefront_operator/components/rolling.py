"""Rolling changes of the stores: which member is replaced next, and when.

The StatefulSets have the strategy OnDelete. Kubernetes' own would replace the highest number next and look at nothing
but readiness: it would take the primary before its replicas, and not wait for data to be copied. Nothing is remembered
between passes: what is left to do is seen from the pods.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from storefront_operator.client import ApiError, Client, resource_of
from storefront_operator.client.resources import PODS
from storefront_operator.components.base import Asking, Component, Health, Inquiry, Reason
from storefront_operator.components.pods import pod_problem
from storefront_operator.objects import Child, Observed
from storefront_operator.objects.labels import NAME, ROLE

_UNREACHABLE = datetime.timedelta(seconds=30)


@dataclass(frozen=True)
class Due:
    """The member to replace next; one that is not `serving` can be replaced whatever the store says."""

    pod: Child
    serving: bool
    others: Sequence[Child] = ()
    """Members that serve and come after it."""


def due_member(observed: Observed, namespace: str, name: str) -> Due | None:
    """The next member that does not have the newest template; None when all have it, or one is waited for.

    What does not work is replaced first, so that a correction reaches a member that a mistake has broken. What works
    is replaced only while every other member does: a template that breaks a member stops there. The primary is last.
    """
    workload = observed.get("StatefulSet", namespace, name)
    if workload is None or workload.facts["observedGeneration"] < workload.facts["generation"]:
        return None
    members = observed.pods_of(namespace, name)
    outdated = [pod for pod in members if pod.facts["revision"] != workload.facts["revision"]]
    outdated = sorted(
        (pod for pod in outdated if not pod.deleting),
        key=lambda pod: (not is_primary(pod), pod.key),
        reverse=True,
    )
    if not outdated:
        return None
    if not all(observed.is_in_touch(pod) for pod in members):
        return None
    if not any(pod.facts["ready"] for pod in members):
        return Due(outdated[0], serving=False)
    on_the_way = [pod for pod in members if pod.deleting or not (pod in outdated or pod.facts["ready"])]
    if on_the_way or len(members) < workload.facts["replicas"]:
        return None
    broken = [pod for pod in outdated if not pod.facts["ready"]]
    for pod in broken:
        if pod_problem(pod) or not is_primary(pod):
            return Due(pod, serving=False)
    return None if broken else Due(outdated[0], serving=True, others=outdated[1:])


def is_primary(pod: Child) -> bool:
    """Whether a store has labelled this member as its primary."""
    return pod.labels.get(ROLE) == "primary"


def replace_broken(pod: Child) -> ReplaceMember:
    """Replace a member that does not serve: at once when it is known why, else when it stays so."""
    return ReplaceMember(pod) if pod_problem(pod) else ReplaceMember(pod, ready_since=pod.facts["readySince"])


@dataclass(frozen=True)
class ReplaceMember:
    """Delete the pod of a member; its StatefulSet makes it anew from the newest template.

    With a `question`, the store itself is asked before, and has to be well, or no worse without the member: what was
    answered last may be old. A member of `others` goes first when it is what ails the store: else its roll would wait
    for ever for what only a restart mends.
    """

    pod: Child
    question: tuple[Component, Inquiry] | None = None
    others: Sequence[Child] = ()
    ready_since: str = ""
    """When the last of the members became Ready, or this one ceased to be. Where a store cannot be reached, such as
    from an operator that runs outside of the cluster, half a minute of readiness has to do; and a member that runs is
    given as long to become Ready again.
    """

    event = "MemberReplaced"
    warning = False

    async def run(self, client: Client, ask: Asking) -> str | None:
        """Replace it unless the store objects or the pod is another one by now."""
        said = await ask(*self.question) if self.question is not None else None
        if said is None and self.ready_since and not self._has_waited():
            return None
        pod = self._expendable(said)
        if pod is None or not await _is_outdated(client, pod):
            return None
        try:
            await client.delete(
                PODS,
                pod.key.namespace,
                pod.key.name,
                uid=pod.uid,
                resource_version=pod.resource_version,  # its role may be another by now
            )
        except ApiError as error:
            if error.status == 409:
                return None
            raise
        return f"{pod.key} is replaced: its template has changed"

    def _expendable(self, said: Health | None) -> Child | None:
        """The member that the store can do without, given what it said."""
        if said is None or said.reason is Reason.AS_DESIRED:
            return self.pod
        return next((pod for pod in (self.pod, *self.others) if pod.key.name in said.dispensable), None)

    def _has_waited(self) -> bool:
        since = datetime.datetime.fromisoformat(self.ready_since)
        return datetime.datetime.now(datetime.UTC) - since > _UNREACHABLE


async def _is_outdated(client: Client, pod: Child) -> bool:
    """Ask the API: the watches of pods and of StatefulSets tell their news in no common order."""
    workload = await client.get(resource_of("StatefulSet"), pod.key.namespace, pod.labels[NAME])
    if workload is None:
        return False
    status = workload.get("status", {})
    is_current: bool = status.get("observedGeneration", 0) >= workload["metadata"]["generation"]
    return is_current and status.get("updateRevision") != pod.facts["revision"]
