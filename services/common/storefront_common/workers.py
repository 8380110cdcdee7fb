"""What a service does beside answering requests: relays, consumers, runners of tasks."""

import asyncio
import random
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol, TypeVar

import structlog
from prometheus_client import Counter, Gauge

logger = structlog.stdlib.get_logger(__name__)

Result = TypeVar("Result")

_RUNNING = Gauge("worker_running", "Whether the worker runs now", ["worker"])
_CRASHES = Counter("worker_crashes_total", "Times that the worker ended by itself", ["worker"])

_SHORTEST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 60.0
_ABANDON_SECONDS = 1.0


class Worker(Protocol):
    """Something that runs as long as the process serves."""

    async def run(self) -> None:
        """Work until cancelled; finish then what is in hand, soon, and return or raise CancelledError.

        A second cancellation means that there is no more time. Whatever else ends it, it is started again after a
        pause, so it must be able to run again.
        """


async def to_the_end(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of `work`, which a first cancellation of the caller does not interrupt: it is raised afterwards.

    For what a worker has in hand; a second cancellation interrupts that as well.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


class Workers:
    """Runs workers by name, each for itself: one that crashes is started again and disturbs no other."""

    def __init__(self, workers: Mapping[str, Worker]) -> None:
        """`workers`: by the name under which logs and metrics know them."""
        self._workers = dict(workers)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start them all."""
        self._tasks = [
            asyncio.create_task(_keep_running(name, worker), name=name)
            for name, worker in self._workers.items()
        ]

    async def stop(self, within: float) -> None:
        """Cancel them all and wait until they have finished what they have in hand, at most `within` seconds."""
        for seconds in (within, _ABANDON_SECONDS):
            running = [task for task in self._tasks if not task.done()]
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running, timeout=seconds)
        unfinished = [task.get_name() for task in self._tasks if not task.done()]
        if unfinished:
            logger.error("workers did not end", workers=unfinished)


async def _keep_running(name: str, worker: Worker) -> None:
    """Run `worker` until this task is cancelled."""
    task = asyncio.current_task()
    assert task is not None
    clock = asyncio.get_running_loop().time
    pause = _SHORTEST_PAUSE
    while not task.cancelling():
        started = clock()
        _RUNNING.labels(name).set(1)
        try:
            with structlog.contextvars.bound_contextvars(worker=name):
                await worker.run()
        except Exception:
            logger.exception("worker crashed", worker=name)
        else:
            if not task.cancelling():
                logger.error("worker ended by itself", worker=name)
        finally:
            _RUNNING.labels(name).set(0)
        if task.cancelling():
            return
        _CRASHES.labels(name).inc()
        if clock() - started > _STEADY_SECONDS:
            pause = _SHORTEST_PAUSE
        await asyncio.sleep(pause * random.uniform(0.75, 1.25))
        pause = min(2 * pause, _LONGEST_PAUSE)
