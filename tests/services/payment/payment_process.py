"""The payment service as a process, and what it needs to run."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from payment_service.main import MIGRATIONS, NAME
from storefront_common.database import Schema, migration
from storefront_common.settings import DatabaseSettings

from tests.services.service_process import ServiceProcess, program


def migrate(environment: Mapping[str, str]) -> None:
    """What `payment-service migrate` does, without the seconds that a process takes to start."""
    given = {
        name.removeprefix("DATABASE_").lower(): value
        for name, value in environment.items()
        if name.startswith("DATABASE_")
    }
    settings = DatabaseSettings.model_validate(given)
    work = migration.migrate(settings, Schema(MIGRATIONS), NAME, wait_seconds=30)
    # A thread of its own: the caller's may have an event loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


def run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command `payment-service`, run to its end with nothing but `environment`."""
    return subprocess.run(
        [program("payment-service"), *arguments],
        env=dict(environment), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def free_port() -> int:
    """A port that nobody listens on: webhooks must know where the service will be."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


class PaymentProcess(ServiceProcess):
    """`payment-service serve`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__("payment-service", environment)
