"""Stripe's search language, as far as it goes here (https://docs.stripe.com/search#search-query-language)."""

import re
from collections.abc import Callable
from typing import Any

from storefront_standins.payments.errors import GatewayError

Matches = Callable[[dict[str, Any]], bool]

_CLAUSE = re.compile(
    r"""\s*(?:metadata\[(?P<quote>['"])(?P<key>[^'"]+)(?P=quote)\]|(?P<field>status|currency|amount))
        \s*:\s*(?:(?P<valuequote>['"])(?P<value>[^'"]*)(?P=valuequote)|(?P<number>\d+))\s*""",
    re.VERBOSE,
)


def parse(query: str) -> Matches:
    """A predicate for clauses such as `metadata['orderId']:'…' AND status:'succeeded'`.

    Raises:
        GatewayError: the query is not understood (400).
    """
    clauses = []
    for text in re.split(r"\s+AND\s+", query):
        match = _CLAUSE.fullmatch(text)
        if match is None:
            raise GatewayError(
                400,
                "invalid_request_error",
                f"We were unable to parse your search query at: {text}",
                param="query",
            )
        clauses.append((match["key"], match["field"], match["value"] or match["number"]))
    return lambda thing: all(
        (thing["metadata"].get(key) if key else str(thing[field])) == value for key, field, value in clauses
    )
