"""Where a scenario takes place: the API server, a proxy before it, an operator behind that, and Storefronts."""

from __future__ import annotations

import contextlib
import itertools
import json
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from storefront_dev.control_plane import ControlPlane

from tests.chaos import sampling
from tests.chaos.api import Api, Credentials, Json
from tests.chaos.operator_process import Launcher, OperatorProcess
from tests.chaos.proxy import GROUP_LABEL, Proxy, name_of
from tests.chaos.shop import Shop
from tests.chaos.state import State
from tests.chaos.waiting import eventually

PATIENCE = sampling.size(90, 60)
"""Seconds that anything may take; a test waits only as long as it needs to."""

SILENCE = 1.0
"""Seconds without any request after which the operator is taken to have nothing more to do."""

_groups = itertools.count(1)


class Arena:
    """One scenario's own operator and Storefronts, on the control plane that all scenarios share."""

    def __init__(
        self,
        stage: Stage,
        proxy: Proxy,
        operator: OperatorProcess,
        group: str,
        patience: float,
        sabotage: str,
    ) -> None:
        self.stage, self.api, self.proxy, self.operator = stage, stage.api, proxy, operator
        self.group, self.patience, self._sabotage = group, patience, sabotage
        self._numbers = itertools.count(1)
        self.shops: list[Shop] = []
        """Those that its operator sees."""

    def another(self) -> AbstractContextManager[Arena]:
        """A further arena with such an operator."""
        return self.stage.arena(sabotage=self._sabotage, patience=self.patience)

    def shop(self) -> Shop:
        """A Storefront that has not been applied yet."""
        name = name_of(self.group, next(self._numbers))
        shop = Shop(name, self.group, self.api, self.proxy, self.patience)
        self.shops.append(shop)
        return shop

    def retire(self, *shops: Shop) -> None:
        """Let the operator see some Storefronts no more, so that it need not look at them at each start."""
        for shop in shops:
            shop.retire()
            self.shops.remove(shop)

    def start_operator(self, *, wait: bool = True) -> None:
        """Start the operator; a predecessor that was killed must not make it wait for its Lease."""
        for lease in self.api.list("Lease"):
            if "storefront" in lease["metadata"]["name"]:
                metadata = lease["metadata"]
                self.api.delete("Lease", metadata["namespace"], metadata["name"])
        self.operator.start(wait=wait)

    def restart_operator(self) -> None:
        """Start another operator and return when it has looked at every Storefront of this arena."""
        self.operator.stop()
        self.start_operator()
        shops = len(self.api.list("Storefront", f"{GROUP_LABEL}={self.group}"))
        eventually(
            lambda: self.operator.passes() >= shops, f"{shops} passes", self.patience, self.operator.log
        )

    def wait_silent(self) -> None:
        """Return when the operator has made a pass since its start and asks for nothing more."""
        eventually(self.operator.passes, "a pass", self.patience, self.operator.log)
        eventually(
            lambda: self.proxy.idle_since(lambda call: call.verb != "watch") > SILENCE,
            "the operator falls silent",
            self.patience,
            self.operator.log,
        )


class Stage:
    """Opens arenas; one for the whole test session."""

    def __init__(self, control_plane: ControlPlane, folder: Path) -> None:
        self.control_plane = control_plane
        self._folder = folder
        self.credentials = Credentials(control_plane.kubeconfig, folder)
        self.api = Api(self.credentials)
        self._launchers: dict[str, Launcher] = {}
        self._one_at_a_time = threading.Lock()
        self._undisturbed: dict[str, list[State]] = {}
        self._one_life_at_a_time = threading.Lock()

    def close(self) -> None:
        """End what was started."""
        for launcher in self._launchers.values():
            launcher.stop()
        self.api.close()

    def undisturbed(self, *specs: Json) -> list[State]:
        """The comparable states that a life without faults comes to, spec by spec, its Jobs done."""
        life = json.dumps(specs)
        with self._one_life_at_a_time:
            if life not in self._undisturbed:
                with self.arena() as arena:
                    self._undisturbed[life] = list(_lived(arena.shop(), specs))
        return self._undisturbed[life]

    @contextlib.contextmanager
    def arena(self, *, sabotage: str = "", patience: float = PATIENCE, start: bool = True) -> Iterator[Arena]:
        """A new arena with a running operator, by default the whole one."""
        group = f"{next(_groups):02}"
        folder = Path(tempfile.mkdtemp(prefix=f"arena-{group}-", dir=self._folder))
        proxy = Proxy(self.credentials, group)
        proxy.start()
        with self._one_at_a_time:
            if sabotage not in self._launchers:
                self._launchers[sabotage] = Launcher(sabotage)
        operator = OperatorProcess(
            self._launchers[sabotage], proxy.kubeconfig(folder / "kubeconfig"), folder / "operator.log"
        )
        arena = Arena(self, proxy, operator, group, patience, sabotage)
        try:
            if start:
                arena.start_operator()
            yield arena
            assert operator.alive or not operator.pid, f"the operator has ended by itself\n{operator.log()}"
            if not sabotage:
                bugs = operator.bugs()
                assert not bugs, "passes broke:\n" + "\n".join(bugs)
        finally:
            operator.stop()
            proxy.stop()
            arena.retire(*arena.shops)


def _lived(shop: Shop, specs: Iterable[Json]) -> Iterator[State]:
    for spec in specs:
        shop.apply(spec)
        shop.settle(with_jobs=True, quiet=1.0)
        yield shop.comparable()


def side_by_side(jobs: Iterable[Callable[[], Any]], at_once: int = 4) -> None:
    """Run scenarios at the same time, each in an arena of its own: most of their time is waiting.

    Raises AssertionError with everything that has failed.
    """
    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(job) for job in jobs]
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in errors:
        if not isinstance(error, AssertionError):
            raise error
    assert not errors, "\n".join(str(error) for error in errors)
