"""PostgreSQL with Patroni: elections are Patroni's, this component renders and judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storefront_operator.api import Storefront
from storefront_operator.api.connection_budget import connection_budget
from storefront_operator.components.base import (
    Action,
    Component,
    GeneratedSecret,
    Health,
    OnceJob,
    Reason,
    Rotation,
)
from storefront_operator.components.common import image_reference, merged_env
from storefront_operator.components.connections import deployment_of, store_address, users_of
from storefront_operator.components.external import external_health, is_external
from storefront_operator.components.logins import SLOTS, Login, logins_of
from storefront_operator.components.patroni_lock import ReleaseLock
from storefront_operator.components.patroni_settings import RaiseConnections
from storefront_operator.components.patroni_switchover import Switchover
from storefront_operator.components.pods import unusable_secret
from storefront_operator.components.rolling import (
    ReplaceMember,
    due_member,
    is_primary,
    replace_broken,
)
from storefront_operator.components.workloads import job_health, workload_health, worst
from storefront_operator.objects import Child, Observed, fingerprint

DATABASES = users_of("postgres")
"""Services with a database of their own; role and database carry the service's name."""

PROVISION_JOB = "postgres-provision"

_MEBIBYTE = 1024 * 1024
_WAL_SEGMENT = 16 * _MEBIBYTE

SCOPE = "postgres"
"""Patroni's, as in templates/postgres/config.yaml.j2: it begins the names of the ConfigMaps that Patroni makes."""


class Postgres(Component):
    """The relational store of all services."""

    name = "postgres"
    condition = "PostgresReady"

    def secrets(self, storefront: Storefront) -> Sequence[GeneratedSecret]:
        namespace = storefront.namespace("data")
        internal = {"postgres-superuser": "postgres", "postgres-replication": "replicator"}
        if is_external(storefront.spec["postgres"]):
            internal = {}
        return [
            *(
                GeneratedSecret(namespace, name, self.name, {"username": user}, ("password",))
                for name, user in internal.items()
            ),
            *(
                GeneratedSecret(
                    namespace,
                    database_secret(service),
                    self.name,
                    {"username": service},
                    ("password",),
                    rotation=Rotation([deployment_of(storefront, service)]),
                )
                for service in DATABASES
            ),
        ]

    def jobs(self, storefront: Storefront, observed: Observed) -> Sequence[OnceJob]:
        server = store_address(storefront, self.name)
        version = fingerprint(
            {
                "data": data_identity(storefront, observed),
                # Which of them is the current one makes no difference to the store.
                "credentials": {
                    service: sorted(database_logins(storefront, observed, service).values())
                    for service in DATABASES
                },
                **({"server": server} if is_external(storefront.spec["postgres"]) else {}),
            }
        )
        return (OnceJob(PROVISION_JOB, version, storefront.namespace("data")),)

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        spec = storefront.spec["postgres"]
        (job,) = self.jobs(storefront, observed)
        host, port = store_address(storefront, self.name)
        provisioning = {
            "workload": spec,
            "host": host,
            "port": port,
            "image": image_reference(storefront, "postgres"),
            "databases": {
                service: {
                    "secret": database_secret(service),
                    "logins": {slot: SLOTS[slot] for slot in database_logins(storefront, observed, service)},
                }
                for service in DATABASES
            },
            "provision_job": None if job.is_done(storefront) else job.object_name,
        }
        if is_external(spec):
            return {"managed": False, "admin_secret": spec["external"]["secretName"], **provisioning}
        return {
            **provisioning,
            "managed": True,
            "members": spec["members"],
            "storage": spec["storage"],
            "parameters": spec["parameters"],
            "max_connections": connection_budget(storefront.spec).allowed,
            "env": merged_env({"HOME": "/tmp"}, spec),  # noqa: S108 - an emptyDir of the pod
        }

    def repairs(self, storefront: Storefront, observed: Observed) -> Sequence[Action]:
        if is_external(storefront.spec["postgres"]):
            return ()
        namespace = storefront.namespace("data")
        members = observed.pods_of(namespace, self.name)
        if any(_is_live_primary(pod) and not _is_lost(pod, observed) for pod in members):
            return ()
        return [
            ReleaseLock(namespace, f"{SCOPE}-leader", pod.key.name, pod.facts["node"])
            for pod in members
            if is_primary(pod) and _is_lost(pod, observed)
        ]

    def rollout(self, storefront: Storefront, observed: Observed) -> Action | None:
        namespace = storefront.namespace("data")
        due = due_member(observed, namespace, self.name)
        if due is None:
            return None
        if not due.serving:
            return replace_broken(due.pod)
        members = observed.pods_of(namespace, self.name)
        replicas = [pod for pod in members if pod.key != due.pod.key and not is_primary(pod)]
        leading = next((pod for pod in members if _is_live_primary(pod)), None)
        if leading is None or not all(_follows(pod, leading) for pod in replicas):
            return None
        step: Action = ReplaceMember(due.pod)
        if is_primary(due.pod) and replicas:
            step = Switchover(namespace, SCOPE, due.pod, [pod.key.name for pod in replicas])
        connections = connection_budget(storefront.spec).allowed
        return RaiseConnections(namespace, SCOPE, connections, step)

    def health(self, storefront: Storefront, observed: Observed) -> Health:
        if is_external(storefront.spec["postgres"]):
            return self._external_health(storefront, observed)
        namespace = storefront.namespace("data")
        members = workload_health(observed, "StatefulSet", namespace, "postgres")
        jobs = self.jobs(storefront, observed)
        pods = observed.pods_of(namespace, self.name)
        primaries = [pod for pod in pods if _is_live_primary(pod)]
        facts = {**members.facts, **_replication(pods, primaries)}
        if not primaries and observed.get("StatefulSet", namespace, "postgres") is not None:
            if not jobs[0].is_done(storefront):
                message = "the cluster is starting: no member is primary yet"
                first_start = members if members.reason is Reason.POD_FAILING else None
                reason = Reason.PROVISIONING
                if first_start:
                    reason, message = first_start.reason, first_start.message
                return Health(False, reason, message, True, facts)
            return Health(
                False,
                Reason.FAILING_OVER,
                "no ready member is primary; Patroni elects one within 25 s of losing a node. "
                f"If this lasts, read the logs of the pods postgres-* in {namespace}",
                True,
                facts,
            )
        judged = worst(members, job_health(storefront, observed, jobs, serving=members.ready))
        message = judged.message
        if judged.reason is Reason.AS_DESIRED and primaries:
            message = f"{message}, primary {primaries[0].key.name}"
        return Health(judged.ready, judged.reason, message, judged.progressing, facts)

    def _external_health(self, storefront: Storefront, observed: Observed) -> Health:
        external = storefront.spec["postgres"]["external"]
        if problem := unusable_secret(observed, storefront.namespace("data"), PROVISION_JOB):
            where = f"Secret {storefront.namespace('data')}/{external['secretName']}"
            message = f"{where} with the keys username and password is needed: {problem}"
            # Services that have their credentials go on; before it was Ready once, a progressing one is not.
            return Health(True, Reason.DEPENDENCY_MISSING, message, progressing=True)
        jobs = self.jobs(storefront, observed)
        return worst(
            external_health(storefront.spec["postgres"]),
            job_health(storefront, observed, jobs, serving=True),
        )


def database_secret(service: str) -> str:
    """Name of the generated Secret with a service's database role."""
    return f"postgres-{service}"


def database_logins(storefront: Storefront, observed: Observed, service: str) -> Mapping[str, Login]:
    """The logins to a service's database, by slot; none as long as the Secret does not exist."""
    return logins_of(observed.secret_data(storefront.namespace("data"), database_secret(service)))


def data_identity(storefront: Storefront, observed: Observed) -> str:
    """What changes when the data namespace is lost and made anew, so that once-only Jobs run again."""
    namespace = observed.get("Namespace", "", storefront.namespace("data"))
    return namespace.uid if namespace else ""


def _replication(members: Sequence[Child], primaries: Sequence[Child]) -> Mapping[str, Any]:
    """The primary, its timeline, how many replicas stream from it, and how far the last of them is behind.

    Members report every few seconds, not in the same moment: a lag below a WAL segment may be none.
    """
    if not primaries:
        return {}
    primary = primaries[0]
    leading = primary.facts.get("member") or {}
    replicas = [
        pod.facts["member"]
        for pod in members
        if pod.key != primary.key and pod.facts.get("member") is not None
    ]
    streaming = [member for member in replicas if member["streaming"]]
    behind = max((_behind(leading, member) for member in streaming), default=0)
    return {
        "primary": primary.key.name,
        "timeline": leading.get("timeline"),
        "replicas": len(streaming),
        "lag": f"{behind // _WAL_SEGMENT * _WAL_SEGMENT // _MEBIBYTE}Mi" if behind >= _WAL_SEGMENT else "0",
    }


def _behind(leading: Mapping[str, Any], member: Mapping[str, Any]) -> int:
    return max(0, (leading.get("position") or 0) - (member.get("position") or 0))


def _is_lost(pod: Child, observed: Observed) -> bool:
    return observed.is_lost(pod) or bool(pod.facts["stopped"])


def _follows(replica: Child, primary: Child) -> bool:
    """Whether a replica streams on the primary's timeline, and is not far behind."""
    ours, theirs = replica.facts["member"] or {}, primary.facts["member"] or {}
    current = ours.get("timeline") == theirs.get("timeline") and _behind(theirs, ours) < _WAL_SEGMENT
    return bool(ours.get("streaming")) and current


def _is_live_primary(pod: Child) -> bool:
    return is_primary(pod) and bool(pod.facts.get("ready")) and not pod.deleting
