"""The members' pods in the Kubernetes API: their labels, watched and patched."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_REQUEST_SECONDS = 3.0
_WATCH_SECONDS = 60
"""After so long everything is listed anew: a watch that has gone deaf heals by itself."""
_RETRY_SECONDS = 1.0


class ApiError(Exception):
    """The API server refuses; the message holds its status and reason."""


@dataclass(frozen=True)
class Pod:
    """What is kept of a pod."""

    uid: str
    labels: Mapping[str, str]


class Pods:
    """The pods of a namespace that a label selector finds."""

    def __init__(self, host: str, port: int, selector: str, service_account: Path, tls: bool = True) -> None:
        self._host, self._port, self._selector = host, port, selector
        self._service_account = service_account
        self._path = f"/api/v1/namespaces/{(service_account / 'namespace').read_text().strip()}/pods"
        self._tls = ssl.create_default_context(cafile=str(service_account / "ca.crt")) if tls else None
        self._pods: dict[str, Pod] = {}
        self._writer: http.client.HTTPConnection | None = None
        self.changed = threading.Event()
        """Set whenever a pod comes, goes or changes."""

    @classmethod
    def of_service_account(cls, selector: str) -> Pods:
        """As the pod's own service account sees them."""
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
        return cls(host, port, selector, _SERVICE_ACCOUNT)

    def start(self) -> None:
        """Watch them in a thread until the program ends."""
        threading.Thread(target=self._watch_forever, daemon=True).start()

    def current(self) -> dict[str, Pod]:
        """By name; empty until they have been listed."""
        return dict(self._pods)

    def label(self, name: str, labels: Mapping[str, str | None]) -> None:
        """Set labels of the pod that is known by this name, and of no later one. Raises OSError, `ApiError`."""
        pod = self._pods.get(name)
        if pod is None:
            return
        patch = {"metadata": {"uid": pod.uid, "labels": labels}}
        if self._writer is None:
            self._writer = self._connect(_REQUEST_SECONDS)
        try:
            answer = self._request(
                self._writer,
                "PATCH",
                f"{self._path}/{name}",
                json.dumps(patch),
                "application/merge-patch+json",
            )
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._writer.close()
            self._writer = None
            raise ConnectionError(str(error)) from error
        if answer.status >= 400:
            raise ApiError(f"{answer.status} {answer.reason}")
        live = _pod(json.loads(content))
        if self._pods.get(name) == pod:
            self._pods[name] = live

    def _watch_forever(self) -> None:
        problem = ""
        while True:
            try:
                for _ in self._watch_once():
                    self.changed.set()
                problem = ""
            except (OSError, http.client.HTTPException, ApiError, ValueError) as error:
                if str(error) != problem:
                    problem = str(error)
                    print(f"cannot watch the pods: {problem}", flush=True)
                time.sleep(_RETRY_SECONDS)

    def _watch_once(self) -> Iterator[None]:
        connection = self._connect(_WATCH_SECONDS + _REQUEST_SECONDS)
        try:
            query = f"labelSelector={quote(self._selector)}"
            listed = json.loads(self._succeeded(connection, f"{self._path}?{query}").read())
            self._pods = {item["metadata"]["name"]: _pod(item) for item in listed["items"]}
            yield
            version = listed["metadata"]["resourceVersion"]
            query += f"&watch=true&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}"
            answer = self._succeeded(connection, f"{self._path}?{query}")
            while line := answer.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(event["object"].get("message", "the watch has failed"))
                self._learn(event["type"], event["object"])
                yield
        finally:
            connection.close()

    def _learn(self, kind: str, live: dict[str, Any]) -> None:
        name, pod = live["metadata"]["name"], _pod(live)
        if kind != "DELETED":
            self._pods[name] = pod
        elif name in self._pods and self._pods[name].uid == pod.uid:
            del self._pods[name]

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._tls)

    def _succeeded(self, connection: http.client.HTTPConnection, path: str) -> http.client.HTTPResponse:
        answer = self._request(connection, "GET", path, None, "application/json")
        if answer.status >= 400:
            raise ApiError(f"{answer.status} {answer.reason}")
        return answer

    def _request(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: str | None, content: str
    ) -> http.client.HTTPResponse:
        # The token is exchanged while we run.
        token = (self._service_account / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "Content-Type": content}
        connection.request(method, path, body, headers)
        return connection.getresponse()


def _pod(live: dict[str, Any]) -> Pod:
    metadata = live["metadata"]
    return Pod(metadata["uid"], metadata.get("labels", {}))
