"""The component PostgreSQL: databases and roles of the services."""

from __future__ import annotations

import base64
import datetime
from dataclasses import replace
from typing import Any

from storefront_operator.api import Storefront, parse_storefront
from storefront_operator.components import Health, Reason, context_of, render_component
from storefront_operator.components.postgres import DATABASES, Postgres
from storefront_operator.components.services import Product
from storefront_operator.engine.conditions import build_status
from storefront_operator.engine.credentials import placeholders
from storefront_operator.objects import Child, ChildKey, Manifest, Observed, key_of

DATA = "shop-data"
POSTGRES = Postgres()
PRODUCT = Product()


def shop(**postgres: Any) -> Storefront:
    return parse_storefront(
        {
            "apiVersion": "storefront.dev/v1alpha1",
            "kind": "Storefront",
            "metadata": {"name": "shop", "uid": "u", "generation": 1},
            "spec": {"domain": "shop.example.com", "postgres": postgres},
        }
    )


def rendered(component: Any, storefront: Storefront, observed: Observed) -> dict[str, Manifest]:
    manifests = render_component(component, storefront, context_of(component, storefront, observed))
    return {str(key_of(manifest)): manifest for manifest in manifests}


def with_secret(observed: Observed, name: str, **data: str) -> Observed:
    """The same view, one generated Secret with other content."""
    key = ChildKey("Secret", DATA, name)
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    child = Child(key, "", "0", {}, "", "", deleting=False, facts={"data": encoded})
    return Observed({**observed.children, key: child})


def provision_job(storefront: Storefront, observed: Observed) -> Manifest:
    (job,) = (m for m in rendered(POSTGRES, storefront, observed).values() if m["kind"] == "Job")
    return job


class TestDatabasesOfServices:
    def test_each_service_has_a_generated_role(self) -> None:
        secrets = {secret.name: secret for secret in POSTGRES.secrets(shop())}

        for service in ("user", "product", "order", "payment"):
            secret = secrets[f"postgres-{service}"]
            assert (secret.namespace, secret.fixed) == (DATA, {"username": service})
            assert secret.random == ("password",)

    def test_the_job_is_given_the_credentials_of_every_service(self) -> None:
        storefront = shop()
        volumes = provision_job(storefront, placeholders(storefront))["spec"]["template"]["spec"]["volumes"]

        (databases,) = (volume["projected"]["sources"] for volume in volumes if "projected" in volume)
        assert [source["secret"]["name"] for source in databases] == [f"postgres-{s}" for s in DATABASES]

    def test_the_job_runs_again_for_another_password_of_any_service(self) -> None:
        storefront = shop()
        before = placeholders(storefront)
        names = {provision_job(storefront, before)["metadata"]["name"]}
        for service in DATABASES:
            after = with_secret(before, f"postgres-{service}", username=service, password="another")
            names.add(provision_job(storefront, after)["metadata"]["name"])

        assert len(names) == 1 + len(DATABASES)


SERVER = {"host": "db.example.com", "port": 6432, "secretName": "bought", "maxConnections": 500}
EXTERNAL = {"mode": "External", "external": SERVER}
OTHER = {"mode": "External", "external": {**SERVER, "host": "other.example.com"}}


def done(storefront: Storefront, observed: Observed) -> Storefront:
    """The same Storefront after the provisioning Job has succeeded."""
    return replace(
        storefront,
        status={"completedJobs": {job.name: job.version for job in POSTGRES.jobs(storefront, observed)}},
    )


def job_pod(waiting: str, message: str) -> dict[ChildKey, Child]:
    key = ChildKey("Pod", DATA, "postgres-provision-x")
    container = {"name": "provision", "waiting": waiting, "message": message, "restarts": 0}
    labels = {"app.kubernetes.io/name": "postgres-provision"}
    facts = {"phase": "Pending", "containers": (container,)}
    return {key: Child(key, "", "0", labels, "", "", deleting=False, facts=facts)}


class TestPostgresElsewhere:
    def test_nothing_of_a_server_is_rendered_or_generated(self) -> None:
        storefront = shop(**EXTERNAL)
        observed = placeholders(storefront)
        (only,) = rendered(POSTGRES, storefront, observed)

        assert only.startswith("Job shop-data/postgres-provision-")
        assert rendered(POSTGRES, done(storefront, observed), observed) == {}
        assert {secret.name for secret in POSTGRES.secrets(storefront)} == {
            f"postgres-{service}" for service in DATABASES
        }

    def test_the_databases_are_made_there_as_the_role_of_the_secret(self) -> None:
        storefront = shop(**EXTERNAL)
        pod = provision_job(storefront, placeholders(storefront))["spec"]["template"]["spec"]
        env = {each["name"]: each for each in pod["containers"][0]["env"]}

        assert (env["PGHOST"]["value"], env["PGPORT"]["value"]) == ("db.example.com", "6432")
        for name, key in {"PGUSER": "username", "PGPASSWORD": "password"}.items():
            assert env[name]["valueFrom"] == {"secretKeyRef": {"name": "bought", "key": key}}
        assert "SERVER_IS_OURS" not in env
        assert [volume["name"] for volume in pod["volumes"]] == ["tmp", "databases"]

    def test_they_are_made_again_on_another_server(self) -> None:
        names = {
            provision_job(storefront, placeholders(storefront))["metadata"]["name"]
            for storefront in (shop(), shop(**EXTERNAL), shop(**OTHER))
        }

        assert len(names) == 3

    def test_a_schema_is_made_on_another_server_too(self) -> None:
        versions = {
            job.version
            for storefront in (shop(), shop(**EXTERNAL), shop(**OTHER))
            for job in PRODUCT.jobs(storefront, placeholders(storefront))
        }

        assert len(versions) == 3

    def test_the_product_service_is_told_where(self) -> None:
        storefront = shop(**EXTERNAL)
        manifests = rendered(PRODUCT, storefront, placeholders(storefront))
        settings = manifests["ConfigMap shop-services/product"]["data"]

        assert (settings["DATABASE_HOST"], settings["DATABASE_PORT"]) == ("db.example.com", "6432")
        assert "Secret shop-services/product-postgres" in manifests

    def test_its_usual_port_is_the_default(self) -> None:
        external = {"host": "192.0.2.5", "secretName": "bought", "maxConnections": 500}
        context = context_of(POSTGRES, shop(mode="External", external=external), Observed())

        assert (context["host"], context["port"]) == ("192.0.2.5", 5432)

    def test_it_is_ready_when_the_databases_are_made(self) -> None:
        storefront = shop(**EXTERNAL)
        observed = placeholders(storefront)

        before = POSTGRES.health(storefront, observed)
        after = POSTGRES.health(done(storefront, observed), observed)

        assert (before.reason, before.progressing) == (Reason.MIGRATING, True)
        assert (after.ready, after.reason, after.progressing) == (True, Reason.AS_DESIRED, False)
        assert after.message == "runs elsewhere, at db.example.com:6432"

    def test_a_missing_secret_is_named(self) -> None:
        storefront = shop(**EXTERNAL)
        pod = job_pod("CreateContainerConfigError", 'secret "bought" not found')
        observed = Observed({**placeholders(storefront).children, **pod})

        health = POSTGRES.health(storefront, observed)

        said = self.said(health)
        assert (said["status"], said["reason"]) == ("False", "DependencyMissing")
        assert "Secret shop-data/bought" in health.message
        assert 'secret "bought" not found' in health.message

    def test_services_that_have_their_credentials_go_on_without_it(self) -> None:
        storefront = shop(**EXTERNAL)
        pod = job_pod("CreateContainerConfigError", 'secret "bought" not found')
        observed = Observed({**placeholders(storefront).children, **pod})
        ready = {"type": "PostgresReady", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}

        said = self.said(POSTGRES.health(storefront, observed), ready)

        assert (said["status"], said["reason"]) == ("True", "DependencyMissing")

    @staticmethod
    def said(health: Health, *before: dict[str, str]) -> dict[str, Any]:
        """The condition that is made of a judgement."""
        healths = {"postgres": ("PostgresReady", health)}
        now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        status = build_status({"conditions": list(before)}, 1, healths, None, {}, {}, now)
        found: dict[str, Any] = next(c for c in status["conditions"] if c["type"] == "PostgresReady")
        return found

    def test_a_pod_that_waits_for_its_image_misses_no_secret(self) -> None:
        storefront = shop(**EXTERNAL)
        pod = job_pod("ErrImagePull", "not found")
        observed = Observed({**placeholders(storefront).children, **pod})

        assert POSTGRES.health(storefront, observed).reason is Reason.MIGRATING

    def test_there_is_nothing_to_repair(self) -> None:
        assert POSTGRES.repairs(shop(**EXTERNAL), Observed()) == ()
