"""What the index holds of a product.

Text is cut into words and folded here and not in Elasticsearch: then a query is folded in exactly the same way, and no
analyzer is needed that some distributions leave out.
"""

import re
import unicodedata
from typing import Any

from product_service.catalogue.schemas import ProductView
from product_service.catalogue.service import view
from product_service.catalogue.tables import Product

_WORD = re.compile(r"[^\W_]+")
# Letters that Unicode does not take apart.
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "ł": "l", "þ": "th"})

MAPPING_VERSION = 2
"""Raised with every change of MAPPINGS or of what `document` makes: then the index is built anew."""

_TEXT = {"type": "text", "analyzer": "whitespace"}
MAPPINGS: dict[str, Any] = {
    # An older image may write while a newer one has built the index, and the other way round.
    "dynamic": False,
    "_meta": {"version": MAPPING_VERSION},
    "properties": {
        "id": {"type": "keyword"},
        "active": {"type": "boolean"},
        "categorySlug": {"type": "keyword"},
        "price": {"type": "long"},
        "inStock": {"type": "boolean"},
        "createdAt": {"type": "date"},
        "sortName": {"type": "keyword"},
        "name": _TEXT,
        "sku": _TEXT,
        "options": _TEXT,
        "category": _TEXT,
        "description": _TEXT,
        # As it is delivered; nothing of it is searched.
        "product": {"type": "object", "enabled": False},
    },
}


def folded(text: str) -> str:
    """`text` without case and accents: `Sörvik` → `sorvik`."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    # Again: mathematical capitals and the like have no other case until they are taken apart.
    return bare.casefold().translate(_LETTERS)


def words(text: str) -> list[str]:
    """The folded words of `text`."""
    return _WORD.findall(folded(text))


def document(product: Product, category_name: str) -> dict[str, Any]:
    """The document for a product."""
    shown = view(product)
    return {
        "id": str(shown.id),
        "active": shown.active,
        "categorySlug": shown.category,
        "price": shown.price.amount,
        "inStock": shown.stock > 0,
        "createdAt": shown.created_at.isoformat(),
        "sortName": folded(shown.name),
        "name": _joined(shown.name),
        "sku": _joined(shown.sku),
        "options": _joined(" ".join(shown.options.values())),
        "category": _joined(category_name),
        "description": _joined(shown.description),
        "product": shown.model_dump(mode="json", by_alias=True),
    }


def removed() -> dict[str, Any]:
    """The document in the place of a product that was removed: no older version of it may come back."""
    return {"active": False}


def product_of(source: dict[str, Any]) -> ProductView:
    """The product that a document was made of.

    Raises:
        pydantic.ValidationError: another version of this service made it, and its products look different.
    """
    return ProductView.model_validate(source["product"])


def _joined(text: str) -> str:
    return " ".join(words(text))
