"""The demo path on real nodes: a Storefront runs, is used with a browser, and survives what happens to it.

The tests build on each other's Storefront and run in the order in which they stand here.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait
from storefront_dev import demo, packages, platform
from storefront_dev.clusters import Cluster
from storefront_dev.demo import EXAMPLE, wait_ready
from storefront_dev.progress import Progress
from storefront_dev.shop import load
from storefront_dev.shop.http import client
from storefront_dev.shop.journal import Journal
from storefront_dev.shop.reconciliation.differences import Kind, differences
from storefront_dev.shop.reconciliation.facts import MailKind
from storefront_dev.shop.reconciliation.report import report
from storefront_dev.standins.running import public_url
from urllib3.exceptions import HTTPError

from tests.e2e import web
from tests.e2e.kubectl import Kubectl, eventually
from tests.e2e.rollout import LABEL, STORES, Watcher, has_variable, is_ready
from tests.e2e.rush import FAULTS, Market, rush
from tests.services import service_process
from tests.services.shop.crowd import agreed

NAME = "e2e"
DOMAIN = "e2e.localhost"
ARTIFACTS = Path(__file__).parents[2] / "artifacts"
LONG = 180.0  # seconds; generous, a test waits only as long as it needs to
LONGER = 420.0
STUCK = 30.0
ORDERS = int(os.environ.get("ORDERS", "60"))


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    """The quickstart example under a name and a host of its own, so that a demo beside it is left alone."""
    document: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    document["metadata"]["name"] = NAME
    document["spec"]["domain"] = DOMAIN
    return document


@pytest.fixture(scope="module")
def shop(cluster: Cluster, kubectl: Kubectl, manifest: dict[str, Any]) -> Iterator[str]:
    """The address of a shop that is Ready; none where pods are simulated."""
    progress = Progress()
    platform.provide_images(cluster, progress)
    platform.install_operator(cluster, progress)
    demo.apply(cluster, manifest, progress)
    wait_ready(cluster, NAME, progress)
    yield cluster.url(DOMAIN) if cluster.runs_pods else ""
    kubectl("delete", "storefront", NAME, "--ignore-not-found")
    kubectl("delete", "namespace", f"{NAME}-data", "--ignore-not-found")


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """Debian's Chromium without a window."""
    if not shutil.which("chromedriver"):
        packages.install(["chromium", "chromium-driver"], Progress())
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.fail("Chromium is missing: install the packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("acceptInsecureCerts", True)
    with tempfile.TemporaryDirectory() as profile:
        for argument in (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1440,1000",
            f"--user-data-dir={profile}",
        ):
            options.add_argument(argument)
        chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        yield chrome
        chrome.quit()


def create_product(cluster: Cluster, name: str) -> dict[str, Any]:
    """Put a product into the catalogue, as somebody who may."""
    identity = public_url(cluster, "identity")
    person = {"email": "e2e@example.com", "name": "E2E", "roles": ["admin"]}
    token = json.loads(web.post(f"{identity}/test/token", person).data)["accessToken"]
    body = {
        "sku": f"E2E-{secrets.token_hex(4)}",
        "name": name,
        "description": "Made by a test.",
        "category": "kitchen",
        "price": {"amount": 1234, "currency": "EUR"},
        "stock": 3,
    }
    answer = web.post(f"{cluster.url(DOMAIN)}/api/products", body, {"Authorization": f"Bearer {token}"})
    assert answer.status == 201, answer.data
    created: dict[str, Any] = json.loads(answer.data)
    return created


def listed(shop: str) -> int:
    """How many products the first page of the public list has; 0 while the list does not answer."""
    try:
        answer = web.get(f"{shop}/api/products?limit=50")
    except HTTPError:
        return 0
    return len(json.loads(answer.data)["items"]) if answer.status == 200 else 0


def conditions(cluster: Cluster) -> dict[str, str]:
    status = platform.storefront(cluster, NAME).get("status") or {}
    return {c["type"]: c["status"] for c in status.get("conditions") or ()}


def components(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = platform.storefront(cluster, NAME)["status"]["components"]
    return found


def store_pods(kubectl: Kubectl) -> list[dict[str, Any]]:
    pods: list[dict[str, Any]] = kubectl.get("pods", f"--namespace={NAME}-data")
    return [pod for pod in pods if pod["metadata"]["labels"].get(LABEL) in STORES]


def patch(kubectl: Kubectl, spec: dict[str, Any]) -> None:
    kubectl("patch", "storefront", NAME, "--type=merge", "-p", json.dumps({"spec": spec}))


def told(kubectl: Kubectl, reason: str) -> str:
    return kubectl("get", "events", "--namespace=default", f"--field-selector=reason={reason}")


@pytest.mark.simulated
def test_the_storefront_is_ready_and_says_where_it_is(shop: str, cluster: Cluster, kubectl: Kubectl) -> None:
    row = kubectl("get", "storefront", NAME, "--no-headers").split()

    assert row[:2] == [NAME, "True"]
    assert f"https://{DOMAIN}/" in row
    assert any(word.startswith("postgres-") for word in row)
    assert conditions(cluster)["Stalled"] == "False"


def test_products_come_from_postgres_through_nginx(shop: str) -> None:
    answer = web.get(f"{shop}/api/products?limit=100")

    assert answer.status == 200
    assert len(json.loads(answer.data)["items"]) >= 60


def test_product_reaches_postgres_and_the_web_app_does_not(shop: str, kubectl: Kubectl) -> None:
    def reaches(layer: str, workload: str, port: int) -> bool:
        target = f"/dev/tcp/postgres-rw.{NAME}-data.svc.cluster.local/{port}"
        command = ["timeout", "2", "bash", "-c", f"exec 3<>{target}"]
        result = kubectl.attempt(
            f"--namespace={NAME}-{layer}", "exec", f"deployment/{workload}", "--", *command
        )
        # timeout's own, and bash's when it is refused: anything else is a failure of the test.
        assert result.returncode in (0, 1, 124), result.stderr
        return result.returncode == 0

    assert reaches("services", "product", 5432)
    assert not reaches("frontend", "web-customer", 5432)
    assert not reaches("edge", "ingress", 5432)


def test_https_shows_a_certificate_for_the_domain(
    shop: str, cluster: Cluster, kubectl: Kubectl, tmp_path: Path
) -> None:
    secret = kubectl.get("secret", "ingress-tls", f"--namespace={NAME}-edge")
    authority = tmp_path / "shop.crt"
    authority.write_bytes(base64.b64decode(secret["data"]["tls.crt"]))

    assert web.get(cluster.url(DOMAIN, tls=True), authority).status == 200


def test_nobody_changes_the_catalogue_without_a_token(shop: str) -> None:
    assert web.post(f"{shop}/api/products", {}).status == 401


def test_a_product_made_through_the_api_is_found_in_the_browser(
    shop: str, cluster: Cluster, browser: webdriver.Chrome
) -> None:
    name = f"Kettle {secrets.token_hex(6)}"
    create_product(cluster, name)

    browser.get(f"{shop}/?q={name.split()[1]}")

    def names(driver: webdriver.Chrome) -> list[str]:
        return [
            element.text for element in driver.find_elements(By.CSS_SELECTOR, "[data-testid=product-name]")
        ]

    WebDriverWait(browser, 30).until(lambda driver: names(driver) == [name])
    ARTIFACTS.mkdir(exist_ok=True)
    browser.save_screenshot(str(ARTIFACTS / "found.png"))
    browser.get(shop)
    WebDriverWait(browser, 30).until(lambda driver: len(names(driver)) >= 24)
    browser.save_screenshot(str(ARTIFACTS / "shop.png"))


async def test_a_customer_searches_and_buys_and_all_books_tell_of_it(shop: str, cluster: Cluster) -> None:
    async with client() as http:
        market = Market(http, cluster, shop)
        product = await market.stock_up("kettle", price=1999, stock=5)
        customer = market.customer("emilia")

        async def is_found() -> bool:
            return [each["sku"] for each in await customer.search(product.sku)] == [product.sku]

        await service_process.eventually(is_found, within=LONG)
        since = await market.collector.newest_order_placed_at()
        order = await customer.until((await customer.buy({product.id: 2}))["id"], within=LONG)

        assert order["state"] == "shipped", order
        assert order["tracking"]["trackingNumber"]
        stock = await market.catalogue.stock(product.sku)
        assert (stock["onHand"], stock["reserved"]) == (3, 0)
        journal = Journal((order["id"],), {product.sku: 5}, since)
        facts = await agreed(market.collector, journal, within=LONG)
    (charge,) = (each for each in facts.charges if each.order_id == order["id"])
    assert (charge.captured, charge.refunded) == (order["total"]["amount"], 0)
    assert {each.kind for each in facts.mails if each.order_id == order["id"]} == {
        MailKind.PLACED,
        MailKind.PAID,
        MailKind.SHIPPED,
    }
    assert [each.order_id for each in facts.labels].count(order["id"]) == 1


async def test_orders_survive_the_loss_of_a_broker_and_of_the_primary(
    shop: str, cluster: Cluster, kubectl: Kubectl
) -> None:
    async def kill(pod: str) -> None:
        arguments = ("delete", "pod", pod, f"--namespace={NAME}-data", "--grace-period=0", "--force")
        await asyncio.to_thread(kubectl, *arguments)

    async def kill_broker() -> None:
        leads = components(cluster)["rabbitmq"]["queueLeaders"]
        await kill(max(leads, key=leads.__getitem__))

    async def kill_primary() -> None:
        await kill(components(cluster)["postgres"]["primary"])

    async with client() as http:
        market = Market(http, cluster, shop)
        await market.gateway_faults(**FAULTS)
        try:
            outcomes, journal, scarce = await rush(
                market, ORDERS, [kill_broker, kill_primary], patience=LONGER
            )
            print(load.summary(outcomes))
            assert not [outcome.failure for outcome in outcomes if outcome.failure]
            assert all(len(outcome.orders) <= 1 for outcome in outcomes)
            facts = await agreed(market.collector, journal, within=LONG)
        finally:
            await market.gateway_faults()
        print(report(facts, []), f"\nfaults of the gateway: {await market.injected()}")
        assert {order.state for order in facts.orders} == {"shipped", "cancelled"}

        adjustment = {"change": 1, "reason": "counted", "note": "planted"}
        await market.catalogue.call("POST", f"/api/inventory/{scarce.sku}/adjustments", adjustment)
        found = differences(await market.collector.collect(journal))
    assert [(each.kind, each.subject) for each in found] == [(Kind.OVERSOLD, scarce.sku)]
    eventually(
        lambda: conditions(cluster), lambda c: c["Ready"] == "True" and c["Reconciling"] == "False", LONG
    )


@pytest.mark.simulated
def test_a_deleted_deployment_comes_back_and_an_event_says_so(
    shop: str, cluster: Cluster, kubectl: Kubectl
) -> None:
    where = ("deployment", "product", f"--namespace={NAME}-services")
    before = kubectl.get(*where)["metadata"]["uid"]

    kubectl("delete", *where)

    def serves_again() -> bool:
        found = kubectl.attempt("get", *where, "-o", "json")
        if found.returncode != 0:
            return False
        live = json.loads(found.stdout)
        return bool(live["metadata"]["uid"] != before and live["status"].get("availableReplicas", 0))

    eventually(serves_again, bool, LONG)
    assert f"Deployment {NAME}-services/product" in told(kubectl, "DriftReverted")
    if cluster.runs_pods:
        # NGINX asks for the addresses of the new pods within 5 s.
        eventually(lambda: listed(shop), lambda count: count > 0, LONG)


def test_one_service_is_scaled_by_what_it_uses_and_no_other_is_touched(shop: str, kubectl: Kubectl) -> None:
    def pods(service: str = "") -> dict[str, dict[str, Any]]:
        found = kubectl.get("pods", f"--namespace={NAME}-services", "--field-selector=status.phase=Running")
        staying = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
        return {pod["metadata"]["uid"]: pod for pod in staying if pod["metadata"]["name"].startswith(service)}

    others = {uid for uid in pods() if uid not in pods("notification-")}
    greedy = {"enabled": True, "minReplicas": 1, "maxReplicas": 2, "targetMemory": 10}
    change = {"autoscaling": greedy, "extraEnv": [{"name": "CHANGED", "value": "once"}]}
    patch(kubectl, {"services": {"notification": change}})

    eventually(
        lambda: [has_variable(pod, "CHANGED") and is_ready(pod) for pod in pods("notification-").values()],
        lambda ready: len(ready) == 2 and all(ready),
        LONG,
    )
    assert others <= set(pods())
    patch(kubectl, {"services": {"notification": None}})


def test_the_shop_lists_products_again_after_the_primarys_node_is_gone(
    shop: str, cluster: Cluster, kubectl: Kubectl
) -> None:
    primary = platform.storefront(cluster, NAME)["status"]["components"]["postgres"]["primary"]
    pod = kubectl.get("pod", primary, f"--namespace={NAME}-data")
    node = pod["spec"]["nodeName"]

    cluster.stop_node(node)
    try:
        others = eventually(
            lambda: platform.storefront(cluster, NAME)["status"]["components"]["postgres"].get("primary"),
            lambda name: name not in (None, primary),
            LONG,
        )
        eventually(lambda: listed(shop), lambda count: count > 0, LONG)
    finally:
        cluster.start_node(node)

    assert others != primary
    eventually(
        lambda: conditions(cluster), lambda c: c["Ready"] == "True" and c["Reconciling"] == "False", LONG
    )


def test_a_change_rolls_the_stores_one_member_at_a_time(
    shop: str, cluster: Cluster, kubectl: Kubectl
) -> None:
    before = components(cluster)["postgres"]

    with Watcher(lambda: store_pods(kubectl), lambda: listed(shop) > 0) as watcher:
        change = {store: {"extraEnv": [{"name": "ROLLED", "value": "once"}]} for store in STORES}
        patch(kubectl, change)
        eventually(
            lambda: [has_variable(pod, "ROLLED") and is_ready(pod) for pod in store_pods(kubectl)],
            all,
            LONGER,
        )
        eventually(lambda: conditions(cluster)["Reconciling"], lambda value: value == "False", LONG)

    assert not watcher.errors
    print(f"fewest members at a time {dict(watcher.fewest)}; no answer for {watcher.longest_silence:.1f} s")
    # In a handover two are not ready for a moment: the old primary, and the replica that turns to the new one.
    assert watcher.fewest.pop("postgres") >= 1
    assert watcher.fewest == {"rabbitmq": 2, "redis": 1, "elasticsearch": 2}
    assert watcher.longest_silence < STUCK
    after = components(cluster)["postgres"]
    assert after["timeline"] == before["timeline"] + 1, "one handover, and no fail-over"
    assert "takes over from" in told(kubectl, "SwitchedOver")
    assert conditions(cluster)["Ready"] == "True"


def test_a_broken_image_stops_at_one_member_and_is_mended_by_another(
    shop: str, cluster: Cluster, kubectl: Kubectl
) -> None:
    before = components(cluster)["postgres"]["primary"]
    images = {store: f"storefront.local/{store}:missing" for store in ("postgres", "rabbitmq")}

    patch(kubectl, {"images": {"overrides": images}})

    def broken() -> list[str]:
        """Members that cannot start, as far as the conditions name them."""
        found = platform.storefront(cluster, NAME)["status"]["conditions"]
        return [c["message"] for c in found if c["type"] in ("PostgresReady", "RabbitmqReady")]

    eventually(broken, lambda told: all("Pull" in message for message in told), LONG)
    assert conditions(cluster)["Ready"] == "True"
    assert components(cluster)["postgres"]["primary"] == before
    assert listed(shop) > 0
    stuck = Counter(pod["metadata"]["labels"][LABEL] for pod in store_pods(kubectl) if not is_ready(pod))
    assert stuck == {"postgres": 1, "rabbitmq": 1}

    patch(kubectl, {"images": {"overrides": None}})

    eventually(lambda: [is_ready(pod) for pod in store_pods(kubectl)], all, LONG)
    eventually(lambda: conditions(cluster)["Reconciling"], lambda value: value == "False", LONG)


def test_deleting_the_storefront_keeps_the_data_and_applying_it_again_finds_it(
    shop: str, cluster: Cluster, kubectl: Kubectl, manifest: dict[str, Any]
) -> None:
    name = f"Teapot {secrets.token_hex(6)}"
    created = create_product(cluster, name)

    kubectl("delete", "storefront", NAME, "--timeout=120s")

    left = {
        namespace["metadata"]["name"]
        for namespace in kubectl.get("namespaces", "--selector", f"storefront.dev/name={NAME}")
    }
    assert left == {f"{NAME}-data"}
    # Pods whose containers have ended may stay for a moment after the Storefront.
    workloads = ("statefulsets,deployments,jobs,pods,services", f"--namespace={NAME}-data")
    eventually(lambda: kubectl.get(*workloads), lambda found: found == [], LONG)

    demo.apply(cluster, manifest, Progress())
    wait_ready(cluster, NAME, Progress())
    found = eventually(
        lambda: web.get(f"{shop}/api/products/{created['id']}"), lambda a: a.status == 200, LONG
    )
    assert json.loads(found.data)["name"] == name


def test_uninstalling_the_operator_leaves_storefronts_that_can_be_deleted(
    shop: str, cluster: Cluster, kubectl: Kubectl
) -> None:
    platform.helm(cluster, "uninstall", platform.RELEASE, f"--namespace={platform.NAMESPACE}", "--wait")
    try:
        assert kubectl.get("storefront", NAME)["metadata"].get("finalizers", []) == []
        assert listed(shop) > 0, "what runs goes on"
        kubectl("delete", "storefront", NAME, "--timeout=60s")
    finally:
        platform.install_operator(cluster, Progress())
