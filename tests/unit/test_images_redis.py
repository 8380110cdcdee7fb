"""The programs of the Redis image."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from storefront_operator.components import redis
from storefront_redis import layout as layouts
from storefront_redis import member, metrics
from storefront_redis.access_list import apply_changes, passwords_fingerprint
from storefront_redis.connection import Address, Connection, Login, ServerError
from storefront_redis.election import View, elected, read_view
from storefront_redis.handover import hand_over
from storefront_redis.layout import Layout
from storefront_redis.ops_server import OpsServer
from storefront_redis.pods import ApiError, Pods
from storefront_redis.replication import Replica, Replication, replication_of
from storefront_redis.roles import Demote, Promote, corrections, wanted_labels
from storefront_redis.sentinel_config import Options, configuration, kept_state, watched_primary
from storefront_redis.start_rule import Follow, Lead, Peer, Wait, how_to_start

LOGIN = Login("sentinel", "secret")
ZERO, ONE = Address("10.0.0.10", 6379), Address("10.0.0.11", 6379)
LAYOUT = Layout(
    {"redis-0": ZERO, "redis-1": ONE},
    {f"redis-sentinel-{number}": Address(f"10.0.0.2{number}", 26379) for number in range(3)},
)


def view(primary: Address = ZERO, epoch: int = 1, replicas: int = 1, *, promoting: bool = False) -> View:
    return View(primary, epoch, replicas, promoting)


def primary(offset: int = 100, *replicas: Replica) -> Replication:
    return Replication(True, offset, False, None, replicas)


def replica(of: Address = ZERO, *, linked: bool = True) -> Replication:
    return Replication(False, 100, linked, of, ())


class TestStart:
    """A returning primary must not claim to be primary before its successor could be elected."""

    def test_a_member_that_is_not_named_follows(self) -> None:
        assert how_to_start(ZERO, True, view(ONE), {}, 0.0) == Follow(ONE)

    @pytest.mark.parametrize("waited", [0.0, 7.9])
    def test_a_named_member_waits_for_a_vote(self, waited: float) -> None:
        assert isinstance(how_to_start(ZERO, True, view(), {"redis-1": Peer.SUCCESSOR}, waited), Wait)

    def test_who_is_still_named_after_the_vote_leads(self) -> None:
        assert isinstance(how_to_start(ZERO, True, view(), {"redis-1": Peer.SUCCESSOR}, 8.0), Lead)

    @pytest.mark.parametrize("peer", [Peer.AWAY, Peer.EMPTY, Peer.HOLDS_DATA])
    def test_it_does_not_wait_for_a_vote_that_nobody_can_win(self, peer: Peer) -> None:
        peers = {"redis-1": peer}

        assert isinstance(how_to_start(ZERO, True, view(), peers, 2.9), Wait)
        assert isinstance(how_to_start(ZERO, True, view(), peers, 3.0), Lead)

    @pytest.mark.parametrize("has_data", [True, False])
    def test_without_a_majority_nobody_starts(self, has_data: bool) -> None:
        assert isinstance(how_to_start(ZERO, has_data, None, {"redis-1": Peer.AWAY}, 1e6), Wait)

    def test_at_the_first_start_the_named_member_leads_at_once(self) -> None:
        assert isinstance(how_to_start(ZERO, False, view(replicas=0), {"redis-1": Peer.AWAY}, 0.0), Lead)

    @pytest.mark.parametrize("replicas", [0, 1])
    @pytest.mark.parametrize("peer", [Peer.HOLDS_DATA, Peer.SUCCESSOR])
    def test_an_empty_primary_never_leads_a_member_with_data(self, peer: Peer, replicas: int) -> None:
        peers = {"redis-1": peer}

        assert isinstance(how_to_start(ZERO, False, view(replicas=replicas), peers, 1e6), Wait)

    def test_an_empty_primary_waits_a_minute_for_members_that_are_away(self) -> None:
        peers = {"redis-1": Peer.AWAY}

        assert isinstance(how_to_start(ZERO, False, view(), peers, 59.9), Wait)
        assert isinstance(how_to_start(ZERO, False, view(), peers, 60.0), Lead)


class TestElection:
    def test_a_minority_knows_nothing(self) -> None:
        assert elected([view()], 3) is None

    def test_the_latest_election_counts(self) -> None:
        assert elected([view(ZERO, 3), view(ONE, 4)], 3) == view(ONE, 4)

    @pytest.mark.parametrize(
        ("flags", "still", "promoting"),
        [
            ("master", "10.0.0.10", False),
            ("master,s_down,failover_in_progress", "10.0.0.10", True),
            ("master,s_down,failover_in_progress", "10.0.0.11", False),
        ],
    )
    def test_a_view_is_read_from_a_sentinel(self, flags: str, still: str, promoting: bool) -> None:
        fields = ["ip", still, "port", "6379", "flags", flags, "config-epoch", "7", "num-slaves", "1"]
        answers = {"SENTINEL MASTER": fields, "SENTINEL GET-MASTER-ADDR-BY-NAME": ["10.0.0.10", "6379"]}
        with FakeServer(answers) as server, server.connection() as connection:
            assert read_view(connection) == View(ZERO, 7, 1, promoting)

    def test_a_sentinel_that_watches_nothing_has_no_view(self) -> None:
        answers = {"SENTINEL": ServerError("ERR No such master with that name")}
        with FakeServer(answers) as server, server.connection() as connection:
            assert read_view(connection) is None


class TestLabels:
    def test_the_election_moves_the_role_and_the_old_primary_comes_first(self) -> None:
        pods = {"redis-0": {"role": "primary"}, "redis-1": {"role": "replica"}}

        changes = wanted_labels(LAYOUT, view(ONE), {}, pods)

        assert changes == {
            "redis-0": {"role": "replica"},
            "redis-1": {"role": "primary"},
        }
        assert list(changes) == ["redis-0", "redis-1"]

    def test_what_is_as_wanted_is_not_written(self) -> None:
        pods = {
            "redis-0": {"role": "primary"},
            "redis-1": {"role": "replica", "storefront.dev/replication": "linked"},
        }

        assert wanted_labels(LAYOUT, view(), {"redis-0": primary(), "redis-1": replica()}, pods) == {}

    def test_a_broken_link_is_told_and_the_primarys_mark_taken_away(self) -> None:
        pods = {
            "redis-0": {"role": "primary", "storefront.dev/replication": "broken"},
            "redis-1": {"role": "replica", "storefront.dev/replication": "linked"},
        }

        changes = wanted_labels(LAYOUT, view(), {"redis-1": replica(linked=False)}, pods)

        assert changes == {
            "redis-0": {"storefront.dev/replication": None},
            "redis-1": {"storefront.dev/replication": "broken"},
        }

    def test_a_member_that_does_not_answer_keeps_its_mark(self) -> None:
        pods = {"redis-1": {"role": "replica", "storefront.dev/replication": "linked"}}

        assert wanted_labels(LAYOUT, view(), {}, pods) == {}

    def test_an_address_of_nobody_changes_nothing(self) -> None:
        assert wanted_labels(LAYOUT, view(Address("10.9.9.9", 6379)), {}, {"redis-0": {}}) == {}


class TestCorrections:
    def test_who_claims_to_be_primary_against_the_election_is_demoted(self) -> None:
        assert corrections(LAYOUT, view(ONE), {"redis-0": primary(), "redis-1": primary()}) == [
            Demote("redis-0", ONE)
        ]

    @pytest.mark.parametrize(
        ("now", "members"),
        [
            (view(), {"redis-0": primary(), "redis-1": replica()}),
            # A replica that is being promoted: its election is not known yet, or the old primary is dead.
            (view(promoting=True), {"redis-0": primary(), "redis-1": primary()}),
            (view(), {"redis-1": primary()}),
            (view(), {"redis-0": replica(ONE), "redis-1": primary()}),
        ],
    )
    def test_a_fail_over_that_is_under_way_is_left_alone(
        self, now: View, members: dict[str, Replication]
    ) -> None:
        assert corrections(LAYOUT, now, members) == []

    def test_members_that_all_follow_get_their_primary(self) -> None:
        assert corrections(LAYOUT, view(), {"redis-0": replica(ONE), "redis-1": replica(ZERO)}) == [
            Promote("redis-0")
        ]


class TestSentinelConfiguration:
    OLD = """\
port 26379
sentinel monitor storefront 10.0.0.11 6379 2
sentinel auth-pass storefront old-password
sentinel myid 4bb1c1e2d0f4b5e3f9d2f2a0b6a2c3d4e5f60718
sentinel config-epoch storefront 4
sentinel leader-epoch storefront 4
sentinel current-epoch 4
sentinel known-replica storefront 10.0.0.10 6379
sentinel known-replica storefront 10.0.0.12 6379
sentinel known-sentinel storefront 10.0.0.21 26379 0123456789012345678901234567890123456789
"""
    HOSTS = ("10.0.0.10", "10.0.0.11", "10.0.0.20", "10.0.0.21", "10.0.0.22")

    def test_what_sentinel_has_learnt_is_kept_and_options_are_not(self) -> None:
        state = kept_state(self.OLD, {}, self.HOSTS)

        assert "sentinel config-epoch storefront 4" in state
        assert "sentinel current-epoch 4" in state
        assert any(line.startswith("sentinel myid 4bb1") for line in state)
        assert "sentinel known-replica storefront 10.0.0.10 6379" in state
        assert not any("old-password" in line or "monitor" in line for line in state)

    def test_servers_that_are_no_more_are_forgotten(self) -> None:
        assert not any("10.0.0.12" in line for line in kept_state(self.OLD, {}, self.HOSTS))

    def test_services_that_were_made_anew_are_found_again(self) -> None:
        moved = {"10.0.0.10": "10.1.0.1", "10.0.0.11": "10.1.0.2", "10.0.0.21": "10.1.0.3"}
        hosts = moved.values()

        assert watched_primary(self.OLD, moved, hosts) == "10.1.0.2"
        known = [line.split()[3] for line in kept_state(self.OLD, moved, hosts) if " known-" in line]
        assert known == ["10.1.0.1", "10.1.0.3"]

    @pytest.mark.parametrize("text", ["", "sentinel monitor", "sentinel monitor storefront 10.9.9.9 6379 2"])
    def test_no_primary_is_read_from_a_damaged_file(self, text: str) -> None:
        assert watched_primary(text, {}, self.HOSTS) is None

    def test_only_the_own_user_may_log_in(self) -> None:
        options = Options(Address("10.0.0.20", 26379), 2, LOGIN, 2000, 3000)
        lines = configuration(options, ONE, []).splitlines()

        assert "user default off resetpass resetkeys resetchannels -@all" in lines
        assert f"user sentinel on #{hashlib.sha256(b'secret').hexdigest()} ~* &* +@all" in lines
        assert "sentinel monitor storefront 10.0.0.11 6379 2" in lines
        assert "sentinel announce-ip 10.0.0.20" in lines


class TestAddresses:
    def test_they_are_waited_for(self) -> None:
        answers = iter([None, None, "10.0.0.10"])

        assert layouts._resolve(["redis-0"], {}, 0.0, lambda _: next(answers)) == {"redis-0": "10.0.0.10"}

    def test_they_are_those_of_the_services(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A pod's hosts file knows its bare name as the address of the pod, which goes stale."""
        hosts = {f"redis-{n}.shop-data.svc": f"10.0.0.1{n}" for n in range(2)}
        hosts |= {f"redis-sentinel-{n}.shop-data.svc": f"10.0.0.2{n}" for n in range(3)}
        for name, value in (("POD_NAMESPACE", "shop-data"), ("REDIS_MEMBERS", "2"), ("REDIS_SENTINELS", "3")):
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(socket, "getaddrinfo", lambda name, *_, **__: [(0, 0, 0, "", (hosts[name], 0))])

        assert layouts.resolve_layout({}, 0.0) == LAYOUT

    def test_remembered_ones_do_when_dns_is_away(self) -> None:
        remembered = {"redis-0": "10.0.0.10"}

        assert layouts._resolve(["redis-0"], remembered, 0.0, lambda _: None) == remembered

    def test_they_are_remembered(self, tmp_path: Path) -> None:
        file = tmp_path / "addresses.json"
        assert layouts.recall(file) == {}

        layouts.remember(file, LAYOUT)

        assert layouts.recall(file)["redis-1"] == "10.0.0.11"
        file.write_text("{")
        assert layouts.recall(file) == {}


def test_replication_is_read_from_info() -> None:
    info = {
        "role": "master",
        "connected_slaves": "1",
        "master_repl_offset": "140",
        "slave0": "ip=10.0.0.11,port=6379,state=online,offset=126,lag=1",
    }
    assert replication_of(info) == Replication(True, 140, False, None, (Replica(ONE, True, 126),))
    info = {
        "role": "slave",
        "master_host": "10.0.0.10",
        "master_port": "6379",
        "master_link_status": "up",
        "slave_repl_offset": "126",
        "slave_priority": "0",
        "connected_slaves": "0",
        "master_repl_offset": "126",
    }
    assert replication_of(info) == Replication(False, 126, True, ZERO, (), electable=False)


class FakeServer:
    """Speaks RESP on the loopback: gives the answer of the longest prefix of the command, OK to all else."""

    def __init__(self, answers: dict[str, Any] | Callable[[list[str]], Any]) -> None:
        self.answers = answers
        self.commands: list[list[str]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = Address("127.0.0.1", self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self._clients: list[Connection] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> FakeServer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._clients:
            client.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def connection(self) -> Connection:
        connection = Connection(self.address, LOGIN, 5.0)
        self._clients.append(connection)
        return connection

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(accepted)
            thread = threading.Thread(target=self._serve, args=(accepted,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        with accepted, accepted.makefile("rb") as file:
            while head := file.readline():
                command = []
                for _ in range(int(head[1:])):
                    length = int(file.readline()[1:])
                    command.append(file.read(length + 2)[:-2].decode())
                self.commands.append(command)
                accepted.sendall(encoded(self._answer(command)))

    def _answer(self, command: list[str]) -> Any:
        if callable(self.answers):
            return self.answers(command)
        said = " ".join(command)
        prefix = max((each for each in self.answers if said.startswith(each)), key=len, default="")
        return self.answers.get(prefix, "OK")


def encoded(answer: Any) -> bytes:
    match answer:
        case ServerError():
            return b"-%s\r\n" % str(answer).encode()
        case int():
            return b":%d\r\n" % answer
        case None:
            return b"$-1\r\n"
        case list():
            return b"*%d\r\n" % len(answer) + b"".join(encoded(each) for each in answer)
        case _:
            data = str(answer).encode()
            return b"$%d\r\n%s\r\n" % (len(data), data)


class TestConnection:
    def test_every_kind_of_reply(self) -> None:
        answers = {
            "A": "text ü\r\n",
            "B": 5,
            "C": None,
            "D": ["a", 1, ["b", None]],
            "E": ServerError("ERR no"),
        }
        with FakeServer(answers) as server, server.connection() as connection:
            assert [connection.call(each) for each in "ABCD"] == [
                "text ü\r\n",
                5,
                None,
                ["a", 1, ["b", None]],
            ]
            with pytest.raises(ServerError, match="ERR no"):
                connection.call("E")
            assert connection.call("B") == 5, "an error is an answer: the connection goes on"
        assert server.commands[0] == ["AUTH", "sentinel", "secret"]
        assert server.commands.count(["AUTH", "sentinel", "secret"]) == 1

    def test_a_refused_login_is_told_and_tried_again(self) -> None:
        with (
            FakeServer({"AUTH": ServerError("WRONGPASS invalid")}) as server,
            server.connection() as connection,
        ):
            for _ in range(2):
                with pytest.raises(ServerError, match="WRONGPASS"):
                    connection.call("PING")
        assert server.commands == [["AUTH", "sentinel", "secret"]] * 2

    def test_it_connects_anew_after_the_server_is_gone(self) -> None:
        with FakeServer({}) as first, first.connection() as connection:
            connection.call("PING")
            connection._socket.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
            with pytest.raises(OSError):  # noqa: PT011 - which one depends on the moment
                connection.call("PING")
            assert connection.call("PING") == "OK"

    def test_a_password_never_shows_in_a_representation(self) -> None:
        assert "secret" not in repr(LOGIN)


def test_a_changed_access_list_reaches_a_running_server_without_a_reload() -> None:
    before = "user default off\nuser order on #aa ~order:*\nuser gone on #bb\n"
    after = "user default off\nuser order on #aa #cc ~order:*\n"
    with FakeServer({}) as server, server.connection() as connection:
        assert apply_changes(connection, before, after) == ["order", "gone"]
    assert server.commands[1:] == [
        ["ACL", "SETUSER", "order", "reset", "on", "#aa", "#cc", "~order:*"],
        ["ACL", "DELUSER", "gone"],
    ]


def test_the_fingerprint_of_a_server_is_that_of_the_list_it_was_given() -> None:
    """As the operator computes it of the list, and Redis lists it: in another order, with rules of its own."""
    given = "user default off resetpass -@all\nuser order on #cc #aa ~order:* +@all\nuser product on #bb ~product:*\n"
    listed = [
        "user product on sanitize-payload #bb ~product:* resetchannels -@all",
        "user default off sanitize-payload resetchannels -@all",
        "user order on sanitize-payload #aa #cc ~order:* resetchannels +@all",
    ]

    assert passwords_fingerprint(listed) == redis.passwords_fingerprint(given)
    assert passwords_fingerprint(listed[:2]) != redis.passwords_fingerprint(given)
    assert passwords_fingerprint([each.replace("#cc", "#dd") for each in listed]) != (
        redis.passwords_fingerprint(given)
    )


class TestHandover:
    """A primary that is stopped: hold the writes, let the replica catch up, let the sentinels promote it."""

    @staticmethod
    def info(offset: int, replica_offset: int) -> str:
        return (
            f"role:master\r\nconnected_slaves:1\r\nmaster_repl_offset:{offset}\r\n"
            f"slave0:ip=10.0.0.11,port=6379,state=online,offset={replica_offset},lag=0\r\n"
        )

    def sentinel(self) -> FakeServer:
        """Names redis-1 as soon as it was asked for a fail-over."""
        asked = threading.Event()

        def answer(command: list[str]) -> Any:
            host = "10.0.0.11" if asked.is_set() else "10.0.0.10"
            if command[1] == "FAILOVER":
                asked.set()
            if command[1] == "REPLICAS":
                return [["name", "a", "flags", "slave", "slave-priority", "100"]]
            if command[1] == "MASTER":
                return ["ip", host, "port", "6379", "flags", "master", "config-epoch", "2", "num-slaves", "1"]
            return [host, "6379"] if command[1] == "GET-MASTER-ADDR-BY-NAME" else "OK"

        return FakeServer(answer)

    def test_writes_are_held_until_the_replica_has_them_all(self) -> None:
        offsets = iter([90, 90, 95, 100, 100])

        def answer(command: list[str]) -> Any:
            return self.info(100, next(offsets)) if command[0] == "INFO" else "OK"

        with FakeServer(answer) as server, self.sentinel() as sentinel:
            said = hand_over(server.connection(), [sentinel.connection()], ZERO, self.nobody)

            assert said == "the primary has handed over"
            verbs = [command[0:2] for command in server.commands]
            assert ["CLIENT", "PAUSE"] in verbs
            assert ["CLIENT", "UNPAUSE"] not in verbs
            assert verbs.index(["CLIENT", "PAUSE"]) < len(verbs) - 2
            assert next(offsets) == 100, "asked until it had caught up, not longer"
            assert ["SENTINEL", "FAILOVER", "storefront"] in sentinel.commands

    @staticmethod
    def nobody(address: Address) -> Connection:
        """A replica that cannot be asked."""
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        return Connection(Address("127.0.0.1", port), Login("watcher", ""), 1.0)

    @pytest.mark.parametrize(
        ("replica", "outcome"),
        [
            ("master_host:10.0.0.10\r\nmaster_link_status:up\r\nslave_repl_offset:100", "has handed over"),
            ("master_host:10.0.0.10\r\nmaster_link_status:up\r\nslave_repl_offset:99", "lags too far"),
            ("master_host:10.0.0.10\r\nmaster_link_status:down\r\nslave_repl_offset:100", "lags too far"),
            ("master_host:10.0.0.12\r\nmaster_link_status:up\r\nslave_repl_offset:100", "lags too far"),
        ],
        ids=["has all", "lacks some", "not linked", "follows another"],
    )
    def test_a_replica_that_says_it_has_all_need_not_have_told_its_primary(
        self, replica: str, outcome: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It reports to its primary once a second, and the writes would be held for as long."""
        monkeypatch.setattr("storefront_redis.handover._CATCH_UP_SECONDS", 0.2)
        own = f"role:slave\r\nmaster_port:6379\r\nconnected_slaves:0\r\n{replica}\r\n"
        with (
            FakeServer({"INFO": self.info(100, 90)}) as server,
            FakeServer({"INFO": own}) as follower,
            self.sentinel() as sentinel,
        ):
            said = hand_over(
                server.connection(), [sentinel.connection()], ZERO, lambda _: follower.connection()
            )

        assert outcome in said

    def test_if_no_sentinel_can_promote_the_writes_go_on_until_the_end(self) -> None:
        refusal = ServerError("NOGOODSLAVE No suitable replica to promote")
        replicas = [["flags", "slave", "slave-priority", "100"]]
        answers = {"SENTINEL FAILOVER": refusal, "SENTINEL REPLICAS": replicas}
        with FakeServer({"INFO": self.info(5, 5)}) as server, FakeServer(answers) as sentinel:
            said = hand_over(server.connection(), [sentinel.connection()], ZERO, self.nobody)

        assert "NOGOODSLAVE" in said
        assert server.commands[-1] == ["CLIENT", "UNPAUSE"]

    def test_a_replica_just_stops(self) -> None:
        info = "role:slave\r\nmaster_host:10.0.0.10\r\nmaster_port:6379\r\nconnected_slaves:0\r\n"
        with FakeServer({"INFO": info}) as server:
            assert hand_over(server.connection(), [], ONE, self.nobody) == "a replica stops"


class Api:
    """A loopback server with two pods: lists them, sends changes to whoever watches, patches labels."""

    def __init__(self) -> None:
        self.labels: dict[str, dict[str, str]] = {"redis-0": {"role": "primary"}, "redis-1": {}}
        self.events: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                assert self.headers["Authorization"] == "Bearer token"
                assert "labelSelector=app%3Dredis" in self.path
                if "watch=true" not in self.path:
                    items = [outer.pod(name) for name in outer.labels]
                    return self._answer(200, {"metadata": {"resourceVersion": "7"}, "items": items})
                assert "resourceVersion=7" in self.path
                self.send_response(200)
                self.end_headers()
                for event in outer.events:
                    self.wfile.write(json.dumps(event).encode() + b"\n")
                self.close_connection = True
                return None

            def do_PATCH(self) -> None:
                name = self.path.rpartition("/")[2]
                patch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["metadata"]
                if patch["uid"] != f"uid-{name}":
                    return self._answer(409, {})
                outer.labels[name].update(patch["labels"])
                return self._answer(200, outer.pod(name))

            def _answer(self, status: int, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    def pod(self, name: str, uid: str = "") -> dict[str, Any]:
        return {"metadata": {"name": name, "uid": uid or f"uid-{name}", "labels": dict(self.labels[name])}}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[tuple[Api, Pods]]:
    (tmp_path / "namespace").write_text("shop-data")
    (tmp_path / "token").write_text("token\n")
    api = Api()
    thread = threading.Thread(target=api.server.serve_forever)
    thread.start()
    yield api, Pods("127.0.0.1", api.server.server_port, "app=redis", tmp_path, tls=False)
    api.server.shutdown()
    thread.join()
    api.server.server_close()


class TestPods:
    def test_they_are_listed_watched_and_labelled(self, api: tuple[Api, Pods]) -> None:
        server, pods = api
        server.events = [
            {"type": "DELETED", "object": server.pod("redis-1")},
            {"type": "ADDED", "object": server.pod("redis-1", "uid-2")},
            {"type": "DELETED", "object": server.pod("redis-1", "uid-redis-1")},
        ]
        watch = pods._watch_once()

        next(watch)
        assert {name: pod.uid for name, pod in pods.current().items()} == {
            "redis-0": "uid-redis-0",
            "redis-1": "uid-redis-1",
        }
        pods.label("redis-0", {"role": "replica"})
        assert server.labels["redis-0"] == {"role": "replica"}
        assert pods.current()["redis-0"].labels == {"role": "replica"}
        next(watch)
        assert "redis-1" not in pods.current()
        assert len(list(watch)) == 2
        assert pods.current()["redis-1"].uid == "uid-2", "an old pod's end says nothing about its successor"
        pods._writer.close()  # type: ignore[union-attr]

    def test_a_later_pod_of_the_name_is_not_labelled(self, api: tuple[Api, Pods]) -> None:
        server, pods = api
        server.events = [{"type": "MODIFIED", "object": server.pod("redis-1", "uid-old")}]
        list(pods._watch_once())

        with pytest.raises(ApiError, match="409"):
            pods.label("redis-1", {"role": "primary"})

        assert server.labels["redis-1"] == {}
        pods._writer.close()  # type: ignore[union-attr]


def test_health_and_metrics_are_served() -> None:
    server = OpsServer({"/livez": lambda: (200, "fine\n"), "/readyz": lambda: (503, "no\n")}, port=0)
    server.start()

    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/livez?verbose") as answer:
        assert answer.read() == b"fine\n"
    for path, code in (("/readyz", 503), ("/other", 404)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}")
        with caught.value as answer:
            assert answer.code == code


def test_metrics_have_the_names_of_the_usual_exporter() -> None:
    info = {
        "redis_version": "7.0.15",
        "role": "master",
        "connected_slaves": "1",
        "total_commands_processed": "12",
        "slave0": "ip=10.0.0.11,port=6379,state=online,offset=126,lag=1",
        "db0": "keys=3,expires=1,avg_ttl=0",
    }
    text = metrics.exposition(metrics.member_samples(info))

    assert "redis_up 1\n" in text
    assert "# TYPE redis_commands_processed_total counter\nredis_commands_processed_total 12\n" in text
    assert 'redis_connected_slave_lag_seconds{slave_ip="10.0.0.11",slave_state="online"} 1\n' in text
    assert 'redis_db_keys{db="db0"} 3\n' in text
    assert metrics.exposition(metrics.member_samples(None)) == "# TYPE redis_up gauge\nredis_up 0\n"


def test_a_volume_that_is_still_in_use_is_waited_for(tmp_path: Path) -> None:
    waiting = member.Member()
    with (tmp_path / "lock").open("w") as first, (tmp_path / "lock").open("w") as second:
        assert waiting._locked(first)
        thread = threading.Thread(target=waiting.stop.set)
        thread.start()
        assert not waiting._locked(second), "it is held until the predecessor's server has ended"
        thread.join()
