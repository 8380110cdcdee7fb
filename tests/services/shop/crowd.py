"""What the tests with many customers share: what those do, and when all books agree afterwards."""

from __future__ import annotations

from storefront_dev.shop import load
from storefront_dev.shop.journal import Journal
from storefront_dev.shop.reconciliation.collection import Collector
from storefront_dev.shop.reconciliation.differences import differences
from storefront_dev.shop.reconciliation.facts import Facts
from storefront_dev.shop.reconciliation.report import report

from tests.services.service_process import eventually

MIX = load.Mix(scarce=0.25, submitted_twice=0.3, three_d_secure=0.1, declined=0.05, cancelled=0.1)


async def agreed(collector: Collector, journal: Journal, *, within: float) -> Facts:
    """The facts once nothing differs; customers are told last, so their mails may still be on the way."""
    latest: list[Facts] = []

    async def agree() -> Facts | None:
        latest[:] = [await collector.collect(journal)]
        return None if differences(latest[0]) else latest[0]

    found: Facts = await eventually(
        agree, within=within, describe=lambda: "\n" + report(latest[0], differences(latest[0]))
    )
    return found
