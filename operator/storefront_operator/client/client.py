"""Requests to the Kubernetes API: read, list in pages, watch, apply, delete, patch the status."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import orjson

from storefront_operator.client.errors import ApiError, ApiUnavailableError
from storefront_operator.client.resources import Resource

Json = dict[str, Any]

_REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=5)
_PAGE_SIZE = 200
"""Objects in a page of a list: a page is in memory whole, several times over while it is parsed."""
_WRITES = 32
"""Applies, creations and deletions in flight, which come by the hundred; each has a connection of its own."""


class Client:
    """The Kubernetes API behind one aiohttp session.

    Every method raises `ApiError` when the server refuses and `ApiUnavailableError` when it does not answer.
    """

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        self.session = session
        self.server = server.rstrip("/")
        self._writes = asyncio.Semaphore(_WRITES)

    async def get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        """One object, or None when it does not exist."""
        try:
            return await self._request("GET", resource.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list_pages(self, resource: Resource, selector: str) -> AsyncIterator[Json]:
        """The pages of a list over all namespaces; each is the server's List object."""
        token = ""
        while True:
            params = {"labelSelector": selector, "limit": str(_PAGE_SIZE)}
            if token:
                params["continue"] = token
            page = await self._request("GET", resource.path(), params=params)
            yield page
            token = page["metadata"].get("continue", "")
            if not token:
                return

    async def watch(
        self, resource: Resource, selector: str, resource_version: str, *, lifetime: int, silence: float
    ) -> AsyncIterator[Json]:
        """Watch events after `resource_version`, bookmarks included.

        The server ends the watch after `lifetime` seconds; a connection that is silent for `silence` seconds
        raises `ApiUnavailableError` (bookmarks come about once a minute, so silence means it is dead).
        """
        params = {
            "labelSelector": selector,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(lifetime),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=silence)
        try:
            async with self.session.get(
                self.server + resource.path(), params=params, timeout=timeout
            ) as response:
                if response.status >= 400:
                    raise _error(response, await response.read())
                buffer = bytearray()
                async for chunk in response.content.iter_any():
                    buffer += chunk
                    *lines, rest = buffer.split(b"\n")
                    buffer = bytearray(rest)
                    for line in lines:
                        yield _event(line)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiUnavailableError(
                f"watch of {resource.plural}: {error or type(error).__name__}"
            ) from error

    async def apply(self, resource: Resource, manifest: Mapping[str, Any], manager: str) -> Json:
        """Server-side apply with force; returns the live object."""
        metadata = manifest["metadata"]
        async with self._writes:
            return await self._request(
                "PATCH",
                resource.path(metadata.get("namespace", ""), metadata["name"]),
                params={"fieldManager": manager, "force": "true"},
                body=manifest,
                content_type="application/apply-patch+yaml",
            )

    async def create(self, resource: Resource, manifest: Mapping[str, Any], manager: str = "") -> Json:
        """Create an object; `ApiError` 409 when it exists."""
        params = {"fieldManager": manager} if manager else None
        path = resource.path(manifest["metadata"].get("namespace", ""))
        async with self._writes:
            return await self._request("POST", path, params=params, body=manifest)

    async def replace(self, resource: Resource, manifest: Mapping[str, Any]) -> Json:
        """Replace an object in the state that was read; `ApiError` 409 when it has changed since."""
        metadata = manifest["metadata"]
        return await self._request(
            "PUT", resource.path(metadata["namespace"], metadata["name"]), body=manifest
        )

    async def patch(self, resource: Resource, namespace: str, name: str, patch: Mapping[str, Any]) -> Json:
        """JSON merge patch of an object."""
        return await self._request(
            "PATCH", resource.path(namespace, name), body=patch, content_type="application/merge-patch+json"
        )

    async def patch_status(self, resource: Resource, name: str, status: Mapping[str, Any]) -> Json:
        """JSON merge patch of the status of a cluster-scoped object."""
        return await self._request(
            "PATCH",
            resource.path(name=name) + "/status",
            body={"status": status},
            content_type="application/merge-patch+json",
        )

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str = ""
    ) -> None:
        """Delete exactly the object with that uid (and version); one that is already gone is fine.

        Raises `ApiError` 409 when another object has the name now, or it has changed since.
        """
        preconditions = {"uid": uid}
        if resource_version:
            preconditions["resourceVersion"] = resource_version
        body = {"propagationPolicy": "Background", "preconditions": preconditions}
        try:
            async with self._writes:
                await self._request("DELETE", resource.path(namespace, name), body=body)
        except ApiError as error:
            if error.status != 404:
                raise

    async def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Json:
        data = None if body is None else orjson.dumps(body)
        headers = {} if body is None else {"Content-Type": content_type}
        try:
            async with self.session.request(
                method,
                self.server + path,
                params=params,
                data=data,
                headers=headers,
                timeout=_REQUEST_TIMEOUT,
            ) as response:
                payload = await response.read()
                if response.status >= 400:
                    raise _error(response, payload)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiUnavailableError(f"{method} {path}: {error or type(error).__name__}") from error
        result: Json = orjson.loads(payload)
        return result


def _event(line: bytes | bytearray) -> Json:
    event: Json = orjson.loads(line)
    if event["type"] == "ERROR":
        status = event["object"]
        raise ApiError(int(status.get("code", 500)), status)
    return event


def _error(response: aiohttp.ClientResponse, payload: bytes) -> ApiError:
    try:
        body = orjson.loads(payload)
    except ValueError:
        body = {"message": payload.decode(errors="replace")[:500]}
    if not isinstance(body, dict):
        body = {"message": str(body)[:500]}
    header = response.headers.get("Retry-After", "")
    return ApiError(response.status, body, float(header) if header.isdigit() else None)
