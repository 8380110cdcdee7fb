"""The watch over a RabbitMQ member's start, with real Erlang nodes that wait for each other for ever."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from storefront_dev.folders import REPOSITORY

from tests.services.debian_packages import install

WATCH = REPOSITORY / "images/rabbitmq/watch_start.escript"
MEMBER, PEER = "member@127.0.0.1", "peer@127.0.0.1"
SECONDS = 60.0

# Stands for RabbitMQ, whose start waits for the names that all nodes share.
RABBIT = """\
-module(rabbit).
-export([is_running/0, start/0]).
is_running() -> whereis(rabbit) =/= undefined.
start() -> spawn(fun() -> ok = global:sync(), register(rabbit, self()), receive stop -> ok end end).
"""

SCRIPT = """\
#!/usr/bin/env escript
main([]) ->
    {ok, _} = net_kernel:start('test@127.0.0.1', #{name_domain => longnames, hidden => true, dist_listen => false}),
    Member = 'member@127.0.0.1', Peer = 'peer@127.0.0.1',
    await(fun() -> net_adm:ping(Member) =:= pong andalso net_adm:ping(Peer) =:= pong end),
"""
AWAIT = """
await(Condition) -> Condition() orelse begin timer:sleep(100), await(Condition) end.
"""

# The peer takes its connection for one that is gone before it has read what came over it: so it is left, too, when a
# connection is replaced while it is built up.
MISUNDERSTAND = """\
    Server = erpc:call(Peer, erlang, whereis, [global_name_server]),
    ok = erpc:call(Peer, sys, suspend, [global_name_server]),
    pong = erpc:call(Member, net_adm, ping, [Peer]),
    Ups = fun() ->
        {messages, Messages} = erpc:call(Peer, erlang, process_info, [Server, messages]),
        [Connection || {nodeup, Node, Connection} <- Messages, Node =:= Member]
    end,
    await(fun() -> Ups() =/= [] end),
    [erpc:call(Peer, erlang, send, [Server, {nodedown, Member, Connection}]) || Connection <- Ups()],
    ok = erpc:call(Peer, sys, resume, [global_name_server]),
    {'EXIT', {{erpc, timeout}, _}} = catch erpc:call(Member, global, sync, [], 3000),
"""
CONNECT = "    pong = erpc:call(Member, net_adm, ping, [Peer]),\n"
START = "    erpc:call(Member, rabbit, start, []).\n"
STOP_ONCE_WATCHED = """\
    await(fun() -> length(erpc:call(Member, erlang, nodes, [hidden])) =:= 2 end),
    erpc:cast(Member, erlang, halt, []).
"""


class Nodes:
    """A member and its peer on loopback, with a name service of their own."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        install("erl", "erlang-base")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        self._folder = folder
        self._running = running
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ERL_EPMD_PORT": port,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        (folder / ".erlang.cookie").write_text("of these tests")
        (folder / ".erlang.cookie").chmod(0o400)
        (folder / "rabbit.erl").write_text(RABBIT)
        subprocess.run(["erlc", "rabbit.erl"], cwd=folder, check=True, timeout=SECONDS)
        self._start("epmd", "-port", port, "-address", "127.0.0.1")
        for name in (MEMBER, PEER):
            # As RabbitMQ has it: partitions are its own affair.
            self._start(
                "erl", "-noinput", "-name", name, "-pa", str(folder), "-kernel",
                "prevent_overlapping_partitions", "false", "inet_dist_use_interface", "{127,0,0,1}",
            )  # fmt: skip

    def run(self, *lines: str) -> None:
        """Run a script that has the nodes as `Member` and `Peer`."""
        script = self._folder / "script"
        script.write_text(SCRIPT + "".join(lines) + AWAIT)
        subprocess.run(["escript", str(script)], env=self._environment, check=True, timeout=SECONDS)

    def watch(self) -> subprocess.Popen[str]:
        """The watch over the member; an exchange may take a second."""
        return self._start("escript", str(WATCH), MEMBER, "1000")

    def _start(self, *command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self._running.enter_context(process)
        self._running.callback(process.kill)
        return process


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    with ExitStack() as running:
        yield Nodes(tmp_path, running)


def test_an_exchange_that_does_not_end_is_begun_anew(nodes: Nodes) -> None:
    nodes.run(MISUNDERSTAND, START)

    said, _ = (watch := nodes.watch()).communicate(timeout=SECONDS)

    assert f"the exchange with {PEER} does not end" in said
    assert watch.returncode == 0


def test_nodes_that_understand_each_other_are_left_alone(nodes: Nodes) -> None:
    nodes.run(CONNECT, START)

    said, _ = (watch := nodes.watch()).communicate(timeout=SECONDS)

    assert (said, watch.returncode) == ("", 0)


def test_the_watch_ends_with_its_member(nodes: Nodes) -> None:
    watch = nodes.watch()
    nodes.run(CONNECT, STOP_ONCE_WATCHED)

    said, _ = watch.communicate(timeout=SECONDS)

    assert (said, watch.returncode) == ("", 0)
