"""A connection to one Redis or Sentinel server: request, reply, in RESP 2.

https://redis.io/docs/latest/develop/reference/protocol-spec/. Just what these programs need; a client library would
cost each of them more memory than the server next to it.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import BinaryIO

Reply = str | int | list["Reply"] | None


class ServerError(Exception):
    """The server has answered with an error; the message is its own, such as `NOAUTH Authentication required.`"""


@dataclass(frozen=True)
class Login:
    """A user of a server."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, order=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Connection:
    """Connects at the first call, and anew after a failure.

    `timeout` in seconds bounds the connect and each single wait for the server. Not safe for several threads.
    """

    def __init__(self, address: Address, login: Login, timeout: float) -> None:
        self.address = address
        self._login = login
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._file: BinaryIO | None = None

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, *arguments: str | int) -> Reply:
        """The reply to one command. Raises OSError without an answer, `ServerError` with an error for one."""
        try:
            if self._socket is None:
                self._connect()
            return self._request(arguments)
        except OSError:
            self.close()
            raise

    def info(self, section: str) -> dict[str, str]:
        """The fields of one section of INFO."""
        reply = self.call("INFO", section)
        lines = str(reply).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))

    def close(self) -> None:
        """Hang up; the next call connects again."""
        for each in (self._file, self._socket):
            if each is not None:
                each.close()
        self._socket = self._file = None

    def _connect(self) -> None:
        self._socket = socket.create_connection((self.address.host, self.address.port), self._timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        try:
            self._request(("AUTH", self._login.username, self._login.password))
        except ServerError:
            self.close()
            raise

    def _request(self, arguments: tuple[str | int, ...]) -> Reply:
        parts = [str(argument).encode() for argument in arguments]
        request = b"".join(
            [b"*%d\r\n" % len(parts), *(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)]
        )
        assert self._socket is not None
        self._socket.sendall(request)
        reply = self._read()
        if isinstance(reply, ServerError):
            raise reply
        return reply

    def _read(self) -> Reply | ServerError:
        assert self._file is not None
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError(f"{self.address} has closed the connection")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"+":
            return rest
        if kind == b"-":
            return ServerError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return self._read_bulk(int(rest))
        if kind == b"*":
            return None if rest == "-1" else [_element(self._read()) for _ in range(int(rest))]
        raise ConnectionError(f"{self.address} does not speak RESP 2: {line[:40]!r}")

    def _read_bulk(self, length: int) -> str | None:
        if length < 0:
            return None
        assert self._file is not None
        data = self._file.read(length + 2)
        if len(data) != length + 2:
            raise ConnectionError(f"{self.address} has closed the connection")
        return data[:-2].decode(errors="replace")


def _element(reply: Reply | ServerError) -> Reply:
    """Inside a list an error is an outcome like others, as in the reply to EXEC."""
    return str(reply) if isinstance(reply, ServerError) else reply
