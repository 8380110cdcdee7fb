"""The four stores, asked directly: who leads, and is all well?"""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.e2e.kubectl import Kubectl

MEMBERS = {"postgres": 3, "rabbitmq": 3, "redis": 2, "redis-sentinel": 3, "elasticsearch": 3}
_NAME = "app.kubernetes.io/name"
_STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
_SYNCHRONOUS = "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"
_ASK_RABBITMQ = """
import sys, urllib.request
request = urllib.request.Request("http://127.0.0.1:15672/api/queues/storefront/fault-probe")
request.add_header("Authorization", "Basic " + sys.argv[1])
print(urllib.request.urlopen(request, timeout=10).read().decode())
"""


class Stores:
    """The stores of one Storefront, in its data namespace."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self._kubectl = kubectl
        self.namespace = namespace
        self.passwords = {
            name: base64.b64decode(kubectl.get("-n", namespace, "secret", name)["data"]["password"]).decode()
            for name in ("postgres-product", "rabbitmq-admin", "redis-product")
        }

    def pods(self) -> dict[str, dict[str, Any]]:
        """All members by their pods' names."""
        found = self._kubectl.get("-n", self.namespace, "pods")
        return {
            pod["metadata"]["name"]: pod for pod in found if pod["metadata"]["labels"].get(_NAME) in MEMBERS
        }

    def leaders(self) -> dict[str, str]:
        """Each store's leader; all must be well. RabbitMQ's is that of the queue which the clients use."""
        pods = self.pods()
        return {
            "postgres": _with_role(pods, "postgres"),
            "rabbitmq": self._queue("rabbitmq-0")["leader"].partition("@")[2].partition(".")[0],
            "redis": _with_role(pods, "redis"),
            "elasticsearch": self._curl("/_cat/master?h=node").strip(),
        }

    def ailment(self) -> str:
        """What is not well, or nothing."""
        pods = self.pods()
        for name, members in MEMBERS.items():
            ready = sum(_ready(pod) for pod in pods.values() if pod["metadata"]["labels"][_NAME] == name)
            if ready != members:
                return f"{name}: {ready} of {members} pods ready"
        for store in ("postgres", "redis"):
            if not _with_role(pods, store):
                return f"{store}: no primary"
        linked = [pod["metadata"]["labels"].get("storefront.dev/replication") for pod in pods.values()]
        if "linked" not in linked:
            return "redis: the replica is not linked"
        primary = _with_role(pods, "postgres")
        for query, wanted in ((_STREAMING, "2"), (_SYNCHRONOUS, "1")):
            answer = self._exec(primary, "psql", "-h/tmp", "-Upostgres", "-Atc", query).strip()
            if answer != wanted:
                return f"postgres: {answer or 'no answer'} to {query}"
        online = self._queue("rabbitmq-0").get("online", [])
        if len(online) != MEMBERS["rabbitmq"]:
            return f"rabbitmq: the queue has {len(online)} members online"
        health = self._curl("/_cluster/health?filter_path=status,number_of_nodes")
        if health != '{"status":"green","number_of_nodes":3}':
            return f"elasticsearch: {health or 'no answer'}"
        return ""

    def without(self, mark: str) -> list[str]:
        """Members, the sentinels aside, that do not have this value among their environment variables."""
        return [
            name
            for name, pod in self.pods().items()
            if pod["metadata"]["labels"][_NAME] != "redis-sentinel"
            and all(entry.get("value") != mark for entry in pod["spec"]["containers"][0].get("env", ()))
        ]

    def _queue(self, pod: str) -> dict[str, Any]:
        login = base64.b64encode(f"admin:{self.passwords['rabbitmq-admin']}".encode()).decode()
        answer = self._exec(pod, "python3", "-c", _ASK_RABBITMQ, login)
        queue: dict[str, Any] = json.loads(answer) if answer else {}
        return queue

    def _curl(self, path: str) -> str:
        return self._exec(
            "elasticsearch-0", "curl", "--silent", "--max-time", "5", f"http://localhost:9200{path}"
        )

    def _exec(self, pod: str, *command: str) -> str:
        """What a program in a pod prints; nothing while that does not work."""
        return self._kubectl.attempt("-n", self.namespace, "exec", pod, "--", *command).stdout


def container_of(pod: dict[str, Any]) -> str:
    """The id of the container of a store's pod, or nothing while there is none."""
    statuses = pod["status"].get("containerStatuses") or [{}]
    identity: str = statuses[0].get("containerID", "")
    return identity.partition("://")[2]


def _ready(pod: dict[str, Any]) -> bool:
    return "deletionTimestamp" not in pod["metadata"] and any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod["status"].get("conditions", ())
    )


def _with_role(pods: dict[str, dict[str, Any]], store: str) -> str:
    """The ready pod that is labelled as the store's primary, or nothing."""
    found = [
        name
        for name, pod in pods.items()
        if pod["metadata"]["labels"][_NAME] == store
        and pod["metadata"]["labels"].get("role") == "primary"
        and _ready(pod)
    ]
    return found[0] if len(found) == 1 else ""
