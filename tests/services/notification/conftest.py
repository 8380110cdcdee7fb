"""The notification service between a virtual host of the module's own and the mail stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from notification_service.main import NAME

from tests.services.neighbours import Neighbours
from tests.services.notification.mailbox import Mailbox
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.service_process import ServiceProcess
from tests.services.standin_process import StandInProcess

SHOP = {
    "SHOP_NAME": "Storefront",
    "SHOP_URL": "https://shop.example.com",
    "MAIL_FROM": "shop@example.com",
    "SMTP_HOST": "127.0.0.1",
    "SMTP_SECURITY": "none",
    "SMTP_CONNECT_TIMEOUT": "0.5",
    "SMTP_COMMAND_TIMEOUT": "1",
    "SMTP_TOTAL_TIMEOUT": "4",
}


@pytest.fixture(scope="module")
def standin() -> Iterator[StandInProcess]:
    """The mail stand-in."""
    process = StandInProcess("mail", "--smtp-port=0")
    yield process
    process.stop()


@pytest.fixture
def mailbox(standin: StandInProcess) -> Iterator[Mailbox]:
    """What the stand-in received; empty, and its faults are off before and after the test."""
    standin.faults()
    opened = Mailbox(standin)
    opened.clear()
    yield opened
    standin.faults()
    opened.close()


@pytest.fixture(scope="module")
def broker(rabbitmq: RabbitMQServer, virtual_host: str, secrets: Path) -> dict[str, str]:
    """The environment for the module's virtual host."""
    return rabbitmq.environment(virtual_host, NAME, secrets)


@pytest.fixture(scope="module")
def service(broker: dict[str, str], standin: StandInProcess) -> Iterator[ServiceProcess]:
    """The service with the stand-in as its mail server."""
    environment = {**SHOP, **broker, "SMTP_PORT": str(standin.ports["smtpPort"])}
    process = ServiceProcess("notification-service", environment)
    process.wait_for_log("receiving messages")
    yield process
    assert process.stop() == 0
    assert not process.other_output


@pytest_asyncio.fixture
async def neighbours(rabbitmq: RabbitMQServer, virtual_host: str) -> AsyncIterator[Neighbours]:
    """The other services; the notification service's queues are empty."""
    async with Neighbours(rabbitmq, virtual_host) as opened:
        await opened.empty("notification", "notification.dead")
        yield opened
