"""What the catalogue's API takes and gives."""

import unicodedata
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

CATEGORY_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
MAX_STOCK = 1_000_000_000
MAX_PRICE = 100_000_000_00


def _printable(text: str) -> str:
    """Refuse control characters: PostgreSQL cannot store some of them, and none of them can be seen."""
    if any(unicodedata.category(character) == "Cc" and character not in "\n\t" for character in text):
        raise ValueError("must not contain control characters")
    return text


def _empty_is_absent(value: Any) -> Any:
    """`?category=` means the same as no category: forms send empty fields."""
    return None if isinstance(value, str) and not value.strip() else value


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("must be a single line")
    return text


class Model(BaseModel):
    """camelCase outside, snake_case inside; an unknown field is an error, not a silent loss."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", str_strip_whitespace=True
    )


Name = Annotated[
    str, Field(min_length=1, max_length=200), AfterValidator(_printable), AfterValidator(_one_line)
]
Description = Annotated[str, Field(max_length=5_000), AfterValidator(_printable)]
CategorySlug = Annotated[str, Field(max_length=60, pattern=CATEGORY_PATTERN)]
Sku = Annotated[str, Field(max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Stock = Annotated[int, Field(ge=0, le=MAX_STOCK, strict=True)]


class Price(Model):
    """An amount of money in minor units: 1999 EUR is 19.99 €."""

    amount: Annotated[int, Field(ge=0, le=MAX_PRICE, strict=True)]
    currency: Literal["EUR"] = "EUR"


class ProductDraft(Model):
    """A product to be created."""

    sku: Sku
    name: Name
    description: Description = ""
    category: CategorySlug
    price: Price
    stock: Stock = 0


class ProductChange(Model):
    """What changes in a product; what is not given stays. The SKU is the product's identity and never changes."""

    name: Name | None = None
    description: Description | None = None
    category: CategorySlug | None = None
    price: Price | None = None
    stock: Stock | None = None

    @model_validator(mode="before")
    @classmethod
    def _null_is_no_value(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for field, value in data.items():
                if value is None:
                    raise ValueError(f"{field} cannot be null; leave it out to keep it as it is")
        return data


class ProductView(Model):
    """A product as clients see it."""

    id: UUID
    sku: str
    name: str
    description: str
    category: str
    price: Price
    stock: int
    picture_url: str
    version: int
    created_at: datetime
    updated_at: datetime


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


class ProductQuery(Model):
    """Which products to list."""

    limit: Annotated[int, Field(ge=1, le=100)] = 24
    after: Annotated[str | None, Field(max_length=1_000), BeforeValidator(_empty_is_absent)] = None
    category: Annotated[CategorySlug | None, BeforeValidator(_empty_is_absent)] = None
    q: Annotated[str | None, Field(max_length=200), BeforeValidator(_empty_is_absent)] = None
    sort: Sort = Sort.NEWEST


class CategoryView(Model):
    """A department of the shop and how many products it has."""

    slug: str
    name: str
    count: int


class CategoryList(Model):
    """All departments that have products, by name."""

    items: list[CategoryView]
