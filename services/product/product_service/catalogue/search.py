"""Full text search inside PostgreSQL."""

import re

from sqlalchemy import ColumnElement, func, literal_column

from product_service.catalogue.tables import Product

MAX_WORDS = 10

# Letters and digits only, as in the indexed text: nothing of it has a meaning in tsquery's syntax.
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """The words of a query, in lower case, at most MAX_WORDS."""
    return _WORD.findall(text.lower())[:MAX_WORDS]


def matches(wanted: list[str]) -> ColumnElement[bool]:
    """The condition that a product has every word of `wanted`: a form of it, or a word that begins with it."""
    condition: ColumnElement[bool] | None = None
    for word in wanted:
        prefix = f"{word}:*"
        either = func.to_tsquery(literal_column("'simple'::regconfig"), prefix).op("||")(
            func.to_tsquery(literal_column("'english'::regconfig"), prefix)
        )
        term = Product.search.op("@@", is_comparison=True)(either)
        condition = term if condition is None else condition & term
    if condition is None:
        raise ValueError("a search needs at least one word")
    return condition
