"""What a platform team sees of the operator, on a real API server without nodes."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from storefront_operator.api import parse_storefront
from storefront_operator.components import render_storefront
from storefront_operator.engine.credentials import generated_secrets, placeholders
from storefront_operator.objects import key_of

from tests.control_plane.harness import Cluster, Operator, eventually

pytestmark = pytest.mark.control_plane


def contents(children: dict[Any, dict[str, Any]]) -> dict[Any, Any]:
    """The children without what the API server and the controllers write: versions and status."""

    def content(child: dict[str, Any]) -> Any:
        metadata = {
            key: child["metadata"].get(key) for key in ("uid", "labels", "annotations", "ownerReferences")
        }
        metadata["annotations"] = {
            key: value
            for key, value in (metadata["annotations"] or {}).items()
            if not key.startswith("deployment.")
        }
        return {**{key: value for key, value in child.items() if key != "status"}, "metadata": metadata}

    return {key: content(child) for key, child in children.items()}


def rendered_keys(manifest: dict[str, Any]) -> set[tuple[str, str, str]]:
    storefront = parse_storefront(manifest)
    return {
        tuple(key_of(m))
        for m in render_storefront(storefront, placeholders(storefront))
        if m["kind"] != "Job"
    }


@pytest.fixture
def applied(cluster: Cluster, operator: Operator, manifest: dict[str, Any], name: str) -> str:
    """A Storefront that has been applied and whose children all exist."""
    cluster.apply(manifest)
    eventually(
        lambda: rendered_keys(manifest) <= set(cluster.children(name)) and settled(cluster, name),
        "every rendered object exists",
        detail=operator.log,
    )
    return name


def settled(cluster: Cluster, name: str) -> bool:
    """The status speaks of the current spec and of every component."""
    storefront = cluster.storefront(name) or {}
    status = storefront.get("status") or {}
    return status.get("observedGeneration") == storefront["metadata"]["generation"] and bool(
        cluster.condition(name, "EdgeReady")
    )


def test_every_rendered_object_exists_and_is_owned(cluster: Cluster, applied: str) -> None:
    for (kind, namespace, name), child in cluster.children(applied).items():
        owners = [owner["name"] for owner in child["metadata"].get("ownerReferences", ())]
        outlives = name == f"{applied}-data" or (
            namespace == f"{applied}-data" and "storefront.dev/generated" in child["metadata"]["labels"]
        )
        assert owners == ([] if outlives else [applied]), (kind, namespace, name)


def test_ready_is_false_with_a_reason_while_nothing_runs(cluster: Cluster, applied: str) -> None:
    ready = cluster.condition(applied, "Ready")

    assert (ready["status"], ready["reason"]) == ("False", "Provisioning")
    assert cluster.condition(applied, "Reconciling")["status"] == "True"
    assert cluster.condition(applied, "Stalled")["status"] == "False"


def test_a_deleted_child_comes_back_and_an_event_says_so(cluster: Cluster, applied: str) -> None:
    before = cluster.get("apps/v1", "Deployment", "product", f"{applied}-services")
    assert before is not None

    cluster.kubectl("delete", "deployment", "product", "-n", f"{applied}-services")

    def is_new() -> bool:
        now = cluster.get("apps/v1", "Deployment", "product", f"{applied}-services")
        return now is not None and now["metadata"]["uid"] != before["metadata"]["uid"]

    eventually(is_new, "the Deployment is there again")
    eventually(
        lambda: any("Deployment" in message for message in cluster.events(applied, "DriftReverted")),
        "an event tells about it",
    )


@pytest.mark.parametrize(
    ("kind", "namespace", "child", "patch"),
    [
        ("deployment", "services", "product", '{"spec":{"replicas":7}}'),
        ("configmap", "edge", "ingress", '{"data":{"nginx.conf":"events {}"}}'),
        ("service", "data", "postgres-rw", '{"spec":{"selector":{"role":"replica"}}}'),
        ("role", "data", "postgres", '{"rules":[]}'),
        ("secret", "services", "product-postgres", '{"data":{"password":"d3Jvbmc="}}'),
    ],
)
def test_a_changed_child_is_put_right(
    cluster: Cluster, applied: str, kind: str, namespace: str, child: str, patch: str
) -> None:
    versions = {"deployment": "apps/v1", "role": "rbac.authorization.k8s.io/v1"}
    kinds = {
        "deployment": "Deployment",
        "configmap": "ConfigMap",
        "service": "Service",
        "role": "Role",
        "secret": "Secret",
    }
    where = (versions.get(kind, "v1"), kinds[kind], child, f"{applied}-{namespace}")

    def content() -> Any:
        live = cluster.get(*where) or {}
        return live.get("data") or live.get("rules") or live.get("spec")

    before = content()
    patched = cluster.kubectl(
        "patch", kind, child, "-n", f"{applied}-{namespace}", "--type=merge", "-p", patch
    )
    assert patched.returncode == 0, patched.stderr

    eventually(lambda: content() == before, f"{kind} {child} is as before")


def test_a_namespace_whose_labels_are_taken_off_is_still_known(cluster: Cluster, applied: str) -> None:
    labels = ("storefront.dev/name-", "app.kubernetes.io/managed-by-")
    done = cluster.kubectl("label", "namespace", f"{applied}-frontend", *labels)
    assert done.returncode == 0, done.stderr

    def labelled() -> bool:
        namespace = cluster.get("v1", "Namespace", f"{applied}-frontend") or {"metadata": {}}
        return namespace["metadata"].get("labels", {}).get("storefront.dev/name") == applied

    eventually(labelled, "the labels are back")


def test_a_password_survives_whatever_happens_to_the_marks_of_its_secret(
    cluster: Cluster, operator: Operator, applied: str
) -> None:
    def secret() -> dict[str, Any]:
        return cluster.get("v1", "Secret", "postgres-product", f"{applied}-data") or {}

    before = secret()["data"]
    patch = {"metadata": {"labels": None, "annotations": None}}
    where = ("secret", "postgres-product", f"--namespace={applied}-data")
    done = cluster.kubectl("patch", *where, "--type=merge", "-p", json.dumps(patch))
    assert done.returncode == 0, done.stderr

    eventually(
        lambda: "storefront.dev/generated" in secret()["metadata"].get("labels", {}),
        "the marks are back",
        detail=operator.log,
    )
    assert secret()["data"] == before
    copy = cluster.get("v1", "Secret", "product-postgres", f"{applied}-services") or {}
    assert copy["data"] == before


def test_a_change_of_the_spec_changes_exactly_that(
    cluster: Cluster, applied: str, manifest: dict[str, Any], name: str
) -> None:
    before = contents(cluster.children(name))
    manifest["spec"]["services"]["product"]["replicas"] = 4

    cluster.apply(manifest)

    def replicas() -> int:
        live = cluster.get("apps/v1", "Deployment", "product", f"{name}-services") or {}
        return int(live["spec"]["replicas"])

    eventually(lambda: replicas() == 4 and settled(cluster, name), "four replicas are asked for")
    after = contents(cluster.children(name))
    changed = {key for key in before if before[key] != after.get(key)}
    assert changed == {("Deployment", f"{name}-services", "product")}


def test_what_is_no_longer_wanted_is_pruned(
    cluster: Cluster, applied: str, manifest: dict[str, Any], name: str
) -> None:
    def jobs() -> set[Any]:
        return {
            key
            for key in cluster.children(name)
            if key[:2] == ("Job", f"{name}-services") and key[2].startswith("product-")
        }

    before = jobs()
    assert len(before) == 1
    manifest["spec"]["services"]["product"]["sampleCatalogue"] = False

    cluster.apply(manifest)

    eventually(
        lambda: len(jobs()) == 1 and jobs() != before,
        "the Job of the old spec is gone, that of the new there",
    )


def test_after_a_restart_only_what_differs_is_written(
    cluster: Cluster, operator: Operator, applied: str
) -> None:
    operator.stop(kill=True)
    cluster.kubectl("delete", "configmap", "web-customer", "-n", f"{applied}-frontend")

    operator.start()

    eventually(
        lambda: cluster.get("v1", "ConfigMap", "web-customer", f"{applied}-frontend"), "the ConfigMap is back"
    )
    eventually(lambda: operator.changes(applied), "the pass is logged")
    assert operator.changes(applied) == [f"created ConfigMap {applied}-frontend/web-customer"]


def test_drift_while_the_operator_is_down_is_repaired_at_its_start(
    cluster: Cluster, operator: Operator, applied: str
) -> None:
    operator.stop()
    try:
        cluster.kubectl("scale", "deployment", "web-customer", "-n", f"{applied}-frontend", "--replicas=9")
        cluster.kubectl("delete", "service", "product", "-n", f"{applied}-services")
    finally:
        operator.start()

    def repaired() -> bool:
        web = cluster.get("apps/v1", "Deployment", "web-customer", f"{applied}-frontend") or {}
        service = cluster.get("v1", "Service", "product", f"{applied}-services")
        return bool(web["spec"]["replicas"] == 1 and service)

    eventually(repaired, "both are as desired again")


@pytest.mark.parametrize(
    ("field", "spec", "says"),
    [
        ("unknown field", {"domain": "a.example", "prodcts": {}}, "prodcts"),
        ("enum", {"domain": "a.example", "profile": "Huge"}, "spec.profile"),
        (
            "range",
            {"domain": "a.example", "services": {"product": {"replicas": 0}}},
            "spec.services.product.replicas",
        ),
        (
            "quantity",
            {"domain": "a.example", "postgres": {"storage": {"size": "big"}}},
            "spec.postgres.storage.size",
        ),
        ("missing", {}, "spec.domain"),
        ("cross-field", {"domain": "a.example", "ingress": {"tls": {"mode": "Secret"}}}, "needs secretName"),
        ("image", {"domain": "a.example", "images": {"overrides": {"pg": "x"}}}, "unknown image"),
    ],
)
def test_a_wrong_field_is_rejected_at_apply_by_name(
    cluster: Cluster, manifest: dict[str, Any], field: str, spec: dict[str, Any], says: str
) -> None:
    manifest["spec"] = spec

    result = cluster.kubectl("apply", "-f", "-", text=yaml.safe_dump(manifest))

    assert result.returncode != 0, field
    assert says in result.stderr


@pytest.mark.parametrize("wrong", ["x" * 41, "shop.two"])
def test_a_wrong_name_is_rejected_at_apply(cluster: Cluster, manifest: dict[str, Any], wrong: str) -> None:
    manifest["metadata"]["name"] = wrong

    result = cluster.kubectl("apply", "-f", "-", text=yaml.safe_dump(manifest))

    assert result.returncode != 0
    assert "metadata.name must" in result.stderr


def test_a_spec_that_only_the_operator_can_judge_stalls_and_recovers(
    cluster: Cluster, operator: Operator, applied: str, manifest: dict[str, Any], name: str
) -> None:
    before = contents(cluster.children(name))
    manifest["spec"]["postgres"] = {"storage": {"size": "0.0001"}}
    cluster.apply(manifest)
    eventually(
        lambda: cluster.condition(name, "Stalled").get("status") == "True", "the Storefront is stalled"
    )

    stalled = cluster.condition(name, "Stalled")
    assert stalled["reason"] == "InvalidSpec"
    assert "spec.postgres.storage.size" in stalled["message"]
    assert contents(cluster.children(name)) == before, "the last good state is kept"

    del manifest["spec"]["postgres"]
    cluster.apply(manifest)
    eventually(
        lambda: cluster.condition(name, "Stalled").get("status") == "False", "it goes on", detail=operator.log
    )


def test_a_foreign_namespace_is_not_adopted(
    cluster: Cluster, operator: Operator, manifest: dict[str, Any], name: str
) -> None:
    cluster.kubectl("create", "namespace", f"{name}-services")
    cluster.apply(manifest)

    eventually(
        lambda: cluster.condition(name, "Stalled").get("reason") == "NamespaceConflict",
        "the conflict is told",
    )

    assert f"{name}-services" in cluster.condition(name, "Stalled")["message"]
    foreign = cluster.get("v1", "Namespace", f"{name}-services")
    assert foreign is not None
    assert "storefront.dev/name" not in foreign["metadata"].get("labels", {})


def test_paused_means_nothing_is_changed(
    cluster: Cluster, applied: str, manifest: dict[str, Any], name: str
) -> None:
    manifest["spec"]["paused"] = True
    cluster.apply(manifest)
    eventually(lambda: cluster.condition(name, "Ready").get("reason") == "Paused", "it is paused")

    cluster.kubectl("delete", "service", "product", "-n", f"{name}-services")
    manifest["spec"]["domain"] = "other.example"
    cluster.apply(manifest)
    eventually(
        lambda: cluster.condition(name, "Ready").get("observedGeneration") == 3,
        "the operator has seen the change",
    )
    assert cluster.get("v1", "Service", "product", f"{name}-services") is None

    manifest["spec"]["paused"] = False
    cluster.apply(manifest)
    eventually(lambda: cluster.get("v1", "Service", "product", f"{name}-services"), "the Service is back")


@pytest.mark.parametrize("cascade", ["background", "foreground"])
def test_deletion_keeps_the_data_and_a_new_storefront_finds_it(
    cluster: Cluster, operator: Operator, applied: str, manifest: dict[str, Any], name: str, cascade: str
) -> None:
    def password() -> str:
        secret = cluster.get("v1", "Secret", "postgres-product", f"{name}-data")
        assert secret is not None
        return str(secret["data"]["password"])

    before = password()
    deleted = cluster.kubectl("delete", "storefront", name, f"--cascade={cascade}", "--timeout=60s")
    assert deleted.returncode == 0, deleted.stderr + operator.log()

    eventually(
        lambda: left_behind(cluster, name) == kept(manifest), "only the data is left", detail=operator.log
    )
    namespace = cluster.get("v1", "Namespace", f"{name}-data")
    assert namespace is not None
    assert namespace["metadata"]["annotations"]["storefront.dev/retained"] == "true"
    assert password() == before

    cluster.apply(manifest)
    eventually(lambda: rendered_keys(manifest) <= set(cluster.children(name)), "everything is there again")
    adopted = cluster.get("v1", "Namespace", f"{name}-data")
    assert adopted is not None
    assert adopted["metadata"]["annotations"]["storefront.dev/retained"] == "false"
    assert password() == before
    copy = cluster.get("v1", "Secret", "product-postgres", f"{name}-services")
    assert copy is not None
    assert copy["data"]["password"] == before


def test_deletion_with_policy_delete_leaves_nothing(
    cluster: Cluster, operator: Operator, applied: str, manifest: dict[str, Any], name: str
) -> None:
    manifest["spec"]["deletionPolicy"] = "Delete"
    cluster.apply(manifest)

    deleted = cluster.kubectl("delete", "storefront", name, "--timeout=60s")

    assert deleted.returncode == 0, deleted.stderr + operator.log()
    assert left_behind(cluster, name) == set()


def left_behind(cluster: Cluster, name: str) -> set[tuple[str, str, str]]:
    return set(cluster.children(name))


def kept(manifest: dict[str, Any]) -> set[tuple[str, str, str]]:
    """The data namespace and the credentials in it; the claims are Kubernetes' own."""
    storefront = parse_storefront(manifest)
    data = storefront.namespace("data")
    secrets = {secret.name for secret in generated_secrets(storefront) if secret.namespace == data}
    return {("Namespace", "", data), *(("Secret", data, secret) for secret in secrets)}
