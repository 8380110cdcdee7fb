"""What the catalogue's API takes and gives."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator
from storefront_common.schemas import (
    EMPTY_IS_ABSENT,
    MAX_AMOUNT,
    Model,
    Money,
    Name,
    PageCursor,
    PageLimit,
    Sku,
    Slug,
    Text,
    one_line,
    printable,
)

MAX_STOCK = 1_000_000_000

Stock = Annotated[int, Field(ge=0, le=MAX_STOCK, strict=True)]


MAX_WEIGHT = 1_000_000

Weight = Annotated[int, Field(ge=0, le=MAX_WEIGHT, strict=True)]
"""Of what is sent, with its packing, in grams."""

OptionName = Annotated[
    str, Field(min_length=1, max_length=30), AfterValidator(printable), AfterValidator(one_line)
]
OptionValue = Annotated[
    str, Field(min_length=1, max_length=60), AfterValidator(printable), AfterValidator(one_line)
]
Options = Annotated[dict[OptionName, OptionValue], Field(max_length=5)]
"""What tells a variant from the others of its group: `{"size": "M", "colour": "moss"}`."""

PictureUrl = Annotated[
    str,
    Field(
        max_length=2_000, pattern=r"^(https://[^\s/\\]+|/[^\s/\\])[^\s\\]*$", examples=["/pictures/mug.jpg"]
    ),
]
"""A picture of the shop's own: an https address, or a path of this site."""

_MAY_BE_NULL = frozenset({"pictureUrl", "picture_url", "variantGroup", "variant_group"})


class ProductDraft(Model):
    """A product to be created."""

    sku: Sku
    name: Name
    description: Text = ""
    category: Slug
    price: Money
    stock: Stock = 0
    weight_grams: Weight = 500
    picture_url: PictureUrl | None = None
    """Null: one is drawn."""
    variant_group: Slug | None = None
    """Products of one group are variants of each other."""
    options: Options = {}


class ProductChange(Model):
    """What changes in a product; what is not given stays. The SKU is the product's identity and never changes."""

    name: Name | None = None
    description: Text | None = None
    category: Slug | None = None
    price: Money | None = None
    stock: Stock | None = None
    """How many can be ordered from now on; what is reserved for orders comes on top."""
    weight_grams: Weight | None = None
    picture_url: PictureUrl | None = None
    variant_group: Slug | None = None
    options: Options | None = None
    active: bool | None = None
    """False archives the product, true brings it back."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_no_value(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for field, value in data.items():
                if value is None and field not in _MAY_BE_NULL:
                    raise ValueError(f"{field} cannot be null; leave it out to keep it as it is")
        return data


class ProductView(Model):
    """A product as clients see it."""

    id: UUID
    sku: str
    name: str
    description: str
    category: str
    price: Money
    stock: int
    """How many can be ordered: without what is reserved for orders."""
    weight_grams: int
    active: bool
    """False: archived, and not for sale any more."""
    variant_group: str | None
    options: dict[str, str]
    picture_url: str
    version: int
    """For `If-Match`: counts what people change, not what orders take out of the stock."""
    created_at: datetime
    updated_at: datetime


class Variant(Model):
    """Another product of the same group."""

    id: UUID
    sku: str
    name: str
    options: dict[str, str]
    price: Money
    stock: int
    picture_url: str


class ProductDetail(ProductView):
    """A product and the variants that it can be exchanged for."""

    variants: list[Variant]
    """The other products of its group that are for sale, by SKU."""


class ProductPage(Model):
    """Part of a list, and where the next part begins."""

    items: list[ProductView]
    next_cursor: str | None


class Sort(StrEnum):
    """Orders in which products can be listed."""

    NEWEST = "newest"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"
    NAME = "name"


class Status(StrEnum):
    """Which products a list shows."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    ALL = "all"


PriceBound = Annotated[int | None, Field(ge=0, le=MAX_AMOUNT), EMPTY_IS_ABSENT]


class ProductQuery(Model):
    """Which products to list."""

    limit: PageLimit = 24
    after: PageCursor = None
    category: Annotated[Slug | None, EMPTY_IS_ABSENT] = None
    q: Annotated[str | None, Field(max_length=200), EMPTY_IS_ABSENT] = None
    sort: Sort = Sort.NEWEST
    price_min: PriceBound = None
    """In minor units."""
    price_max: PriceBound = None
    in_stock: bool = False
    """Only what can be ordered now."""
    status: Status = Status.ACTIVE
    """Archived products are shown to administrators only."""
