"""Which pod has which address, as the network plug-in notes it when it connects a pod.

The API tells an address only when the kubelet reports it, often after the pod's first connections. The
plug-in's library keeps each result in a file (CNI specification, "cached results") before any container of the
pod starts, and removes it when the pod is disconnected.
"""

import contextlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncinotify import Inotify, Mask

from storefront_dev.topology import Node

_LOG = logging.getLogger(__name__)
_RESULTS = "results"
_NETWORK = "pods-"
"""The name of the network in node_config.cni; the loopback interface has results of its own."""


@dataclass(frozen=True)
class Connection:
    """A pod's connection to the network of its node."""

    address: str
    namespace: str
    pod: str
    uid: str


class PodAddresses:
    """The connections of each node, kept current; `changed` is called after each change.

    `boots` counts how often a node was switched on while this watched.
    """

    def __init__(self, nodes: Sequence[Node], folder: Path, changed: Callable[[], None]) -> None:
        self.boots = dict.fromkeys((node.name for node in nodes), 0)
        self._folder = folder
        self._changed = changed
        self._known: dict[str, dict[str, Connection]] = {name: {} for name in self.boots}

    def of(self, node: Node) -> list[Connection]:
        """The connections of the pods on a node."""
        return list(self._known[node.name].values())

    async def run(self) -> None:
        """Follow the nodes' folders for ever."""
        with Inotify() as inotify:
            for name in self.boots:
                self._read(inotify, name)
            self._changed()
            async for event in inotify:
                # Without a path when events were lost: then every node is read.
                where = event.path.relative_to(self._folder).parts if event.path else ()
                for name in where[:1] or self.boots:
                    # What a node knew of its pods is made anew when it is switched on.
                    made_anew = where[1:] == ("cni",) and Mask.CREATE in event.mask
                    self.boots[name] += made_anew or event.path is None
                    self._read(inotify, name)
                self._changed()

    def _read(self, inotify: Inotify, name: str) -> None:
        """Learn what there is, and watch the folders that are there now."""
        node = self._folder / name
        results = node / "cni" / _RESULTS
        changes = Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.DELETE
        for folder, mask in ((node, Mask.CREATE), (node / "cni", Mask.CREATE), (results, changes)):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                inotify.add_watch(folder, mask | Mask.ONLYDIR)
        with contextlib.suppress(FileNotFoundError):
            files = {path.name: path for path in results.iterdir() if path.name.startswith(_NETWORK)}
            known = self._known[name]
            # A container's name is never used again, so what was read once stays true.
            found = {each: known.get(each) or _connection(path) for each, path in files.items()}
            self._known[name] = {each: connection for each, connection in found.items() if connection}
            return
        self._known[name] = {}


def _connection(path: Path) -> Connection | None:
    """What a result says; None while it is not written to the end."""
    try:
        result = json.loads(path.read_text())
        arguments = dict(result["cniArgs"])
        (address,) = (each["address"].partition("/")[0] for each in result["result"]["ips"])
        return Connection(
            address, arguments["K8S_POD_NAMESPACE"], arguments["K8S_POD_NAME"], arguments["K8S_POD_UID"]
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        _LOG.debug("%s: %r", path, error)
        return None
