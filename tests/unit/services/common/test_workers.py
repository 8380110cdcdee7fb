"""Workers: each for itself, started again when they crash, finished when they are stopped."""

from __future__ import annotations

import asyncio

import pytest
from storefront_common import workers
from storefront_common.workers import Workers, to_the_end


class Work:
    """A worker that does what its test says, each time it is started."""

    def __init__(self, *acts: str) -> None:
        self.acts = list(acts)
        self.done: list[str] = []
        self.hanging = asyncio.Event()

    async def run(self) -> None:
        act = self.acts.pop(0) if self.acts else "hang"
        self.done.append(act)
        if act == "crash":
            raise ValueError("broken")
        if act == "end":
            return
        self.hanging.set()
        if act == "finish":
            await to_the_end(self._finish())
        if act == "fail at the end":
            try:
                await asyncio.Event().wait()
            finally:
                raise ValueError("broken while it ended")
        await asyncio.Event().wait()

    async def _finish(self) -> None:
        await asyncio.sleep(0.1)
        self.done.append("finished")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_SHORTEST_PAUSE", 0.001)


async def started(*works: Work) -> Workers:
    """Workers that hang by now."""
    running = Workers({f"test {number}": work for number, work in enumerate(works)})
    running.start()
    async with asyncio.timeout(5):
        for work in works:
            await work.hanging.wait()
    return running


async def test_a_worker_that_crashes_or_ends_is_started_again_and_disturbs_no_other() -> None:
    fragile, steady = Work("crash", "end", "crash"), Work()
    running = await started(fragile, steady)
    assert fragile.done == ["crash", "end", "crash", "hang"]
    assert steady.done == ["hang"]
    await running.stop(within=1)


async def test_what_is_in_hand_is_finished() -> None:
    work = Work("finish")
    running = await started(work)
    await running.stop(within=5)
    assert work.done == ["finish", "finished"]


async def test_a_second_cancellation_means_it() -> None:
    work = Work("finish")
    running = await started(work)
    await running.stop(within=0.01)
    assert work.done == ["finish"]


async def test_one_that_fails_at_its_end_is_not_started_again() -> None:
    work = Work("fail at the end")
    running = await started(work)
    await running.stop(within=1)
    assert work.done == ["fail at the end"]


async def test_stopping_before_anything_runs_is_fine() -> None:
    work = Work()
    running = Workers({"test": work})
    await running.stop(within=1)
    running.start()
    await running.stop(within=1)
    assert not work.hanging.is_set()


async def test_to_the_end_passes_results_and_errors_on() -> None:
    async def result() -> int:
        return 7

    async def error() -> int:
        raise ValueError("broken")

    assert await to_the_end(result()) == 7
    with pytest.raises(ValueError, match="broken"):
        await to_the_end(error())
