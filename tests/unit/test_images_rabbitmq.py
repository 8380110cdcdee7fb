"""The programs of the RabbitMQ image."""

import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from storefront_dev.folders import REPOSITORY

from tests.unit import image_programs

FOLDER = REPOSITORY / "images/rabbitmq"


importing = image_programs.load("rabbitmq", "import_definitions")

ARGUMENTS = {"x-queue-type": "quorum", "x-quorum-initial-group-size": 3}
DEFINITIONS: dict[str, Any] = {
    "users": [{"name": "order"}],
    "exchanges": [],
    "queues": [{"vhost": "storefront", "name": "order", "arguments": ARGUMENTS}],
}
THREE = ["rabbit@0", "rabbit@1", "rabbit@2"]


class Broker:
    """A loopback server that answers as the management API does to what the program asks."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = [
            {"name": name, "running": True, "partitions": []} for name in THREE
        ]
        self.queues: list[dict[str, Any]] = []
        self.users: list[str] = ["admin"]
        self.failures = 0
        self.imports = 0
        broker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/api/nodes":
                    return self._answer(200, broker.nodes)
                if self.path == "/api/users":
                    return self._answer(200, [{"name": name} for name in broker.users])
                assert self.path == "/api/queues/storefront"
                return self._answer(200, broker.queues)

            def do_DELETE(self) -> None:
                broker.users.remove(self.path.removeprefix("/api/users/"))
                return self._answer(204, None)

            def do_POST(self) -> None:
                assert self.path == "/api/definitions"
                assert self.headers["Authorization"] == "Basic " + base64.b64encode(b"admin:secret").decode()
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if broker.failures:
                    broker.failures -= 1
                    return self._answer(500, {"error": "internal"})
                broker.imports += 1
                broker.users += [user["name"] for user in body["users"] if user["name"] not in broker.users]
                known = {queue["name"] for queue in broker.queues}
                broker.queues += [
                    {**queue, "members": THREE, "online": THREE}
                    for queue in body["queues"]
                    if queue["name"] not in known
                ]
                return self._answer(204, None)

            def _answer(self, status: int, body: Any) -> None:
                self.send_response(status)
                self.end_headers()
                if body is not None:
                    self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.api = importing.Api(f"http://127.0.0.1:{self.server.server_port}/", "admin", "secret")


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    thread = threading.Thread(target=broker.server.serve_forever)
    thread.start()
    yield broker
    broker.server.shutdown()
    thread.join()
    broker.server.server_close()


def test_definitions_are_imported_into_a_whole_cluster(broker: Broker) -> None:
    assert importing.run(broker.api, DEFINITIONS, 3) == "imported 1 users, 0 exchanges, 1 queues"
    assert importing.run(broker.api, DEFINITIONS, 3)
    assert broker.imports == 2


def test_retired_users_are_deleted_after_the_others_exist(
    broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    broker.users += ["order-b", "somebody"]

    importing.run(broker.api, DEFINITIONS, 3, ["order-b", "user-b"])

    assert broker.users == ["admin", "somebody", "order"]
    assert "user order-b deleted" in capsys.readouterr().out


def test_nothing_is_declared_before_all_members_run(broker: Broker) -> None:
    """Or else a queue would get its replicas on fewer members, for good."""
    broker.nodes[2]["running"] = False

    with pytest.raises(importing.NotYetError, match="2 of 3 members run"):
        importing.run(broker.api, DEFINITIONS, 3)
    assert broker.imports == 0


def test_nothing_is_declared_in_a_divided_cluster(broker: Broker) -> None:
    broker.nodes[0]["partitions"] = ["rabbit@2"]

    with pytest.raises(importing.NotYetError, match="rabbit@0 is cut off from rabbit@2"):
        importing.run(broker.api, DEFINITIONS, 3)
    assert broker.imports == 0


def test_a_node_that_has_told_nothing_yet_but_its_name_is_none_that_is_cut_off(broker: Broker) -> None:
    del broker.nodes[1]["partitions"]

    assert importing.run(broker.api, DEFINITIONS, 3)


def test_a_refused_import_is_tried_again(broker: Broker) -> None:
    broker.failures = 1

    with pytest.raises(importing.NotYetError, match="POST /api/definitions: 500"):
        importing.run(broker.api, DEFINITIONS, 3)
    assert importing.run(broker.api, DEFINITIONS, 3)


def test_a_broker_that_is_not_there_is_waited_for() -> None:
    api = importing.Api("http://127.0.0.1:1", "admin", "secret")

    with pytest.raises(importing.NotYetError, match="GET /api/nodes"):
        importing.run(api, DEFINITIONS, 3)


def test_it_is_not_done_before_every_replica_runs(broker: Broker) -> None:
    broker.queues = [{**DEFINITIONS["queues"][0], "members": THREE, "online": THREE[:2]}]

    with pytest.raises(importing.NotYetError, match="queue order: not all replicas run"):
        importing.run(broker.api, DEFINITIONS, 3)


def test_a_queue_with_other_arguments_is_a_contradiction_that_names_them(broker: Broker) -> None:
    broker.queues = [
        {
            **DEFINITIONS["queues"][0],
            "arguments": {**ARGUMENTS, "x-queue-type": "classic"},
            "members": THREE,
            "online": THREE,
        }
    ]

    with pytest.raises(importing.DefinitionError, match="x-queue-type='classic' instead of 'quorum'"):
        importing.run(broker.api, DEFINITIONS, 3)


def test_a_queue_with_too_few_replicas_serves_and_is_told(
    broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    broker.queues = [{**DEFINITIONS["queues"][0], "members": THREE[:1], "online": THREE[:1]}]

    importing.run(broker.api, DEFINITIONS, 3)

    assert "queue order has 1 replicas; add more with" in capsys.readouterr().out


OWN_ADDRESS = "10.0.0.7"


@pytest.fixture
def start(tmp_path: Path) -> Any:
    """Run the start script with programs of its own: DNS that knows some names, and a server that shows its world."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "cookie").write_text("secret")
    (tmp_path / "names").write_text("")
    asked, address = tmp_path / "asked", tmp_path / "address"
    scripts = {
        "getent": f'echo "$2" >> {asked}\n[ $1 = hosts ] || cat {address}\ngrep -qx "$2" {tmp_path / "names"}',
        "hostname": f"echo {OWN_ADDRESS} fd00::7",
        "sleep": f'echo "$LATER" >> {tmp_path / "names"}\necho "{OWN_ADDRESS} STREAM" > {address}',
        "watch-start": f'echo "$@" > {tmp_path / "watched"}',
        "rabbitmq-server": 'stat -c "cookie %a" "$HOME/.erlang.cookie"; cat "$HOME/.erlang.cookie"',
    }
    for name, text in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)

    def run(
        known: str, later: str, *, data: bool = False, addresses: str = OWN_ADDRESS
    ) -> tuple[str, list[str]]:
        (tmp_path / "names").write_text("\n".join(known.split()) + "\n")
        address.write_text(
            "".join(f"{each} {kind}\n" for each in addresses.split() for kind in ("STREAM", "DGRAM"))
        )
        if data:
            (tmp_path / "mnesia").mkdir(exist_ok=True)
        result = subprocess.run(
            ["sh", str(FOLDER / "rabbitmq-start")],
            env={
                "PATH": f"{programs}:/usr/bin:/bin",
                "HOME": str(tmp_path),
                "COOKIE_FILE": str(tmp_path / "cookie"),
                "RABBITMQ_NODENAME": "rabbit@mq-0.members",
                "RABBITMQ_PEERS": "mq-0.members mq-1.members",
                "RABBITMQ_MNESIA_BASE": str(tmp_path / "mnesia"),
                "LATER": later,
            },
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return result.stdout, asked.read_text().split()

    return run


def test_the_cookie_is_readable_by_its_owner_only_also_after_a_restart(start: Any) -> None:
    for _ in range(2):
        said, _asked = start("mq-0.members mq-1.members", "")
        assert said == "cookie 400\nsecret"


def test_a_member_waits_until_its_own_name_is_in_dns(start: Any) -> None:
    said, asked = start("mq-1.members", "mq-0.members")

    assert "waiting until mq-0.members is in DNS" in said
    assert asked.count("mq-0.members") > 1
    assert said.endswith("secret")


@pytest.mark.parametrize("addresses", ["10.0.0.6", "10.0.0.6 10.0.0.7", "fd00::6 10.0.0.7"])
def test_a_member_waits_until_dns_has_forgotten_the_pod_before(start: Any, addresses: str) -> None:
    said, _asked = start("mq-0.members mq-1.members", "", addresses=addresses)

    assert "waiting until mq-0.members is this pod and no other" in said
    assert said.endswith("secret")


def test_a_member_of_two_families_does_not_wait(start: Any) -> None:
    said, _asked = start("mq-0.members mq-1.members", "", addresses="fd00::7 10.0.0.7")

    assert "no other" not in said


def test_a_start_is_watched(start: Any, tmp_path: Path) -> None:
    start("mq-0.members mq-1.members", "")

    assert (tmp_path / "watched").read_text() == "rabbit@mq-0.members\n"


def test_a_member_without_data_waits_for_its_peers_names(start: Any) -> None:
    said, asked = start("mq-0.members", "mq-1.members")

    assert asked.count("mq-1.members") > 1
    assert "starting without it" not in said


def test_a_member_without_data_does_not_wait_for_a_peer_for_ever(start: Any) -> None:
    said, _asked = start("mq-0.members", "")

    assert "mq-1.members is not in DNS; starting without it" in said
    assert said.endswith("secret")


def test_a_member_with_data_does_not_wait_for_peers(start: Any) -> None:
    _said, asked = start("mq-0.members", "", data=True)

    assert "mq-1.members" not in asked
