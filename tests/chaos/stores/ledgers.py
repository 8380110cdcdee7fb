"""What the clients have written down, read from their volumes: also while their node or the API is out of reach."""

from __future__ import annotations

import json
from pathlib import Path

from tests.chaos.stores.account import Acknowledged
from tests.chaos.stores.client_pods import STORES


class Ledgers:
    """The ledgers of all clients; `volumes` maps each client's pod to the folder of its volume."""

    def __init__(self, volumes: dict[str, Path]) -> None:
        self._volumes = volumes
        self._read: dict[Path, int] = {}
        self.writes: dict[str, list[Acknowledged]] = {store: [] for store in STORES}
        self.observations: list[tuple[float, str]] = []
        """Of Elasticsearch: answers to searches, and the colour of its health."""

    def refresh(self) -> None:
        """Read what has been added."""
        for client, folder in self._volumes.items():
            for store in STORES:
                self._read_on(client, store, folder / f"{store}.jsonl")

    def last(self, store: str) -> dict[str, float]:
        """When each client's last write was acknowledged."""
        self.refresh()
        times: dict[str, float] = {}
        for each in reversed(self.writes[store]):
            if each.client not in times:
                times[each.client] = each.time
            if len(times) == len(self._volumes):
                break
        return times

    def _read_on(self, client: str, store: str, path: Path) -> None:
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            text = file.read()
        # The last line may be half written.
        whole = text[: text.rfind(b"\n") + 1]
        self._read[path] = self._read.get(path, 0) + len(whole)
        for line in whole.splitlines():
            time, key, *what = json.loads(line)
            if key is None:
                self.observations.append((time, what[0]))
            else:
                self.writes[store].append(Acknowledged(time, key, client))
