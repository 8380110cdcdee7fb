"""What a spec may say, what it means, and what is said about a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from storefront_operator.api import InvalidStorefrontError, parse_storefront
from storefront_operator.api.crd import custom_resource_definition
from storefront_operator.api.profiles import merged
from storefront_operator.api.quantities import canonical_quantity

ROOT = Path(__file__).parents[3]


def storefront(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "storefront.dev/v1alpha1",
        "kind": "Storefront",
        "metadata": {"name": "shop"},
        "spec": {"domain": "shop.example.com", **spec},
    }


def problems(resource: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidStorefrontError) as caught:
        parse_storefront(resource)
    return caught.value.problems


def test_a_domain_is_enough_and_means_production() -> None:
    spec = parse_storefront(storefront()).spec

    assert spec["profile"] == "Production"
    assert spec["deletionPolicy"] == "Retain"
    assert spec["services"]["product"]["replicas"] == 3
    assert spec["frontends"]["customer"]["replicas"] == 3
    assert spec["ingress"]["replicas"] == 2
    assert spec["postgres"]["members"] == 3


def test_development_is_smaller_but_keeps_the_store_clustered() -> None:
    spec = parse_storefront(storefront(profile="Development")).spec

    assert spec["services"]["product"]["replicas"] == 1
    assert spec["postgres"]["members"] == 3


def test_a_single_field_overrides_the_profile_and_nothing_else() -> None:
    default = parse_storefront(storefront()).spec
    changed = parse_storefront(storefront(services={"product": {"replicas": 7}})).spec

    assert changed["services"]["product"].pop("replicas") == 7
    assert default["services"]["product"].pop("replicas") == 3
    # With autoscaling it is the least number of pods.
    assert changed["services"]["product"]["autoscaling"].pop("minReplicas") == 7
    assert default["services"]["product"]["autoscaling"].pop("minReplicas") == 3
    assert changed == default


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"domain": "Shop.Example"}, "spec.domain: 'Shop.Example' is not allowed"),
        ({"profile": "Big"}, "spec.profile: 'Big' is not allowed; allowed: 'Development' or 'Production'"),
        ({"prodcts": 1}, "spec.prodcts: is not a field of a Storefront"),
        ({"services": {"product": {"replicas": 0}}}, "spec.services.product.replicas: 0 is not allowed"),
        ({"services": {"product": {"replicas": "3"}}}, "spec.services.product.replicas: '3' is not allowed"),
        (
            {"postgres": {"parameters": {"max_connections": "9"}}},
            "spec.postgres: parameters: 'max_connections' must be the same on all members",
        ),
        ({"paused": "yes"}, "spec.paused: 'yes' is not allowed"),
        ({"postgres": {"storage": {"size": "10GB"}}}, "spec.postgres.storage.size: '10GB' is not a quantity"),
        ({"ingress": {"tls": {"mode": "Secret"}}}, "spec.ingress.tls: mode Secret needs secretName"),
        (
            {"ingress": {"tls": {"secretName": "x"}}},
            "spec.ingress.tls: secretName is only used in mode Secret",
        ),
        (
            {"images": {"overrides": {"pg": "x"}}},
            "spec.images: overrides: unknown image 'pg'; allowed: elasticsearch, envoy",
        ),
        (
            {"postgres": {"extraEnv": [{"name": "PATRONI_SCOPE", "value": "x"}]}},
            "spec.postgres: extraEnv: 'PATRONI_SCOPE' is the operator's own",
        ),
        (
            {"services": {"product": {"extraEnv": [{"value": "x"}]}}},
            "spec.services.product.extraEnv.0.name: is required",
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_what_is_allowed(spec: dict[str, Any], says: str) -> None:
    (problem,) = problems(storefront(**spec))

    assert problem.startswith(says)


def test_every_problem_is_told_at_once() -> None:
    resource = storefront(profile="Big", paused=3)
    resource["metadata"]["name"] = "Shop"

    assert len(problems(resource)) == 3


@pytest.mark.parametrize("name", ["", "Shop", "1shop", "shop.eu", "-shop", "shop-", "x" * 41])
def test_a_name_must_be_a_short_dns_label(name: str) -> None:
    resource = storefront()
    resource["metadata"]["name"] = name

    assert problems(resource)[0].startswith(f"metadata.name: {name!r} is not allowed")


@pytest.mark.parametrize("resource", [{}, {"spec": None}, {"metadata": "x", "spec": []}])
def test_what_is_no_storefront_at_all_is_refused(resource: dict[str, Any]) -> None:
    assert any(problem.startswith("kind: None is not allowed") for problem in problems(resource))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1000m", "1"), ("0.5", "500m"), (1.5, "1500m"), ("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"), ("0", "0"),
        ("1000", "1k"), ("128974848", "128974848"), (2, "2"), ("123Mi", "123Mi"), ("1Ki", "1Ki"), ("512", "512"),
    ],
)  # fmt: skip
def test_quantities_are_written_as_the_api_server_writes_them(text: object, canonical: str) -> None:
    assert canonical_quantity(text) == canonical


@pytest.mark.parametrize("text", ["", "1x", "-1", "ten", "0.0001", "1e3", "1 Gi"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantity"):
        canonical_quantity(text)


def test_merging_replaces_lists_and_merges_maps() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 1}

    assert merged(base, {"a": {"y": [3]}, "c": 2}) == {"a": {"x": 1, "y": [3]}, "b": 1, "c": 2}
    assert base == {"a": {"x": 1, "y": [1, 2]}, "b": 1}


def test_the_crd_in_the_repository_is_generated_from_the_models() -> None:
    stored = yaml.safe_load((ROOT / "crds/storefronts.storefront.dev.yaml").read_text())

    assert stored == custom_resource_definition(), "stale: run `make generate`"


def test_every_field_of_the_crd_has_a_description() -> None:
    def walk(schema: dict[str, Any], path: str) -> list[str]:
        missing = [] if "description" in schema else [path]
        for name, sub in schema.get("properties", {}).items():
            missing += walk(sub, f"{path}.{name}")
        return missing

    (version,) = custom_resource_definition()["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert walk(spec, "spec") == []


def test_the_crd_carries_no_defaults() -> None:
    def walk(schema: Any) -> bool:
        if isinstance(schema, dict):
            return "default" in schema or any(walk(sub) for sub in schema.values())
        return isinstance(schema, list) and any(walk(sub) for sub in schema)

    assert not walk(custom_resource_definition())


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_are_valid(example: Path) -> None:
    for document in yaml.safe_load_all(example.read_text()):
        parse_storefront(document)
