"""New credentials for services: what may be done when, decided from what is seen."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from storefront_operator.api import Storefront, parse_storefront
from storefront_operator.components import COMPONENTS, context_of, render_component
from storefront_operator.components.connections import STORES_OF_SERVICES
from storefront_operator.components.logins import logins_of
from storefront_operator.components.redis import passwords_fingerprint
from storefront_operator.engine import rotation
from storefront_operator.engine.credentials import generated_secrets, placeholders
from storefront_operator.objects import Child, ChildKey, Manifest, Observed, key_of
from storefront_operator.objects.labels import ACCESS_LIST, ROTATE

DATA, SERVICES = "shop-data", "shop-services"
EDGE = "shop-edge"
LOGINS = ("postgres", "rabbitmq", "redis")
OF_PRODUCT = {f"{store}-product" for store in LOGINS}
NEED_NO_JOB = {"redis-product", "redis-order", "gateway-credential"}
MARK = "storefront.dev/gateway-credential"
"""Annotation of a service's pods."""


def component(name: str) -> Any:
    return next(each for each in COMPONENTS if each.name == name)


def shop(asked: str = "", rotated: str = "", jobs: dict[str, str] | None = None) -> Storefront:
    return parse_storefront(
        {
            "apiVersion": "storefront.dev/v1alpha1",
            "kind": "Storefront",
            "metadata": {"name": "shop", "uid": "u", "generation": 1, "annotations": {ROTATE: asked}},
            "spec": {"domain": "shop.example.com"},
            "status": {"completedJobs": jobs or {}, "rotatedCredentials": rotated},
        }
    )


def with_jobs_done(storefront: Storefront, observed: Observed) -> Storefront:
    """The same Storefront after every once-only Job has succeeded."""
    jobs = {job.name: job.version for each in COMPONENTS for job in each.jobs(storefront, observed)}
    return shop(storefront.rotation, storefront.rotated, jobs)


def redis_members(observed: Observed) -> dict[ChildKey, Child]:
    """Redis' pods, which have loaded the access list of what is seen."""
    listed = base64.b64decode(component("redis").context(shop(), observed)["access_list"]).decode()
    labels = {"app.kubernetes.io/name": "redis", ACCESS_LIST: passwords_fingerprint(listed)}
    keys = [ChildKey("Pod", DATA, f"redis-{number}") for number in range(shop().spec["redis"]["members"])]
    return {key: Child(key, "", "1", labels, "", "", False, {"phase": "Running"}) for key in keys}


def rolled_out(service: str = "product", namespace: str = SERVICES, **changes: Any) -> dict[ChildKey, Child]:
    """A Deployment with its two pods."""
    facts: dict[str, Any] = {
        "image": "product:1",
        "replicas": 2,
        "total": 2,
        "updated": 2,
        "ready": 2,
        "generation": 3,
        "observedGeneration": 3,
        "ownsReplicas": True,
    }
    key = ChildKey("Deployment", namespace, service)
    children = {key: Child(key, "u", "1", {}, "", "", False, {**facts, **changes})}
    return children | pods(f"{service}-a", f"{service}-b", service=service, namespace=namespace)


def pods(
    *names: str, service: str = "product", namespace: str = SERVICES, deleting: bool = False
) -> dict[ChildKey, Child]:
    labels = {"app.kubernetes.io/name": service}
    keys = [ChildKey("Pod", namespace, name) for name in names]
    return {key: Child(key, "", "1", labels, "", "", deleting, {"phase": "Running"}) for key in keys}


def seen(*more: dict[ChildKey, Child]) -> Observed:
    children = dict(placeholders(shop()).children)
    for each in (*map(rolled_out, STORES_OF_SERVICES), rolled_out("gateway", EDGE), *more):
        children |= each
    return Observed(children | redis_members(Observed(children)))


def taken(observed: Observed, steps: list[rotation.Step]) -> Observed:
    """What is seen after the steps were written."""
    children = dict(observed.children)
    for step in steps:
        before = children[step.secret.key]
        data = {**before.facts["data"], **step.data}
        facts = {"data": {key: value for key, value in data.items() if value is not None}}
        children[before.key] = Child(
            before.key, before.uid, before.resource_version + "1", {}, "", "", False, facts
        )
    return Observed(children | redis_members(Observed(children)))


def users(observed: Observed, name: str = "postgres-product", namespace: str = DATA) -> dict[str, str]:
    return {slot: login.username for slot, login in logins_of(observed.secret_data(namespace, name)).items()}


def step(storefront: Storefront, observed: Observed) -> Observed:
    """Steps that must be due, written."""
    steps = rotation.due_steps(storefront, observed)
    assert steps
    return taken(observed, steps)


def prepared() -> Observed:
    return step(with_jobs_done(shop("one"), seen()), seen())


def promoted() -> Observed:
    observed = prepared()
    return step(with_jobs_done(shop("one"), observed), observed)


def rendered(name: str, observed: Observed) -> dict[str, Manifest]:
    storefront = shop("one")
    manifests = render_component(
        component(name), storefront, context_of(component(name), storefront, observed)
    )
    return {str(key_of(manifest)): manifest for manifest in manifests}


def product(observed: Observed) -> dict[str, Manifest]:
    return rendered("product", observed)


def logins_of_pods(manifests: dict[str, Manifest]) -> dict[str, str]:
    """The Secret with which pods of the product service log in, by store."""
    pod = manifests["Deployment shop-services/product"]["spec"]["template"]["spec"]
    mounted = {v["name"]: v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
    users = {
        "postgres": "DATABASE_USER",
        "rabbitmq": "RABBITMQ_USER",
        "redis": "REDIS_USER",
    }
    env = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in pod["containers"][0]["env"]}
    for store, variable in users.items():
        assert env[variable] == {"name": mounted[store], "key": "username"}
    return {store: mounted[store] for store in users}


class TestWhenItBegins:
    @pytest.mark.parametrize(("asked", "rotated"), [("", ""), ("", "one"), ("one", "one")])
    def test_nothing_is_due_unless_asked_for(self, asked: str, rotated: str) -> None:
        assert rotation.due_steps(with_jobs_done(shop(asked, rotated), seen()), seen()) == []

    def test_nothing_is_due_while_a_job_with_older_logins_is_under_way(self) -> None:
        due = rotation.due_steps(shop("one"), seen())

        assert {step.secret.key.name for step in due} == NEED_NO_JOB

    def test_each_rotating_secret_gets_a_next_login(self) -> None:
        observed = prepared()

        assert users(observed) == {"current": "product", "next": "product-b"}
        assert users(observed, "postgres-order") == {"current": "order", "next": "order-b"}
        assert users(observed, "rabbitmq-payment") == {"current": "payment", "next": "payment-b"}
        assert users(observed, "redis-order") == {"current": "order", "next": "order-b"}
        assert users(observed, "gateway-credential", EDGE) == {"current": "gateway", "next": "gateway-b"}

    def test_nobody_else_s_secret_changes(self) -> None:
        changed = {
            step.secret.key.name for step in rotation.due_steps(with_jobs_done(shop("one"), seen()), seen())
        }

        assert changed == {each.name for each in generated_secrets(shop()) if each.rotation}
        assert not changed & {"postgres-superuser", "postgres-replication", "redis-admin", "rabbitmq-cookie"}
        assert "ingress-tls" not in changed

    def test_passwords_are_new_and_differ(self) -> None:
        observed = prepared()
        found = [
            logins_of(observed.secret_data(DATA, f"postgres-{service}"))["next"].password
            for service in ("user", "product", "order", "payment")
        ]
        assert len(set(found)) == 4
        assert min(map(len, found)) >= 32

    def test_a_secret_that_is_made_while_it_is_asked_for_is_new_enough(self) -> None:
        wanted = next(each for each in generated_secrets(shop()) if each.name == "postgres-product")

        assert rotation.mark_of_new(shop("one"), wanted) == {"rotation": "one"}
        assert rotation.mark_of_new(shop(), wanted) == {}


class TestWhenTheNextLoginIsUsed:
    def test_not_before_the_store_accepts_both(self) -> None:
        observed = prepared()
        before = with_jobs_done(shop("one"), seen())

        due = {step.secret.key.name for step in rotation.due_steps(before, observed)}
        assert due == NEED_NO_JOB, "which are known already where it matters"

    def test_not_before_every_member_of_redis_has_loaded_both(self) -> None:
        storefront, observed = with_jobs_done(shop("one"), prepared()), prepared()
        old = Observed({**observed.children, **redis_members(seen())})

        assert "redis-order" in {step.secret.key.name for step in rotation.due_steps(storefront, observed)}
        assert "redis-order" not in {step.secret.key.name for step in rotation.due_steps(storefront, old)}

    def test_the_store_is_told_to_accept_both(self) -> None:
        storefront = shop("one")
        observed = prepared()
        context = context_of(component("postgres"), storefront, observed)
        (job,) = [
            manifest
            for manifest in render_component(component("postgres"), storefront, context)
            if manifest["kind"] == "Job"
        ]
        volumes = job["spec"]["template"]["spec"]["volumes"]
        sources = next(volume["projected"]["sources"] for volume in volumes if "projected" in volume)
        items = next(s["secret"]["items"] for s in sources if s["secret"]["name"] == "postgres-product")
        assert {item["key"]: item["path"] for item in items} == {
            "username": "product/current/username",
            "password": "product/current/password",
            "next-username": "product/next/username",
            "next-password": "product/next/password",
        }

    def test_pods_log_in_as_before_until_then(self) -> None:
        before, after = product(seen()), product(prepared())

        assert logins_of_pods(after) == logins_of_pods(before)
        assert set(after) == set(before)

    def test_then_pods_get_it_and_old_ones_keep_theirs(self) -> None:
        observed = promoted()
        manifests = product(observed)

        assert users(observed) == {"current": "product-b", "former": "product"}
        assert logins_of_pods(manifests) == {store: f"product-{store}-b" for store in LOGINS}
        for store in LOGINS:
            for name, user in {f"product-{store}": "product", f"product-{store}-b": "product-b"}.items():
                data = manifests[f"Secret shop-services/{name}"]["data"]
                assert base64.b64decode(data["username"]).decode() == user
                assert set(data) == {"username", "password"}

    def test_changing_places_asks_nothing_of_the_store(self) -> None:
        before = prepared()
        storefront = with_jobs_done(shop("one"), before)
        after = step(storefront, before)

        assert users(before) != users(after)
        assert component("postgres").accepts_credentials(storefront, after)


class TestWhenTheFormerLoginIsDropped:
    def due(self, *more: dict[ChildKey, Child]) -> set[str]:
        observed = promoted()
        observed = Observed({**observed.children, **{key: c for each in more for key, c in each.items()}})
        return {each.secret.key.name for each in rotation.due_steps(shop("one"), observed)}

    def test_when_every_pod_is_of_the_new_template(self) -> None:
        assert self.due() >= OF_PRODUCT

    @pytest.mark.parametrize(
        "changes",
        [
            {"observedGeneration": 2},
            {"updated": 1},
            {"total": 3},
            {"ready": 1},
        ],
    )
    def test_not_while_the_consumer_rolls(self, changes: dict[str, int]) -> None:
        assert self.due(rolled_out(**changes)) == self.due() - OF_PRODUCT
        assert "postgres-order" in self.due(rolled_out(**changes)), "whose pods are all new"

    def test_not_while_an_old_pod_ends(self) -> None:
        assert not OF_PRODUCT & self.due(pods("old", deleting=True))
        assert not OF_PRODUCT & self.due(pods("old"))
        assert not OF_PRODUCT & self.due(pods("product-a", deleting=True))

    def test_the_pods_do_not_notice(self) -> None:
        before, after = product(promoted()), product(step(shop("one"), promoted()))

        assert logins_of_pods(after) == logins_of_pods(before)
        assert set(before) - set(after) == {f"Secret shop-services/product-{store}" for store in LOGINS}


class TestTheGatewaysCredential:
    """Services accept it before the gateway uses it; the former one until no pod of the gateway does."""

    @staticmethod
    def accepted(observed: Observed) -> set[str]:
        secret = rendered("gateway-credential", observed)["Secret shop-services/gateway-credential"]
        return set(base64.b64decode(secret["data"]["credentials"]).decode().split())

    @staticmethod
    def valid(observed: Observed) -> dict[str, str]:
        logins = logins_of(observed.secret_data(EDGE, "gateway-credential"))
        return {slot: login.password for slot, login in logins.items()}

    @staticmethod
    def template(observed: Observed) -> Any:
        return product(observed)["Deployment shop-services/product"]["spec"]["template"]["metadata"]

    def test_services_accept_every_one_that_is_valid(self) -> None:
        for observed in (seen(), prepared(), promoted()):
            # The placeholder of a password has blanks.
            assert self.accepted(observed) == set(" ".join(self.valid(observed).values()).split())

    def test_a_next_one_rolls_the_services_and_changing_places_does_not(self) -> None:
        before = prepared()
        after = step(with_jobs_done(shop("one"), before), before)
        marks = [self.template(each)["annotations"][MARK] for each in (seen(), before, after)]

        assert marks[0] != marks[1]
        assert marks[1] == marks[2]

    def test_the_gateway_does_not_use_it_before_every_service_has_started_with_it(self) -> None:
        observed = prepared()
        rolling = Observed({**observed.children, **rolled_out("payment", updated=1)})
        storefront = with_jobs_done(shop("one"), observed)

        def due(observed: Observed) -> set[str]:
            return {step.secret.key.name for step in rotation.due_steps(storefront, observed)}

        assert "gateway-credential" in due(observed)
        assert "gateway-credential" not in due(rolling)

    def test_the_former_one_is_accepted_until_no_pod_of_the_gateway_uses_it(self) -> None:
        observed = promoted()
        rolling = Observed({**observed.children, **rolled_out("gateway", EDGE, updated=1)})

        assert self.accepted(step(shop("one"), rolling)) == self.accepted(observed)

    def test_pods_do_not_restart_when_a_former_one_is_refused(self) -> None:
        observed = promoted()
        retired = step(shop("one"), observed)

        assert self.accepted(retired) < self.accepted(observed)
        before, after = (self.template(each)["annotations"] for each in (observed, retired))
        assert before[MARK] == after[MARK]


class TestWhenItIsComplete:
    def test_not_before_the_store_refuses_the_former_login(self) -> None:
        storefront = with_jobs_done(shop("one"), promoted())
        observed = step(storefront, promoted())

        assert not rotation.is_complete(storefront, observed)
        assert rotation.is_complete(with_jobs_done(shop("one"), observed), observed)

    def test_in_no_state_before(self) -> None:
        for observed in (seen(), prepared(), promoted()):
            assert not rotation.is_complete(with_jobs_done(shop("one"), observed), observed)

    def test_the_next_rotation_goes_back_to_the_first_user(self) -> None:
        observed = step(shop("one"), promoted())
        assert users(observed) == {"current": "product-b"}

        again = step(with_jobs_done(shop("two", "one"), observed), observed)

        assert users(again) == {"current": "product-b", "next": "product"}

    def test_a_value_that_changes_on_the_way_waits_for_the_end(self) -> None:
        observed = promoted()

        assert users(step(shop("two"), observed)) == {"current": "product-b"}

    def test_taking_the_annotation_away_ends_what_was_begun(self) -> None:
        observed = promoted()

        assert rotation.is_under_way(shop(), observed)
        assert users(step(shop(), observed)) == {"current": "product-b"}
