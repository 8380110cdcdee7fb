"""`storefront-dev shop`: a customer, many customers, and whether the books agree afterwards."""

import argparse
import asyncio
import random
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import fields
from pathlib import Path
from typing import Any

from storefront_dev import folders
from storefront_dev.clusters import resolve
from storefront_dev.errors import ClusterError
from storefront_dev.progress import Progress
from storefront_dev.shop import load
from storefront_dev.shop.addresses import Addresses
from storefront_dev.shop.customer import ENDED, VISA, Customer
from storefront_dev.shop.http import AnswerError, client
from storefront_dev.shop.journal import Journal
from storefront_dev.shop.people import Person, Tokens
from storefront_dev.shop.products import Catalogue, until_known
from storefront_dev.shop.reconciliation.collection import Collector
from storefront_dev.shop.reconciliation.differences import differences
from storefront_dev.shop.reconciliation.report import report
from storefront_dev.standins import running

_STATES = frozenset(["placed", "reserved", "action_required", "paid", *ENDED])
_PLAIN_PRODUCTS = 5
_LOOK_AGAIN_SECONDS = 2.0
_SCARCE_IN_HALF = 2
"""Of the scarce product there is half of what is wanted."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `shop`."""
    parser = subparsers.add_parser("shop", help="buy in a shop that runs, and check its books")
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    buy = actions.add_parser("buy", help="search and buy as one customer")
    buy.add_argument("--search", default="mug", help="what to look for (%(default)s)")
    buy.add_argument("--card", default=VISA, help="the payment gateway's test card (%(default)s)")
    buy.set_defaults(run=_guarded(_buy))

    orders = actions.add_parser("orders", help="buy as many customers at once")
    orders.add_argument("count", type=int, metavar="N", help="how many orders")
    orders.add_argument("--concurrency", type=int, default=25, help="customers at once (%(default)s)")
    orders.add_argument(
        "--patience", type=float, default=300, help="seconds for each order to end (%(default)s)"
    )
    orders.add_argument("--seed", type=int, default=1, help="of what customers do (%(default)s)")
    mix = load.Mix()
    for option, what in (
        ("scarce", "for a product of which there is half of what is wanted"),
        ("submitted_twice", "submitted two or three times at once"),
        ("three_d_secure", "paid with a card whose bank asks the customer"),
        ("declined", "paid with a card that is declined"),
        ("cancelled", "cancelled by the customer"),
    ):
        flag = f"--{option.replace('_', '-')}"
        orders.add_argument(
            flag, type=_share, default=getattr(mix, option), help=f"share {what} (%(default)s)"
        )
    orders.set_defaults(run=_guarded(_orders))

    reconcile = actions.add_parser("reconcile", help="compare orders, stock, ledger, gateway, emails, labels")
    reconcile.add_argument("--payments-key", help="key of the payment gateway (default: the stand-ins' own)")
    reconcile.add_argument(
        "--patience",
        type=float,
        default=60,
        help="seconds in which differences may go away, such as mails that are on their way (%(default)s)",
    )
    reconcile.set_defaults(run=_guarded(_reconcile))

    for action in (orders, reconcile):
        action.add_argument(
            "--journal",
            type=Path,
            default=folders.state() / "shop/journal.json",
            help="file in which `orders` writes down what it did (%(default)s)",
        )
    for action in (buy, orders, reconcile):
        action.add_argument(
            "--shop", default="http://shop.localhost:8080", metavar="URL", help="the shop (%(default)s)"
        )
        for name in ("identity", "payments", "mail", "shipping"):
            default = f"http://{name}.standins.localhost:8080"
            action.add_argument(
                f"--{name}", default=default, metavar="URL", help=f"the {name} stand-in (%(default)s)"
            )


async def _buy(arguments: argparse.Namespace) -> int:
    progress = Progress()
    addresses = _addresses(arguments)
    async with client() as http:
        person = Person(f"customer-{uuid.uuid4().hex[:8]}@example.com", "Cleo Customer")
        customer = Customer(http, addresses.shop, person, Tokens(http, addresses.identity))
        found = [each for each in await customer.search(arguments.search) if each["stock"] > 0]
        progress(f"search for {arguments.search!r}: {len(found)} products that can be bought")
        if not found:
            return 1
        product = found[0]
        progress(f"buying {product['name']} ({product['sku']})")
        order = await customer.buy({product["id"]: 1}, arguments.card)
        progress(f"order {order['number']}: {order['total']['amount'] / 100:.2f} EUR")
        state = ""
        while True:
            order = await customer.until(order["id"], _STATES - {state})
            state = order["state"]
            progress(f"order {order['number']}: {state} {order['cancelReason'] or ''}".rstrip())
            if order["paymentAction"]:
                await customer.authenticate(order)
            if order["tracking"]:
                progress(f"parcel: {order['tracking']['carrier']} {order['tracking']['trackingNumber']}")
            if state in ENDED:
                return 0 if state != "cancelled" else 1


async def _orders(arguments: argparse.Namespace) -> int:
    progress = Progress()
    addresses = _addresses(arguments)
    count = arguments.count
    mix = load.Mix(**{each.name: getattr(arguments, each.name) for each in fields(load.Mix)})
    batch = f"{int(time.time()):X}"
    async with client() as http:
        tokens = Tokens(http, addresses.identity)
        catalogue = Catalogue(http, addresses.shop, tokens)
        since = await Collector(http, addresses, tokens, "").newest_order_placed_at()
        plain = [
            await catalogue.create(f"LOAD-{batch}-{number}", 500 + 250 * number, 10 * count)
            for number in range(1, _PLAIN_PRODUCTS + 1)
        ]
        scarce_stock = max(1, round(count * mix.scarce / _SCARCE_IN_HALF))
        scarce = await catalogue.create(f"LOAD-{batch}-SCARCE", 4900, scarce_stock)
        products = [*plain, scarce]
        scout = Customer(http, addresses.shop, Person(f"scout-{batch}@example.com", "Scout"), tokens)
        await until_known(scout, products)
        progress(f"{len(products)} products to buy; {scarce_stock} of the scarce one")

        def customer_for(number: int) -> Customer:
            person = Person(f"load-{batch}-{number}@example.com", f"Customer {number}")
            return Customer(http, addresses.shop, person, tokens)

        ended = 0

        def tell(_: load.Outcome) -> None:
            nonlocal ended
            ended += 1
            if ended % max(1, count // 20) == 0:
                progress(f"{ended} of {count} customers are done")

        purchases = load.plan(count, plain, scarce, mix, random.Random(arguments.seed))
        outcomes = await load.run(
            purchases,
            customer_for,
            concurrency=arguments.concurrency,
            patience=arguments.patience,
            progress=tell,
        )
        for product in products:
            await catalogue.archive(product.id)
    Journal.of(outcomes, products, since).write(arguments.journal)
    print(load.summary(outcomes))
    print(f"written down in {arguments.journal}; now: storefront-dev shop reconcile")
    return 1 if any(outcome.failure for outcome in outcomes) else 0


async def _reconcile(arguments: argparse.Namespace) -> int:
    addresses = _addresses(arguments)
    key = arguments.payments_key or running.payments_key(resolve())
    journal = Journal.read(arguments.journal) if arguments.journal.exists() else None
    deadline = time.monotonic() + arguments.patience
    async with client() as http:
        collector = Collector(http, addresses, Tokens(http, addresses.identity), key)
        while True:
            facts = await collector.collect(journal)
            found = differences(facts)
            if not found or time.monotonic() > deadline:
                break
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    print(report(facts, found))
    return 1 if found else 0


def _guarded(
    action: Callable[[argparse.Namespace], Coroutine[Any, Any, int]],
) -> Callable[[argparse.Namespace], int]:
    """The action as an ordinary function; a shop that does not answer as it should ends the command."""

    def run(arguments: argparse.Namespace) -> int:
        try:
            return asyncio.run(action(arguments))
        except (AnswerError, TimeoutError) as error:
            raise ClusterError(str(error)) from error

    return run


def _addresses(arguments: argparse.Namespace) -> Addresses:
    names = ("shop", "identity", "payments", "mail", "shipping")
    return Addresses(**{name: getattr(arguments, name).rstrip("/") for name in names})


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return share
