"""Which load balancer a connection is for: the host it names, and who claims that host."""

import ssl
from collections.abc import Iterable, Mapping
from typing import TypeVar

ANNOTATION = "external-dns.alpha.kubernetes.io/hostname"
"""On a Service: the hosts it claims, separated by commas; `*.` at the beginning stands for any label or
labels.
"""

T = TypeVar("T")


class IncompleteError(Exception):
    """More bytes are needed to tell."""


class UnreadableError(Exception):
    """The bytes are not of the protocol."""


def claimed(annotation: str) -> list[str]:
    """The hosts in an annotation, in lower case."""
    return [host.strip().lower().rstrip(".") for host in annotation.split(",") if host.strip()]


def match(host: str, claims: Iterable[tuple[str, T]]) -> T | None:
    """Who claims `host`: an exact claim before a wildcard, a longer wildcard before a shorter, the first of
    equals.
    """
    host = host.lower().rstrip(".")
    best: tuple[int, T] | None = None
    for claim, owner in claims:
        if claim == host:
            rank = len(host) + 1
        elif claim.startswith("*.") and host.endswith(claim[1:]) and len(host) > len(claim) - 1:
            rank = len(claim) - 1
        else:
            continue
        if best is None or rank > best[0]:
            best = (rank, owner)
    return best[1] if best else None


def http_host(data: bytes) -> str | None:
    """The host that the beginning of an HTTP/1 request names, without its port; None when it names none.

    Raises IncompleteError until the header is whole, and UnreadableError when it is no HTTP/1 request.
    """
    head, end, _ = data.partition(b"\r\n\r\n")
    request, _, headers = head.partition(b"\r\n")
    if b"\r\n" in data and b" HTTP/1." not in request:
        raise UnreadableError
    if not end:
        raise IncompleteError
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"host":
            return _without_port(value.strip().decode("latin-1"))
    return None


def tls_host(data: bytes) -> str | None:
    """The host (SNI) that the beginning of a TLS handshake names; None when it names none.

    Raises IncompleteError until the client's hello is whole, and UnreadableError when it is no TLS handshake.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(data)
    server = _HELLO_CONTEXT.wrap_bio(incoming, outgoing, server_side=True)
    _HEARD.pop(id(server), None)
    try:
        server.do_handshake()
    except ssl.SSLWantReadError:
        raise IncompleteError from None
    except ssl.SSLError as error:
        # OpenSSL has read the whole hello and goes no further: this end has no certificate, nor should it
        # have.
        if id(server) not in _HEARD:
            raise UnreadableError from error
    return _HEARD.pop(id(server))


_HEARD: dict[int, str | None] = {}


def _hear(server: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int:
    _HEARD[id(server)] = name
    return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


_HELLO_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
_HELLO_CONTEXT.sni_callback = _hear


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def assign(wanted: Mapping[T, str | None], pool: Iterable[str]) -> dict[T, str]:
    """An address of `pool` for each key: the one it has where that is of the pool and nobody's before, else
    a free one.

    Keys are served in order; those for which none is left are missing from the result.
    """
    free = dict.fromkeys(pool)
    assigned: dict[T, str] = {}
    for key, address in wanted.items():
        if address in free:
            del free[address]
            assigned[key] = address
    for key in wanted:
        if key not in assigned and free:
            address = next(iter(free))
            del free[address]
            assigned[key] = address
    return assigned
