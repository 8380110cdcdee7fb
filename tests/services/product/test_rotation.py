"""The product service while its login to a real PostgreSQL is exchanged: old and new processes side by side."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.services.identities import ADMIN
from tests.services.postgres_server import PostgresServer
from tests.services.product.conftest import product_environment
from tests.services.product.product_process import ProductProcess, migrate
from tests.services.service_process import eventually
from tests.unit import image_programs

pytestmark = pytest.mark.services

provisioning = image_programs.load("postgres", "provision_databases")


class Provisioner:
    """The provisioning Job, with the logins it is given."""

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self._server, self._folder = server, folder

    def run(self, **logins: str) -> None:
        """Make exactly these logins valid, as user=password."""
        database = provisioning.Database(
            "product", tuple(provisioning.Login(*login) for login in logins.items())
        )
        with self._server.admin() as connection:
            provisioning.provision(connection, database)

    def environment(self, user: str, password: str) -> dict[str, str]:
        """That of a pod with this login."""
        file = self._folder / user
        file.write_text(password, encoding="utf-8")
        own = {"DATABASE_USER": user, "DATABASE_PASSWORD_FILE": str(file)}
        return {**product_environment(self._server, "product", self._folder), **own}


class Traffic:
    """Reads and writes through one process, one after the other, until it is stopped."""

    def __init__(self, process: ProductProcess) -> None:
        self.answers: Counter[int | str] = Counter()
        self._process = process
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> Counter[int | str]:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return self.answers

    async def _run(self) -> None:
        async with aiohttp.ClientSession(self._process.api, headers=ADMIN) as session:
            number = 0
            while True:
                number += 1
                product = {**PRODUCT, "sku": f"{os.urandom(4).hex()}-{number}"}
                for method, body in (("GET", None), ("POST", product)):
                    try:
                        async with session.request(method, "/api/products", json=body) as response:
                            self.answers[response.status] += 1
                    except aiohttp.ClientError as error:
                        self.answers[type(error).__name__] += 1


PRODUCT: dict[str, Any] = {
    "name": "Kettle",
    "description": "Boils water.",
    "category": "kitchen",
    "price": {"amount": 1999, "currency": "EUR"},
    "stock": 3,
}


@pytest.fixture
def provisioner(fragile_postgres: PostgresServer, tmp_path: Path) -> Provisioner:
    """On a server of this module's own."""
    return Provisioner(fragile_postgres, tmp_path)


async def _is_ready(process: ProductProcess) -> bool:
    async with (
        aiohttp.ClientSession() as session,
        session.get(process.ops + "/readyz") as response,
    ):
        return response.status == 200


@pytest.mark.asyncio
async def test_no_request_fails_while_pods_go_from_one_login_to_the_other(provisioner: Provisioner) -> None:
    provisioner.run(product="first")
    migrate(provisioner.environment("product", "first"))
    old = ProductProcess(provisioner.environment("product", "first"))
    await eventually(lambda: _is_ready(old))
    through_old = Traffic(old)
    await eventually(lambda: _answered(through_old, 20))

    # Prepared: both are valid. A newer pod, and a newer schema, come with the second login.
    await asyncio.to_thread(provisioner.run, **{"product": "first", "product-b": "second"})
    migrate(provisioner.environment("product-b", "second"), sample_catalogue=True)
    new = ProductProcess(provisioner.environment("product-b", "second"))
    await eventually(lambda: _is_ready(new))
    through_new = Traffic(new)
    await eventually(lambda: _answered(through_new, 20))
    seen = through_old.answers.total()
    await eventually(lambda: _answered(through_old, seen + 20))

    # The old pod ends, then its login is retired.
    answers = await through_old.stop()
    assert set(answers) == {200, 201}, answers
    assert await asyncio.to_thread(old.stop) == 0
    await asyncio.to_thread(provisioner.run, **{"product-b": "second"})
    seen = through_new.answers.total()
    await eventually(lambda: _answered(through_new, seen + 20))
    answers = await through_new.stop()
    assert set(answers) == {200, 201}, answers
    assert await asyncio.to_thread(new.stop) == 0


async def _answered(traffic: Traffic, count: int) -> bool:
    return traffic.answers.total() >= count
