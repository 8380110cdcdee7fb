"""Products that a load of orders is for: its own, so that nothing else changes their stock."""

import asyncio
import time
import uuid
from dataclasses import dataclass
from http import HTTPStatus

import httpx2

from storefront_dev.shop.customer import Customer
from storefront_dev.shop.http import AnswerError, Json, ask
from storefront_dev.shop.people import ADMIN, Tokens

_CATEGORY = "test-articles"
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Product:
    """What can be bought; `price` is in minor units."""

    id: str
    sku: str
    price: int
    stock: int


class Catalogue:
    """The catalogue and the inventory, as an administrator uses them."""

    def __init__(self, http: httpx2.AsyncClient, shop_url: str, tokens: Tokens) -> None:
        self._http = http
        self._url = shop_url
        self._tokens = tokens

    async def create(self, sku: str, price: int, stock: int) -> Product:
        """A new product, in a department for such products."""
        try:
            await self.call("POST", "/api/categories", {"slug": _CATEGORY, "name": "Test articles"})
        except AnswerError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
        body = {
            "sku": sku,
            "name": f"Test article {sku}",
            "description": "Made for a load of orders.",
            "category": _CATEGORY,
            "price": {"amount": price, "currency": "EUR"},
            "stock": stock,
            "weightGrams": 300,
        }
        product = await self.call("POST", "/api/products", body)
        return Product(product["id"], product["sku"], price, stock)

    async def change_price(self, product_id: str, price: int) -> None:
        """Set a product's price, in minor units."""
        await self.call(
            "PATCH", f"/api/products/{product_id}", {"price": {"amount": price, "currency": "EUR"}}
        )

    async def stock(self, sku: str) -> Json:
        """How many there are of a SKU: `onHand`, `reserved`, `available`."""
        return await self.call("GET", f"/api/inventory/{sku}")

    async def archive(self, product_id: str) -> None:
        """Take a product out of the shop's lists."""
        await self.call("PATCH", f"/api/products/{product_id}", {"active": False})

    async def call(self, method: str, path: str, body: Json = None) -> Json:
        """The answer to an administrator's request."""
        headers = {**await self._tokens.headers(ADMIN)}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        answer = await ask(self._http, method, self._url + path, json=body, headers=headers)
        return answer.json()


async def until_known(customer: Customer, products: list[Product], *, within: float = 60.0) -> None:
    """Return when the order service, which hears of products by events, sells all of these.

    Raises:
        TimeoutError: it does not, `within` seconds.
    """
    deadline = time.monotonic() + within
    for product in products:
        while True:
            try:
                cart = await customer.put_in_cart(product.id, 1)
                line = next(each for each in cart["lines"] if each["productId"] == product.id)
                if line["available"]:
                    break
            except AnswerError as error:
                if not 400 <= error.status < 500:
                    raise
            if time.monotonic() > deadline:
                raise TimeoutError(f"the order service does not sell {product.sku}")
            await asyncio.sleep(_POLL_SECONDS)
