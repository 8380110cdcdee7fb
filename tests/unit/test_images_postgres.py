"""The two programs of the PostgreSQL image."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit import image_programs

# RFC 7677's example: user "user", password "pencil", 4096 iterations.
VERIFIER = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
    ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


provisioning = image_programs.load("postgres", "provision_databases")
role_change = image_programs.load("postgres", "on_role_change")


@pytest.fixture
def databases(tmp_path: Path) -> Path:
    """Mounted as Kubernetes does it: links into a hidden folder."""
    hidden = tmp_path / "..2026/product/current"
    hidden.mkdir(parents=True)
    (hidden / "username").write_text("product")
    (hidden / "password").write_text("pencil\n")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "product").symlink_to("..data/product")
    return tmp_path


def test_databases_are_read_from_mounted_secrets(databases: Path) -> None:
    assert provisioning.read_databases(databases, "postgres") == [
        provisioning.Database("product", (provisioning.Login("product", "pencil"),))
    ]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("username", "", r"product/current/username is empty"),
        ("username", "postgres", r"product: 'postgres' is not for a service"),
        ("username", "root", r"product: 'root' is not for a service"),
        ("username", "pg_monitor", r"'pg_monitor' is not for a service"),
        ("username", "product-owner", r"'product-owner' is not for a service"),
        ("password", None, r"product/current/password can't be read: No such file"),
    ],
)
def test_input_that_would_do_harm_is_refused(
    databases: Path, file: str, content: str | None, message: str
) -> None:
    path = databases / "product/current" / file
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(provisioning.ConfigurationError, match=message):
        provisioning.read_databases(databases, superuser="root")


def test_a_system_database_is_refused(databases: Path) -> None:
    (databases / "template1").symlink_to("..data/product")
    with pytest.raises(provisioning.ConfigurationError, match="template1"):
        provisioning.read_databases(databases, superuser="postgres")


def test_a_database_without_a_login_is_refused(databases: Path) -> None:
    (databases / "order").mkdir()
    with pytest.raises(provisioning.ConfigurationError, match="order has no folder"):
        provisioning.read_databases(databases, superuser="postgres")


def test_nothing_mounted_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(provisioning.ConfigurationError, match="has no folder"):
        provisioning.read_databases(tmp_path, superuser="postgres")


def test_a_password_never_shows_in_a_representation() -> None:
    login = provisioning.Login("product", "pencil")
    assert "pencil" not in repr(provisioning.Database("product", (login,)))


@pytest.mark.parametrize(
    ("verifier", "password", "expected"),
    [
        (VERIFIER, "pencil", True),
        (VERIFIER, "pencil2", False),
        (VERIFIER.replace("4096", "4097"), "pencil", False),
        (None, "pencil", False),
        ("md5d1fbc1bcb60b2f3c", "pencil", False),
        ("SCRAM-SHA-256$x:y$z:z", "pencil", False),
    ],
)
def test_a_stored_verifier_tells_whether_the_password_is_the_same(
    verifier: str | None, password: str, expected: bool
) -> None:
    assert provisioning.verifies(verifier, password) is expected


@pytest.mark.parametrize(
    ("action", "role", "expected"),
    [
        ("on_role_change", "primary", True),
        ("on_start", "primary", True),
        ("on_role_change", "replica", False),
        ("on_stop", "primary", False),
        ("on_reload", "primary", False),
    ],
)
def test_only_a_new_primary_acts(action: str, role: str, expected: bool) -> None:
    assert role_change.became_primary(action, role) is expected


def test_the_labels_come_from_patronis_configuration() -> None:
    configured = role_change.labels_of(
        {"kubernetes": {"labels": {"app": "pg"}, "scope_label": "scope", "role_label": "r"}}, "shop"
    )
    assert configured.selector == "app=pg,scope=shop,r=primary"
    assert role_change.labels_of({}, "shop").selector == "cluster-name=shop,role=primary"


class Api:
    """A loopback server with the pods and the lock; answers as Kubernetes does to what the callback asks."""

    def __init__(self) -> None:
        self.lock = {"metadata": {"annotations": {"leader": "pg-1"}}}
        self.pods: dict[str, dict[str, Any]] = {
            name: {
                "metadata": {
                    "name": name,
                    "resourceVersion": version,
                    "labels": {"role": "primary", "app": "pg"},
                }
            }
            for name, version in (("pg-0", "10"), ("pg-1", "11"))
        }
        self.conflicts = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                if url.path.endswith("/configmaps/pg-leader"):
                    return self._answer(200, outer.lock)
                wanted = dict(pair.split("=") for pair in parse_qs(url.query)["labelSelector"][0].split(","))
                items = [p for p in outer.pods.values() if wanted.items() <= p["metadata"]["labels"].items()]
                return self._answer(200, {"items": items})

            def do_PATCH(self) -> None:
                assert self.headers["Content-Type"] == "application/merge-patch+json"
                assert self.headers["Authorization"] == "Bearer secret"
                pod = outer.pods[self.path.rpartition("/")[2]]["metadata"]
                patch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["metadata"]
                if outer.conflicts:
                    outer.conflicts -= 1
                    pod["resourceVersion"] += "0"
                if patch["resourceVersion"] != pod["resourceVersion"]:
                    return self._answer(409, {})
                for key, value in patch["labels"].items():
                    pod["labels"].pop(key) if value is None else pod["labels"].update({key: value})
                return self._answer(200, pod)

            def _answer(self, status: int, body: dict[str, Any]) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    thread = threading.Thread(target=api.server.serve_forever)
    thread.start()
    yield api
    api.server.shutdown()
    thread.join()
    api.server.server_close()


def _clear(api: Api, tmp_path: Path, name: str) -> bool:
    (tmp_path / "token").write_text("secret\n")
    client = role_change.Api(f"http://127.0.0.1:{api.server.server_port}", tmp_path)
    labels = role_change.Labels({"app": "pg", "cluster-name": "pg"}, "role", "primary")
    for pod in api.pods.values():
        pod["metadata"]["labels"]["cluster-name"] = "pg"
    result: bool = role_change.clear_once(client, "shop", "pg", name, labels)
    return result


def test_the_new_primary_clears_the_label_of_the_old_one_and_keeps_its_own(api: Api, tmp_path: Path) -> None:
    assert _clear(api, tmp_path, "pg-1") is True
    assert "role" not in api.pods["pg-0"]["metadata"]["labels"]
    assert api.pods["pg-0"]["metadata"]["labels"]["app"] == "pg"
    assert api.pods["pg-1"]["metadata"]["labels"]["role"] == "primary"


def test_a_member_that_lost_the_lock_meanwhile_touches_nothing(api: Api, tmp_path: Path) -> None:
    assert _clear(api, tmp_path, "pg-0") is True
    assert api.pods["pg-1"]["metadata"]["labels"]["role"] == "primary"


def test_a_pod_that_changed_meanwhile_is_looked_at_again(api: Api, tmp_path: Path) -> None:
    api.conflicts = 1
    assert _clear(api, tmp_path, "pg-1") is False
    assert api.pods["pg-0"]["metadata"]["labels"]["role"] == "primary"
    assert _clear(api, tmp_path, "pg-1") is True
    assert "role" not in api.pods["pg-0"]["metadata"]["labels"]
