"""Services of type LoadBalancer: an address each, and this machine's ports by the hosts that they claim."""

import asyncio
import contextlib
import http.client
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import httpx2
from lightkube import ApiError, AsyncClient
from lightkube.models.core_v1 import ServicePort
from lightkube.resources.core_v1 import Service
from lightkube.resources.discovery_v1 import EndpointSlice
from lightkube.types import PatchType

from storefront_dev.agent import hosts
from storefront_dev.agent.cache import Cache
from storefront_dev.agent.forwarding import Backend, Forwarder, relay
from storefront_dev.topology import BRIDGE, HTTP_PORT, HTTPS_PORT, LOAD_BALANCER_NETWORK

_LOG = logging.getLogger(__name__)
_SERVICE_LABEL = "kubernetes.io/service-name"
_LOOPBACK = ("127.0.0.1", "::1")
# What a client may send before it has said which host it wants, and how long it may take to.
_GREETING_BYTES = 64 * 1024
_GREETING_SECONDS = 10.0
_UNRECOGNIZED_NAME = bytes([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 112])
_RETRY_SECONDS = 1.0

_Key = tuple[str, str]
_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class LoadBalancer:
    """Gives Services addresses and forwards to the endpoints that answer."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._dirty = asyncio.Event()
        self._services = Cache(client, Service, self._dirty.set)
        self._slices = Cache(client, EndpointSlice, lambda: None)
        self._forwarder = Forwarder()
        self._listeners: dict[tuple[str, int, _Key], asyncio.Server] = {}
        self._addresses: set[str] = set()

    async def run(self) -> None:
        """Serve for ever."""
        for port, handle in ((HTTP_PORT, self._http), (HTTPS_PORT, self._https)):
            for address in _LOOPBACK:
                # There may be no IPv6 here.
                with contextlib.suppress(OSError) if address != _LOOPBACK[0] else contextlib.nullcontext():
                    await asyncio.start_server(partial(_guarded, handle), address, port)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._services.run())
            tasks.create_task(self._slices.run())
            tasks.create_task(self._reconcile_for_ever())

    async def _reconcile_for_ever(self) -> None:
        await self._services.ready.wait()
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._reconcile()
            except (ApiError, httpx2.HTTPError, OSError) as error:
                _LOG.warning("load balancers: %s; trying again", error)
            except Exception:
                _LOG.exception("load balancers; trying again")
            else:
                continue
            await asyncio.sleep(_RETRY_SECONDS)
            self._dirty.set()

    async def _reconcile(self) -> None:
        services = dict(self._balanced())
        current = {key: _address(service) for key, service in services.items()}
        pool = (str(each) for each in ipaddress.ip_network(LOAD_BALANCER_NETWORK).hosts())
        assigned = hosts.assign(current, pool)
        await self._listen(services, assigned)
        for key, address in assigned.items():
            if current[key] != address:
                await self._announce(key, address)

    async def _announce(self, key: _Key, address: str) -> None:
        namespace, name = key
        status = {"status": {"loadBalancer": {"ingress": [{"ip": address, "ipMode": "VIP"}]}}}
        try:
            await self._client.patch(
                Service.Status, name, status, namespace=namespace, patch_type=PatchType.MERGE
            )
        except ApiError as error:
            if error.status.code != http.client.NOT_FOUND:
                raise
        else:
            _LOG.info("%s/%s has the address %s", namespace, name, address)

    async def _listen(self, services: dict[_Key, Service], assigned: dict[_Key, str]) -> None:
        """Serve each Service's ports at its address on the bridge; stop what is no longer wanted."""
        wanted = {
            (address, port.port, key) for key, address in assigned.items() for port in _ports(services[key])
        }
        for gone in self._listeners.keys() - wanted:
            self._listeners.pop(gone).close()
        for address in self._addresses - set(assigned.values()):
            await _ip("addr", "del", f"{address}/32", "dev", BRIDGE)
        for address in set(assigned.values()) - self._addresses:
            await _ip("addr", "replace", f"{address}/32", "dev", BRIDGE)
        self._addresses = set(assigned.values())
        for address, port, key in wanted - self._listeners.keys():
            handle = partial(_guarded, partial(self._direct, key, port))
            self._listeners[address, port, key] = await asyncio.start_server(handle, address, port)

    async def _direct(self, key: _Key, number: int, client: _Connection) -> None:
        await self._forward(key, number, client, b"")

    async def _http(self, client: _Connection) -> None:
        host, greeting = await _greeting(client[0], hosts.http_host)
        key = hosts.match(host or "", self._claims())
        if key is None:
            known = ", ".join(sorted({claim for claim, _ in self._claims()})) or "none"
            await _answer(
                client, "404 Not Found", f"No LoadBalancer Service claims {host!r}; claimed: {known}\n"
            )
        elif not await self._forward(key, 80, client, greeting):
            await _answer(
                client, "503 Service Unavailable", f"No endpoint of Service {'/'.join(key)} answers\n"
            )

    async def _https(self, client: _Connection) -> None:
        host, greeting = await _greeting(client[0], hosts.tls_host)
        key = hosts.match(host or "", self._claims())
        if key is None:
            client[1].write(_UNRECOGNIZED_NAME)
            await client[1].drain()
        else:
            await self._forward(key, 443, client, greeting)

    async def _forward(self, key: _Key, number: int, client: _Connection, greeting: bytes) -> bool:
        """Connect the client to an endpoint of the Service's port; False when none answers."""
        service = self._services.objects.get(key)
        port = next((each for each in _ports(service) if each.port == number), None) if service else None
        server = await self._forwarder.connect(self._backends(key, port)) if port else None
        if server is None:
            return False
        await relay(client, server, greeting)
        return True

    def _claims(self) -> Iterator[tuple[str, _Key]]:
        for key, service in self._balanced():
            assert service.metadata is not None
            for host in hosts.claimed((service.metadata.annotations or {}).get(hosts.ANNOTATION, "")):
                yield host, key

    def _balanced(self) -> Iterator[tuple[_Key, Service]]:
        """The Services of type LoadBalancer, the oldest first: it keeps a host that a newer one claims too."""
        chosen = [
            (key, service)
            for key, service in self._services.objects.items()
            if service.spec
            and service.spec.type == "LoadBalancer"
            and not service.spec.loadBalancerClass
            and service.metadata
            and not service.metadata.deletionTimestamp
        ]
        return iter(sorted(chosen, key=lambda each: (str(each[1].metadata.creationTimestamp), each[0])))  # type: ignore[union-attr]

    def _backends(self, key: _Key, port: ServicePort) -> list[Backend]:
        """The addresses behind a port of a Service: those that are ready, else those that still serve."""
        ready, serving = [], []
        for (namespace, _), each in self._slices.objects.items():
            labels = (each.metadata.labels if each.metadata else None) or {}
            if (namespace, labels.get(_SERVICE_LABEL)) != key:
                continue
            numbers = [p.port for p in each.ports or [] if (p.name or None) == (port.name or None) and p.port]
            for endpoint in each.endpoints or []:
                state = endpoint.conditions
                found = [(endpoint.addresses[0], number) for number in numbers]
                if state is None or state.ready is not False:
                    ready += found
                elif state.serving:
                    serving += found
        return ready or serving


async def _guarded(
    handle: Callable[[_Connection], Awaitable[object]],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Run the handler of one connection; whatever happens to it concerns no other."""
    try:
        await handle((reader, writer))
    except (OSError, hosts.UnreadableError) as error:
        _LOG.debug("connection: %s", error)
    except Exception:
        _LOG.exception("connection")
    finally:
        writer.close()


async def _greeting(
    reader: asyncio.StreamReader, find: Callable[[bytes], str | None]
) -> tuple[str | None, bytes]:
    """The host that a client asks for, and the bytes it has sent to say so."""
    data = b""
    async with asyncio.timeout(_GREETING_SECONDS):
        while chunk := await reader.read(_GREETING_BYTES):
            data += chunk
            try:
                return find(data), data
            except hosts.IncompleteError:
                if len(data) > _GREETING_BYTES:
                    break
    raise hosts.UnreadableError


async def _answer(client: _Connection, status: str, text: str) -> None:
    body = text.encode()
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: text/plain",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    client[1].write("\r\n".join([*lines, "", ""]).encode() + body)
    await client[1].drain()


async def _ip(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec("ip", *arguments, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    if process.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {errors.decode().strip()}")


def _address(service: Service) -> str | None:
    balancer = service.status.loadBalancer if service.status else None
    ingress = (balancer.ingress if balancer else None) or []
    return ingress[0].ip if ingress else None


def _ports(service: Service) -> list[ServicePort]:
    ports = (service.spec.ports if service.spec else None) or []
    return [port for port in ports if port.protocol in (None, "TCP")]
