"""Everything the sandbox remembers: objects, idempotency keys and webhooks to deliver, in SQLite."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storefront_standins.payments.errors import no_such
from storefront_standins.payments.parameters import Listing

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    parent TEXT,
    created INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_parent ON objects (parent, kind, seq);
CREATE TABLE IF NOT EXISTS idempotency_keys (
    key TEXT PRIMARY KEY, digest TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    event TEXT PRIMARY KEY,
    due REAL,
    attempts INTEGER NOT NULL DEFAULT 0,
    answered INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT 'waiting'
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due);
"""


@dataclass(frozen=True)
class Answer:
    """What was answered under an idempotency key."""

    digest: str
    status: int
    body: str


@dataclass(frozen=True)
class Delivery:
    """How the delivery of an event stands: `due` is a time in seconds since the epoch, None when it is over."""

    event: str
    due: float | None
    attempts: int
    answered: int
    outcome: str


class Store:
    """One connection, used from one thread: operations follow each other and never interleave."""

    def __init__(self, file: Path | None) -> None:
        """`file`: where to keep the state; None: in memory only."""
        self._database = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False)
        if file is not None:
            self._database.execute("PRAGMA journal_mode = WAL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or, after an exception, nothing."""
        self._database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def put(self, thing: dict[str, Any], parent: str | None = None) -> dict[str, Any]:
        """Add or replace a thing by its `id`; `parent` groups things for lists."""
        self._database.execute(
            "INSERT INTO objects (id, kind, parent, created, body) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (thing["id"], thing["object"], parent, thing["created"], json.dumps(thing)),
        )
        return thing

    def find(self, kind: str, identifier: str) -> dict[str, Any] | None:
        """The thing of that kind and id."""
        row = self._database.execute(
            "SELECT body FROM objects WHERE id = ? AND kind = ?", (identifier, kind)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def get(self, kind: str, identifier: str, param: str = "id") -> dict[str, Any]:
        """The thing of that kind and id.

        Raises:
            GatewayError: there is none (404).
        """
        thing = self.find(kind, identifier)
        if thing is None:
            raise no_such(kind, identifier, param)
        return thing

    def every(self, kind: str, parent: str | None = None) -> list[dict[str, Any]]:
        """All things of a kind, of one parent if given, the newest first."""
        rows = self._database.execute(
            "SELECT body FROM objects WHERE kind = ? AND (? IS NULL OR parent = ?) ORDER BY seq DESC",
            (kind, parent, parent),
        )
        return [json.loads(body) for (body,) in rows]

    def page(
        self, kind: str, listing: Listing, parent: str | None = None, event_type: str | None = None
    ) -> tuple[list[dict[str, Any]], bool]:
        """Things, the newest first, and whether there are more in the direction of the listing."""
        conditions, values = ["kind = ?"], [kind]
        if parent is not None:
            conditions.append("parent = ?")
            values.append(parent)
        if event_type is not None:
            conditions.append("json_extract(body, '$.type') = ?")
            values.append(event_type)
        if listing.created is not None:
            for name, comparison in (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")):
                if (bound := getattr(listing.created, name)) is not None:
                    conditions.append(f"created {comparison} ?")
                    values.append(bound)
        backwards = listing.ending_before is not None
        for cursor, param, comparison in (
            (listing.starting_after, "starting_after", "<"),
            (listing.ending_before, "ending_before", ">"),
        ):
            if cursor is not None:
                self.get(kind, cursor, param)
                conditions.append(f"seq {comparison} (SELECT seq FROM objects WHERE id = ?)")
                values.append(cursor)
        rows = self._database.execute(
            f"SELECT body FROM objects WHERE {' AND '.join(conditions)}"
            f" ORDER BY seq {'ASC' if backwards else 'DESC'} LIMIT ?",
            (*values, listing.limit + 1),
        ).fetchall()
        things = [json.loads(body) for (body,) in rows[: listing.limit]]
        return things[::-1] if backwards else things, len(rows) > listing.limit

    def answer(self, key: str) -> Answer | None:
        """What was answered under that idempotency key."""
        row = self._database.execute(
            "SELECT digest, status, body FROM idempotency_keys WHERE key = ?", (key,)
        ).fetchone()
        return None if row is None else Answer(*row)

    def keep_answer(self, key: str, answer: Answer) -> None:
        """Remember what is answered from now on under that key."""
        self._database.execute(
            "INSERT INTO idempotency_keys VALUES (?, ?, ?, ?)",
            (key, answer.digest, answer.status, answer.body),
        )

    def schedule(self, event: str, due: float) -> None:
        """An event is to be delivered."""
        self._database.execute("INSERT INTO deliveries (event, due) VALUES (?, ?)", (event, due))

    def due(self, limit: int) -> list[Delivery]:
        """Deliveries whose time has come, the oldest first."""
        rows = self._database.execute(
            "SELECT event, due, attempts, answered, outcome FROM deliveries"
            " WHERE due <= ? ORDER BY due, rowid LIMIT ?",
            (time.time(), limit),
        )
        return [Delivery(*row) for row in rows]

    def next_due(self) -> float | None:
        """When the next delivery is due."""
        due: float | None = self._database.execute("SELECT min(due) FROM deliveries").fetchone()[0]
        return due

    def delivery(self, event: str) -> Delivery | None:
        """How the delivery of that event stands."""
        row = self._database.execute(
            "SELECT event, due, attempts, answered, outcome FROM deliveries WHERE event = ?", (event,)
        ).fetchone()
        return None if row is None else Delivery(*row)

    def note_delivery(self, event: str, *, due: float | None, answered: int, outcome: str) -> None:
        """One more attempt was made; `answered`: how many 2xx it brought."""
        self._database.execute(
            "UPDATE deliveries SET due = ?, attempts = attempts + 1, answered = answered + ?, outcome = ?"
            " WHERE event = ?",
            (due, answered, outcome, event),
        )

    def put_off(self, event: str, due: float) -> None:
        """Deliver an event later."""
        self._database.execute("UPDATE deliveries SET due = ? WHERE event = ?", (due, event))

    def deliveries_by_outcome(self) -> dict[str, int]:
        """How many deliveries stand how."""
        return dict(self._database.execute("SELECT outcome, count(*) FROM deliveries GROUP BY outcome"))
