"""The picture for a product."""

from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.problems import Problem

from product_service.pictures import repository
from product_service.pictures.illustration import illustrate


class Subject(NamedTuple):
    """All that a picture depends on."""

    sku: str
    name: str
    category: str


async def subject(session: AsyncSession, product_id: UUID) -> Subject:
    """What the picture of that product shows, or a 404."""
    found = await repository.find_subject(session, product_id)
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no product {product_id}.")
    return Subject(*found)


@lru_cache(maxsize=256)
def draw(subject: Subject) -> bytes:
    """The picture as an SVG document."""
    return illustrate(subject.sku, subject.name, subject.category).encode()
