"""The order service's commands, and the service as a process."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from order_service.main import MIGRATIONS, NAME
from storefront_common.database import Schema, migration
from storefront_common.database.migration import Outcome
from storefront_common.settings import DatabaseSettings

from tests.services.service_process import ServiceProcess, program


def database_settings(environment: Mapping[str, str]) -> DatabaseSettings:
    """The settings that the environment gives."""
    given = {
        name.removeprefix("DATABASE_").lower(): value
        for name, value in environment.items()
        if name.startswith("DATABASE_")
    }
    return DatabaseSettings.model_validate(given)


def migrate(environment: Mapping[str, str]) -> Outcome:
    """What `order-service migrate` does, without the seconds that a process takes to start."""
    work = migration.migrate(database_settings(environment), Schema(MIGRATIONS), NAME, wait_seconds=30)
    # A thread of its own: the caller's may have an event loop already.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command `order-service`, run to its end with nothing but `environment`."""
    return subprocess.run(
        [program("order-service"), *arguments],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class OrderProcess(ServiceProcess):
    """`order-service serve` on free ports."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__("order-service", environment)
