"""From events to mails: once when all is well, again rather than never when it is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import anyio
import pytest
from notification_service import samples
from storefront_common.events import Customer, UserChanged

from tests.services.neighbours import Neighbours
from tests.services.notification.mailbox import Mailbox, message_id, placed, written_to
from tests.services.service_process import ServiceProcess, eventually, program
from tests.services.standin_process import StandInProcess

pytestmark = pytest.mark.services

MEMORY_LIMIT = 100 * 1024 * 1024


async def nothing_left(neighbours: Neighbours) -> None:
    """Return when every message is settled, none of them as a dead letter."""

    async def settled() -> bool:
        return not sum(
            [
                await neighbours.depth(f"notification{name}")
                for name in ("", ".retry.1", ".retry.2", ".retry.3")
            ]
        )

    await eventually(settled)
    assert await neighbours.depth("notification.dead") == 0


async def metric(http: aiohttp.ClientSession, service: ServiceProcess, sample: str) -> float:
    """The value of a sample on the metrics page; 0 when it is not there."""
    async with http.get(service.ops + "/metrics") as response:
        lines = (await response.text()).splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample)), 0.0)


async def test_every_event_of_an_order_becomes_one_mail(
    service: ServiceProcess, neighbours: Neighbours, mailbox: Mailbox
) -> None:
    events = [event.model_copy(update={"id": uuid4()}) for event in samples.events()]
    for event in events:
        await neighbours.send(event)
    await mailbox.holds(*events)
    await nothing_left(neighbours)
    mails = mailbox.received()
    assert len(mails) == len(events)
    assert {mail["messageId"] for mail in mails} == {message_id(event) for event in events}
    assert {(mail["sender"], *mail["to"]) for mail in mails} == {
        ("shop@example.com", "zoe.muller@example.com")
    }
    assert "Your order S-2K7Q9M is on its way" in {mail["subject"] for mail in mails}


async def test_an_event_that_comes_twice_is_one_mail_sent_twice(
    service: ServiceProcess, neighbours: Neighbours, mailbox: Mailbox
) -> None:
    event = placed()
    for again in (event, event, event.model_copy(update={"id": uuid4()})):
        await neighbours.send(again)
    await mailbox.has_repetitions(event, 3)
    assert len({mailbox.source(mail) for mail in mailbox.received(event)}) == 1


async def test_nobody_is_written_to_when_there_is_no_address(
    service: ServiceProcess, neighbours: Neighbours, mailbox: Mailbox, http: aiohttp.ClientSession
) -> None:
    erased = placed(customer=Customer(subject="", email="", name=""))
    broken = written_to("zoe@example.com\r\nBcc: everybody@example.com")
    after = placed()
    for event in (erased, broken, after):
        await neighbours.send(event)
    await mailbox.holds(after)
    await nothing_left(neighbours)
    assert [mail["messageId"] for mail in mailbox.received()] == [message_id(after)]
    assert await metric(http, service, 'mails_total{outcome="no_address",type="order.placed"}') == 1
    assert await metric(http, service, 'mails_total{outcome="undeliverable",type="order.placed"}') == 1


async def test_messages_that_nobody_can_read_stop_nobody(
    service: ServiceProcess, neighbours: Neighbours, mailbox: Mailbox
) -> None:
    whole = json.loads(placed().model_dump_json(by_alias=True))
    poison: list[Any] = [
        b"", b"\xff\xfe", b"[]", b"{}", b'{"type": 1}',
        {**whole, "data": {}}, {**whole, "dataversion": 2}, {**whole, "data": {**whole["data"], "lines": 7}},
    ]  # fmt: skip
    for body in poison:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        await neighbours.send_bytes(content, "order.placed")
    unwanted = UserChanged(subject="x", email="x@example.com", name="X", blocked=False)
    envelope = {**whole, "type": unwanted.type, "data": unwanted.model_dump(by_alias=True)}
    await neighbours.send_bytes(json.dumps(envelope).encode(), "order.placed")
    after = placed()
    await neighbours.send(after)
    await mailbox.holds(after)

    async def all_dead() -> bool:
        return await neighbours.depth("notification.dead") == len(poison)

    await eventually(all_dead)
    assert await neighbours.depth("notification") == 0


async def test_temporary_failures_cost_time_and_no_mail(
    service: ServiceProcess, neighbours: Neighbours, mailbox: Mailbox, standin: StandInProcess
) -> None:
    standin.faults(failRate=0.2, dropAfterEffectRate=0.1)
    events = [placed() for _ in range(40)]
    for event in events:
        await neighbours.send(event)
    await mailbox.holds(*events, within=60)
    standin.faults()
    await nothing_left(neighbours)
    mails = mailbox.received()
    assert {mail["messageId"] for mail in mails} == {message_id(event) for event in events}
    assert sum(not mail["repetition"] for mail in mails) == len(events)


async def test_what_is_refused_again_and_again_waits_for_somebody(
    service: ServiceProcess,
    neighbours: Neighbours,
    mailbox: Mailbox,
    standin: StandInProcess,
    broker: dict[str, str],
) -> None:
    standin.faults(rejectRate=1)
    event = placed()
    await neighbours.send(event)

    async def dead() -> int:
        return await neighbours.depth("notification.dead")

    await eventually(dead)
    assert standin.injected()["rejectRate"] >= 4
    standin.faults()
    command = [program("notification-service"), "dead-letters"]
    listed = await anyio.run_process([*command, "list"], env=broker)
    letter = json.loads(listed.stdout.splitlines()[-1])
    assert (letter["id"], letter["type"], letter["error"]) == (
        str(event.id),
        "order.placed",
        "NotTakenError: refused: 550 5.7.1",
    )
    await anyio.run_process([*command, "replay", "--all"], env=broker)
    await mailbox.holds(event)
    await nothing_left(neighbours)


async def test_it_serves_nothing_but_probes_and_metrics(
    service: ServiceProcess, http: aiohttp.ClientSession
) -> None:
    serving = next(line for line in service.log if line["message"] == "serving")
    assert "api_port" not in serving
    for path, status in (
        ("/livez", 200),
        ("/startupz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/api", 404),
    ):
        async with http.get(service.ops + path) as response:
            assert response.status == status
    assert await metric(http, service, "mail_server_reachable") == 1
    assert await metric(http, service, 'external_circuit_state{system="mail"}') == 0


async def test_hundreds_of_mails_need_little_memory(
    service: ServiceProcess, neighbours: Neighbours, mailbox: Mailbox
) -> None:
    events = [placed() for _ in range(300)]
    for event in events:
        await neighbours.send(event)
    await mailbox.holds(*events, within=60)
    status = Path(f"/proc/{service.process.pid}/status").read_text(encoding="ascii")
    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < MEMORY_LIMIT
