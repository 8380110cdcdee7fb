"""Stores of equal members that vote: what RabbitMQ and Elasticsearch have in common."""

from __future__ import annotations

from storefront_operator.api import Storefront
from storefront_operator.components.base import Action, Component, Health
from storefront_operator.components.external import external_health, is_external
from storefront_operator.components.rolling import ReplaceMember, due_member, replace_broken
from storefront_operator.components.workloads import job_health, workload_health, worst
from storefront_operator.objects import Observed


class EqualMembers(Component):
    """A StatefulSet that serves as long as a majority does, and says itself whether it can do without a member."""

    def health(self, storefront: Storefront, observed: Observed) -> Health:
        if is_external(storefront.spec[self.name]):
            return external_health(storefront.spec[self.name])
        namespace = storefront.namespace("data")
        members = workload_health(observed, "StatefulSet", namespace, self.name, majority=True)
        jobs = self.jobs(storefront, observed)
        return worst(members, job_health(storefront, observed, jobs, serving=members.ready))

    def rollout(self, storefront: Storefront, observed: Observed) -> Action | None:
        namespace = storefront.namespace("data")
        due = due_member(observed, namespace, self.name)
        if due is None:
            return None
        if not due.serving:
            return replace_broken(due.pod)
        inquiry = self.inquiry(storefront, observed)
        ready_since = max(pod.facts["readySince"] for pod in observed.pods_of(namespace, self.name))
        return ReplaceMember(due.pod, (self, inquiry), due.others, ready_since) if inquiry else None
