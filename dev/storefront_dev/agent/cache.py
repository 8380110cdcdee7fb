"""A local copy of every object of one kind, kept current by a watch."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import httpx2
from lightkube import ApiError, AsyncClient
from lightkube.core.resource import GlobalResource, NamespacedResource

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0

R = TypeVar("R", bound=GlobalResource | NamespacedResource)


class Cache(Generic[R]):
    """The objects of `kind` by namespace and name; `changed` is called after each change, and `ready` once
    all are there.
    """

    def __init__(self, client: AsyncClient, kind: type[R], changed: Callable[[], None]) -> None:
        self.objects: dict[tuple[str, str], R] = {}
        self.ready = asyncio.Event()
        self._client = client
        self._kind = kind
        self._changed = changed

    async def run(self) -> None:
        """Follow the cluster for ever; when the API server is away, what was known stays."""
        while True:
            try:
                await self._follow()
            except (ApiError, httpx2.HTTPError, OSError) as error:
                _LOG.warning("watching %s: %s", self._kind.__name__, str(error) or type(error).__name__)
            except Exception:
                _LOG.exception("watching %s", self._kind.__name__)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
        # Every namespace, for kinds that are in one.
        scope: dict[str, Any] = {"namespace": "*"} if issubclass(self._kind, NamespacedResource) else {}
        listing = self._client.list(self._kind, **scope)  # type: ignore[type-var]
        found = {_key(each): each async for each in listing}
        # Replaced as a whole: what was deleted while nobody watched is gone too.
        self.objects = found
        self.ready.set()
        self._changed()
        watch = self._client.watch(  # type: ignore[type-var]
            self._kind, resource_version=listing.resourceVersion, **scope
        )
        async for kind, each in watch:
            if kind == "DELETED":
                self.objects.pop(_key(each), None)
            else:
                self.objects[_key(each)] = each
            self._changed()


def _key(each: GlobalResource | NamespacedResource) -> tuple[str, str]:
    metadata = each.metadata  # type: ignore[union-attr]  # every listed kind has it
    return metadata.namespace or "", metadata.name
