"""What the search API takes and gives."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field
from storefront_common.schemas import EMPTY_IS_ABSENT, Model, PageCursor, PageLimit, Slug

from product_service.catalogue.schemas import PriceBound, ProductView


class SearchSort(StrEnum):
    """Orders of what was found."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"
    NAME = "name"


class SearchQuery(Model):
    """What to look for."""

    q: Annotated[str | None, Field(max_length=200), EMPTY_IS_ABSENT] = None
    category: Annotated[Slug | None, EMPTY_IS_ABSENT] = None
    price_min: PriceBound = None
    """In minor units."""
    price_max: PriceBound = None
    in_stock: bool = False
    """Only what can be ordered now."""
    sort: Annotated[SearchSort | None, EMPTY_IS_ABSENT] = None
    """By default relevance, or, when no words are looked for, newest."""
    limit: PageLimit = 24
    after: PageCursor = None

    @property
    def order(self) -> SearchSort:
        """The order that is meant."""
        return self.sort or (SearchSort.NEWEST if self.q is None else SearchSort.RELEVANCE)


class CategoryFacet(Model):
    """How much would be found in one category."""

    slug: str
    name: str
    count: int


class PriceFacet(Model):
    """How much would be found in one range of prices (minor units)."""

    price_min: int
    price_max: int | None
    """Included; null: no limit."""
    count: int


class Facets(Model):
    """How the result could be narrowed. A facet does not count in what is chosen in itself."""

    categories: list[CategoryFacet]
    prices: list[PriceFacet]


class SearchPage(Model):
    """Part of what was found, and where the next part begins."""

    items: list[ProductView]
    next_cursor: str | None
    total: int | None
    """All that was found; null when it is not known."""
    facets: Facets | None
    """Null when they are not known."""
    approximate: bool
    """Nothing has these words; what is shown has similar ones."""
    degraded: bool
    """The search engine is away: the database looked for the words as they are, without order by relevance, total
    and facets."""
