"""The manifests of a Storefront."""

from __future__ import annotations

import copy
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from storefront_operator.api import Storefront, parse_storefront
from storefront_operator.cli import main
from storefront_operator.components import render_storefront
from storefront_operator.components.connections import STORES_OF_SERVICES
from storefront_operator.engine.credentials import placeholders
from storefront_operator.objects import Child, ChildKey, Manifest, Observed, key_of
from storefront_operator.objects.labels import COMPONENT, RELOADED
from storefront_operator.rendering.finish import references

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).parents[1] / "golden"


def shop(**spec: Any) -> Storefront:
    return parse_storefront(
        {
            "apiVersion": "storefront.dev/v1alpha1",
            "kind": "Storefront",
            "metadata": {"name": "shop", "uid": "u-1", "generation": 1},
            "spec": {"domain": "shop.example.com", **spec},
        }
    )


def rendered(storefront: Storefront, *children: Child) -> dict[str, Manifest]:
    observed = placeholders(storefront)
    observed = Observed({**observed.children, **{child.key: child for child in children}})
    return {str(key_of(manifest)): manifest for manifest in render_storefront(storefront, observed)}


def pods(manifests: dict[str, Manifest]) -> dict[str, Any]:
    return {
        key: manifest["spec"]["template"]["spec"]
        for key, manifest in manifests.items()
        if manifest["kind"] in ("Deployment", "StatefulSet", "Job")
    }


def deployment(image: str) -> Child:
    facts = {"image": image, "replicas": 1, "ready": 1, "total": 1, "updated": 1}
    facts |= {"generation": 1, "observedGeneration": 1, "ownsReplicas": True}
    return Child(ChildKey("Deployment", "shop-services", "product"), "u", "1", {}, "", "", False, facts)


def test_the_quickstart_renders_to_the_golden_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(ROOT / "examples/quickstart.yaml")]) == 0

    output = capsys.readouterr().out
    assert output == (GOLDEN / "quickstart.yaml").read_text(), "if this is meant: run `make generate`"


def test_rendering_is_deterministic_and_leaves_its_input_alone() -> None:
    storefront = shop()
    before = copy.deepcopy(storefront.spec)

    assert rendered(storefront) == rendered(storefront)
    assert storefront.spec == before


def test_every_pod_meets_the_restricted_standard_and_writes_only_to_volumes() -> None:
    for key, pod in pods(rendered(shop())).items():
        assert pod["securityContext"]["runAsNonRoot"] is True, key
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, key
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, key
            assert container["resources"]["requests"], key
            assert "memory" in container["resources"]["limits"], key


def test_only_patroni_gets_a_token() -> None:
    with_token = [key for key, pod in pods(rendered(shop())).items() if pod["automountServiceAccountToken"]]

    assert with_token == ["StatefulSet shop-data/postgres"]


def test_every_server_has_all_three_probes() -> None:
    for key, pod in pods(rendered(shop())).items():
        if not key.startswith("Job"):
            for container in pod["containers"]:
                assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container), key


def test_what_a_user_writes_reaches_the_pods() -> None:
    workload = {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "shop", "operator": "Exists"}],
        "priorityClassName": "high",
        "extraEnv": [{"name": "LOG_LEVEL", "value": 'DEBUG "quoted" {{ braces }}'}],
        "resources": {"requests": {"cpu": "250m"}},
    }
    blocks = {
        "services": dict.fromkeys(STORES_OF_SERVICES, workload),
        "frontends": {"customer": workload},
        "ingress": workload,
        "gateway": workload,
        "postgres": workload,
        "rabbitmq": workload,
        "redis": workload,
        "elasticsearch": workload,
    }

    for key, pod in pods(rendered(shop(**blocks))).items():
        if key.startswith("Job shop-data"):
            continue  # a few seconds of a small client; only where it runs matters
        assert pod["nodeSelector"] == {"disk": "ssd"}, key
        assert pod["tolerations"] == [{"key": "shop", "operator": "Exists"}], key
        assert pod["priorityClassName"] == "high", key
        if key.endswith("/redis-sentinel"):
            continue  # of one size, whatever the members need
        (container,) = pod["containers"]
        assert container["resources"]["requests"]["cpu"] == "250m", key
        assert {"name": "LOG_LEVEL", "value": 'DEBUG "quoted" {{ braces }}'} in container["env"], key


def test_a_users_variable_wins_over_the_operators_own() -> None:
    env = [{"name": "DATABASE_USER", "value": "me"}, {"name": "DATABASE_PORT", "value": "9"}]
    manifests = rendered(shop(services={"product": {"extraEnv": env}}))
    (container,) = pods(manifests)["Deployment shop-services/product"]["containers"]

    assert [entry for entry in container["env"] if entry["name"].startswith("DATABASE_")] == env
    # Variables of the container win over those of its ConfigMap.
    assert container["envFrom"] == [{"configMapRef": {"name": "product"}}]


def test_images_come_from_the_named_registry_with_overrides() -> None:
    images = {
        "registry": "registry.example.com/team",
        "tag": "2.0",
        "pullSecrets": [{"name": "pull"}],
        "overrides": {"postgres": "registry.example.com/pg@sha256:00"},
    }

    for key, pod in pods(rendered(shop(images=images))).items():
        image = pod["containers"][0]["image"]
        if "postgres" in key:
            assert image == "registry.example.com/pg@sha256:00"
        else:
            assert image.startswith("registry.example.com/team/"), key
            assert image.endswith(":2.0"), key
        assert pod["imagePullSecrets"] == [{"name": "pull"}]


def test_a_change_of_configuration_rolls_exactly_the_pods_that_read_it() -> None:
    before = pods_annotations(rendered(shop()))
    after = pods_annotations(rendered(shop(frontends={"customer": {"shopName": "Another"}})))

    changed = {key for key in before if before[key] != after[key]}
    # Emails carry the name, too.
    assert changed == {"Deployment shop-frontend/web-customer", "Deployment shop-services/notification"}


@pytest.mark.parametrize("service", ["user", "product", "order", "payment"])
def test_a_change_of_one_services_configuration_rolls_that_service_only(service: str) -> None:
    before = pods_annotations(rendered(shop()))
    after = pods_annotations(rendered(shop(services={service: {"databasePoolSize": 4}})))

    assert {key for key in before if before[key] != after[key]} == {f"Deployment shop-services/{service}"}


def pods_annotations(manifests: dict[str, Manifest]) -> dict[str, Any]:
    return {
        key: manifest["spec"]["template"]["metadata"].get("annotations")
        for key, manifest in manifests.items()
        if manifest["kind"] in ("Deployment", "StatefulSet")
    }


def test_on_an_upgrade_the_old_image_serves_until_the_schema_is_migrated() -> None:
    new = shop(images={"tag": "2.0"})
    live = deployment("storefront.local/product:1.0")

    before = rendered(new, live)
    (job,) = [
        manifest for key, manifest in before.items() if key.startswith("Job shop-services/product-migrate")
    ]
    assert image_of(before["Deployment shop-services/product"]) == "storefront.local/product:1.0"
    assert image_of(job) == "storefront.local/product:2.0"

    version = next(j for j in all_jobs(new, live) if j.name == "product-migrate").version
    migrated = Storefront(
        new.name, new.uid, new.generation, new.spec, {"completedJobs": {"product-migrate": version}}
    )
    after = rendered(migrated, live)
    assert image_of(after["Deployment shop-services/product"]) == "storefront.local/product:2.0"
    assert not [key for key in after if key.startswith("Job shop-services/product-")]


def all_jobs(storefront: Storefront, *children: Child) -> list[Any]:
    from storefront_operator.components import COMPONENTS

    observed = placeholders(storefront)
    observed = Observed({**observed.children, **{child.key: child for child in children}})
    return [job for component in COMPONENTS for job in component.jobs(storefront, observed)]


def image_of(manifest: Manifest) -> str:
    return str(manifest["spec"]["template"]["spec"]["containers"][0]["image"])


def test_tls_from_a_secret_is_mounted_and_none_is_generated() -> None:
    storefront = shop(ingress={"tls": {"mode": "Secret", "secretName": "bought"}})

    pod = pods(rendered(storefront))["Deployment shop-edge/ingress"]

    assert {"name": "tls", "secret": {"secretName": "bought", "defaultMode": 288}} in pod["volumes"]
    generated = [key.name for key in placeholders(storefront).children if key.namespace == "shop-edge"]
    assert "ingress-tls" not in generated


def test_the_shop_name_is_data_not_code() -> None:
    name = '"}]\n{% if %} \\ ü'
    manifests = rendered(shop(frontends={"customer": {"shopName": name}}))

    config = manifests["ConfigMap shop-frontend/web-customer"]["data"]["config.json"]
    assert json.loads(config) == {"shopName": name}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no document"),
        ("a: [", "not YAML"),
        ("[]", "expected a resource of storefront.dev/v1alpha1"),
        (
            (
                "{apiVersion: storefront.dev/v1alpha1, kind: Storefront, metadata: {name: s}, "
                "spec: {domain: x, profile: y}}"
            ),
            "spec.profile: 'y' is not allowed",
        ),
    ],
)
def test_render_says_what_is_wrong_in_one_line_a_problem(
    text: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    code = main(["render", "-"])

    captured = capsys.readouterr()
    assert code == 1
    assert captured.out == ""
    assert captured.err.startswith("storefront: standard input: ")
    assert says in captured.err
    assert captured.err.count("\n") == 1


def test_render_of_a_missing_file_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "no-such-file.yaml"]) == 1
    assert "no-such-file.yaml" in capsys.readouterr().err


def test_render_prints_loadable_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    main(["render", str(ROOT / "examples/quickstart.yaml")])

    documents = [d for d in yaml.safe_load_all(capsys.readouterr().out) if d]
    assert {"Namespace", "Deployment", "StatefulSet", "Service"} <= {d["kind"] for d in documents}


@pytest.mark.parametrize("example", ["quickstart", "production"])
def test_the_templates_mean_the_same_to_the_reference_parser(
    example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = yaml.safe_load((ROOT / f"examples/{example}.yaml").read_text())
    resource["metadata"] |= {"uid": "u-1", "generation": 1}
    storefront = parse_storefront(resource)
    fast = rendered(storefront)

    monkeypatch.setattr("ryaml.loads_all", lambda text: list(yaml.safe_load_all(text)))

    assert rendered(storefront) == fast


def test_pods_read_configuration_of_their_own_component_only() -> None:
    """Components are rendered one by one, and a pod's hash of its configuration must be whole nevertheless.

    What pods read anew by themselves is not part of it.
    """
    manifests = rendered(shop())
    component_of = {key: manifest["metadata"]["labels"][COMPONENT] for key, manifest in manifests.items()}
    read = [
        (key, source)
        for key, pod in pods(manifests).items()
        for source in references(pod, manifests[key]["metadata"]["namespace"])
        if str(source) in manifests
    ]

    foreign = [(key, source) for key, source in read if component_of[key] != component_of[str(source)]]
    assert read
    assert [
        (key, str(source))
        for key, source in foreign
        if RELOADED not in manifests[str(source)]["metadata"].get("annotations", {})
    ] == []
