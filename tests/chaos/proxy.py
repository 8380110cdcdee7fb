"""A reverse proxy before the API server that counts what the operator does and lets faults happen.

The operator reaches it by plain HTTP on the loopback interface; the proxy holds the administrator's certificate.
Faults are layers around each call (see `faults`); without any it changes nothing but one thing: lists and
watches are narrowed to the Storefronts of its group and to what carries their names, so that each operator under
test sees the cluster of its own scenario only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import yaml
from aiohttp import web

from tests.chaos.api import Credentials
from tests.chaos.faults import AwayError, Fault, Forward
from tests.chaos.traffic import Answer, Call, Event, Exchange, read_call

GROUP_LABEL = "chaos.storefront.dev/group"

NAMES = re.compile(r"zq\d+x\d+")
"""Names of the suite's Storefronts."""


_MOST = 500
"""Storefronts that a group may have."""


def name_of(group: str, number: int) -> str:
    """The name of a Storefront; it is part of no other text, as comparisons replace it."""
    assert number <= _MOST, f"more than {_MOST} Storefronts in a group"
    return f"zq{group}x{number:03}"


AnyFault = TypeVar("AnyFault", bound=Fault)

_PASSED_HEADERS = ("Content-Type", "Accept", "User-Agent")
_RETURNED_HEADERS = ("Content-Type", "Retry-After", "Warning")


class Proxy:
    """Runs in a thread of its own from `start` to `stop`; everything public may be called from other threads."""

    def __init__(self, credentials: Credentials, group: str) -> None:
        self._credentials = credentials
        self._group = group
        self._names = [name_of(group, number) for number in range(1, _MOST + 1)]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._faults: tuple[Fault, ...] = ()
        self._watches: dict[int, tuple[Call, asyncio.Queue[bytes | None]]] = {}
        self._last_writes: dict[str, float] = {}
        self._last_moves: dict[str, float] = {}
        self.exchanges: list[Exchange] = []
        """Everything that has come in, in order; cleared by nobody, take slices by `mark`."""
        self.url = ""

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        self._call(self._start())

    def stop(self) -> None:
        """Cut everything and end."""
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig that leads here."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "proxy", "cluster": {"server": self.url}}],
            "users": [{"name": "proxy", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
            "current-context": "proxy",
        }
        path.write_text(yaml.safe_dump(config))
        return path

    @contextlib.contextmanager
    def fault(self, fault: AnyFault) -> Iterator[AnyFault]:
        """Let a fault happen inside the block."""
        self._faults = (*self._faults, fault)
        try:
            yield fault
        finally:
            self._faults = tuple(each for each in self._faults if each is not fault)

    def mark(self) -> int:
        """A point in the log, for `since`."""
        return len(self.exchanges)

    def since(self, mark: int) -> list[Exchange]:
        """Everything that has come in after a mark."""
        return self.exchanges[mark:]

    def writes(self, storefront: str, mark: int = 0) -> list[Exchange]:
        """Successful writes about a Storefront after a mark."""
        return [
            e
            for e in self.exchanges[mark:]
            if e.call.is_write and 0 < e.status < 400 and e.call.concerns(storefront)
        ]

    def idle_since(self, of: Callable[[Call], bool] = lambda call: call.is_write) -> float:
        """Seconds since the last call of a sort."""
        for exchange in reversed(self.exchanges):
            if of(exchange.call):
                return time.monotonic() - exchange.at
        return float("inf")

    def quiet_for(self, storefront: str) -> float:
        """Seconds since the operator last asked for a write about a Storefront, or had its answer."""
        return time.monotonic() - self._last_writes.get(storefront, float("-inf"))

    def still_for(self, storefront: str) -> float:
        """Seconds since anything was asked or told about a Storefront."""
        return time.monotonic() - self._last_moves.get(storefront, float("-inf"))

    def leave_out(self, storefront: str) -> None:
        """Show nothing of a Storefront in lists and watches that begin from now on."""
        self._names = [name for name in self._names if name != storefront]

    def cut_watches(self, which: Callable[[Call], bool] = lambda _: True) -> int:
        """Close open watches as a restarting server would; returns how many."""
        return self._each_watch(which, None)

    def expire_watches(self, which: Callable[[Call], bool] = lambda _: True) -> int:
        """Answer 410 Gone inside open watches, as a server that has compacted its history would."""
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "code": 410,
            "reason": "Expired",
            "message": "too old",
        }
        event = {"type": "ERROR", "object": status}
        return self._each_watch(which, json.dumps(event).encode() + b"\n")

    def open_watches(self) -> list[Call]:
        """The watches that are open now."""
        return [call for call, _ in list(self._watches.values())]

    def _each_watch(self, which: Callable[[Call], bool], last: bytes | None) -> int:
        async def end() -> int:
            chosen = [queue for call, queue in self._watches.values() if which(call)]
            for queue in chosen:
                if last is not None:
                    queue.put_nowait(last)
                queue.put_nowait(None)
            return len(chosen)

        return int(self._call(end()))

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _start(self) -> None:
        tls = ssl.create_default_context(cafile=str(self._credentials.authority))
        tls.load_cert_chain(self._credentials.certificate)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=tls), auto_decompress=True
        )
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _stop(self) -> None:
        for _, queue in self._watches.values():
            queue.put_nowait(None)
        await self._runner.cleanup()
        await self._session.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # TLS connections would say goodbye first, and the loop does not run long enough for that.
        for transport in list(self._loop._transports.values()):  # type: ignore[attr-defined]
            transport.abort()
        await asyncio.sleep(0.05)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        at = time.monotonic()
        query = dict(request.query)
        call = read_call(request.method, request.path, query, await request.read(), request.headers)
        if call.verb in ("list", "watch"):
            query["labelSelector"] = self._narrowed(call.kind, query.get("labelSelector", ""))
        faults = self._faults
        self._note_write(call)
        try:
            if call.verb == "watch":
                return await self._watch(request, call, faults, at)
            answer = await self._layered(call, faults)
        except (AwayError, aiohttp.ClientError, OSError) as error:
            status = error.logged if isinstance(error, AwayError) else 0
            self.exchanges.append(Exchange(call, status, at))
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)
        finally:
            self._note_write(call)
        self.exchanges.append(Exchange(call, answer.status, at))
        return web.Response(status=answer.status, body=answer.body, headers=dict(answer.headers))

    def _narrowed(self, kind: str, selector: str) -> str:
        """A label selector that leaves out the other groups; nodes belong to all of them."""
        if kind == "Node":
            return selector
        if kind == "Storefront":
            return f"{GROUP_LABEL}={self._group}"
        return f"{selector},storefront.dev/name in ({','.join(self._names)})"

    def _note_write(self, call: Call) -> None:
        named = NAMES.match(call.namespace) or NAMES.match(call.name)
        if named and call.is_write:
            self._last_writes[named[0]] = self._last_moves[named[0]] = time.monotonic()

    def _note_event(self, line: bytes) -> None:
        named = NAMES.search(line.decode())
        if named:
            self._last_moves[named[0]] = time.monotonic()

    async def _layered(self, call: Call, faults: tuple[Fault, ...]) -> Answer:
        forward: Forward = self._forward
        for fault in faults:
            forward = _layer(fault, forward)
        return await forward(call)

    async def _forward(self, call: Call) -> Answer:
        async with self._session.request(
            call.method,
            self._credentials.server + call.path,
            params=call.query,
            data=call.body or None,
            headers=_passed(call),
        ) as response:
            body = await response.read()
            returned = {
                name: response.headers[name] for name in _RETURNED_HEADERS if name in response.headers
            }
            return Answer(response.status, body, returned)

    async def _watch(
        self, request: web.Request, call: Call, faults: tuple[Fault, ...], at: float
    ) -> web.StreamResponse:
        for fault in faults:
            refused = await fault.open_watch(call)
            if refused is not None:
                self.exchanges.append(Exchange(call, refused.status, at))
                return web.Response(status=refused.status, body=refused.body, headers=dict(refused.headers))
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with self._session.get(
            self._credentials.server + call.path, params=call.query, headers=_passed(call), timeout=timeout
        ) as upstream:
            self.exchanges.append(Exchange(call, upstream.status, at))
            if upstream.status >= 400:
                return web.Response(
                    status=upstream.status, body=await upstream.read(), content_type="application/json"
                )
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await self._pump(call, upstream, response)
            return response

    async def _pump(self, call: Call, upstream: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
        """Pass a watch on, line by line, until either side or a fault ends it."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        key = id(queue)
        self._watches[key] = (call, queue)
        reader = asyncio.create_task(self._read_events(call, upstream, queue))
        try:
            while (line := await queue.get()) is not None:
                await response.write(line)
        except (ConnectionError, aiohttp.ClientError):
            pass
        finally:
            del self._watches[key]
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read_events(
        self, call: Call, upstream: aiohttp.ClientResponse, queue: asyncio.Queue[bytes | None]
    ) -> None:
        try:
            async for line in _lines(upstream):
                self._note_event(line)
                faults = self._faults
                if not faults:
                    queue.put_nowait(line)
                    continue
                events: list[Event] = [json.loads(line)]
                for fault in faults:
                    events = [after for before in events for after in await fault.event(call, before)]
                for event in events:
                    queue.put_nowait(json.dumps(event).encode() + b"\n")
        except (aiohttp.ClientError, AwayError):
            pass
        finally:
            queue.put_nowait(None)


def _layer(fault: Fault, forward: Forward) -> Forward:
    async def layer(call: Call) -> Answer:
        return await fault.answer(call, forward)

    return layer


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"


def _passed(call: Call) -> dict[str, str]:
    headers = {name: call.headers[name] for name in _PASSED_HEADERS if name in call.headers}
    return {**headers, "Accept-Encoding": "identity"}
