"""Health and metrics over HTTP, for the kubelet and Prometheus.

One page at a time and nothing else of HTTP: the standard library's server would cost more memory than all the rest.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping

PORT = 9121

Page = Callable[[], tuple[int, str]]
"""Gives a status code and a plain text."""

_REASONS = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}
_REQUEST_SECONDS = 2.0
_MAX_REQUEST = 8192


class OpsServer:
    """Serves pages by path, such as `/readyz`."""

    def __init__(self, pages: Mapping[str, Page], port: int = PORT) -> None:
        self._pages = pages
        family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        self._listener = socket.create_server(
            ("", port), family=family, dualstack_ipv6=family is socket.AF_INET6
        )
        self.port: int = self._listener.getsockname()[1]

    def start(self) -> None:
        """Serve in a thread until the program ends."""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(_REQUEST_SECONDS)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request and len(request) < _MAX_REQUEST:
            part = connection.recv(_MAX_REQUEST)
            if not part:
                break
            request += part
        words = request.split(b" ", 2)
        path = words[1].decode(errors="replace").partition("?")[0] if len(words) > 2 else ""
        page = self._pages.get(path)
        status, text = page() if page else (404, f"allowed: {', '.join(self._pages)}\n")
        body = text.encode()
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
