"""Elasticsearch: a cluster of equal members, each of which may be elected; product search."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from storefront_operator.api import Storefront
from storefront_operator.api.quantities import parse_quantity
from storefront_operator.components.base import Health, Inquiry, OnceJob
from storefront_operator.components.common import image_reference, merged_env
from storefront_operator.components.elasticsearch_live import PATHS, live_health
from storefront_operator.components.equal_members import EqualMembers
from storefront_operator.components.external import is_external
from storefront_operator.components.postgres import data_identity
from storefront_operator.objects import Observed, fingerprint

SETUP_JOB = "elasticsearch-setup"

INDEX_TEMPLATES: Mapping[str, Mapping[str, Any]] = {
    "products": {
        "index_patterns": ["products-*"],
        "template": {
            "settings": {
                # A catalogue fits one shard; a copy of it on every other member outlives any two of three.
                "index.number_of_shards": 1,
                "index.auto_expand_replicas": "0-2",
            }
        },
    }
}
"""Index templates by name; the product service makes the indices, and their mappings."""

_HEADLESS_SERVICE = "elasticsearch-members"
_MEBIBYTE = 2**20


class Elasticsearch(EqualMembers):
    """A StatefulSet whose members know each other by name, and a Job that waits for them and puts index templates."""

    name = "elasticsearch"
    condition = "ElasticsearchReady"

    def jobs(self, storefront: Storefront, observed: Observed) -> Sequence[OnceJob]:
        if is_external(storefront.spec["elasticsearch"]):
            return ()
        version = fingerprint(INDEX_TEMPLATES)[:8] + _formation(storefront, observed)
        return (OnceJob(SETUP_JOB, version, storefront.namespace("data")),)

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        spec = storefront.spec["elasticsearch"]
        if is_external(spec):
            return {"managed": False}
        (job,) = self.jobs(storefront, observed)
        names = [f"elasticsearch-{ordinal}" for ordinal in range(spec["members"])]
        return {
            "managed": True,
            "workload": spec,
            "members": spec["members"],
            "storage": spec["storage"],
            "image": image_reference(storefront, "elasticsearch"),
            "env": merged_env(_environment(storefront.name, spec, names), spec),
            "initial_masters": None if has_formed(storefront, observed) else names,
            "index_templates": INDEX_TEMPLATES,
            "setup_job": None if job.is_done(storefront) else job.object_name,
        }

    def inquiry(self, storefront: Storefront, observed: Observed) -> Inquiry | None:
        spec = storefront.spec["elasticsearch"]
        if is_external(spec):
            return None
        url = f"http://{self.name}.{storefront.namespace('data')}.svc:9200"
        return Inquiry(url, PATHS, spec["members"])

    def judge(self, inquiry: Inquiry, answers: Sequence[Any]) -> Health:
        return live_health(answers[0], inquiry.members)


def has_formed(storefront: Storefront, observed: Observed) -> bool:
    """Whether the status records that the cluster of this data namespace has formed.

    Only before that may a member make a cluster out of nothing: afterwards, members that lost their volumes would
    make a second one beside the first (Elasticsearch, "Bootstrapping a cluster").
    """
    return storefront.completed_jobs.get(SETUP_JOB, "").endswith(_formation(storefront, observed))


def _formation(storefront: Storefront, observed: Observed) -> str:
    """What identifies the one formation of the cluster, as the end of the Job's version."""
    return fingerprint({"data": data_identity(storefront, observed)})[:8]


def _environment(storefront: str, spec: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    resources = spec["resources"]
    cpu = resources.get("limits", {}).get("cpu") or resources.get("requests", {}).get("cpu") or "1"
    processors = max(1, math.ceil(parse_quantity(cpu)))
    heap = int(parse_quantity(spec["heapSize"]) // _MEBIBYTE)
    return {
        "cluster.name": storefront,
        "node.name": "$(POD_NAME)",
        # The short form of the members' names is found in every cluster, whatever its domain is.
        "discovery.seed_hosts": ",".join(f"{name}.{_HEADLESS_SERVICE}" for name in names),
        "network.host": "0.0.0.0",  # noqa: S104 - all of the pod's
        "network.publish_host": "$(POD_IP)",
        # Memory-mapped files would need a higher vm.max_map_count on every node, which only its owner can set.
        "node.store.allow_mmap": "false",
        # Without users and TLS: network policies let the product service in and nobody else.
        "xpack.security.enabled": "false",
        # A member that is gone without a farewell is noticed after 6 s instead of 30.
        "cluster.fault_detection.leader_check.timeout": "3s",
        "cluster.fault_detection.leader_check.retry_count": "2",
        "cluster.fault_detection.follower_check.timeout": "3s",
        "cluster.fault_detection.follower_check.retry_count": "2",
        # A new master's first decision goes to the lost one, too; until that is given up it decides nothing else.
        "cluster.publish.timeout": "10s",
        "ES_PATH_CONF": "/tmp/config",  # noqa: S108 - the pod's own
        "ES_JAVA_OPTS": " ".join(
            [
                f"-Xms{heap}m -Xmx{heap}m",
                # The machine's cores are not the pod's: thread pools and collectors are sized by this.
                f"-XX:ActiveProcessorCount={processors}",
                # With one core, the second compiler's work would come out of requests.
                *(["-XX:TieredStopAtLevel=1"] if processors == 1 else []),
                # The collector's log on the console, and only what is wrong.
                "-Xlog:disable -Xlog:all=warning:stderr:utctime,level,tags",
            ]
        ),
        # The launcher stays as the server's parent.
        "CLI_JAVA_OPTS": "-Xmx32m -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    }
