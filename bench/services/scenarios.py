"""What is asked of the services: the same things of a service, of its peer, and by way of the public entry."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from bench.services.comparison import ENTRY, PEER, SERVICE, Scenario
from bench.services.load import Request

LIST, GET, CART = "product list", "product get", "add to cart"

_RATES = {LIST: 30.0, GET: 80.0, CART: 30.0}
"""Requests a second: what two cores carry that do everything else as well."""
_PAGE = 24
_CUSTOMERS = 20
_CARTS_SEED = 1


def customers() -> list[str]:
    """Addresses of the people who shop."""
    return [f"bench-{number}@example.com" for number in range(_CUSTOMERS)]


def scenarios(
    products: Sequence[Mapping[str, Any]], credential: str, tokens: Mapping[str, str], domain: str
) -> list[Scenario]:
    """The scenarios.

    Args:
        products: as the shop lists them; all of them can be bought.
        credential: the API gateway's.
        tokens: an access token of each customer, by address.
        domain: of the shop.
    """
    anybody = {target: {"Host": domain} if target == ENTRY else {} for target in (SERVICE, PEER, ENTRY)}
    one = next(iter(tokens))
    signed_in = {
        SERVICE: _from_gateway(tokens[one], credential),
        PEER: {},
        ENTRY: anybody[ENTRY] | _bearer(tokens[one]),
    }
    categories = sorted({each["category"] for each in products})
    pages = [f"/api/products?limit={_PAGE}"]
    pages += [f"/api/products?limit={_PAGE}&category={category}" for category in categories]
    return [
        Scenario(
            LIST,
            "product",
            _RATES[LIST],
            {target: [Request(path, headers=signed_in[target]) for path in pages] for target in signed_in},
        ),
        Scenario(
            GET,
            "product",
            _RATES[GET],
            {
                target: [
                    Request(f"/api/products/{each['id']}", headers=signed_in[target]) for each in products
                ]
                for target in signed_in
            },
        ),
        Scenario(CART, "order", _RATES[CART], _carts(products, credential, tokens, domain)),
    ]


def _carts(
    products: Sequence[Mapping[str, Any]], credential: str, tokens: Mapping[str, str], domain: str
) -> dict[str, list[Request]]:
    """Each customer puts three products into the cart, and then other numbers of them, again and again."""
    dice = random.Random(_CARTS_SEED)
    found: dict[str, list[Request]] = {SERVICE: [], PEER: [], ENTRY: []}
    for _ in range(3):
        for customer, token in tokens.items():
            path = f"/api/cart/lines/{dice.choice(products)['id']}"
            headers = {
                SERVICE: _from_gateway(token, credential),
                # Beside the service's carts: they have the same table.
                PEER: {"X-Customer": f"peer:{customer}"},
                ENTRY: {"Host": domain, **_bearer(token)},
            }
            for target, given in headers.items():
                body = {"quantity": dice.randint(1, 3)}
                found[target].append(Request(path, "PUT", given, body))
    return found


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _from_gateway(token: str, credential: str) -> dict[str, str]:
    """What the API gateway makes of a token."""
    return {"X-Storefront-Claims": token.split(".")[1], "X-Storefront-Gateway": credential}
