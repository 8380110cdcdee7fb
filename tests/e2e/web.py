"""HTTP as a browser on this machine does it: every name under .localhost is this machine (RFC 6761, 6.3).

The C library need not know that, and Python asks it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

from tests.e2e.kubectl import eventually


def get(url: str, authority: Path | None = None) -> urllib3.BaseHTTPResponse:
    """The answer to one GET on a fresh connection, whatever its status; `authority` is the one to trust for
    TLS.

    Raises urllib3.exceptions.HTTPError when there is no answer within seconds.
    """
    return _request("GET", url, authority=authority)


def post(url: str, body: Any, headers: Mapping[str, str] | None = None) -> urllib3.BaseHTTPResponse:
    """The answer to one POST of JSON on a fresh connection, whatever its status.

    Raises urllib3.exceptions.HTTPError when there is no answer within seconds.
    """
    content = {"Content-Type": "application/json", **(headers or {})}
    return _request("POST", url, headers=content, body=json.dumps(body).encode())


def _request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    authority: Path | None = None,
) -> urllib3.BaseHTTPResponse:
    parts = urlsplit(url)
    host = parts.hostname or ""
    address = "127.0.0.1" if host.endswith(".localhost") else host
    path = parts._replace(scheme="", netloc="").geturl() or "/"
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        trust = str(authority) if authority else None
        pool = urllib3.HTTPSConnectionPool(
            address, parts.port, server_hostname=host, assert_hostname=host, ca_certs=trust
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, parts.port)
    with pool:
        return pool.request(
            method,
            path,
            body=body,
            headers={**(headers or {}), "Host": parts.netloc},
            timeout=10,
            retries=False,
            redirect=False,
        )


def eventually_get(url: str, seconds: float = 20) -> urllib3.BaseHTTPResponse:
    """The first answer with status 200."""

    def ask() -> urllib3.BaseHTTPResponse | urllib3.exceptions.HTTPError:
        try:
            return get(url)
        except urllib3.exceptions.HTTPError as error:
            return error

    answer = eventually(
        ask, lambda each: isinstance(each, urllib3.BaseHTTPResponse) and each.status == 200, seconds
    )
    assert isinstance(answer, urllib3.BaseHTTPResponse)
    return answer
