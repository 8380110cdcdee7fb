"""The five microservices: what their pods are told, how many there are, and how they stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from storefront_operator.api import InvalidStorefrontError, Storefront, parse_storefront
from storefront_operator.components import COMPONENTS, Health, Reason, context_of, render_component
from storefront_operator.components.connections import BEHIND_THE_GATEWAY, STORES_OF_SERVICES, keys_uri
from storefront_operator.engine.credentials import placeholders
from storefront_operator.engine.projection import project
from storefront_operator.objects import Child, Manifest, Observed, key_of

NAMESPACE = "shop-services"
SERVICES = tuple(STORES_OF_SERVICES)
PAYMENTS = {"url": "https://api.stripe.com", "secretName": "stripe"}
EMAIL = {"host": "mail.example.com", "from": "shop@example.com"}
SHIPPING = {"url": "https://parcels.example.com/api", "secretName": "parcels"}


def shop(**spec: Any) -> Storefront:
    return parse_storefront(
        {
            "apiVersion": "storefront.dev/v1alpha1",
            "kind": "Storefront",
            "metadata": {"name": "shop", "uid": "u", "generation": 1},
            "spec": {"domain": "shop.example.com", **spec},
        }
    )


def component(name: str) -> Any:
    return next(each for each in COMPONENTS if each.name == name)


def rendered(name: str, storefront: Storefront, *children: Child) -> dict[str, Manifest]:
    observed = placeholders(storefront)
    observed = Observed({**observed.children, **{child.key: child for child in children}})
    context = context_of(component(name), storefront, observed)
    manifests = render_component(component(name), storefront, context)
    return {str(key_of(manifest)).replace(f" {NAMESPACE}/", " "): manifest for manifest in manifests}


def settings(name: str, **spec: Any) -> dict[str, str]:
    found: dict[str, str] = rendered(name, shop(**spec))[f"ConfigMap {name}"]["data"]
    return found


def pod(name: str, **spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = rendered(name, shop(**spec))[f"Deployment {name}"]["spec"]["template"]["spec"]
    return found


def files(name: str, **spec: Any) -> dict[str, str]:
    """Where the pods mount which Secret."""
    volumes = {v["name"]: v["secret"]["secretName"] for v in pod(name, **spec)["volumes"] if "secret" in v}
    mounts = pod(name, **spec)["containers"][0]["volumeMounts"]
    return {m["mountPath"]: volumes[m["name"]] for m in mounts if m["name"] in volumes}


def users(name: str, **spec: Any) -> dict[str, str]:
    """The variables of the pods that come from Secrets: their keys `username`."""
    env = [each for each in pod(name, **spec)["containers"][0].get("env", ()) if "valueFrom" in each]
    assert {each["valueFrom"]["secretKeyRef"]["key"] for each in env} <= {"username"}
    return {each["name"]: each["valueFrom"]["secretKeyRef"]["name"] for each in env}


def deployment(name: str = "product", *, replicas: int = 3, ours: bool = True, ready: int = 3) -> Child:
    owned = {"f:spec": {"f:replicas": {}, "f:template": {}} if ours else {"f:template": {}}}
    applied = {"manager": "storefront-operator", "operation": "Apply", "fieldsV1": owned}
    scaled = {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale"}
    metadata = {
        "name": name,
        "namespace": NAMESPACE,
        "uid": "u",
        "resourceVersion": "1",
        "generation": 1,
        "managedFields": [applied, {**scaled, "fieldsV1": {"f:spec": {"f:replicas": {}}}}],
    }
    counts = {"replicas": replicas, "updatedReplicas": replicas, "readyReplicas": ready}
    template = {"spec": {"containers": [{"name": name, "image": f"storefront.local/{name}:0.1.0"}]}}
    live = {
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": replicas, "template": template},
        "status": {"observedGeneration": 1, **counts},
    }
    return project("Deployment", live)


def autoscaler(name: str, reason: str) -> Child:
    status = "True" if reason == "ValidMetricFound" else "False"
    condition = {"type": "ScalingActive", "status": status, "reason": reason}
    metadata = {"name": name, "namespace": NAMESPACE, "uid": "h", "resourceVersion": "1"}
    live = {"metadata": metadata, "spec": {}, "status": {"conditions": [condition]}}
    return project("HorizontalPodAutoscaler", live)


class TestWhatPodsAreTold:
    @pytest.mark.parametrize("name", SERVICES)
    def test_a_service_has_few_objects_and_all_it_needs(self, name: str) -> None:
        kinds = [key.partition(" ")[0] for key in rendered(name, shop()) if not key.startswith("Job")]

        once = ["ServiceAccount", "ConfigMap", "Service", "PodDisruptionBudget", "Deployment"]
        assert all(kinds.count(kind) == 1 for kind in [*once, "HorizontalPodAutoscaler"])
        assert len(kinds) <= 9

    @pytest.mark.parametrize("name", SERVICES)
    def test_it_knows_its_own_stores_and_no_others(self, name: str) -> None:
        prefixes = {
            "postgres": "DATABASE_HOST",
            "rabbitmq": "RABBITMQ_HOST",
            "redis": "REDIS_HOST",
            "elasticsearch": "ELASTICSEARCH_URL",
        }
        known = {store for store, variable in prefixes.items() if variable in settings(name)}

        assert known == set(STORES_OF_SERVICES[name])

    def test_where_the_stores_are(self) -> None:
        expected = {
            "DATABASE_HOST": "postgres-rw.shop-data",
            "DATABASE_NAME": "product",
            "DATABASE_POOL_SIZE": "5",
            "RABBITMQ_HOST": "rabbitmq.shop-data",
            "RABBITMQ_VIRTUAL_HOST": "storefront",
            "REDIS_HOST": "redis-primary.shop-data",
            "ELASTICSEARCH_URL": "http://elasticsearch.shop-data:9200",
        }
        assert expected.items() <= settings("product").items()

    @pytest.mark.parametrize("name", SERVICES)
    def test_every_file_that_a_setting_names_is_mounted(self, name: str) -> None:
        external = {"payments": PAYMENTS, "email": {**EMAIL, "secretName": "mail"}, "shipping": SHIPPING}
        named = [v for k, v in settings(name, external=external).items() if k.endswith("_FILE")]

        assert named
        assert all(path.rpartition("/")[0] in files(name, external=external) for path in named)

    @pytest.mark.parametrize("name", SERVICES)
    def test_it_logs_in_with_copies_of_its_own(self, name: str) -> None:
        assert set(users(name).values()) == {
            f"{name}-{store}" for store in STORES_OF_SERVICES[name] if store != "elasticsearch"
        }

    @pytest.mark.parametrize("name", SERVICES)
    def test_only_services_behind_the_gateway_know_its_credential(self, name: str) -> None:
        behind = name in BEHIND_THE_GATEWAY

        assert ("GATEWAY_CREDENTIAL_FILE" in settings(name)) is behind
        assert ("gateway-credential" in files(name).values()) is behind

    def test_a_migration_reads_the_database_login_alone(self) -> None:
        manifests = rendered("payment", shop(external={"payments": PAYMENTS}))
        (job,) = [m for key, m in manifests.items() if key.startswith("Job payment-migrate")]
        spec = job["spec"]["template"]["spec"]

        assert [v["secret"]["secretName"] for v in spec["volumes"] if "secret" in v] == ["payment-postgres"]
        assert [each["name"] for each in spec["containers"][0]["env"]] == ["DATABASE_USER"]

    def test_who_has_no_database_has_nothing_to_migrate(self) -> None:
        storefront = shop()

        assert component("notification").jobs(storefront, placeholders(storefront)) == ()
        assert not [key for key in rendered("notification", storefront) if key.startswith("Job")]


class TestStoresElsewhere:
    @pytest.mark.parametrize(
        ("store", "variable", "value"),
        [
            ("rabbitmq", "RABBITMQ_PORT", "5672"),
            ("redis", "REDIS_PORT", "6379"),
            ("elasticsearch", "ELASTICSEARCH_URL", "https://store.example.com:9200"),
        ],
    )
    def test_the_service_logs_in_there_with_the_secret_of_a_person(
        self, store: str, variable: str, value: str
    ) -> None:
        spec = {store: {"mode": "External", "external": {"host": "store.example.com", "secretName": "own"}}}

        assert settings("product", **spec)[variable] == value
        assert files("product", **spec)[f"/etc/storefront/{store}"] == "own"
        assert "own" in users("product", **spec).values()
        copies = [key for key in rendered("product", shop(**spec)) if key == f"Secret product-{store}"]
        assert copies == [], "what was generated before is not given to pods"

    def test_encryption_can_be_switched_off_inside_of_a_network(self) -> None:
        external = {"host": "search.internal", "port": 9201, "secretName": "own", "tls": False}

        assert settings("product", elasticsearch={"mode": "External", "external": external})[
            "ELASTICSEARCH_URL"
        ] == ("http://search.internal:9201")


class TestExternalSystems:
    def test_payments(self) -> None:
        told = settings("payment", external={"payments": PAYMENTS})

        assert told["PAYMENT_GATEWAY_URL"] == "https://api.stripe.com"
        assert told["PAYMENT_GATEWAY_KEY_FILE"] == "/etc/storefront/payments/key"
        assert told["PAYMENT_GATEWAY_WEBHOOK_SECRET_FILE"] == "/etc/storefront/payments/webhook-secret"
        assert files("payment", external={"payments": PAYMENTS})["/etc/storefront/payments"] == "stripe"

    def test_shipping(self) -> None:
        told = settings("order", external={"shipping": SHIPPING})

        assert told["SHIPPING_URL"] == "https://parcels.example.com/api"
        assert files("order", external={"shipping": SHIPPING})["/etc/storefront/shipping"] == "parcels"

    @pytest.mark.parametrize(
        ("given", "security", "port"),
        [
            ({}, "starttls", "587"),
            ({"security": "Tls"}, "tls", "465"),
            ({"security": "None"}, "none", "25"),
            ({"security": "None", "port": 1025}, "none", "1025"),
        ],
    )
    def test_email(self, given: dict[str, Any], security: str, port: str) -> None:
        told = settings("notification", external={"email": {**EMAIL, **given}})

        assert (told["SMTP_SECURITY"], told["SMTP_PORT"]) == (security, port)
        assert (told["SMTP_HOST"], told["MAIL_FROM"]) == ("mail.example.com", "shop@example.com")
        assert "SMTP_PASSWORD_FILE" not in told

    def test_email_with_a_login(self) -> None:
        external = {"email": {**EMAIL, "secretName": "mail"}}

        assert users("notification", external=external)["SMTP_USER"] == "mail"
        assert files("notification", external=external)["/etc/storefront/email"] == "mail"

    def test_emails_name_the_shop_and_lead_to_it(self) -> None:
        told = settings("notification", frontends={"customer": {"shopName": "Corner"}})

        assert (told["SHOP_NAME"], told["SHOP_URL"]) == ("Corner", "https://shop.example.com")

    @pytest.mark.parametrize("name", SERVICES)
    def test_without_them_nothing_is_said_of_them(self, name: str) -> None:
        prefixes = ("PAYMENT_", "SHIPPING_", "SMTP_", "MAIL_")

        assert not [variable for variable in settings(name) if variable.startswith(prefixes)]

    def test_keys_of_an_identity_provider_are_where_issuers_have_them(self) -> None:
        provider = {"issuer": "https://id.example.com/shop/", "audience": "shop"}
        given = shop(external={"identityProvider": provider}).spec["external"]["identityProvider"]

        assert keys_uri(given) == "https://id.example.com/shop/.well-known/jwks.json"
        assert keys_uri({**given, "jwksUri": "https://id.example.com/keys"}) == "https://id.example.com/keys"

    @pytest.mark.parametrize(
        ("block", "says"),
        [
            ({"payments": {"url": "ftp://x", "secretName": "s"}}, "spec.external.payments.url"),
            ({"payments": {"url": "https://x"}}, "spec.external.payments.secretName: is required"),
            ({"email": {"host": "mail.example.com"}}, "spec.external.email.from: is required"),
            ({"email": {**EMAIL, "from": "nobody"}}, "spec.external.email.from"),
            ({"email": {**EMAIL, "security": "SSL"}}, "spec.external.email.security"),
            ({"identityProvider": {"issuer": "https://x"}}, "spec.external.identityProvider.audience"),
        ],
    )
    def test_nonsense_is_refused_by_name(self, block: dict[str, Any], says: str) -> None:
        with pytest.raises(InvalidStorefrontError, match=says):
            shop(external=block)


class TestAutoscaling:
    OFF = {"product": {"replicas": 4, "autoscaling": {"enabled": False}}}

    @staticmethod
    def replicas(storefront: Storefront, *children: Child) -> int | None:
        found: int | None = rendered("product", storefront, *children)["Deployment product"]["spec"].get(
            "replicas"
        )
        return found

    def test_production_has_it_and_development_has_not(self) -> None:
        def autoscaled(profile: str) -> set[str]:
            storefront = shop(profile=profile)
            return {
                name for name in SERVICES if f"HorizontalPodAutoscaler {name}" in rendered(name, storefront)
            }

        assert autoscaled("Production") == set(SERVICES)
        assert autoscaled("Development") == set()

    def test_by_cpu_and_memory_between_two_bounds(self) -> None:
        scaler = rendered("order", shop())["HorizontalPodAutoscaler order"]["spec"]

        assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "order"}
        assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 8)
        targets = {
            m["resource"]["name"]: m["resource"]["target"]["averageUtilization"] for m in scaler["metrics"]
        }
        assert targets == {"cpu": 70, "memory": 80}

    def test_replicas_are_the_least_number_and_raise_the_greatest_one_that_nobody_gave(self) -> None:
        autoscaling = shop(services={"order": {"replicas": 9}}).spec["services"]["order"]["autoscaling"]
        assert (autoscaling["minReplicas"], autoscaling["maxReplicas"]) == (9, 9)

        services = {"order": {"replicas": 9, "autoscaling": {"maxReplicas": 6}}}
        with pytest.raises(InvalidStorefrontError, match="maxReplicas: 6 is not allowed; allowed: 9 or more"):
            shop(services=services)

    def test_without_it_the_number_is_the_specs_whatever_is_there(self) -> None:
        storefront = shop(services=self.OFF)

        assert self.replicas(storefront) == 4
        assert self.replicas(storefront, deployment(replicas=7, ours=False)) == 4

    def test_a_new_deployment_starts_with_the_least_number(self) -> None:
        assert self.replicas(shop()) == 3

    def test_the_field_is_kept_as_it_is_until_somebody_else_has_set_it(self) -> None:
        """Left out before, it would become 1, the default of the API."""
        assert self.replicas(shop(), deployment(replicas=5, ours=True)) == 5

    def test_the_field_is_left_out_when_the_autoscaler_owns_it(self) -> None:
        assert self.replicas(shop(), deployment(replicas=5, ours=False)) is None


class TestHealth:
    @staticmethod
    def judged(name: str, storefront: Storefront, *children: Child) -> Health:
        observed = Observed({child.key: child for child in children})
        jobs = {job.name: job.version for job in component(name).jobs(storefront, observed)}
        found: Health = component(name).health(replace(storefront, status={"completedJobs": jobs}), observed)
        return found

    @pytest.mark.parametrize("name", SERVICES)
    def test_each_has_a_condition_of_its_own(self, name: str) -> None:
        assert component(name).condition == f"{name.capitalize()}Ready"

    def test_it_is_ready_when_its_pods_are(self) -> None:
        health = self.judged("user", shop(), deployment("user"))

        assert (health.ready, health.reason, health.message) == (True, Reason.AS_DESIRED, "3 of 3 pods ready")

    @pytest.mark.parametrize("name", ["payment", "order", "notification"])
    def test_it_says_which_external_system_it_lacks_and_is_ready(self, name: str) -> None:
        field = {"payment": "payments", "order": "shipping", "notification": "email"}[name]
        block = {"payments": PAYMENTS, "shipping": SHIPPING, "email": EMAIL}[field]

        without = self.judged(name, shop(), deployment(name))
        with_it = self.judged(name, shop(external={field: block}), deployment(name))

        assert (without.ready, without.reason, without.progressing) == (True, Reason.AS_DESIRED, False)
        assert f"spec.external.{field} is not set" in without.message
        assert with_it.message == "3 of 3 pods ready"

    def test_it_says_when_there_are_no_metrics_to_scale_by(self) -> None:
        health = self.judged(
            "user", shop(), deployment("user"), autoscaler("user", "FailedGetResourceMetric")
        )
        scaled = self.judged("user", shop(), deployment("user"), autoscaler("user", "ValidMetricFound"))

        assert (health.ready, health.reason) == (True, Reason.AS_DESIRED)
        assert "is there a metrics server?" in health.message
        assert scaled.message == "3 of 3 pods ready"

    def test_pods_that_cannot_start_without_somebodys_secret_say_so(self) -> None:
        status = {
            "phase": "Pending",
            "containerStatuses": [
                {"name": "payment", "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}
            ],
        }
        metadata = {
            "name": "payment-1",
            "namespace": NAMESPACE,
            "uid": "p",
            "resourceVersion": "1",
            "labels": {"app.kubernetes.io/name": "payment"},
        }
        pod = project("Pod", {"metadata": metadata, "spec": {}, "status": status})

        health = self.judged(
            "payment", shop(external={"payments": PAYMENTS}), deployment("payment", ready=0), pod
        )

        assert f"they need Secret {NAMESPACE}/{PAYMENTS['secretName']}" in health.message

    def test_what_is_broken_comes_first(self) -> None:
        health = self.judged("payment", shop(), deployment("payment", ready=1))

        assert (health.reason, health.message.count("external")) == (Reason.DEGRADED, 0)
