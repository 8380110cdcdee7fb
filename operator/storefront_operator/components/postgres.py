"""PostgreSQL with Patroni: elections are Patroni's, this component renders and judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storefront_operator.api import Storefront
from storefront_operator.components.base import Component, GeneratedSecret, Health, OnceJob, Reason, Repair
from storefront_operator.components.common import image_reference, merged_env
from storefront_operator.components.patroni_lock import ReleaseLock
from storefront_operator.components.workloads import job_health, workload_health, worst
from storefront_operator.objects import Child, Observed, fingerprint
from storefront_operator.objects.labels import NAME, ROLE

DATABASES = ("product",)
"""Services with a database of their own; role and database carry the service's name."""

PROVISION_JOB = "postgres-provision"

_MEBIBYTE = 1024 * 1024
_WAL_SEGMENT = 16 * _MEBIBYTE

LOCK = "postgres-leader"
"""ConfigMap that Patroni makes: `<scope>-leader`, where the scope is the one in templates/postgres/config.yaml.j2."""


class Postgres(Component):
    """The relational store of all services."""

    name = "postgres"
    condition = "PostgresReady"

    def secrets(self, storefront: Storefront) -> Sequence[GeneratedSecret]:
        namespace = storefront.namespace("data")
        users = {
            "postgres-superuser": "postgres",
            "postgres-replication": "replicator",
            **{database_secret(service): service for service in DATABASES},
        }
        return [
            GeneratedSecret(namespace, name, self.name, {"username": user}, ("password",))
            for name, user in users.items()
        ]

    def jobs(self, storefront: Storefront, observed: Observed) -> Sequence[OnceJob]:
        version = fingerprint(
            {
                "data": data_identity(storefront, observed),
                "credentials": {
                    service: dict(
                        observed.secret_data(storefront.namespace("data"), database_secret(service)) or {}
                    )
                    for service in DATABASES
                },
            }
        )
        return (OnceJob(PROVISION_JOB, version, storefront.namespace("data")),)

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        spec = storefront.spec["postgres"]
        (job,) = self.jobs(storefront, observed)
        return {
            "workload": spec,
            "members": spec["members"],
            "storage": spec["storage"],
            "parameters": spec["parameters"],
            "image": image_reference(storefront, "postgres"),
            "env": merged_env({"HOME": "/tmp"}, spec),  # noqa: S108 - an emptyDir of the pod
            "databases": {service: database_secret(service) for service in DATABASES},
            "provision_job": None if job.is_done(storefront) else job.object_name,
        }

    def repairs(self, storefront: Storefront, observed: Observed) -> Sequence[Repair]:
        namespace = storefront.namespace("data")
        members = _members(observed, namespace)
        if any(_is_live_primary(pod) and not observed.is_lost(pod) for pod in members):
            return ()
        return [
            ReleaseLock(namespace, LOCK, pod.key.name, pod.facts["node"])
            for pod in members
            if pod.labels.get(ROLE) == "primary" and observed.is_lost(pod)
        ]

    def health(self, storefront: Storefront, observed: Observed) -> Health:
        namespace = storefront.namespace("data")
        members = workload_health(observed, "StatefulSet", namespace, "postgres")
        jobs = self.jobs(storefront, observed)
        primaries = [pod for pod in _members(observed, namespace) if _is_live_primary(pod)]
        facts = {**members.facts, **_replication(_members(observed, namespace), primaries)}
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


def database_secret(service: str) -> str:
    """Name of the generated Secret with a service's database role."""
    return f"postgres-{service}"


def data_identity(storefront: Storefront, observed: Observed) -> str:
    """What changes when the data namespace is lost and made anew, so that once-only Jobs run again."""
    namespace = observed.get("Namespace", "", storefront.namespace("data"))
    return namespace.uid if namespace else ""


def _members(observed: Observed, namespace: str) -> list[Child]:
    return [pod for pod in observed.of_kind("Pod", namespace) if pod.labels.get(NAME) == "postgres"]


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


def _is_live_primary(pod: Child) -> bool:
    return pod.labels.get(ROLE) == "primary" and bool(pod.facts.get("ready")) and not pod.deleting
