"""RabbitMQ: what is rendered, the definitions, and the judgement of a running cluster."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from storefront_common.events import CATALOGUE
from storefront_operator.api import Storefront, parse_storefront
from storefront_operator.cli import main
from storefront_operator.components import context_of, render_component
from storefront_operator.components.base import Reason
from storefront_operator.components.rabbitmq import RabbitMq
from storefront_operator.components.rabbitmq_live import _member, live_health
from storefront_operator.components.rabbitmq_topology import (
    SERVICES,
    SUBSCRIPTIONS,
    Credentials,
    boot_definitions,
    password_hash,
    salted_hash,
    topology,
)
from storefront_operator.engine.credentials import placeholders
from storefront_operator.engine.projection import project
from storefront_operator.objects import Child, ChildKey, Manifest, Observed, key_of

RECORDED = Path(__file__).parent / "recorded"
USERS = {service: [Credentials(service, f"password of {service}")] for service in SERVICES}


def shop(status: dict[str, Any] | None = None, **rabbitmq: Any) -> Storefront:
    return parse_storefront(
        {
            "apiVersion": "storefront.dev/v1alpha1",
            "kind": "Storefront",
            "metadata": {"name": "shop", "uid": "u-1", "generation": 1},
            "spec": {"domain": "shop.example.com", "rabbitmq": rabbitmq},
            "status": status or {},
        }
    )


def rendered(storefront: Storefront, observed: Observed | None = None) -> dict[str, Manifest]:
    observed = observed or placeholders(storefront)
    component = RabbitMq()
    manifests = render_component(component, storefront, context_of(component, storefront, observed))
    return {str(key_of(manifest)): manifest for manifest in manifests}


def with_password(observed: Observed, secret: str, username: str, password: str) -> Observed:
    key = ChildKey("Secret", "shop-data", secret)
    data = {"username": username, "password": password}
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
    return Observed({**observed.children, key: replace(observed.children[key], facts={"data": encoded})})


def config(manifests: dict[str, Manifest]) -> dict[str, str]:
    lines = manifests["ConfigMap shop-data/rabbitmq"]["data"]["rabbitmq.conf"].splitlines()
    return dict(line.split(" = ") for line in lines if " = " in line)


def template(manifests: dict[str, Manifest]) -> Any:
    return manifests["StatefulSet shop-data/rabbitmq"]["spec"]["template"]


def job(manifests: dict[str, Manifest]) -> Manifest:
    (found,) = [manifest for manifest in manifests.values() if manifest["kind"] == "Job"]
    return found


def definitions(manifests: dict[str, Manifest], secret: str) -> Any:
    return json.loads(base64.b64decode(manifests[f"Secret shop-data/{secret}"]["data"]["definitions.json"]))


def test_every_member_knows_all_members_by_a_name_that_holds_in_any_cluster() -> None:
    manifests = rendered(shop(members=5))

    nodes = [value for key, value in config(manifests).items() if ".classic_config.nodes." in key]
    assert nodes == [f"rabbit@rabbitmq-{number}.rabbitmq-members" for number in range(5)]
    assert manifests["StatefulSet shop-data/rabbitmq"]["spec"]["serviceName"] == "rabbitmq-members"
    members = manifests["Service shop-data/rabbitmq-members"]["spec"]
    assert members["publishNotReadyAddresses"] is True, "members must find each other before they are ready"


@pytest.mark.parametrize(
    ("limit", "watermark"), [("512Mi", 322122547), ("1Gi", 644245094), ("2G", 1200000000)]
)
def test_the_memory_watermark_follows_the_limit_of_the_pod(limit: str, watermark: int) -> None:
    settings = config(rendered(shop(resources={"limits": {"memory": limit}})))

    assert int(settings["vm_memory_high_watermark.absolute"]) == watermark
    assert watermark < int(settings["total_memory_available_override_value"])


@pytest.mark.parametrize(("cpu", "schedulers"), [("50m", "+S 1:1"), ("1500m", "+S 2:2"), ("4", "+S 4:4")])
def test_there_are_as_many_schedulers_as_the_pod_has_cores(cpu: str, schedulers: str) -> None:
    (container,) = template(rendered(shop(resources={"requests": {"cpu": cpu}})))["spec"]["containers"]

    (arguments,) = [
        e["value"] for e in container["env"] if e["name"] == "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"
    ]
    assert arguments.startswith(f"{schedulers} ")


def test_a_new_password_of_a_service_is_imported_without_a_restart_of_the_members() -> None:
    storefront = shop()
    observed = placeholders(storefront)
    changed = with_password(observed, "rabbitmq-order", "order", "another")
    before, after = rendered(storefront, observed), rendered(storefront, changed)

    assert template(before) == template(after)
    assert key_of(job(before)) != key_of(job(after))


def test_a_new_password_of_the_admin_rolls_the_members_which_import_it() -> None:
    storefront = shop()
    observed = placeholders(storefront)
    before = rendered(storefront, observed)
    after = rendered(storefront, with_password(observed, "rabbitmq-admin", "admin", "another"))

    assert template(before) != template(after)


def test_both_users_of_a_service_exist_while_its_credentials_are_exchanged() -> None:
    storefront = shop()
    observed = placeholders(storefront)
    key = ChildKey("Secret", "shop-data", "rabbitmq-order")
    both = {"username": "order", "password": "a", "next-username": "order-b", "next-password": "b"}
    swapped = {"former-username": "order", "former-password": "a", "username": "order-b", "password": "b"}
    found = []
    for data in (both, swapped):
        encoded = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
        child = replace(observed.children[key], facts={"data": encoded})
        found.append(rendered(storefront, Observed({**observed.children, key: child})))
    manifests = found[0]
    defined = definitions(manifests, "rabbitmq-definitions")

    assert found[0] == found[1], "which of them is the current one is not RabbitMQ's business"
    assert {"order", "order-b"} <= {user["name"] for user in defined["users"]}
    one, other = (
        {**permission, "user": ""}
        for permission in defined["permissions"]
        if permission["user"] in ("order", "order-b")
    )
    assert one == other
    assert retired(manifests) == ["user-b", "product-b", "payment-b", "notification-b"]


def test_no_user_is_deleted_for_a_secret_that_is_unseen() -> None:
    storefront = shop()
    children = dict(placeholders(storefront).children)
    del children[ChildKey("Secret", "shop-data", "rabbitmq-user")]

    assert "user-b" not in retired(rendered(storefront, Observed(children)))
    assert "user-b" in retired(rendered(storefront))


def retired(manifests: dict[str, Manifest]) -> list[str]:
    """Users that the Job is told to delete."""
    (job,) = (manifest for manifest in manifests.values() if manifest["kind"] == "Job")
    env = {each["name"]: each["value"] for each in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    return str(env["RETIRED_USERS"]).split()


def test_a_user_whose_secret_is_unseen_is_left_out_rather_than_given_an_empty_password() -> None:
    storefront = shop()
    children = dict(placeholders(storefront).children)
    del children[ChildKey("Secret", "shop-data", "rabbitmq-user")]

    users = definitions(rendered(storefront, Observed(children)), "rabbitmq-definitions")["users"]

    assert [user["name"] for user in users] == [service for service in SERVICES if service != "user"]


def test_no_password_is_in_what_is_rendered() -> None:
    storefront = shop()
    observed = with_password(placeholders(storefront), "rabbitmq-order", "order", "correct horse")

    for key, manifest in rendered(storefront, observed).items():
        text = json.dumps(manifest)
        decoded = [
            base64.b64decode(value).decode()
            for value in (manifest.get("data", {}).values() if manifest["kind"] == "Secret" else ())
        ]
        assert not any("correct horse" in each for each in (text, *decoded)), key


def test_the_job_leaves_when_the_status_records_it() -> None:
    before = shop()
    (once,) = RabbitMq().jobs(before, placeholders(before))
    after = shop({"completedJobs": {once.name: once.version}})

    assert key_of(job(rendered(before))).name == once.object_name
    assert not [key for key in rendered(after) if key.startswith("Job")]


def test_an_external_broker_leaves_nothing_to_render_and_says_where_it_is() -> None:
    storefront = shop(mode="External", external={"host": "mq.example.com", "port": 5671, "secretName": "mq"})
    component = RabbitMq()

    assert component.secrets(storefront) == ()
    assert component.jobs(storefront, Observed()) == ()
    assert rendered(storefront, Observed()) == {}
    health = component.health(storefront, Observed())
    assert (health.ready, health.reason) == (True, Reason.AS_DESIRED)
    assert "mq.example.com:5671" in health.message


def test_it_is_ready_when_the_members_are_and_the_definitions_are_imported() -> None:
    def health(ready: int, *, imported: bool) -> Any:
        storefront = shop()
        (once,) = RabbitMq().jobs(storefront, placeholders(storefront))
        storefront = shop({"completedJobs": {once.name: once.version}} if imported else None)
        observed = placeholders(storefront)
        members = stateful_set(ready)
        return RabbitMq().health(storefront, Observed({**observed.children, members.key: members}))

    assert health(3, imported=True).reason is Reason.AS_DESIRED
    assert health(3, imported=False).reason is Reason.MIGRATING
    degraded = health(2, imported=True)
    assert (degraded.ready, degraded.reason) == (True, Reason.DEGRADED)


def stateful_set(ready: int) -> Child:
    containers = [{"name": "rabbitmq", "image": "registry.example.com/rabbitmq:1.2"}]
    return project(
        "StatefulSet",
        {
            "metadata": {
                "name": "rabbitmq",
                "namespace": "shop-data",
                "uid": "u",
                "resourceVersion": "1",
                "generation": 1,
            },
            "spec": {"replicas": 3, "template": {"spec": {"containers": containers}}},
            "status": {"replicas": 3, "updatedReplicas": 3, "readyReplicas": ready, "observedGeneration": 1},
        },
    )


def test_the_hash_is_rabbitmqs_own() -> None:
    """The example of RabbitMQ's guide "Credentials and Passwords"."""
    assert (
        salted_hash("test12", bytes.fromhex("908DC60A")) == "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
    )


def test_a_hash_is_the_same_every_time_and_differs_between_users_with_the_same_password() -> None:
    one, other = Credentials("user", "same"), Credentials("order", "same")

    assert password_hash(one) == password_hash(one)
    assert password_hash(one) != password_hash(other)
    decoded = base64.b64decode(password_hash(one))
    assert decoded[4:] == hashlib.sha256(decoded[:4] + b"same").digest()


@pytest.mark.parametrize(("members", "replicas"), [(1, 1), (3, 3), (5, 3)])
def test_every_queue_is_a_quorum_queue_with_up_to_three_replicas(members: int, replicas: int) -> None:
    for queue in topology(USERS, members)["queues"]:
        assert queue["durable"] is True
        assert queue["arguments"]["x-queue-type"] == "quorum"
        assert queue["arguments"]["x-quorum-initial-group-size"] == replicas


def test_no_queue_that_hands_messages_on_may_lose_one() -> None:
    handing_on = [q for q in topology(USERS, 3)["queues"] if "x-dead-letter-exchange" in q["arguments"]]

    assert len(handing_on) == 4 * len(SERVICES)
    for queue in handing_on:
        assert queue["arguments"]["x-dead-letter-strategy"] == "at-least-once"
        assert queue["arguments"]["x-overflow"] == "reject-publish"


def test_a_message_that_fails_comes_back_later_each_time_and_ends_as_a_dead_letter() -> None:
    defined = topology(USERS, 3)
    queues = {queue["name"]: queue["arguments"] for queue in defined["queues"]}
    bindings = {(b["source"], b["routing_key"]): b["destination"] for b in defined["bindings"]}

    delays = []
    for number in ("1", "2", "3"):
        waiting = queues[bindings["order.retry", number]]
        assert (waiting["x-dead-letter-exchange"], waiting["x-dead-letter-routing-key"]) == ("", "order")
        delays.append(waiting["x-message-ttl"])
    assert delays == sorted(set(delays))
    assert queues["order"]["x-dead-letter-routing-key"] == "order.dead"
    assert bindings["order.retry", "now"] == "order", "a dead letter can be replayed"
    assert "x-dead-letter-exchange" not in queues["order.dead"]
    assert set(bindings.values()) <= set(queues)


def test_each_service_gets_the_events_that_it_handles() -> None:
    bound: dict[str, list[str]] = {service: [] for service in SERVICES}
    for binding in topology(USERS, 3)["bindings"]:
        if binding["source"] == "events":
            bound[binding["destination"]].append(binding["routing_key"])

    assert bound == {service: list(types) for service, types in SUBSCRIPTIONS.items()}
    assert bound["user"] == ["user.data_erased", "user.data_exported"]


def test_every_event_is_one_of_the_catalogue_and_has_a_reader() -> None:
    assert {event for types in SUBSCRIPTIONS.values() for event in types} == set(CATALOGUE)


def test_definitions_for_a_server_elsewhere_hold_no_users(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["definitions"]) == 0

    printed = json.loads(capsys.readouterr().out)
    defined = topology(USERS, 3)
    assert printed["vhosts"] == [{"name": "storefront"}]
    assert "users" not in printed
    assert all(printed[name] == defined[name] for name in ("exchanges", "queues", "bindings"))


def may(service: str, what: str, name: str) -> bool:
    (permission,) = [p for p in topology(USERS, 3)["permissions"] if p["user"] == service]
    return re.search(permission[what], name) is not None


def test_a_service_reaches_its_own_queues_and_the_events_and_nothing_else() -> None:
    names = {each["name"] for kind in ("exchanges", "queues") for each in topology(USERS, 3)[kind]}

    for service in SERVICES:
        assert {name for name in names if may(service, "configure", name)} == set()
        assert {name for name in names if may(service, "write", name)} == {"events", f"{service}.retry"}
        assert {name for name in names if may(service, "read", name)} == {service, f"{service}.dead"}
        assert not may(service, "write", "amq.default"), "it would lead into everybody's queue"


def test_members_start_with_an_admin_and_one_who_only_watches() -> None:
    defined = boot_definitions(Credentials("admin", "a"), Credentials("monitor", "b"))

    assert {user["name"]: user["tags"] for user in defined["users"]} == {
        "admin": "administrator",
        "monitor": "monitoring",
    }
    (watching,) = [p for p in defined["permissions"] if p["user"] == "monitor"]
    assert not any(re.search(watching[what], "order") for what in ("configure", "write", "read"))


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"rabbitmq_{name}.json").read_text())


def judged(nodes: Any = None, queues: Any = None, members: int = 3) -> Any:
    return live_health(nodes or recorded("nodes"), queues or recorded("queues"), members)


def test_a_whole_cluster_is_as_desired_with_its_facts() -> None:
    health = judged()

    assert (health.ready, health.reason, health.progressing) == (True, Reason.AS_DESIRED, False)
    assert (health.facts["nodesRunning"], health.facts["partitions"], health.facts["queues"]) == (3, 0, 25)
    assert set(health.facts["queueLeaders"]) <= {"rabbitmq-0", "rabbitmq-1", "rabbitmq-2"}
    assert sum(health.facts["queueLeaders"].values()) == 25


def test_a_cluster_that_has_lost_a_node_serves() -> None:
    health = judged(recorded("nodes_one_stopped"), recorded("queues_one_stopped"))

    assert (health.ready, health.reason, health.progressing) == (True, Reason.DEGRADED, True)
    assert "2 of 3 members run" in health.message
    assert sum(health.facts["queueLeaders"].values()) == 25


def test_queues_without_a_majority_do_not_serve() -> None:
    queues = recorded("queues")
    for queue in queues:
        queue["online"] = queue["members"][:1]

    health = judged(queues=queues)

    assert (health.ready, health.reason) == (False, Reason.UNAVAILABLE)
    assert "25 of 25 queues" in health.message


@pytest.mark.parametrize(("alarm", "says"), [("mem_alarm", "memory"), ("disk_free_alarm", "disk space")])
def test_an_alarm_stops_publishers_and_says_what_to_do(alarm: str, says: str) -> None:
    nodes = recorded("nodes")
    nodes[1][alarm] = True

    health = judged(nodes)

    assert (health.ready, health.reason) == (False, Reason.UNAVAILABLE)
    assert f"rabbitmq-1 is short of {says}" in health.message
    assert "spec.rabbitmq" in health.message


def test_a_member_without_which_nothing_is_worse_is_dispensable() -> None:
    assert judged(recorded("nodes_one_stopped"), recorded("queues_one_stopped")).dispensable == {
        _member(node["name"]) for node in recorded("nodes_one_stopped") if not node["running"]
    }

    nodes = recorded("nodes")
    nodes[0]["partitions"] = [nodes[2]["name"]]
    assert judged(nodes).dispensable == {_member(nodes[0]["name"])}
    nodes[1]["partitions"] = [nodes[2]["name"]]
    assert judged(nodes).dispensable == set()

    queues = recorded("queues")
    queues[3]["online"] = queues[3]["members"][1:]
    assert judged(queues=queues).dispensable == {_member(queues[3]["members"][0])}
    queues[4]["online"] = [each for each in queues[4]["members"] if each != queues[3]["members"][1]]
    assert judged(queues=queues).dispensable == set()


def test_a_partition_is_told() -> None:
    nodes = recorded("nodes")
    nodes[0]["partitions"] = [nodes[2]["name"]]

    health = judged(nodes)

    assert (health.ready, health.reason, health.facts["partitions"]) == (True, Reason.DEGRADED, 1)
    assert "rabbitmq-0 is cut off" in health.message
