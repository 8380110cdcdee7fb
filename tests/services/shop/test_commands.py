"""`storefront-dev shop` against a shop behind its gateway: a real Envoy checks the tokens."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.services.gateway.envoy_process import EnvoyProcess
from tests.services.service_process import program
from tests.services.shop.running_shop import RunningShop, Visit


@dataclass(frozen=True)
class ShopCommand:
    """`storefront-dev shop …` with the addresses of a running shop."""

    gateway: str
    shop: RunningShop

    def __call__(self, action: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        addresses = self.shop.addresses
        return subprocess.run(
            [
                program("storefront-dev"),
                "shop",
                action,
                f"--shop={self.gateway}",
                f"--identity={addresses.identity}",
                f"--payments={addresses.payments}",
                f"--mail={addresses.mail}",
                f"--shipping={addresses.shipping}",
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture(scope="module")
def command(shop: RunningShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopCommand]:
    """The command for the module's shop, behind a gateway."""
    identity = shop.addresses.identity
    ports = {name: urlsplit(process.api).port or 0 for name, process in shop.services.items() if process.api}
    provider = {
        "issuer": identity,
        "audience": "storefront",
        "jwksUri": f"{identity}/.well-known/jwks.json",
    }
    envoy = EnvoyProcess(tmp_path_factory.mktemp("gateway"), ports, provider)
    shop.credential_file.write_text(f"first {shop.credential}", encoding="utf-8")
    yield ShopCommand(envoy.api, shop)
    envoy.stop()


async def test_one_customer_buys(visit: Visit, command: ShopCommand) -> None:
    mug = await visit.catalogue.create(visit.sku("mug"), 1500, 5)

    bought = await asyncio.to_thread(command, "buy", f"--search={mug.sku}")

    assert bought.returncode == 0, bought.stderr
    assert "shipped" in bought.stderr + bought.stdout
    nothing = await asyncio.to_thread(command, "buy", "--search=qqqqqqqq")
    assert nothing.returncode == 1


async def test_many_customers_buy_and_the_books_agree_until_somebody_meddles(
    visit: Visit, command: ShopCommand, tmp_path: Path
) -> None:
    journal = f"--journal={tmp_path / 'journal.json'}"
    key = f"--payments-key={visit.shop.payments_key}"

    bought = await asyncio.to_thread(command, "orders", "12", journal, "--concurrency=12", "--cancelled=0")
    assert bought.returncode == 0, bought.stdout + bought.stderr
    assert "12 customers:" in bought.stdout

    agreed = await asyncio.to_thread(command, "reconcile", journal, key)
    assert agreed.returncode == 0, agreed.stdout + agreed.stderr

    orders = await visit.collector.orders()
    shipped = next(order for order in orders if order["state"] == "shipped")
    await visit.charge(shipped["id"], shipped["total"]["amount"])
    found = await asyncio.to_thread(command, "reconcile", journal, key, "--patience=0")
    assert found.returncode == 1
    assert f"{shipped['number']}: {2 * shipped['total']['amount']} was charged" in found.stdout
