"""Credentials are exchanged when a person asks, whenever the operator is killed: real controllers, simulated pods."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from storefront_dev.demo import EXAMPLE, wait_ready
from storefront_dev.progress import Progress
from storefront_dev.simulated import SimulatedCluster
from storefront_operator.components.redis import passwords_fingerprint
from storefront_operator.objects.labels import ACCESS_LIST

from tests.control_plane.harness import LONG, Cluster, Operator, eventually

pytestmark = pytest.mark.control_plane

NAME = "rotating"
ROTATE = "storefront.dev/rotate-credentials"
SERVICES = ("user", "product", "order", "payment")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedCluster]:
    """A simulated cluster of the module's own; the operator is not on it."""
    with SimulatedCluster(tmp_path_factory.mktemp("simulated") / "cluster") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def api(simulated: SimulatedCluster) -> Cluster:
    """Its API, with the CRD."""
    cluster = Cluster(simulated.kubeconfig)
    cluster.install_crd()
    return cluster


@pytest.fixture(scope="module")
def operator(api: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The operator as a process; a test that stops it starts it again."""
    operator = Operator(api.kubeconfig, tmp_path_factory.mktemp("operator") / "operator.log")
    operator.start()
    yield operator
    operator.stop()


@pytest.fixture(scope="module", autouse=True)
def loading_redis(api: Cluster) -> Iterator[None]:
    """What the labellers do in Redis' image: tell, of each member, which access list it has loaded."""
    stop = threading.Event()

    def play() -> None:
        cluster = Cluster(api.kubeconfig)
        while not stop.wait(0.2):
            listed = cluster.get("v1", "Secret", "redis-users", f"{NAME}-data")
            if listed is None:
                continue
            loaded = passwords_fingerprint(base64.b64decode(listed["data"]["users.acl"]).decode())
            for pod in cluster.list("v1", "Pod", "app.kubernetes.io/name=redis", f"{NAME}-data"):
                if pod["metadata"]["labels"].get(ACCESS_LIST) != loaded:
                    where = ("pod", pod["metadata"]["name"], f"--namespace={NAME}-data")
                    cluster.kubectl("label", *where, f"{ACCESS_LIST}={loaded}", "--overwrite")

    player = threading.Thread(target=play)
    player.start()
    yield
    stop.set()
    player.join()


@pytest.fixture(scope="module", autouse=True)
def shop(simulated: SimulatedCluster, api: Cluster, operator: Operator) -> None:
    """A Storefront that is Ready."""
    document: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    document["metadata"]["name"] = NAME
    api.apply(document)
    wait_ready(simulated, NAME, Progress(), patience=120)


def secret(api: Cluster, service: str, store: str = "postgres") -> dict[str, str]:
    """What the generated Secret of a service holds."""
    live = api.get("v1", "Secret", f"{store}-{service}", f"{NAME}-data") or {}
    return {key: base64.b64decode(value).decode() for key, value in live["data"].items()}


def status(api: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = (api.storefront(NAME) or {})["status"]
    return found


def ask(api: Cluster, value: str) -> None:
    done = api.kubectl("annotate", "storefront", NAME, f"{ROTATE}={value}", "--overwrite")
    assert done.returncode == 0, done.stderr


def completed(api: Cluster, operator: Operator, value: str) -> None:
    eventually(
        lambda: status(api).get("rotatedCredentials") == value, "it is complete", 2 * LONG, operator.log
    )


def mounted_by_pods(api: Cluster) -> set[tuple[str, str]]:
    """User and password of each pod of the product service, by its template and what it mounts."""
    found = set()
    for pod in api.list("v1", "Pod", "app.kubernetes.io/name=product", f"{NAME}-services"):
        if "deletionTimestamp" in pod["metadata"]:
            continue
        env = {each["name"]: each["valueFrom"] for each in pod["spec"]["containers"][0]["env"]}
        volume = next(each for each in pod["spec"]["volumes"] if each["name"] == "postgres")
        mounted = volume["secret"]["secretName"]
        assert env["DATABASE_USER"] == {"secretKeyRef": {"name": mounted, "key": "username"}}
        copy = api.get("v1", "Secret", mounted, f"{NAME}-services")
        assert copy is not None, volume
        user, password = (base64.b64decode(copy["data"][key]).decode() for key in ("username", "password"))
        found.add((user, password))
    return found


def copies(api: Cluster) -> list[str]:
    """Names of the copies of logins that the product service's pods mount."""
    found = api.list("v1", "Secret", f"storefront.dev/name={NAME}", f"{NAME}-services")
    return [name for copy in found if (name := copy["metadata"]["name"]).startswith("product-")]


def test_without_the_annotation_nothing_is_exchanged(api: Cluster) -> None:
    assert secret(api, "product").keys() == {"username", "password"}
    assert "rotatedCredentials" not in status(api)


def test_every_service_gets_new_credentials_and_its_pods_use_them(api: Cluster, operator: Operator) -> None:
    before = {service: secret(api, service) for service in SERVICES}

    ask(api, "first")
    completed(api, operator, "first")

    for service in SERVICES:
        after = secret(api, service)
        assert after.keys() == {"username", "password", "rotation"}
        assert after["username"] == f"{service}-b"
        assert after["password"] != before[service]["password"]
    assert secret(api, "order", "rabbitmq").keys() == {"username", "password", "rotation"}
    assert secret(api, "order", "rabbitmq")["username"] == "order-b"
    assert secret(api, "order", "redis").keys() == {"username", "password", "rotation"}
    assert secret(api, "order", "redis")["username"] == "order-b"
    current = secret(api, "product")
    eventually(lambda: api.events(NAME, "CredentialsRotated"), "an event tells about it")
    newest = [f"product-{store}-b" for store in ("postgres", "rabbitmq", "redis")]
    eventually(lambda: copies(api) == newest, "the copies of the former logins are gone", LONG)
    eventually(lambda: api.condition(NAME, "Reconciling").get("status") == "False", "it comes to rest", LONG)
    assert mounted_by_pods(api) == {(current["username"], current["password"])}


def test_services_accept_the_gateways_new_credential_and_no_other(api: Cluster) -> None:
    of_gateway = api.get("v1", "Secret", "gateway-credential", f"{NAME}-edge") or {}
    accepted = api.get("v1", "Secret", "gateway-credential", f"{NAME}-services") or {}

    assert set(of_gateway["data"]) == {"username", "password", "rotation"}
    assert accepted["data"] == {"credentials": of_gateway["data"]["password"]}


def test_a_value_that_was_followed_is_not_followed_again_after_a_restart(
    api: Cluster, operator: Operator
) -> None:
    before = {service: secret(api, service) for service in SERVICES}

    operator.stop(kill=True)
    operator.start()
    ask(api, "first")  # says the same: changes nothing
    done = api.kubectl("delete", "configmap", "web-customer", "-n", f"{NAME}-frontend")
    assert done.returncode == 0, done.stderr
    eventually(lambda: operator.changes(NAME), "a pass is logged")

    assert operator.changes(NAME) == [f"created ConfigMap {NAME}-frontend/web-customer"]
    assert {service: secret(api, service) for service in SERVICES} == before


def test_killed_in_every_state_it_ends_with_exactly_one_exchange(api: Cluster, operator: Operator) -> None:
    before = secret(api, "product")
    assert before["username"] == "product-b"

    ask(api, "second")
    prepared = eventually(lambda: _with(api, "next-password"), "a next login is prepared", LONG, operator.log)
    operator.stop(kill=True)
    assert (prepared["username"], prepared["password"]) == ("product-b", before["password"])
    # It may have gone on before it died.
    assert mounted_by_pods(api) <= {("product-b", before["password"]), ("product", prepared["next-password"])}

    operator.start()
    promoted = eventually(lambda: _with(api, "former-password"), "it is promoted", LONG, operator.log)
    operator.stop(kill=True)
    assert promoted["former-password"] == before["password"]
    assert promoted["password"] == prepared["next-password"]
    # Old pods have their own copy, new ones theirs; without the operator neither is taken away.
    known = {("product", promoted["password"]), ("product-b", before["password"])}
    assert mounted_by_pods(api) <= known

    operator.start()
    eventually(lambda: "former-password" not in secret(api, "product"), "it is retired", LONG, operator.log)
    operator.stop(kill=True)
    assert mounted_by_pods(api) == {("product", promoted["password"])}

    operator.start()
    completed(api, operator, "second")
    assert secret(api, "product") == {
        "username": "product",
        "password": prepared["next-password"],
        "rotation": "second",
    }


def _with(api: Cluster, key: str) -> dict[str, str] | None:
    found = secret(api, "product")
    return found if key in found else None
