"""What a serving process does whatever its service is: work beside requests, traces, and a graceful end."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.services.common.collector import Collector
from tests.services.service_process import ServiceProcess, eventually
from tests.unit.services.common.scripted_server import ScriptedServer, answer

pytestmark = pytest.mark.services

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture
def credential(tmp_path: Path) -> Path:
    """The gateway's credential, as a mounted Secret would be."""
    file = tmp_path / "credential"
    file.write_text("of-the-gateway", encoding="utf-8")
    return file


COMMAND = [sys.executable, "-m", "tests.services.common.minimal_service"]


@asynccontextmanager
async def serving(credential: Path, **environment: str) -> AsyncIterator[ServiceProcess]:
    """The minimal service; it must end well, by the test or afterwards."""
    settings = {"GATEWAY_CREDENTIAL_FILE": str(credential), **environment}
    process = await asyncio.to_thread(ServiceProcess, COMMAND, settings)
    try:
        yield process
        if process.process.poll() is None:
            assert await asyncio.to_thread(process.stop) == 0
        assert not process.other_output
    finally:
        if process.process.poll() is None:
            process.process.kill()
            process.wait()


def messages(process: ServiceProcess) -> list[str]:
    return [line["message"] for line in process.log]


async def status(http: aiohttp.ClientSession, url: str) -> int:
    async with http.get(url) as response:
        return response.status


async def metric(http: aiohttp.ClientSession, process: ServiceProcess, line: str) -> float:
    """The value of a series; 0 when there is none."""
    async with http.get(process.ops + "/metrics") as response:
        lines = (await response.text()).splitlines()
    return next((float(found.split()[-1]) for found in lines if found.startswith(line + " ")), 0.0)


async def test_the_end_is_graceful(credential: Path, http: aiohttp.ClientSession) -> None:
    """Requests in flight are answered, then jobs in hand are finished, then spans are exported."""
    async with Collector() as collector:
        async with serving(
            credential, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, DRAIN_SECONDS="0.3"
        ) as process:
            slow = asyncio.create_task(status(http, process.api + "/api/slow?seconds=1.5"))
            async with http.post(process.api + "/api/jobs?seconds=2.5") as response:
                assert response.status == 200
            await asyncio.to_thread(process.wait_for_log, "job begun")
            process.process.terminate()
            await eventually(lambda: _is(http, process.ops + "/readyz", 503), within=2)
            # Load balancers learn of it late: it serves on.
            assert await status(http, process.api + "/api/who") == 200
            assert await slow == 200
            # While the job goes on, the probes are answered.
            assert await status(http, process.ops + "/livez") == 200
            assert "job done" not in messages(process)
            assert await asyncio.to_thread(process.wait) == 0
            seen = messages(process)
            assert seen[-3:] == ["job done", "stopped", "closed"]
        assert collector.named("GET /api/slow") is not None
        assert collector.services == {"minimal"}


async def _is(http: aiohttp.ClientSession, url: str, expected: int) -> bool:
    return await status(http, url) == expected


async def test_a_job_that_takes_too_long_is_cut_off(credential: Path, http: aiohttp.ClientSession) -> None:
    async with serving(credential, WORKER_SECONDS="0.3", DRAIN_SECONDS="0") as process:
        async with http.post(process.api + "/api/jobs?seconds=60"):
            pass
        await asyncio.to_thread(process.wait_for_log, "job begun")
        started = time.monotonic()
        assert await asyncio.to_thread(process.stop) == 0
        assert time.monotonic() - started < 20
        assert "job done" not in messages(process)


async def test_a_collector_that_hangs_holds_up_nobody(credential: Path, http: aiohttp.ClientSession) -> None:
    async with (
        Collector(hangs=True) as collector,
        serving(credential, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, DRAIN_SECONDS="0") as process,
    ):
        assert await status(http, process.api + "/api/who") == 200
        started = time.monotonic()
        assert await asyncio.to_thread(process.stop) == 0
        assert time.monotonic() - started < 20


async def test_a_crashed_worker_is_started_again(credential: Path, http: aiohttp.ClientSession) -> None:
    crashes = 'worker_crashes_total{worker="jobs"}'
    async with serving(credential) as process:
        for number in (1, 2):
            await asyncio.to_thread(process.wait_for_log, "waiting for jobs")
            async with http.post(process.api + "/api/jobs?seconds=-1"):
                pass
            crash = await asyncio.to_thread(process.wait_for_log, "worker crashed")
            assert (crash["worker"], crash["exception"][0]["exc_type"]) == ("jobs", "ValueError")
            assert await metric(http, process, crashes) == number
            assert await status(http, process.ops + "/readyz") == 200
        await asyncio.to_thread(process.wait_for_log, "waiting for jobs")
        assert await metric(http, process, 'worker_running{worker="jobs"}') == 1


async def test_a_trace_goes_through_to_the_collector(credential: Path, http: aiohttp.ClientSession) -> None:
    async with (
        Collector() as collector,
        ScriptedServer(answer()) as peer,
        serving(
            credential, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, PEER_URL=peer.url, DRAIN_SECONDS="0"
        ) as process,
    ):
        async with http.get(process.api + "/api/peer", headers=TRACEPARENT) as response:
            assert (response.status, await response.json()) == (200, 200)
        request = await asyncio.to_thread(process.wait_for_log, "request")
    served, called = collector.named("GET /api/peer"), collector.named("GET peer")
    assert served is not None
    assert called is not None
    assert {span.trace_id.hex() for span in (served, called)} == {TRACE} == {request["trace_id"]}
    assert (served.parent_span_id.hex(), called.parent_span_id) == (PARENT, served.span_id)
    assert request["span_id"] == served.span_id.hex()
    assert f"traceparent: 00-{TRACE}-{called.span_id.hex()}-01" in peer.requests[0].lower()


async def test_a_trace_goes_through_without_a_collector(
    credential: Path, http: aiohttp.ClientSession
) -> None:
    async with ScriptedServer(answer()) as peer, serving(credential, PEER_URL=peer.url) as process:
        async with http.get(process.api + "/api/peer", headers=TRACEPARENT) as response:
            assert response.status == 200
        request = await asyncio.to_thread(process.wait_for_log, "request")
    assert request["trace_id"] == TRACE
    assert TRACEPARENT["traceparent"] in peer.requests[0].lower()


async def test_claims_are_believed_from_the_gateway_only(
    credential: Path, http: aiohttp.ClientSession
) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "ann"}).encode()).decode()
    async with serving(credential) as process:
        url = process.api + "/api/who"
        for given, expected in (("of-the-gateway", 200), ("guessed", 401), (None, 401)):
            headers = {"x-storefront-claims": claims, **({"x-storefront-gateway": given} if given else {})}
            async with http.get(url, headers=headers) as response:
                assert response.status == expected
                assert "of-the-gateway" not in await response.text()


def test_bad_settings_end_the_process_with_a_clear_message(credential: Path) -> None:
    given = {"GATEWAY_CREDENTIAL_FILE": str(credential), "PEER_URL": "nowhere", "API_PORT": "0"}
    done = subprocess.run(
        [*COMMAND, "serve"], env=given, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("PEER_URL: ")
    assert "Traceback" not in done.stderr
