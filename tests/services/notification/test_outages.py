"""A mail server that refuses, is slow, silent or away: events wait, and no mail is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from storefront_common.events import Event, OrderSummary

from tests.services.neighbours import Neighbours
from tests.services.notification.conftest import SHOP
from tests.services.notification.mail_server import MailServer
from tests.services.notification.mailbox import message_id, placed, written_to
from tests.services.notification.test_notifications import metric, nothing_left
from tests.services.rabbitmq_server import RETRY_DELAYS_SECONDS, RabbitMQServer
from tests.services.service_process import ServiceProcess, eventually
from tests.services.tcp_proxy import TcpProxy

pytestmark = pytest.mark.services


@contextlib.asynccontextmanager
async def running(broker: dict[str, str], port: int) -> AsyncIterator[ServiceProcess]:
    """The service with the mail server on that port."""
    environment = {**SHOP, **broker, "SMTP_PORT": str(port)}
    # In a thread: the mail server and the networks of these tests live in this one.
    process = await asyncio.to_thread(ServiceProcess, "notification-service", environment)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            await asyncio.to_thread(process.stop)


async def logged(service: ServiceProcess, message: str) -> None:
    """Return when the service has logged `message` once more."""
    await asyncio.to_thread(service.wait_for_log, message, within=40)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[MailServer]:
    """A mail server whose answers the test chooses."""
    async with MailServer() as opened:
        yield opened


def received(server: MailServer) -> list[str]:
    """The Message-IDs of what `server` took."""
    lines = [line for mail in server.mails for line in mail.split(b"\r\n")]
    return [line.split()[1].decode() for line in lines if line.startswith(b"Message-ID:")]


async def arrive(server: MailServer, events: list[Event[OrderSummary]]) -> None:
    """Return when there is a mail about each of `events`."""
    wanted = {message_id(event) for event in events}

    async def all_there() -> bool:
        return wanted <= set(received(server))

    await eventually(all_there, within=40, describe=lambda: f"{len(server.mails)} mails")


async def test_a_mailbox_that_does_not_exist_is_counted_and_not_tried_again(
    broker: dict[str, str], neighbours: Neighbours, server: MailServer, http: aiohttp.ClientSession
) -> None:
    server.answers["RCPT"] = "550 5.1.1 <{address}> is unknown here"
    async with running(broker, server.port) as service:
        await neighbours.send(written_to("gone@example.com"))
        await server.asked.wait()
        await nothing_left(neighbours)

        async def counted() -> bool:
            return await metric(http, service, 'mails_total{outcome="refused",type="order.placed"}') == 1

        await eventually(counted)
        assert await metric(http, service, 'mail_attempts_total{outcome="refused"}') == 1
    log = json.dumps(service.log, ensure_ascii=False)
    assert '"refused: 550 5.1.1"' in log
    assert "gone@example.com" not in log
    assert "Müller" not in log


async def test_events_wait_for_a_server_that_is_away_longer_than_a_message_lives(
    broker: dict[str, str], neighbours: Neighbours, server: MailServer, http: aiohttp.ClientSession
) -> None:
    async with TcpProxy("127.0.0.1", server.port) as network, running(broker, network.port) as service:
        before = placed()
        await neighbours.send(before)
        await arrive(server, [before])

        await network.cut()
        events = [placed() for _ in range(30)]
        for event in events:
            await neighbours.send(event)
        # The longest that a failing message lives, several times over.
        lifetime = sum(RETRY_DELAYS_SECONDS)
        started = time.monotonic()
        while time.monotonic() - started < 4 * lifetime:
            await logged(service, "events wait for the mail server")
        assert await metric(http, service, "mail_server_reachable") == 0
        async with http.get(service.ops + "/readyz") as response:
            assert response.status == 200
        assert await neighbours.depth("notification.dead") == 0

        await network.mend()
        await arrive(server, events)
        await nothing_left(neighbours)
        # A mail may come twice, for nobody remembers what was sent; it is the same mail then.
        assert set(received(server)) == {message_id(event) for event in (before, *events)}


async def test_it_starts_before_the_mail_server(
    broker: dict[str, str], neighbours: Neighbours, server: MailServer
) -> None:
    async with TcpProxy("127.0.0.1", server.port) as network:
        await network.cut()
        async with running(broker, network.port) as service:
            event = placed()
            await neighbours.send(event)
            await logged(service, "events wait for the mail server")
            assert await neighbours.depth("notification") == 1
            await network.mend()
            await arrive(server, [event])


async def test_a_server_that_falls_silent_holds_nothing_up_for_good(
    broker: dict[str, str], neighbours: Neighbours, server: MailServer
) -> None:
    async with TcpProxy("127.0.0.1", server.port) as network, running(broker, network.port) as service:
        before = placed()
        await neighbours.send(before)
        await arrive(server, [before])
        network.stall()
        events = [placed() for _ in range(20)]
        for event in events:
            await neighbours.send(event)
        await logged(service, "events wait for the mail server")
        await network.mend()
        await arrive(server, events)
        await nothing_left(neighbours)


async def test_a_slow_server_gets_every_mail(
    broker: dict[str, str], neighbours: Neighbours, server: MailServer
) -> None:
    server.delays = dict.fromkeys(("MAIL", "RCPT", "DATA"), 0.3)
    events = [placed() for _ in range(24)]
    async with running(broker, server.port):
        for event in events:
            await neighbours.send(event)
        await arrive(server, events)
        await nothing_left(neighbours)
    assert len(server.mails) == len(events)


async def test_a_mail_whose_answer_is_lost_comes_again_under_the_same_id(
    broker: dict[str, str], neighbours: Neighbours, server: MailServer
) -> None:
    # Longer than the service waits for an answer: it cannot know that the mail was taken.
    server.delays["TAKEN"] = 1.5
    event = placed()
    async with running(broker, server.port):
        await neighbours.send(event)
        await arrive(server, [event])
        server.delays.clear()
        await nothing_left(neighbours)
    assert len(server.mails) > 1
    assert set(received(server)) == {message_id(event)}
    assert len(set(server.mails)) == 1


async def test_without_a_mail_server_events_wait(
    broker: dict[str, str], neighbours: Neighbours, server: MailServer, http: aiohttp.ClientSession
) -> None:
    unset = {name: value for name, value in SHOP.items() if not name.startswith(("SMTP", "MAIL"))}
    service = ServiceProcess("notification-service", {**unset, **broker})
    try:
        assert any("SMTP_HOST is not set" in line["message"] for line in service.log)
        event = placed()
        await neighbours.send(event)
        async with http.get(service.ops + "/readyz") as response:
            assert response.status == 200
    finally:
        assert service.stop() == 0
    assert await neighbours.depth("notification") == 1
    async with running(broker, server.port):
        await arrive(server, [event])


async def test_the_mail_in_hand_is_finished_at_the_end(
    broker: dict[str, str], neighbours: Neighbours, server: MailServer
) -> None:
    server.delays["DATA"] = 0.5
    event = placed()
    async with running(broker, server.port) as service:
        await neighbours.send(event)
        await server.asked.wait()
        service.process.terminate()
        await arrive(server, [event])
        assert await asyncio.to_thread(service.wait) == 0
    await nothing_left(neighbours)
    assert len(server.mails) == 1


async def test_the_broker_goes_away_and_comes_back(
    broker: dict[str, str], rabbitmq: RabbitMQServer, neighbours: Neighbours, server: MailServer
) -> None:
    async with (
        TcpProxy(rabbitmq.host, rabbitmq.port) as network,
        running({**broker, "RABBITMQ_PORT": str(network.port)}, server.port) as service,
    ):
        await logged(service, "receiving messages")
        await network.cut()
        events = [placed() for _ in range(5)]
        for event in events:
            await neighbours.send(event)
        await network.mend()
        await arrive(server, events)
        await nothing_left(neighbours)
