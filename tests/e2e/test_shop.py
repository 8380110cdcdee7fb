"""The demo path on real nodes: a Storefront runs, is used with a browser, and survives what happens to it.

The tests build on each other's Storefront and run in the order in which they stand here.
"""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait
from storefront_dev import packages, platform
from storefront_dev.clusters import Cluster
from storefront_dev.demo import EXAMPLE, wait_ready
from storefront_dev.progress import Progress
from urllib3.exceptions import HTTPError

from tests.e2e import web
from tests.e2e.kubectl import Kubectl, eventually

NAME = "e2e"
DOMAIN = "e2e.localhost"
ARTIFACTS = Path(__file__).parents[2] / "artifacts"
LONG = 180.0  # seconds; generous, a test waits only as long as it needs to


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
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(manifest))
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


@contextmanager
def product_api(kubectl: Kubectl) -> Iterator[str]:
    """The product service's own address, past the ingress, which lets only readers through."""
    command = [*kubectl.command, "port-forward", f"--namespace={NAME}-services", "service/product", ":8080"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
        assert forward.stdout is not None
        try:
            line = forward.stdout.readline()
            assert "127.0.0.1:" in line, line
            yield f"http://127.0.0.1:{line.split('127.0.0.1:')[1].split()[0]}"
        finally:
            forward.terminate()


def create_product(kubectl: Kubectl, name: str) -> dict[str, Any]:
    """Put a product into the catalogue."""
    body = {
        "sku": f"E2E-{secrets.token_hex(4)}",
        "name": name,
        "description": "Made by a test.",
        "category": "kitchen",
        "price": {"amount": 1234, "currency": "EUR"},
        "stock": 3,
    }
    with product_api(kubectl) as api:
        request = urllib.request.Request(
            f"{api}/api/products", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            created: dict[str, Any] = json.load(response)
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


def test_the_public_api_is_for_reading_only(shop: str) -> None:
    parts = urlsplit(shop)
    request = urllib.request.Request(
        f"http://127.0.0.1:{parts.port}/api/products", b"{}", {"Host": parts.netloc}, method="POST"
    )

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value as answer:
        assert answer.code == 403


def test_a_product_made_through_the_api_is_found_in_the_browser(
    shop: str, kubectl: Kubectl, browser: webdriver.Chrome
) -> None:
    name = f"Kettle {secrets.token_hex(6)}"
    create_product(kubectl, name)

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
    events = kubectl("get", "events", "--namespace=default", "--field-selector=reason=DriftReverted")
    assert f"Deployment {NAME}-services/product" in events
    if cluster.runs_pods:
        # NGINX asks for the addresses of the new pods within 5 s.
        eventually(lambda: listed(shop), lambda count: count > 0, LONG)


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


def test_deleting_the_storefront_keeps_the_data_and_applying_it_again_finds_it(
    shop: str, cluster: Cluster, kubectl: Kubectl, manifest: dict[str, Any]
) -> None:
    name = f"Teapot {secrets.token_hex(6)}"
    created = create_product(kubectl, name)

    kubectl("delete", "storefront", NAME, "--timeout=120s")

    left = {
        namespace["metadata"]["name"]
        for namespace in kubectl.get("namespaces", "--selector", f"storefront.dev/name={NAME}")
    }
    assert left == {f"{NAME}-data"}
    # Pods whose containers have ended may stay for a moment after the Storefront.
    workloads = ("statefulsets,deployments,jobs,pods,services", f"--namespace={NAME}-data")
    eventually(lambda: kubectl.get(*workloads), lambda found: found == [], LONG)

    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(manifest))
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
