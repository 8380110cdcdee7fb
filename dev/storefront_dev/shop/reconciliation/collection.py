"""Asking the shop and the systems around it for the facts."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping

import httpx2

from storefront_dev.shop.addresses import Addresses
from storefront_dev.shop.http import Json, ask
from storefront_dev.shop.journal import Journal
from storefront_dev.shop.people import ADMIN, Tokens
from storefront_dev.shop.reconciliation import facts
from storefront_dev.shop.reconciliation.facts import (
    Account,
    Charge,
    Facts,
    Label,
    Mail,
    MailKind,
    Order,
    State,
    Stock,
)

_PAGE = 100
_AT_ONCE = 8
_MAILS = 20_000
_MESSAGE_ID = re.compile(r"<(?P<event>[a-z._]+)\.(?P<order>[0-9a-f-]{36})\.\d+@[^>]*>")


class Collector:
    """Reads everything with an administrator's eyes."""

    def __init__(
        self, http: httpx2.AsyncClient, addresses: Addresses, tokens: Tokens, payments_key: str
    ) -> None:
        """`payments_key`: a key of the payment gateway's API."""
        self._http = http
        self._addresses = addresses
        self._tokens = tokens
        self._payments_key = payments_key
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def collect(self, journal: Journal | None) -> Facts:
        """Everything there is; with a journal, without what concerns orders from before."""
        everything = await self.orders()
        earlier = {
            order["id"]
            for order in everything
            if journal is not None and not journal.covers(order["placedAt"])
        }
        chosen = [order for order in everything if order["id"] not in earlier]
        orders = tuple(await asyncio.gather(*map(self._order, chosen)))
        numbers = {order["number"]: order["id"] for order in everything}
        stock = await self._stock()
        return Facts(
            orders=orders,
            stock=tuple(each for each in stock if journal is None or each.sku in journal.stock_before),
            accounts=tuple(each for each in await self._accounts() if each.order_id not in earlier),
            charges=tuple(each for each in await self._charges() if each.order_id not in earlier),
            mails=tuple(each for each in await self._mails() if each.order_id not in earlier),
            labels=tuple(each for each in await self._labels(numbers) if each.order_id not in earlier),
            journal=None
            if journal is None
            else facts.Journal(frozenset(journal.accepted), journal.stock_before),
        )

    async def orders(self) -> list[Json]:
        """All orders as the shop lists them, the newest first."""
        return await self._pages("/api/orders/all")

    async def newest_order_placed_at(self) -> str | None:
        """When the newest order was placed; None when there is none."""
        items = (await self._shop("/api/orders/all", {"limit": "1"}))["items"]
        return items[0]["placedAt"] if items else None

    async def _order(self, item: Json) -> Order:
        order = await self._shop(f"/api/orders/{item['id']}")
        history = await self._shop(f"/api/orders/{item['id']}/history")
        quantities: dict[str, int] = defaultdict(int)
        for line in order["lines"]:
            quantities[line["sku"]] += line["quantity"]
        return Order(
            id=order["id"],
            number=order["number"],
            state=State(order["state"]),
            total=order["total"]["amount"],
            quantities=dict(quantities),
            refunded=order["refunded"]["amount"],
            was_paid=any(change["toState"] == State.PAID for change in history["items"]),
        )

    async def _stock(self) -> list[Stock]:
        items = await self._pages("/api/inventory")
        return [Stock(item["sku"], item["onHand"], item["reserved"]) for item in items]

    async def _accounts(self) -> list[Account]:
        captured: dict[str, int] = defaultdict(int)
        refunded: dict[str, int] = defaultdict(int)
        for entry in await self._pages("/api/payments/ledger"):
            order_id, amount = entry["orderId"], entry["amount"]["amount"]
            match entry["kind"]:
                case "captured":
                    captured[order_id] += amount
                case "refunded":
                    refunded[order_id] += amount
                case "refund_failed":
                    refunded[order_id] -= amount
        return [
            Account(order_id, captured[order_id], refunded[order_id])
            for order_id in captured.keys() | refunded.keys()
        ]

    async def _charges(self) -> list[Charge]:
        refunded: dict[str, int] = defaultdict(int)
        for refund in await self._gateway("/v1/refunds"):
            if refund["status"] not in ("failed", "canceled"):
                refunded[refund["payment_intent"]] += refund["amount"]
        return [
            Charge(
                id=intent["id"],
                order_id=intent["metadata"].get("orderId", "no order"),
                captured=intent["amount_received"],
                refunded=refunded[intent["id"]],
            )
            for intent in await self._gateway("/v1/payment_intents")
        ]

    async def _mails(self) -> list[Mail]:
        answer = await ask(
            self._http, "GET", f"{self._addresses.mail}/api/messages", params={"limit": _MAILS}
        )
        return [
            Mail(item["messageId"], match["order"], MailKind(match["event"]))
            for item in answer.json()["items"]
            if (match := _MESSAGE_ID.fullmatch(item["messageId"])) and match["event"] in set(MailKind)
        ]

    async def _labels(self, order_ids: Mapping[str, str]) -> list[Label]:
        # Any key will do there.
        headers = {"Authorization": "Bearer reconciliation"}
        answer = await ask(self._http, "GET", f"{self._addresses.shipping}/v1/labels", headers=headers)
        return [
            Label(item["id"], order_ids.get(item["reference"], item["reference"]))
            for item in answer.json()["items"]
        ]

    async def _shop(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        async with self._places:
            headers = await self._tokens.headers(ADMIN)
            url = self._addresses.shop + path
            return (await ask(self._http, "GET", url, params=query, headers=headers)).json()

    async def _pages(self, path: str) -> list[Json]:
        """All items of a list of the shop."""
        items: list[Json] = []
        query = {"limit": str(_PAGE)}
        while True:
            page = await self._shop(path, query)
            items += page["items"]
            if not page["nextCursor"]:
                return items
            query["after"] = page["nextCursor"]

    async def _gateway(self, path: str) -> list[Json]:
        """All items of a list of the payment gateway."""
        headers = {"Authorization": f"Bearer {self._payments_key}"}
        items: list[Json] = []
        query = {"limit": str(_PAGE)}
        while True:
            url = self._addresses.payments + path
            page = (await ask(self._http, "GET", url, params=query, headers=headers)).json()
            items += page["data"]
            if not page["has_more"]:
                return items
            query["starting_after"] = items[-1]["id"]
