"""The product service's commands, and the service as a process."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from product_service import sample
from product_service.main import MIGRATIONS, NAME
from storefront_common.database import Schema, migration
from storefront_common.database.migration import Outcome
from storefront_common.settings import DatabaseSettings

from tests.services.service_process import ServiceProcess, program

COMMAND = [program("product-service")]


def migrate(environment: Mapping[str, str], *, sample_catalogue: bool = False) -> Outcome:
    """What `product-service migrate` does, without the seconds that a process takes to start."""
    given = {
        name.removeprefix("DATABASE_").lower(): value
        for name, value in environment.items()
        if name.startswith("DATABASE_")
    }
    settings = DatabaseSettings.model_validate(given)
    then = sample.add if sample_catalogue else None
    work = migration.migrate(settings, Schema(MIGRATIONS), NAME, wait_seconds=30, then=then)
    # A thread of its own: the caller's may have an event loop already.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command `product-service`, run to its end with nothing but `environment`."""
    return subprocess.run(
        [*COMMAND, *arguments], env=dict(environment), capture_output=True, text=True, timeout=60, check=False
    )


class ProductProcess(ServiceProcess):
    """`product-service serve` on free ports."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__("product-service", environment)
