"""The stand-ins' objects on a cluster."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from storefront_dev.standins import manifests
from storefront_dev.standins.manifests import NAMESPACE, STANDINS, Setup, Shop
from storefront_operator.api.spec import ExternalSystems
from storefront_standins.main import STANDINS as PROGRAMS

SETUP = Setup(
    image="storefront.local/standins:0",
    pull_policy="IfNotPresent",
    content_hash="abc",
    public_url=lambda name: f"http://{name}.example",
    balanced=True,
)
VALUES = {"payments-key": "sk", "payments-webhook-secret": "wh", "shipping-key": "s", "identity-key.pem": "k"}


def _of_kind(kind: str, setup: Setup = SETUP) -> dict[str, Any]:
    return {each["metadata"]["name"]: each for each in manifests.workloads(setup) if each["kind"] == kind}


def _containers(setup: Setup = SETUP) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, deployment in _of_kind("Deployment", setup).items():
        pod = deployment["spec"]["template"]["spec"]
        yield name, pod, pod["containers"][0]


def test_every_standin_of_the_image_is_run() -> None:
    assert {standin.name for standin in STANDINS} == set(PROGRAMS)
    assert set(_of_kind("Deployment")) == set(_of_kind("Service")) == set(PROGRAMS)


def test_their_arguments_are_understood_by_the_program() -> None:
    shop = Shop("shop.localhost", "10.96.0.7")
    for name, _, container in _containers(replace(SETUP, shop=shop)):
        parser = argparse.ArgumentParser(exit_on_error=False)
        parser.add_argument("standin")
        parser.add_argument("--host")
        importlib.import_module(f"storefront_standins.{name}.command").add_arguments(parser)
        parser.parse_args(container["args"])


def test_services_have_their_pods_ports_where_the_shop_asks() -> None:
    services = _of_kind("Service")
    for name, _, container in _containers():
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for port in services[name]["spec"]["ports"]:
            assert port["targetPort"] in ports
            assert port["name"] == "browsers" or port["port"] == ports[port["targetPort"]]
    external = manifests.external_systems()
    for name in ("payments", "shipping"):
        address = urlsplit(external[name]["url"])
        assert address.hostname == f"{name}.{NAMESPACE}.svc"
        assert address.port in [port["port"] for port in services[name]["spec"]["ports"]]
    assert external["email"]["port"] in [port["port"] for port in services["mail"]["spec"]["ports"]]


def test_pods_are_as_restricted_as_the_storefronts() -> None:
    labels = manifests.namespace()["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for _, pod, container in _containers():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}


def test_mounted_keys_are_in_the_secret() -> None:
    for name, pod, container in _containers():
        mounted = [volume for volume in pod["volumes"] if "secret" in volume]
        items = [item for volume in mounted for item in volume["secret"]["items"]]
        assert {item["key"] for item in items} <= set(VALUES)
        paths = {item["path"] for item in items}
        files = [each.rpartition("/")[2] for each in container["args"] if "=/etc/standins/" in each]
        assert set(files) <= paths, name


def test_webhooks_go_to_the_shop_that_is_connected() -> None:
    def payments(setup: Setup) -> tuple[dict[str, Any], list[str]]:
        return next(
            (pod, container["args"]) for name, pod, container in _containers(setup) if name == "payments"
        )

    pod, arguments = payments(replace(SETUP, shop=Shop("shop.localhost", "10.96.0.7")))
    assert "--webhook-url=http://shop.localhost/api/payments/webhooks" in arguments
    assert pod["hostAliases"] == [{"ip": "10.96.0.7", "hostnames": ["shop.localhost"]}]
    pod, arguments = payments(SETUP)
    assert "hostAliases" not in pod
    assert not any("webhook" in argument for argument in arguments)


def test_the_shop_gets_the_secrets_that_its_spec_names() -> None:
    secrets = {each["metadata"]["name"]: each for each in manifests.shop_secrets("shop-services", VALUES)}
    external = manifests.external_systems()
    assert set(secrets[external["payments"]["secretName"]]["data"]) == {"key", "webhook-secret"}
    assert set(secrets[external["shipping"]["secretName"]]["data"]) == {"key"}
    assert {each["metadata"]["namespace"] for each in secrets.values()} == {"shop-services"}


@pytest.mark.parametrize("balanced", [True, False])
def test_only_our_own_cluster_gets_load_balancers(balanced: bool) -> None:
    for name, service in _of_kind("Service", replace(SETUP, balanced=balanced)).items():
        assert (service["spec"]["type"] == "LoadBalancer") is balanced
        hosts = service["metadata"].get("annotations", {}).values()
        assert list(hosts) == ([f"{name}.standins.localhost"] if balanced else [])


def test_a_storefront_understands_what_is_said_about_them() -> None:
    provider = manifests.identity_provider("http://identity.standins.localhost:8080")
    external = {**manifests.external_systems(), "identityProvider": provider}
    ExternalSystems.model_validate(external)
