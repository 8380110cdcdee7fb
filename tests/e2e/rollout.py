"""What is seen of the stores while they roll: by the shop's customers, and on the pods."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

STORES = ("postgres", "rabbitmq", "redis", "elasticsearch")
LABEL = "app.kubernetes.io/name"
_PAUSE = 0.2


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a pod serves: it is Ready and not on its way out."""
    conditions = pod["status"].get("conditions", ())
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def has_variable(pod: dict[str, Any], name: str) -> bool:
    """Whether the pod was made from a template with this variable."""
    return any(entry["name"] == name for entry in pod["spec"]["containers"][0].get("env", ()))


class Watcher:
    """Looks at the pods and asks the shop, over and over, until the end of the block."""

    def __init__(self, pods: Callable[[], list[dict[str, Any]]], asked: Callable[[], bool]) -> None:
        self._pods, self._asked = pods, asked
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._look, self._ask)]
        self.fewest: Counter[str] = Counter()
        """By store: the fewest members that served at a time."""
        self.longest_silence = 0.0
        """Seconds without an answer from the shop."""
        self.errors: list[Exception] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_PAUSE):
            try:
                serving = Counter(
                    pod["metadata"]["labels"].get(LABEL, "") for pod in self._pods() if is_ready(pod)
                )
            except Exception as error:
                self.errors.append(error)
                return
            for store in STORES:
                self.fewest[store] = min(serving[store], self.fewest.get(store, serving[store]))

    def _ask(self) -> None:
        last = time.monotonic()
        while not self._ended.wait(_PAUSE):
            if self._asked():
                last = time.monotonic()
            self.longest_silence = max(self.longest_silence, time.monotonic() - last)
