"""The index of products: one index at a time behind an alias, exchanged for a new one while searches go on.

Searches use the alias `products`. While a new index is filled, a second alias names it, and every change goes to both;
so whatever changes meanwhile is in the new one when the first alias moves to it. Versions are external: a document is
never replaced by an older one, in whichever order they arrive.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from product_service.search.connection import (
    SearchConnection,
    SearchRefusedError,
    SearchUnavailableError,
)
from product_service.search.documents import MAPPINGS

CURRENT = "products"
"""Alias of the index that is searched."""
NEXT = "products-next"
"""Alias of the index that is being filled."""
_INDICES = "products-*"
"""Names of the indices; the operator's index template is for these."""

_FORMAT = "%Y%m%d%H%M%S"
_WRITE_SECONDS = 10.0
_CHANGE_SECONDS = 30.0


@dataclass(frozen=True)
class Entry:
    """A document, and the product's revision that it shows."""

    id: str
    revision: int
    document: dict[str, Any]


@dataclass(frozen=True)
class Condition:
    """What there is in Elasticsearch."""

    current: str | None
    """Name of the index that is searched."""
    mapping_version: int
    """That of `current`; 0 without one."""
    next: str | None
    """Name of the index that is being filled."""


class SearchIndex:
    """The index as this service uses it.

    Every method may raise SearchUnavailableError, and SearchRefusedError where Elasticsearch is not as we left it.
    """

    def __init__(self, connection: SearchConnection) -> None:
        self._elasticsearch = connection

    async def search(self, body: dict[str, Any], preference: str) -> dict[str, Any]:
        """The answer to a search.

        Raises:
            SearchUnavailableError: also when there is no index yet.
        """
        try:
            return await self._elasticsearch.request(
                "POST",
                f"/{CURRENT}/_search",
                body,
                preference=preference,
                allow_partial_search_results="false",
            )
        except SearchRefusedError as error:
            raise SearchUnavailableError(f"the search was refused: {error}") from error

    async def put(self, entries: Sequence[Entry]) -> None:
        """Make the index hold `entries`, or later ones; without an index, nothing: who builds it reads the database."""
        await self._write(entries, (CURRENT, NEXT))

    async def fill(self, entries: Sequence[Entry]) -> None:
        """Put entries into the index that is being filled."""
        await self._write(entries, (NEXT,))

    async def condition(self) -> Condition:
        """What there is now."""
        answer = await self._elasticsearch.request(
            "GET", f"/{_INDICES}", filter_path="*.aliases,*.mappings._meta"
        )
        current, mapping_version, following = None, 0, None
        for name, index in answer.items():
            aliases = index.get("aliases", {})
            if CURRENT in aliases:
                current = name
                mapping_version = index.get("mappings", {}).get("_meta", {}).get("version", 0)
            if NEXT in aliases:
                following = name
        return Condition(current, mapping_version, following)

    async def begin(self) -> str:
        """The name of a new index that is to be filled; one that was begun before is given up."""
        name = f"products-{datetime.now(UTC).strftime(_FORMAT)}-{secrets.token_hex(2)}"
        settings = {"refresh_interval": "-1"}
        await self._change("PUT", f"/{name}", {"mappings": MAPPINGS, "settings": settings})
        # Only when every member knows the alias do all changes go to both; from then on the database is read.
        await self._change(
            "POST",
            "/_aliases",
            {
                "actions": [
                    {"remove": {"index": _INDICES, "alias": NEXT, "must_exist": False}},
                    {"add": {"index": name, "alias": NEXT}},
                ]
            },
        )
        return name

    async def finish(self, name: str) -> None:
        """Let searches use the filled index, and remove the older ones.

        Raises:
            SearchRefusedError: it was given up for another one meanwhile.
        """
        await self._change("PUT", f"/{name}/_settings", {"index": {"refresh_interval": None}})
        await self._elasticsearch.request("POST", f"/{name}/_refresh", seconds=_CHANGE_SECONDS)
        await self._change(
            "POST",
            "/_aliases",
            {
                "actions": [
                    {"remove": {"index": name, "alias": NEXT, "must_exist": True}},
                    {"remove": {"index": _INDICES, "alias": CURRENT, "must_exist": False}},
                    {"add": {"index": name, "alias": CURRENT}},
                ]
            },
        )
        answer = await self._elasticsearch.request("GET", f"/{_INDICES}", filter_path="*.aliases")
        for other, index in answer.items():
            # A newer one may have been begun in this moment.
            if not index.get("aliases") and other < name:
                await self.remove(other)

    async def remove(self, name: str) -> None:
        """Remove an index."""
        await self._elasticsearch.request("DELETE", f"/{name}", seconds=_CHANGE_SECONDS)

    async def _change(self, method: str, path: str, body: dict[str, Any]) -> None:
        answer = await self._elasticsearch.request(method, path, body, seconds=_CHANGE_SECONDS)
        if not answer.get("acknowledged"):
            raise SearchUnavailableError(f"{method} {path}: not all members have heard of it in time")

    async def _write(self, entries: Sequence[Entry], aliases: Sequence[str]) -> None:
        lines: list[dict[str, Any]] = []
        for entry in entries:
            for alias in aliases:
                target = {
                    "_index": alias,
                    "_id": entry.id,
                    "version": entry.revision,
                    "version_type": "external",
                    "require_alias": True,
                }
                lines += [{"index": target}, entry.document]
        if not lines:
            return
        answer = await self._elasticsearch.request("POST", "/_bulk", lines=lines, seconds=_WRITE_SECONDS)
        for item in answer["items"]:
            result = item["index"]
            # 409: it holds this revision or a later one. 404: there is no index behind this alias.
            if result["status"] not in (200, 201, 404, 409):
                raise SearchUnavailableError(f"{result['_id']} was not indexed: {result.get('error')}")


def age(name: str) -> timedelta:
    """How long ago the index of that name was begun."""
    begun = datetime.strptime(name.split("-")[1], _FORMAT).replace(tzinfo=UTC)
    return datetime.now(UTC) - begun
