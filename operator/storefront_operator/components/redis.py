"""Redis with Sentinel: elections are the sentinels', this component renders and judges.

What is promised: an acknowledged write outlives the process of its server; replication is asynchronous, so a primary
that dies loses what its replica had not received yet (milliseconds), and one that is cut off from the network goes on
for about 3 s. A primary that is stopped in order (deletion, drain, rollout) loses nothing.

**Credentials change without a restart.** Running servers load a changed access list by themselves (within two minutes,
when the kubelet has exchanged it), and their pods' label tells what they have loaded. Those of services are exchanged
by a second user, see engine/rotation.py. The internal users may have two passwords at a time, which a person exchanges
with the key `previousPassword`, see docs/stores.md.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from storefront_operator.api import Storefront
from storefront_operator.api.quantities import parse_quantity
from storefront_operator.components.base import Action, Component, GeneratedSecret, Health, Reason, Rotation
from storefront_operator.components.common import image_reference, merged_env
from storefront_operator.components.connections import deployment_of, users_of
from storefront_operator.components.external import external_health, is_external
from storefront_operator.components.logins import logins_of
from storefront_operator.components.rolling import (
    ReplaceMember,
    due_member,
    is_primary,
    replace_broken,
)
from storefront_operator.components.workloads import workload_health, worst
from storefront_operator.objects import Child, Observed
from storefront_operator.objects.labels import ACCESS_LIST, NAME, REPLICATION

SERVICES = users_of("redis")
"""Services that may connect; each has the keys and channels that begin with its own name."""

SENTINELS = "redis-sentinel"

_MEMORY_SHARE = 0.6
"""Of the memory limit, for data: the rest is for copies on write, buffers and the processes themselves."""
_REPLICA_BUFFER_SHARE = 0.1
_DEFAULT_MEMORY = "256Mi"

_PASSWORDS = ("password", "previousPassword")
"""Keys of an internal user's Secret; whoever knows one of them may log in."""

_SERVICE_RULES = "~{name}:* &{name}:* +@all -@admin -@dangerous"
_RULES = {
    "admin": "~* &* +@all",
    # https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/ names what each of them needs.
    "replication": "+psync +replconf +ping",
    "sentinel": (
        "&* +multi +exec +ping +info +role +subscribe +publish +slaveof +replicaof +config|rewrite +config|set "
        "+client|setname +client|kill +client|pause +client|unpause +script|kill +dbsize "
        "+acl|setuser +acl|deluser +acl|list"
    ),
}


class Redis(Component):
    """A primary, its replicas, and the sentinels that elect among them."""

    name = "redis"
    condition = "RedisReady"

    def secrets(self, storefront: Storefront) -> Sequence[GeneratedSecret]:
        if is_external(storefront.spec["redis"]):
            return ()
        namespace = storefront.namespace("data")
        return [
            GeneratedSecret(
                namespace,
                redis_secret(user),
                self.name,
                {"username": user},
                ("password",),
                rotation=Rotation([deployment_of(storefront, user)]) if user in SERVICES else None,
            )
            for user in (*_RULES, *SERVICES)
        ]

    def accepts_credentials(self, storefront: Storefront, observed: Observed) -> bool:
        spec = storefront.spec["redis"]
        if is_external(spec):
            return True
        wanted = passwords_fingerprint(_access_list(storefront, observed))
        pods = observed.pods_of(storefront.namespace("data"), self.name)
        return len(pods) == spec["members"] and all(pod.labels.get(ACCESS_LIST) == wanted for pod in pods)

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        spec = storefront.spec["redis"]
        if is_external(spec):
            return {"managed": False}
        instance = {"app.kubernetes.io/instance": storefront.name}
        selector = {NAME: self.name, **instance}
        return {
            "managed": True,
            "workload": spec,
            "storage": spec["storage"],
            "image": image_reference(storefront, "redis"),
            "env": merged_env({}, spec),
            "member_pods": [f"redis-{number}" for number in range(spec["members"])],
            "sentinel_pods": [f"{SENTINELS}-{number}" for number in range(spec["sentinels"])],
            "sentinel_selector": {NAME: SENTINELS, **instance},
            "member_selector": ",".join(f"{label}={value}" for label, value in selector.items()),
            "sentinel_secret": redis_secret("sentinel"),
            "replication_secret": redis_secret("replication"),
            "access_list": _encoded(_access_list(storefront, observed)),
            **_sizes(spec),
        }

    def rollout(self, storefront: Storefront, observed: Observed) -> Action | None:
        namespace, spec = storefront.namespace("data"), storefront.spec["redis"]
        due = due_member(observed, namespace, self.name)
        if due is None:
            return None
        if not due.serving:
            return replace_broken(due.pod)
        # A primary that is deleted hands over by itself, to a replica that is linked.
        replicas = [pod for pod in observed.pods_of(namespace, self.name) if not is_primary(pod)]
        linked = all(_is_linked(pod) for pod in replicas if pod.key != due.pod.key)
        if not linked or len(replicas) != spec["members"] - 1:
            return None
        sentinels = workload_health(observed, "StatefulSet", namespace, SENTINELS, majority=True)
        return ReplaceMember(due.pod) if sentinels.ready else None

    def health(self, storefront: Storefront, observed: Observed) -> Health:
        spec = storefront.spec["redis"]
        if is_external(spec):
            return external_health(spec)
        namespace = storefront.namespace("data")
        members = workload_health(observed, "StatefulSet", namespace, self.name)
        sentinels = workload_health(observed, "StatefulSet", namespace, SENTINELS)
        pods = observed.pods_of(namespace, self.name)
        primary = next((pod.key.name for pod in pods if _is_live_primary(pod)), None)
        linked = sum(_is_linked(pod) for pod in pods)
        facts = {
            **members.facts,
            "primary": primary,
            "replicas": linked,
            "sentinels": sentinels.facts.get("ready"),
        }
        if observed.get("StatefulSet", namespace, self.name) is not None and primary is None:
            return _without_primary(storefront, members, facts)
        judged = worst(members, _as_voters(sentinels, spec["sentinels"]), _replicas(linked, spec["members"]))
        message = judged.message
        if judged.reason is Reason.AS_DESIRED and primary:
            message = f"{message}, primary {primary}, {linked} linked"
        return Health(judged.ready, judged.reason, message, judged.progressing, facts)


def redis_secret(user: str) -> str:
    """Name of the generated Secret with a user's name and password."""
    return f"redis-{user}"


def _access_list(storefront: Storefront, observed: Observed) -> str:
    """The users in the form of an ACL file; one whose Secret does not exist yet may not log in yet."""
    namespace = storefront.namespace("data")
    lines = ["user default off resetpass resetkeys resetchannels -@all"]
    for user, allowed in _RULES.items():
        secret = observed.secret_data(namespace, redis_secret(user)) or {}
        passwords = [base64.b64decode(secret[key]) for key in _PASSWORDS if key in secret]
        lines.append(_user(user, passwords, allowed))
    for service in SERVICES:
        logins = logins_of(observed.secret_data(namespace, redis_secret(service))).values()
        # Sorted: which of them is the current one makes no difference to the store.
        known = sorted((login.username, [login.password.encode()]) for login in logins) or [(service, [])]
        lines += [_user(user, passwords, _SERVICE_RULES.format(name=service)) for user, passwords in known]
    return "\n".join(lines) + "\n"


def _user(name: str, passwords: Sequence[bytes], allowed: str) -> str:
    hashes = sorted(f"#{hashlib.sha256(password).hexdigest()}" for password in passwords)
    return " ".join([f"user {name} on", *hashes, allowed])


def passwords_fingerprint(access_list: str) -> str:
    """Which passwords are accepted for whom. The image computes the same (storefront_redis/access_list.py)."""
    users = [line.split() for line in access_list.splitlines()]
    lines = [" ".join([user[1], *sorted(word for word in user if word[0] == "#")]) for user in users]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def _sizes(spec: Mapping[str, Any]) -> dict[str, int]:
    """Sizes in bytes from the pod's memory limit (or request)."""
    resources = spec["resources"]
    amount = resources.get("limits", {}).get("memory") or resources.get("requests", {}).get("memory")
    memory = int(parse_quantity(amount or _DEFAULT_MEMORY))
    return {
        "max_memory": int(memory * _MEMORY_SHARE),
        "max_replica_buffer": int(memory * _REPLICA_BUFFER_SHARE),
    }


def _without_primary(storefront: Storefront, members: Health, facts: Mapping[str, Any]) -> Health:
    if members.reason is Reason.POD_FAILING:
        return Health(False, members.reason, members.message, True, facts)
    if "firstReadyTime" not in storefront.status:
        return Health(False, Reason.PROVISIONING, "no member is primary yet", True, facts)
    namespace = storefront.namespace("data")
    return Health(
        False,
        Reason.FAILING_OVER,
        "no ready member is primary; the sentinels elect one within 5 s of losing it. If this lasts, read the logs of "
        f"the pods redis-* in {namespace}",
        True,
        facts,
    )


def _as_voters(sentinels: Health, count: int) -> Health:
    """Sentinels serve nobody: without them Redis works, but a lost primary is not replaced."""
    if sentinels.reason is Reason.AS_DESIRED:
        return sentinels
    message = sentinels.message
    if sentinels.facts.get("ready", 0) <= count // 2:
        message = f"without a majority of sentinels a lost primary is not replaced: {message}"
    return Health(True, sentinels.reason, message, True)


def _replicas(linked: int, members: int) -> Health | None:
    if linked >= members - 1:
        return None
    return Health(
        True, Reason.DEGRADED, f"{linked} of {members - 1} replicas are linked to the primary", True
    )


def _is_live_primary(pod: Child) -> bool:
    return is_primary(pod) and bool(pod.facts.get("ready")) and not pod.deleting


def _is_linked(pod: Child) -> bool:
    return pod.labels.get(REPLICATION) == "linked" and bool(pod.facts.get("ready")) and not pod.deleting


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
