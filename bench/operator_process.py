"""The operator as its users run it: a process of its own, seen through its metrics and the kernel's figures."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families
from storefront_dev import processes

from bench.environment import storefront_command
from bench.waiting import until

_PATIENCE = 300.0  # seconds; how long a big fleet may take to come to rest


class Metrics(dict[tuple[str, frozenset[tuple[str, str]]], float]):
    """One scrape: samples by name and labels."""

    def total(self, name: str, **labels: str) -> float:
        """Sum of all samples of a name that carry these labels."""
        return sum(
            value
            for (sample, carried), value in self.items()
            if sample == name and labels.items() <= dict(carried).items()
        )

    def by(self, name: str, label: str) -> Mapping[str, float]:
        """The samples of a name by the value of one of their labels."""
        sums: dict[str, float] = {}
        for (sample, carried), value in self.items():
            if sample == name:
                key = dict(carried)[label]
                sums[key] = sums.get(key, 0.0) + value
        return sums


class OperatorProcess:
    """One operator; a context manager that leaves no process behind."""

    def __init__(self, kubeconfig: Path, log: Path) -> None:
        self._kubeconfig, self._log = kubeconfig, log
        self._process: psutil.Popen | None = None
        self._port = 0

    def start(self) -> float:
        """Start it; returns the monotonic time at which it was started."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        command = [*storefront_command(), "operator"]
        command += ["--kubeconfig", str(self._kubeconfig), "--ops-port", str(self._port)]
        started = time.monotonic()
        with self._log.open("ab") as log:
            self._process = psutil.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                # So that the next control plane finds it, should this process be killed before it can stop it.
                env={**os.environ, **processes.bound_to_this_process()},
            )
        return started

    async def ready(self) -> None:
        """Return when its caches are filled."""

        async def filled() -> bool:
            self._check()
            return b'"caches are filled"' in self._log.read_bytes().rpartition(b'"operator is running"')[2]

        await until(filled, "the operator's caches are filled", seconds=_PATIENCE, every=0.02)

    def stop(self) -> None:
        """Stop it as the kubelet would; kill it when that takes too long."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(20)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(20)

    def __enter__(self) -> OperatorProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def metrics(self) -> Metrics:
        """Scrape it; empty while it does not serve yet."""
        self._check()
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self._port}/metrics") as response,
            ):
                text = await response.text()
        except aiohttp.ClientError:
            return Metrics()
        return Metrics(
            ((sample.name, frozenset(sample.labels.items())), sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        )

    async def settled(self) -> Metrics:
        """Return when it has nothing left to do: no key waits and two scrapes a second apart are the same."""
        last: tuple[float, ...] = ()
        metrics = Metrics()

        async def quiet() -> bool:
            nonlocal last, metrics
            metrics = await self.metrics()
            now = tuple(
                metrics.total(name) for name in ("storefront_passes_total", "storefront_writes_total")
            )
            same = bool(metrics) and now == last and metrics.total("storefront_queue_depth") == 0
            last = now
            return same

        await until(quiet, "the operator has nothing left to do", seconds=_PATIENCE, every=1.0)
        return metrics

    @property
    def resident(self) -> float:
        """Resident memory in MiB."""
        return float(self._running().memory_info().rss) / 2**20

    @property
    def cpu_seconds(self) -> float:
        """Processor time used so far, in user and kernel mode."""
        times = self._running().cpu_times()
        return float(times.user + times.system)

    def log_end(self) -> str:
        """The end of what it has logged."""
        return self._log.read_text(errors="replace")[-3000:]

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Hold it still, so that it takes no processor time from what others are measured doing."""
        self._running().suspend()
        try:
            yield
        finally:
            self._running().resume()

    def _running(self) -> psutil.Popen:
        assert self._process is not None, "the operator has not been started"
        return self._process

    def _check(self) -> None:
        if self._running().poll() is not None:
            raise RuntimeError(f"the operator has ended:\n{self.log_end()}")
