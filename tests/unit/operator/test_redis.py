"""The component Redis: what it renders, and what it says."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from storefront_operator.api import Storefront, parse_storefront
from storefront_operator.components import Health, Reason, context_of, render_component
from storefront_operator.components.redis import Redis, passwords_fingerprint
from storefront_operator.engine.credentials import placeholders
from storefront_operator.engine.projection import project
from storefront_operator.objects import Child, ChildKey, Manifest, Observed, key_of
from storefront_operator.objects.labels import CONFIG_HASH

NAMESPACE = "shop-data"
REDIS = Redis()
EXTERNAL = {"mode": "External", "external": {"host": "redis.example.com", "secretName": "redis"}}


def shop(*, ready_before: bool = True, **redis: Any) -> Storefront:
    return parse_storefront(
        {
            "apiVersion": "storefront.dev/v1alpha1",
            "kind": "Storefront",
            "metadata": {"name": "shop", "uid": "u", "generation": 1},
            "spec": {"domain": "shop.example.com", "redis": redis},
            "status": {"firstReadyTime": "2026-01-01T00:00:00Z"} if ready_before else {},
        }
    )


def rendered(storefront: Storefront, observed: Observed | None = None) -> dict[str, Manifest]:
    observed = observed or placeholders(storefront)
    manifests = render_component(REDIS, storefront, context_of(REDIS, storefront, observed))
    return {str(key_of(manifest)): manifest for manifest in manifests}


def with_password(user: str, **data: str) -> Observed:
    """The generated Secrets, one with other content."""
    children = dict(placeholders(shop()).children)
    key = ChildKey("Secret", NAMESPACE, f"redis-{user}")
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
    children[key] = Child(key, "", "0", {}, "", "", deleting=False, facts={"data": encoded})
    return Observed(children)


def users(manifests: dict[str, Manifest]) -> dict[str, list[str]]:
    text = base64.b64decode(manifests[f"Secret {NAMESPACE}/redis-users"]["data"]["users.acl"]).decode()
    return {line.split()[1]: line.split()[2:] for line in text.splitlines()}


def access_list(manifests: dict[str, Manifest]) -> list[str]:
    data = manifests[f"Secret {NAMESPACE}/redis-users"]["data"]["users.acl"]
    return base64.b64decode(data).decode().splitlines()


def live(kind: str, name: str, **parts: Any) -> Child:
    metadata = {"name": name, "namespace": NAMESPACE, "uid": name, "resourceVersion": "5", "generation": 1}
    metadata |= parts.pop("metadata", {})
    return project(kind, {"kind": kind, "metadata": metadata, **parts})


def stateful_set(name: str, desired: int, ready: int) -> Child:
    spec = {"replicas": desired, "template": {"spec": {"containers": [{"image": "redis:7"}]}}}
    status = {
        "replicas": desired,
        "updatedReplicas": desired,
        "readyReplicas": ready,
        "observedGeneration": 1,
    }
    return live("StatefulSet", name, spec=spec, status=status)


def member(number: int, role: str, link: str | None = None, *, ready: bool = True) -> Child:
    labels = {"app.kubernetes.io/name": "redis", "role": role}
    labels |= {"storefront.dev/replication": link} if link else {}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]}
    return live("Pod", f"redis-{number}", metadata={"labels": labels}, spec={"nodeName": "n"}, status=status)


def judged(*pods: Child, ready: int = 2, sentinels: int = 3, ready_before: bool = True) -> Health:
    children = [stateful_set("redis", 2, ready), stateful_set("redis-sentinel", 3, sentinels), *pods]
    return REDIS.health(shop(ready_before=ready_before), Observed({child.key: child for child in children}))


def test_every_pod_has_an_address_of_its_own() -> None:
    manifests = rendered(shop(members=3, sentinels=5))

    for pod in (*(f"redis-{n}" for n in range(3)), *(f"redis-sentinel-{n}" for n in range(5))):
        service = manifests[f"Service {NAMESPACE}/{pod}"]["spec"]
        assert service["selector"]["statefulset.kubernetes.io/pod-name"] == pod
        assert service["publishNotReadyAddresses"] is True
        assert service["type"] == "ClusterIP"
        assert "clusterIP" not in service, "a headless Service has no address that stays"


def test_clients_reach_the_primary_only() -> None:
    service = rendered(shop())[f"Service {NAMESPACE}/redis-primary"]["spec"]

    assert service["selector"]["role"] == "primary"
    assert not service.get("publishNotReadyAddresses")


def test_passwords_are_hashed_and_users_confined_to_their_own_keys() -> None:
    listed = users(rendered(shop(), with_password("order", username="order", password="pencil")))

    assert listed["default"][0] == "off"
    assert f"#{hashlib.sha256(b'pencil').hexdigest()}" in listed["order"]
    assert {"~order:*", "&order:*", "-@admin", "-@dangerous"} <= set(listed["order"])
    assert "~*" not in listed["product"]
    assert not any(rule.startswith(">") for rules in listed.values() for rule in rules)


def test_during_a_rotation_both_passwords_are_accepted() -> None:
    data = {"username": "sentinel", "password": "new", "previousPassword": "old"}

    rules = users(rendered(shop(), with_password("sentinel", **data)))["sentinel"]

    assert {f"#{hashlib.sha256(word).hexdigest()}" for word in (b"new", b"old")} == {
        rule for rule in rules if rule.startswith("#")
    }


def test_during_a_rotation_a_service_has_two_users() -> None:
    both = {"username": "order", "password": "a", "next-username": "order-b", "next-password": "b"}

    listed = users(rendered(shop(), with_password("order", **both)))

    for user, password in {"order": b"a", "order-b": b"b"}.items():
        assert [rule for rule in listed[user] if rule[0] == "#"] == [
            f"#{hashlib.sha256(password).hexdigest()}"
        ]
        assert "~order:*" in listed[user]


def test_changing_places_changes_nothing_for_the_servers() -> None:
    a, b = {"username": "order", "password": "a"}, {"username": "order-b", "password": "b"}
    both = with_password("order", **a, **{f"next-{key}": value for key, value in b.items()})
    swapped = with_password("order", **b, **{f"former-{key}": value for key, value in a.items()})

    assert rendered(shop(), both) == rendered(shop(), swapped)
    assert rendered(shop(), both) != rendered(shop(), with_password("order", **b))


def test_credentials_are_accepted_when_every_member_has_loaded_them() -> None:
    observed = with_password("order", username="order", password="a")
    wanted = passwords_fingerprint("\n".join(access_list(rendered(shop(), observed))))

    def accepted(*labels: str) -> bool:
        pods = [loaded(number, label) for number, label in enumerate(labels)]
        children = {**observed.children, **{pod.key: pod for pod in pods}}
        return REDIS.accepts_credentials(shop(), Observed(children))

    assert accepted(wanted, wanted)
    assert not accepted(wanted)
    assert not accepted(wanted, "older")
    assert not accepted(wanted, "")
    assert REDIS.accepts_credentials(shop(**EXTERNAL), Observed())


def loaded(number: int, label: str) -> Child:
    labels = {"app.kubernetes.io/name": "redis", "storefront.dev/access-list": label}
    return live("Pod", f"redis-{number}", metadata={"labels": labels}, spec={"nodeName": "n"}, status={})


def test_a_user_whose_secret_is_missing_cannot_log_in() -> None:
    rules = users(rendered(shop(), Observed()))["order"]

    assert not any(rule.startswith("#") or rule == "nopass" for rule in rules)


def test_a_changed_password_restarts_nothing_and_changed_options_do() -> None:
    def configuration(manifests: dict[str, Manifest]) -> str:
        template = manifests[f"StatefulSet {NAMESPACE}/redis"]["spec"]["template"]
        return str(template["metadata"]["annotations"][CONFIG_HASH])

    before = configuration(rendered(shop()))

    assert configuration(rendered(shop(), with_password("order", username="order", password="new"))) == before
    assert configuration(rendered(shop(resources={"limits": {"memory": "2Gi"}}))) != before


def test_data_stays_below_the_pods_memory_limit() -> None:
    config = rendered(shop(resources={"limits": {"memory": "1000M"}}))[f"ConfigMap {NAMESPACE}/redis"]

    assert "maxmemory 600000000\n" in config["data"]["redis.conf"]


def test_only_the_labeller_has_a_token_and_it_may_only_label_pods() -> None:
    manifests = rendered(shop())
    pod = manifests[f"StatefulSet {NAMESPACE}/redis-sentinel"]["spec"]["template"]["spec"]
    mounting = [
        container["name"]
        for container in pod["containers"]
        if any(mount["name"] == "api" for mount in container["volumeMounts"])
    ]
    (rule,) = manifests[f"Role {NAMESPACE}/redis-sentinel"]["rules"]

    assert mounting == ["labeller"]
    assert rule == {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "patch", "watch"]}


def test_an_external_redis_is_not_rendered_and_is_named() -> None:
    storefront = shop(**EXTERNAL)

    assert rendered(storefront) == {}
    assert REDIS.secrets(storefront) == ()
    health = REDIS.health(storefront, Observed())
    assert (health.ready, health.reason) == (True, Reason.AS_DESIRED)
    assert "redis.example.com" in health.message


def test_the_primary_and_its_links_are_told() -> None:
    health = judged(member(0, "replica", "linked"), member(1, "primary"))

    assert (health.ready, health.reason) == (True, Reason.AS_DESIRED)
    assert health.message == "2 of 2 pods ready, primary redis-1, 1 linked"
    assert {"primary": "redis-1", "replicas": 1, "sentinels": 3}.items() <= health.facts.items()


@pytest.mark.parametrize(
    "pods",
    [
        (),
        (member(0, "primary", ready=False), member(1, "replica", "broken")),
        (member(0, "replica"), member(1, "replica")),
    ],
)
def test_without_a_ready_primary_it_is_failing_over(pods: tuple[Child, ...]) -> None:
    health = judged(*pods, ready=1)

    assert (health.ready, health.reason) == (False, Reason.FAILING_OVER)
    assert health.facts["primary"] is None


def test_before_the_first_primary_it_is_provisioning() -> None:
    assert judged(ready=0, ready_before=False).reason is Reason.PROVISIONING


def test_a_broken_link_is_degraded() -> None:
    health = judged(member(0, "replica", "broken"), member(1, "primary"))

    assert (health.ready, health.reason) == (True, Reason.DEGRADED)
    assert "0 of 1 replicas are linked" in health.message


@pytest.mark.parametrize(("sentinels", "warns"), [(2, False), (1, True)])
def test_without_sentinels_it_serves_but_says_what_is_missing(sentinels: int, warns: bool) -> None:
    health = judged(member(0, "replica", "linked"), member(1, "primary"), sentinels=sentinels)

    assert (health.ready, health.reason) == (True, Reason.DEGRADED)
    assert ("not replaced" in health.message) is warns
