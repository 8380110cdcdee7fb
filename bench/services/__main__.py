"""`python -m bench.services`: measure the deployed services, print the tables, write the results, draw the picture."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storefront_dev.clusters import resolve
from storefront_dev.folders import REPOSITORY
from storefront_dev.progress import Progress
from storefront_dev.shop.addresses import Addresses
from storefront_dev.shop.customer import Customer
from storefront_dev.shop.http import ask, client
from storefront_dev.shop.people import Person, Tokens
from storefront_dev.standins.running import public_url

from bench import report as common
from bench.parts import add_parts
from bench.services import checkout, comparison, plot, pods
from bench.services.laboratory import DOMAIN, PEERS, SERVICES, Laboratory
from bench.services.pods import Pod, Usage
from bench.services.report import Memory, Results
from bench.services.scenarios import CART, customers, scenarios

_CHECKOUT = "checkout"
_PARTS = ("list", "get", "cart", _CHECKOUT)


@dataclass(frozen=True)
class Sizes:
    """How much is done; all times are in seconds."""

    rounds: int
    seconds: float
    warm_up: float
    checkout: float
    idle: float


FULL = Sizes(rounds=5, seconds=20, warm_up=5, checkout=60, idle=20)
QUICK = Sizes(rounds=2, seconds=5, warm_up=2, checkout=10, idle=5)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; the exit code is 0 when everything could be measured, whether goals are met or not."""
    options = _parser().parse_args(arguments)
    sizes = QUICK if options.quick else FULL
    name = "bench-services-quick" if options.quick else "bench-services"
    output = REPOSITORY / "artifacts" / f"{name}.json"
    picture = REPOSITORY / ("artifacts" if options.quick else "docs/images") / f"{name}.svg"

    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    load, began = os.getloadavg(), time.monotonic()
    results, progress = Results(), Progress()
    # As Ctrl-C does it: what was started is removed, what was measured is written.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    laboratory = Laboratory(resolve(), progress)
    try:
        laboratory.open()
        _measure(laboratory, options.parts, sizes, results, progress)
    except KeyboardInterrupt:
        return 130
    finally:
        results.write(output, common.facts(started, load, time.monotonic() - began))
        print(results.table())
        print(f"Written to {output}", file=sys.stderr)
        if not options.keep:
            laboratory.close()
    if plot.draw(output, picture):
        print(f"Drawn in {picture}", file=sys.stderr)
    return 0


def _measure(
    laboratory: Laboratory, parts: Sequence[str], sizes: Sizes, results: Results, progress: Progress
) -> None:
    addresses = Addresses(
        laboratory.cluster.url(DOMAIN),
        *(public_url(laboratory.cluster, name) for name in ("identity", "payments", "mail", "shipping")),
    )
    products, tokens = asyncio.run(_prepare(addresses))
    everybody = [pod for name in SERVICES for pod in laboratory.service(name)]
    everybody += [pod for name in PEERS for pod in laboratory.peer(name)]
    progress(f"at rest for {sizes.idle:g} s")
    at_rest = _at_rest(laboratory, everybody, sizes.idle)
    chosen = scenarios(products, laboratory.gateway_credential(), tokens, DOMAIN)
    for part, scenario in zip(_PARTS, chosen, strict=False):
        if part not in parts:
            continue
        progress(f"{scenario.name}: {sizes.rounds} rounds of {sizes.seconds:g} s, {scenario.rate:g} a second")
        if scenario.name != CART:  # two carts are never the same
            comparison.check_answers(laboratory, scenario)
        results.measured.append(
            comparison.measure(
                laboratory, scenario, rounds=sizes.rounds, seconds=sizes.seconds, warm_up=sizes.warm_up
            )
        )
    if _CHECKOUT in parts:
        progress(f"checkout: {checkout.RATE:g} orders a second for {sizes.checkout:g} s")
        results.checkout = checkout.measure(
            laboratory, addresses, warm_up=sizes.warm_up, seconds=sizes.checkout
        )
    for pod, (before, cores) in at_rest.items():
        after = pods.usage(laboratory.cluster, pod)
        results.memory.append(Memory(pod, before, after, cores))
    results.traces = laboratory.traces()
    if not results.traces["exports"]:
        raise comparison.MeasurementError("no trace was exported: telemetry is not on")


async def _prepare(addresses: Addresses) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Products that can be bought, and a token of each customer."""
    async with client() as http:
        tokens = Tokens(http, addresses.identity)
        scout = Customer(http, addresses.shop, Person(customers()[0], "Scout"), tokens)
        found = await ask(http, "GET", f"{addresses.shop}/api/products?limit=100")
        products = [each for each in found.json()["items"] if each["stock"] > 0]
        # The order service hears of products by events.
        async with asyncio.timeout(60):
            for product in products:
                await scout.put_in_cart(product["id"], 1)
        headers = [await tokens.headers(Person(each, "Customer")) for each in customers()]
        return products, {
            each: given["Authorization"].split()[1] for each, given in zip(customers(), headers, strict=True)
        }


def _at_rest(
    laboratory: Laboratory, everybody: Sequence[Pod], seconds: float
) -> dict[Pod, tuple[Usage, float]]:
    began = {pod: (time.monotonic(), pods.usage(laboratory.cluster, pod)) for pod in everybody}
    time.sleep(seconds)
    found = {}
    for pod, (moment, before) in began.items():
        after = pods.usage(laboratory.cluster, pod)
        used = after.processor_seconds - before.processor_seconds
        found[pod] = (after, used / (time.monotonic() - moment))
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "bench.services", description="Measure the deployed services and their peers."
    )
    add_parts(parser, _PARTS)
    parser.add_argument("--quick", action="store_true", help="short and few rounds: tries the benchmark out")
    parser.add_argument("--keep", action="store_true", help="leave the Storefront there for another run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
