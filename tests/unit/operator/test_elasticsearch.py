"""Elasticsearch: what is rendered, how it forms once, and the judgement of a running cluster."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from storefront_operator.api import Storefront, parse_storefront
from storefront_operator.components import context_of, render_component
from storefront_operator.components.base import Reason
from storefront_operator.components.elasticsearch import SETUP_JOB, Elasticsearch
from storefront_operator.components.elasticsearch_live import live_health
from storefront_operator.objects import Child, ChildKey, Manifest, Observed, key_of

RECORDED = Path(__file__).parent / "recorded"
BOOTSTRAP = "ConfigMap shop-data/elasticsearch-bootstrap"


def shop(status: dict[str, Any] | None = None, **elasticsearch: Any) -> Storefront:
    return parse_storefront(
        {
            "apiVersion": "storefront.dev/v1alpha1",
            "kind": "Storefront",
            "metadata": {"name": "shop", "uid": "u-1", "generation": 1},
            "spec": {"domain": "shop.example.com", "elasticsearch": elasticsearch},
            "status": status or {},
        }
    )


def data_namespace(uid: str = "n-1") -> Observed:
    key = ChildKey("Namespace", "", "shop-data")
    return Observed({key: Child(key, uid, "1", {}, "", "", deleting=False)})


def rendered(storefront: Storefront, observed: Observed | None = None) -> dict[str, Manifest]:
    component = Elasticsearch()
    context = context_of(component, storefront, observed or data_namespace())
    return {str(key_of(manifest)): manifest for manifest in render_component(component, storefront, context)}


def formed(observed: Observed, **elasticsearch: Any) -> Storefront:
    """A Storefront whose status records that its cluster has formed."""
    (job,) = Elasticsearch().jobs(shop(**elasticsearch), observed)
    return shop({"completedJobs": {job.name: job.version}}, **elasticsearch)


def template(manifests: dict[str, Manifest]) -> Any:
    return manifests["StatefulSet shop-data/elasticsearch"]["spec"]["template"]


def environment(manifests: dict[str, Manifest]) -> dict[str, Any]:
    (container,) = template(manifests)["spec"]["containers"]
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}


def test_members_may_make_a_cluster_out_of_nothing_until_it_has_formed_once() -> None:
    before = rendered(shop())
    after = rendered(formed(data_namespace()))

    assert before[BOOTSTRAP]["data"] == {
        "initial_master_nodes": "elasticsearch-0,elasticsearch-1,elasticsearch-2"
    }
    assert BOOTSTRAP not in after
    source = environment(before)["cluster.initial_master_nodes"]["configMapKeyRef"]
    assert (source["name"], source["optional"]) == ("elasticsearch-bootstrap", True)


def test_the_first_formation_does_not_restart_the_members() -> None:
    assert template(rendered(shop())) == template(rendered(formed(data_namespace())))


def test_the_formation_stays_recorded_when_the_cluster_grows() -> None:
    assert BOOTSTRAP not in rendered(formed(data_namespace(), members=5))


def test_other_index_templates_run_the_job_again_but_do_not_allow_a_second_formation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded = formed(data_namespace())
    monkeypatch.setattr(
        "storefront_operator.components.elasticsearch.INDEX_TEMPLATES", {"other": {"index_patterns": ["o-*"]}}
    )

    manifests = rendered(recorded)

    assert [key for key in manifests if key.startswith(f"Job shop-data/{SETUP_JOB}")]
    assert BOOTSTRAP not in manifests


def test_a_data_namespace_that_was_lost_may_form_a_cluster_again() -> None:
    assert BOOTSTRAP in rendered(formed(data_namespace("n-1")), data_namespace("n-2"))


@pytest.mark.parametrize(("heap", "option"), [("256Mi", "-Xms256m -Xmx256m"), ("2Gi", "-Xms2048m -Xmx2048m")])
def test_the_heap_is_what_the_spec_says(heap: str, option: str) -> None:
    assert option in environment(rendered(shop(heapSize=heap)))["ES_JAVA_OPTS"]


@pytest.mark.parametrize(
    ("cpu", "processors", "one_compiler"), [("100m", 1, True), ("1500m", 2, False), ("4", 4, False)]
)
def test_java_counts_the_pods_cores_not_the_machines(cpu: str, processors: int, one_compiler: bool) -> None:
    options = environment(rendered(shop(resources={"requests": {"cpu": cpu}})))["ES_JAVA_OPTS"]

    assert f"-XX:ActiveProcessorCount={processors} " in options
    assert ("-XX:TieredStopAtLevel=1" in options) is one_compiler


def test_it_needs_no_setting_of_the_nodes_and_finds_its_members_in_any_cluster() -> None:
    manifests = rendered(shop(members=5))
    settings = environment(manifests)

    assert settings["node.store.allow_mmap"] == "false"
    assert settings["discovery.seed_hosts"].split(",") == [
        f"elasticsearch-{number}.elasticsearch-members" for number in range(5)
    ]
    assert manifests["Service shop-data/elasticsearch-members"]["spec"]["publishNotReadyAddresses"] is True


def test_a_users_variable_wins() -> None:
    extra = [{"name": "ES_JAVA_OPTS", "value": "-Xmx1g"}]

    assert environment(rendered(shop(extraEnv=extra)))["ES_JAVA_OPTS"] == "-Xmx1g"


def test_the_job_carries_every_index_template() -> None:
    manifests = rendered(shop())

    data = manifests["ConfigMap shop-data/elasticsearch-setup"]["data"]
    assert json.loads(data["products.json"])["index_patterns"] == ["products-*"]
    assert set(data) == {"products.json", "setup.sh"}
    assert not [key for key in rendered(formed(data_namespace())) if "setup" in key]


def setup(tmp_path: Path, curl: str) -> subprocess.CompletedProcess[str]:
    """Run the Job's script with a curl of its own that notes what it was asked for; waiting takes no time."""
    data = rendered(shop())["ConfigMap shop-data/elasticsearch-setup"]["data"]
    for name, text in data.items():
        (tmp_path / name).write_text(text.replace("/etc/storefront/setup", str(tmp_path)))
    for name, text in {"curl": f'echo "${{@: -1}}" >> {tmp_path}/asked\n{curl}', "sleep": ":"}.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "URL": "http://search:9200", "MEMBERS": "3"}
    return subprocess.run(
        ["bash", str(tmp_path / "setup.sh")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_job_waits_for_all_members_before_it_puts_index_templates(tmp_path: Path) -> None:
    refused_twice = f"(( $(wc -l < {tmp_path}/asked) > 2 ))"

    assert setup(tmp_path, refused_twice).returncode == 0
    health = "http://search:9200/_cluster/health?wait_for_nodes=ge(3)&timeout=10s"
    put = "http://search:9200/_index_template/products"
    assert (tmp_path / "asked").read_text().splitlines() == [health, health, health, put]


def test_the_job_fails_when_the_cluster_does_not_form(tmp_path: Path) -> None:
    result = setup(tmp_path, "exit 7")

    assert result.returncode == 1
    assert "no cluster of 3 members at http://search:9200" in result.stdout
    assert "_index_template" not in (tmp_path / "asked").read_text()


def test_the_job_fails_when_an_index_template_is_refused(tmp_path: Path) -> None:
    assert setup(tmp_path, '[[ "$*" != *_index_template* ]]').returncode != 0


def test_an_external_cluster_leaves_nothing_to_render_and_says_where_it_is() -> None:
    storefront = shop(mode="External", external={"host": "search.example.com", "secretName": "search"})
    component = Elasticsearch()

    assert component.jobs(storefront, Observed()) == ()
    assert rendered(storefront, Observed()) == {}
    health = component.health(storefront, Observed())
    assert (health.ready, health.reason) == (True, Reason.AS_DESIRED)
    assert "search.example.com" in health.message


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"elasticsearch_{name}.json").read_text())


def test_a_green_cluster_is_as_desired_with_its_facts() -> None:
    health = live_health(recorded("green"), 3)

    assert (health.ready, health.reason, health.progressing) == (True, Reason.AS_DESIRED, False)
    assert health.facts == {"health": "green", "nodesRunning": 3, "shards": 3, "shardsMissing": 0}


@pytest.mark.parametrize(("answer", "missing"), [("yellow", 1), ("one_stopped", 0)])
def test_a_cluster_that_has_lost_a_member_serves_also_when_it_calls_itself_green(
    answer: str, missing: int
) -> None:
    """Elasticsearch takes back copies that expand by themselves, and is green with two of three."""
    health = live_health(recorded(answer), 3)

    assert (health.ready, health.reason, health.progressing) == (True, Reason.DEGRADED, True)
    assert "2 of 3 members run" in health.message
    assert health.facts["shardsMissing"] == missing


def test_a_red_cluster_does_not_serve() -> None:
    health = live_health({**recorded("yellow"), "status": "red"}, 3)

    assert (health.ready, health.reason) == (False, Reason.UNAVAILABLE)


@pytest.mark.parametrize("answer", [None, "no_master"])
def test_without_a_master_it_is_failing_over(answer: str | None) -> None:
    health = live_health(recorded(answer) if answer else None, 3)

    assert (health.ready, health.reason, health.progressing) == (False, Reason.FAILING_OVER, True)
