"""What the services are compared with: FastAPI handlers with asyncpg written by hand, for the same answers.

They have what such handlers have at first: validated input and a pool of connections. They have no telemetry, log no
request, believe who says who asks, repeat nothing and use no cache. It runs in a pod of the services' image and reads
the service's own settings.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import FastAPI, Header, HTTPException, Query
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

_COLUMNS = (
    "id, sku, name, description, category, price_amount, price_currency, stock, reserved, weight_grams, active, "
    "variant_group, options, linked_picture, version, created_at, updated_at"
)
_PRODUCTS = f"SELECT {_COLUMNS} FROM products WHERE "  # noqa: S608 - all of it is above
_NEWEST = "ORDER BY created_at DESC, id DESC LIMIT $1"
_PAGE = f"{_PRODUCTS} active {_NEWEST}"
_CATEGORY_PAGE = f"{_PRODUCTS} active AND category = $2 {_NEWEST}"
_VARIANTS = "variant_group = (SELECT variant_group FROM products WHERE id = $1) AND active"
_FAMILY = f"{_PRODUCTS} id = $1 OR ({_VARIANTS}) ORDER BY sku"
_TOUCH_CART = (
    "INSERT INTO carts (id, owner) VALUES ($1, $2) "
    "ON CONFLICT (owner) DO UPDATE SET version = carts.version + 1, touched_at = now() RETURNING id, version"
)
_PRICE = "SELECT price_amount, active FROM products WHERE id = $1"
_PUT_LINE = (
    "INSERT INTO cart_lines (cart_id, product_id, quantity, seen_price_amount) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (cart_id, product_id) DO UPDATE SET quantity = $3, seen_price_amount = $4"
)
_LINES = (
    "SELECT product_id, quantity, seen_price_amount, sku, name, price_amount, available, active, picture_url "
    "FROM cart_lines JOIN products ON id = product_id WHERE cart_id = $1 ORDER BY added_at, product_id"
)

Row = Any
Json = dict[str, Any]


class LineChange(BaseModel):
    """How many of the product the cart shall hold."""

    quantity: Annotated[int, Field(ge=1, le=99, strict=True)]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(
        host=os.environ["DATABASE_HOST"],
        port=int(os.environ.get("DATABASE_PORT", "5432")),
        database=os.environ["DATABASE_NAME"],
        user=os.environ["DATABASE_USER"],
        password=Path(os.environ["DATABASE_PASSWORD_FILE"]).read_text().strip(),
        min_size=1,
        max_size=int(os.environ.get("DATABASE_POOL_SIZE", "5")),
        server_settings={"jit": "off"},
    ) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_lifespan, docs_url=None, redoc_url=None)


@app.get("/healthz")
async def healthz() -> None:
    """Answer as soon as there is a connection to the database."""


@app.get("/api/products")
async def list_products(
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    category: Annotated[str | None, Query(max_length=60)] = None,
) -> JSONResponse:
    """List products, the newest first."""
    if category is None:
        rows = await app.state.pool.fetch(_PAGE, limit + 1)
    else:
        rows = await app.state.pool.fetch(_CATEGORY_PAGE, limit + 1, category)
    shown = rows[:limit]
    cursor = _cursor(shown[-1]) if len(rows) > limit else None
    return JSONResponse({"items": [_product(row) for row in shown], "nextCursor": cursor})


@app.get("/api/products/{product_id}")
async def get_product(product_id: UUID) -> JSONResponse:
    """Show one product and its variants."""
    rows = await app.state.pool.fetch(_FAMILY, product_id)
    product = next((row for row in rows if row["id"] == product_id), None)
    if product is None:
        raise HTTPException(404)
    variants = [_variant(row) for row in rows if row is not product]
    return JSONResponse({**_product(product), "variants": variants})


@app.put("/api/cart/lines/{product_id}")
async def put_cart_line(
    product_id: UUID, change: LineChange, x_customer: Annotated[str, Header()]
) -> JSONResponse:
    """Set how many of a product the customer's cart holds."""
    async with app.state.pool.acquire() as connection, connection.transaction():
        cart = await connection.fetchrow(_TOUCH_CART, secrets.token_urlsafe(24), x_customer)
        product = await connection.fetchrow(_PRICE, product_id)
        if product is None:
            raise HTTPException(404)
        if not product["active"]:
            raise HTTPException(409)
        await connection.execute(_PUT_LINE, cart["id"], product_id, change.quantity, product["price_amount"])
        rows = await connection.fetch(_LINES, cart["id"])
    return JSONResponse(_cart(cart, rows))


def _product(row: Row) -> Json:
    return {
        "id": str(row["id"]),
        "sku": row["sku"],
        "name": row["name"],
        "description": row["description"],
        "category": row["category"],
        "price": {"amount": row["price_amount"], "currency": row["price_currency"]},
        "stock": row["stock"] - row["reserved"],
        "weightGrams": row["weight_grams"],
        "active": row["active"],
        "variantGroup": row["variant_group"],
        "options": json.loads(row["options"]),
        "pictureUrl": _picture(row),
        "version": row["version"],
        "createdAt": _time(row["created_at"]),
        "updatedAt": _time(row["updated_at"]),
    }


def _variant(row: Row) -> Json:
    return {
        "id": str(row["id"]),
        "sku": row["sku"],
        "name": row["name"],
        "options": json.loads(row["options"]),
        "price": {"amount": row["price_amount"], "currency": row["price_currency"]},
        "stock": row["stock"] - row["reserved"],
        "pictureUrl": _picture(row),
    }


def _cart(cart: Row, rows: list[Row]) -> Json:
    lines = [_line(row) for row in rows]
    return {
        "id": cart["id"],
        "version": cart["version"],
        "lines": lines,
        "itemCount": sum(row["quantity"] for row in rows),
        "subtotal": {"amount": sum(line["lineTotal"]["amount"] for line in lines), "currency": "EUR"},
        "orderable": bool(lines) and all(line["available"] for line in lines),
    }


def _line(row: Row) -> Json:
    price, seen, quantity = row["price_amount"], row["seen_price_amount"], row["quantity"]
    available = row["available"] if row["active"] else 0
    return {
        "productId": str(row["product_id"]),
        "sku": row["sku"],
        "name": row["name"],
        "pictureUrl": row["picture_url"],
        "quantity": quantity,
        "unitPrice": {"amount": price, "currency": "EUR"},
        "addedPrice": {"amount": seen, "currency": "EUR"},
        "priceChanged": price != seen,
        "lineTotal": {"amount": price * quantity, "currency": "EUR"},
        "available": available >= quantity,
        "availableQuantity": available,
    }


def _picture(row: Row) -> str:
    if row["linked_picture"] is not None:
        return str(row["linked_picture"])
    text = "\n".join(("1", row["sku"], row["name"], row["category"]))
    return f"/api/products/{row['id']}/picture?v={hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _cursor(row: Row) -> str:
    document = {"i": str(row["id"]), "s": "newest", "k": _time(row["created_at"])}
    text = json.dumps(document, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
