"""A customer of the shop, who can only do what the shop's public API lets anybody do."""

import asyncio
import time
import uuid
from collections.abc import Collection, Mapping
from urllib.parse import parse_qs, urlsplit

import httpx2

from storefront_dev.shop.http import AnswerError, Json, ask
from storefront_dev.shop.people import Person, Tokens

VISA = "pm_card_visa"
DECLINED = "pm_card_chargeDeclined"
THREE_D_SECURE = "pm_card_threeDSecure2Required"

ENDED = frozenset(["shipped", "delivered", "cancelled"])
"""States of an order in which nothing more happens by itself."""

_FIRST_LOOK_SECONDS = 0.2
_LOOK_SECONDS = 1.0
"""Who waits for an order's news looks more and more seldom, at last in this rhythm."""


class Customer:
    """One person at one shop. Every method may be called again: nothing is done twice."""

    def __init__(self, http: httpx2.AsyncClient, shop_url: str, person: Person, tokens: Tokens) -> None:
        self.person = person
        self._http = http
        self._url = shop_url
        self._tokens = tokens

    @property
    def address(self) -> dict[str, str]:
        """Where the customer's parcels go."""
        return {
            "name": self.person.name,
            "line1": "Invalidenstraße 116",
            "postalCode": "10115",
            "city": "Berlin",
            "country": "DE",
        }

    async def search(self, text: str) -> list[Json]:
        """The products that the shop's search finds."""
        return list((await self._get("/api/search", {"q": text}))["items"])

    async def cart(self) -> Json:
        """The customer's cart."""
        return await self._get("/api/cart")

    async def put_in_cart(self, product_id: str, quantity: int) -> Json:
        """The cart with so many of a product."""
        return await self._call("PUT", f"/api/cart/lines/{product_id}", {"quantity": quantity})

    async def quote(self) -> Json:
        """What sending the cart would cost, in several ways."""
        return await self._call("POST", "/api/shipping-quotes", {"destination": self.address})

    async def checkout_request(self, payment_method: str = VISA) -> Json:
        """What `submit` sends for the cart as it is now, with the first way of sending it."""
        cart, quote = await self.cart(), await self.quote()
        rate = quote["rates"][0]
        return {
            "cartId": cart["id"],
            "cartVersion": cart["version"],
            "lines": [
                {key: line[key] for key in ("productId", "quantity", "unitPrice")} for line in cart["lines"]
            ],
            "shippingAddress": self.address,
            "shippingQuoteId": quote["id"],
            "shippingRateId": rate["id"],
            "paymentMethod": payment_method,
            "expectedTotal": {
                **cart["subtotal"],
                "amount": cart["subtotal"]["amount"] + rate["price"]["amount"],
            },
        }

    async def submit(self, request: Json, key: str) -> Json:
        """The order for a checkout; the same key gives the same order."""
        return await self._call("POST", "/api/orders", request, {"Idempotency-Key": key})

    async def buy(self, wanted: Mapping[str, int], payment_method: str = VISA) -> Json:
        """The order for so many of each product id: cart, shipping quote, checkout."""
        for product_id, quantity in wanted.items():
            await self.put_in_cart(product_id, quantity)
        return await self.submit(await self.checkout_request(payment_method), str(uuid.uuid4()))

    async def order(self, order_id: str) -> Json:
        """An order of the customer."""
        return await self._get(f"/api/orders/{order_id}")

    async def cancel(self, order_id: str) -> Json:
        """The order, cancelled.

        Raises:
            AnswerError: 409 when it is too late.
        """
        return await self._call("POST", f"/api/orders/{order_id}/cancel")

    async def authenticate(self, order: Json, *, succeed: bool = True) -> None:
        """Do, or refuse to do, what the customer's bank asks for (3-D Secure), at the payment gateway's page."""
        url = order["paymentAction"]["url"]
        secret = parse_qs(urlsplit(url).query)["client_secret"][0]
        form = {"client_secret": secret, "outcome": "succeed" if succeed else "fail"}
        # The answer leads back to the shop's pages, which a script has no use for.
        response = await self._http.post(url, data=form)
        if response.status_code >= 400:
            raise AnswerError(f"POST {url}", response.status_code, response.text[:200])

    async def until(self, order_id: str, states: Collection[str] = ENDED, *, within: float = 60.0) -> Json:
        """The order, once it is in one of these states.

        Raises:
            TimeoutError: it is not, `within` seconds.
        """
        deadline = time.monotonic() + within
        pause = _FIRST_LOOK_SECONDS
        while True:
            order = await self.order(order_id)
            if order["state"] in states:
                return order
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"order {order['number']} is {order['state']}, not {'/'.join(sorted(states))}"
                )
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LOOK_SECONDS)

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        headers = await self._tokens.headers(self.person)
        answer = await ask(self._http, "GET", self._url + path, params=query, headers=headers)
        return answer.json()

    async def _call(
        self, method: str, path: str, body: Json = None, headers: Mapping[str, str] | None = None
    ) -> Json:
        own = await self._tokens.headers(self.person)
        answer = await ask(
            self._http, method, self._url + path, json=body, headers={**own, **(headers or {})}
        )
        return answer.json()
