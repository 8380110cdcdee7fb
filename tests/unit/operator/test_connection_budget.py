"""Connections to PostgreSQL: what the services may open fits what the server allows."""

from __future__ import annotations

from typing import Any

import pytest
from storefront_operator.api import InvalidStorefrontError, Storefront, parse_storefront
from storefront_operator.api.connection_budget import connection_budget
from storefront_operator.components import COMPONENTS, context_of, render_component
from storefront_operator.engine.credentials import placeholders


def shop(**spec: Any) -> Storefront:
    return parse_storefront(
        {
            "apiVersion": "storefront.dev/v1alpha1",
            "kind": "Storefront",
            "metadata": {"name": "shop", "uid": "u", "generation": 1},
            "spec": {"domain": "shop.example.com", **spec},
        }
    )


def refused(**spec: Any) -> str:
    with pytest.raises(InvalidStorefrontError) as caught:
        shop(**spec)
    (problem,) = caught.value.problems
    return problem


def elsewhere(**external: Any) -> dict[str, Any]:
    return {"mode": "External", "external": {"host": "db.example.com", "secretName": "bought", **external}}


def test_every_pod_of_every_service_counts_and_two_that_a_rollout_adds() -> None:
    services = {"user": {"databasePoolSize": 3}, "order": {"autoscaling": {"maxReplicas": 20}}}

    budget = connection_budget(shop(services=services).spec)

    assert budget.services == {
        "user": (5 + 2) * 3,
        "product": (8 + 2) * 5,
        "order": (20 + 2) * 5,
        "payment": (5 + 2) * 5,
    }
    assert budget.needed == sum(budget.services.values()) + budget.jobs + 15
    assert budget.jobs == 5, "a migration each, and the provisioning"


def test_without_autoscaling_the_replicas_count() -> None:
    services = {"product": {"replicas": 4, "autoscaling": {"enabled": False, "maxReplicas": 50}}}

    assert connection_budget(shop(services=services).spec).services["product"] == (4 + 2) * 5


@pytest.mark.parametrize("profile", ["Production", "Development"])
def test_the_profiles_fit_what_postgresql_usually_allows(profile: str) -> None:
    budget = connection_budget(shop(profile=profile).spec)

    assert budget.needed <= budget.allowed == 200


def test_a_managed_server_allows_what_is_needed_in_steps() -> None:
    def allowed(most: int) -> int:
        budget = connection_budget(shop(services={"order": {"autoscaling": {"maxReplicas": most}}}).spec)
        assert budget.needed <= budget.allowed
        return budget.allowed

    assert [allowed(most) for most in (8, 10, 11, 30, 31)] == [200, 200, 300, 300, 400]


def test_members_are_told_and_a_cluster_is_made_with_it() -> None:
    storefront = shop(services={"order": {"autoscaling": {"maxReplicas": 30}}})
    postgres = next(each for each in COMPONENTS if each.name == "postgres")
    context = context_of(postgres, storefront, placeholders(storefront))
    (config,) = [m for m in render_component(postgres, storefront, context) if m["kind"] == "ConfigMap"]

    assert '"max_connections": "300"' in config["data"]["patroni.yml"]


def test_more_than_a_managed_server_can_have_is_refused_with_the_numbers() -> None:
    problem = refused(services={"order": {"replicas": 90, "databasePoolSize": 20}})

    assert "1980 connections to PostgreSQL may be needed" in problem
    assert "(user 35, product 50, order 1840, payment 35, Jobs 5, reserve 15)" in problem
    assert "1000 are allowed" in problem
    assert "databasePoolSize" in problem
    assert "external" not in problem


def test_a_server_elsewhere_must_allow_what_is_needed() -> None:
    problem = refused(postgres=elsewhere(maxConnections=150))

    assert "190 connections to PostgreSQL may be needed" in problem
    assert "150 are allowed" in problem
    assert "spec.postgres.external.maxConnections" in problem
    assert shop(postgres=elsewhere(maxConnections=190))


def test_a_server_elsewhere_of_which_nothing_is_known_is_taken_for_one_as_delivered() -> None:
    assert "100 are allowed" in refused(postgres=elsewhere())
    assert shop(profile="Development", postgres=elsewhere())


def test_a_pool_that_is_not_counted_is_refused() -> None:
    problem = refused(services={"user": {"extraEnv": [{"name": "DATABASE_POOL_SIZE", "value": "50"}]}})

    assert "set databasePoolSize instead" in problem
