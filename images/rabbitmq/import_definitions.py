#!/usr/bin/python3
"""Imports users, permissions, exchanges and queues into a whole RabbitMQ cluster, and looks at what came of it.

It waits until all members run: a quorum queue gets its replicas on the members there are when it is declared, and
no other ones later. Reads MEMBERS (how many), API (URL of the management API), USERNAME, PASSWORD_FILE and
DEFINITIONS_FILE; IMPORT_TIMEOUT is in seconds (300). Users named in RETIRED_USERS are deleted, which ends their
connections. Run again, it changes only what differs.
"""

import base64
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection
from pathlib import Path
from typing import Any

_RETRY_SECONDS = 1.0
_REQUEST_SECONDS = 10.0


class NotYetError(Exception):
    """The cluster is not ready for it; trying again may help."""


class DefinitionError(Exception):
    """Something exists that contradicts the definitions; a person has to decide."""


class Api:
    """RabbitMQ's management API, with one user's credentials."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._url = url.rstrip("/")
        self._authorization = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def get(self, path: str) -> Any:
        """The JSON answer. Raises NotYetError."""
        return json.loads(self._request("GET", path) or "null")

    def post(self, path: str, body: Any) -> None:
        """Send JSON. Raises NotYetError."""
        self._request("POST", path, json.dumps(body).encode())

    def delete(self, path: str) -> None:
        """Remove what is there. Raises NotYetError."""
        self._request("DELETE", path)

    def _request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        headers = {"Authorization": self._authorization, "Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, body, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_REQUEST_SECONDS) as response:  # noqa: S310
                answer: bytes = response.read()
                return answer
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace").strip()
            raise NotYetError(f"{method} {path}: {error.code} {detail or error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            raise NotYetError(f"{method} {path}: {getattr(error, 'reason', error)}") from error


def require_replicas(definitions: dict[str, Any], queues: list[dict[str, Any]]) -> None:
    """Raises NotYetError while replicas of a defined queue are still starting."""
    wanted = {(queue["vhost"], queue["name"]) for queue in definitions["queues"]}
    for queue in queues:
        if (queue["vhost"], queue["name"]) in wanted and set(queue.get("online", ())) != set(
            queue.get("members", ())
        ):
            raise NotYetError(f"queue {queue['name']}: not all replicas run")


def require_whole(nodes: list[dict[str, Any]], members: int) -> None:
    """Raises NotYetError unless `members` nodes run and see each other (`GET /api/nodes`)."""
    running = [node["name"] for node in nodes if node.get("running")]
    if len(running) < members:
        raise NotYetError(f"{len(running)} of {members} members run")
    for node in nodes:
        if node.get("partitions"):
            raise NotYetError(f"{node['name']} is cut off from {', '.join(node['partitions'])}")


def contradictions(definitions: dict[str, Any], queues: list[dict[str, Any]]) -> list[str]:
    """Where live queues (`GET /api/queues`) differ from the defined ones: an import keeps what is there."""
    live = {(queue["vhost"], queue["name"]): queue for queue in queues}
    found = []
    for wanted in definitions["queues"]:
        queue = live.get((wanted["vhost"], wanted["name"]))
        if queue is None:
            found.append(f"queue {wanted['name']} was not made")
        elif queue["arguments"] != wanted["arguments"]:
            found.append(
                f"queue {wanted['name']} exists with other arguments: {_difference(wanted, queue)}; "
                "empty it and delete it, and it is made anew"
            )
    return found


def short_of_replicas(definitions: dict[str, Any], queues: list[dict[str, Any]]) -> list[str]:
    """Queues with fewer replicas than defined, as after a cluster has grown; they serve, so it is only told."""
    live = {(queue["vhost"], queue["name"]): queue for queue in queues}
    found = []
    for wanted in definitions["queues"]:
        replicas = len(live[wanted["vhost"], wanted["name"]].get("members", ()))
        if replicas < wanted["arguments"].get("x-quorum-initial-group-size", 0):
            found.append(
                f"queue {wanted['name']} has {replicas} replicas; add more with `rabbitmq-queues grow NODE all`"
            )
    return found


def _difference(wanted: dict[str, Any], queue: dict[str, Any]) -> str:
    expected, actual = wanted["arguments"], queue["arguments"]
    return ", ".join(
        f"{name}={actual.get(name)!r} instead of {expected.get(name)!r}"
        for name in sorted({*expected, *actual})
        if actual.get(name) != expected.get(name)
    )


def delete_users(api: Api, retired: Collection[str]) -> None:
    """Delete those of the users that exist. Raises NotYetError."""
    for user in api.get("/api/users") if retired else ():
        if user["name"] in retired:
            api.delete(f"/api/users/{urllib.parse.quote(user['name'], safe='')}")
            log(f"user {user['name']} deleted")


def run(api: Api, definitions: dict[str, Any], members: int, retired: Collection[str] = ()) -> str:
    """One attempt; returns what to log. Raises NotYetError and DefinitionError."""
    require_whole(api.get("/api/nodes"), members)
    api.post("/api/definitions", definitions)
    delete_users(api, retired)
    vhosts = sorted({queue["vhost"] for queue in definitions["queues"]})
    queues = [
        queue for vhost in vhosts for queue in api.get(f"/api/queues/{urllib.parse.quote(vhost, safe='')}")
    ]
    found = contradictions(definitions, queues)
    if found:
        raise DefinitionError("\n".join(found))
    require_replicas(definitions, queues)
    for shortage in short_of_replicas(definitions, queues):
        log(shortage)
    return "imported " + ", ".join(
        f"{len(definitions[kind])} {kind}" for kind in ("users", "exchanges", "queues")
    )


def main() -> int:
    """Exit code 0 when everything is as defined, 1 when the cluster was not whole in time, 2 on a contradiction."""
    members = int(os.environ["MEMBERS"])
    password = Path(os.environ["PASSWORD_FILE"]).read_text().removesuffix("\n")
    definitions = json.loads(Path(os.environ["DEFINITIONS_FILE"]).read_text())
    retired = os.environ.get("RETIRED_USERS", "").split()
    api = Api(os.environ["API"], os.environ["USERNAME"], password)
    timeout = float(os.environ.get("IMPORT_TIMEOUT", "300"))
    deadline = time.monotonic() + timeout
    last_problem = ""
    while True:
        try:
            log(run(api, definitions, members, retired))
            return 0
        except DefinitionError as error:
            for line in str(error).splitlines():
                log(line)
            return 2
        except NotYetError as error:
            problem = str(error)
        if problem != last_problem:
            log(f"waiting: {problem}")
            last_problem = problem
        if time.monotonic() > deadline:
            log(f"not done within {timeout:.0f} s; the last problem was: {last_problem}")
            return 1
        time.sleep(_RETRY_SECONDS)


def log(message: str) -> None:
    """One line; never holds a password."""
    print(f"import-definitions: {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
