"""What can be done with categories. Each function works in the transaction of the session it is given."""

from http import HTTPStatus

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.problems import Problem

from product_service.categories import repository
from product_service.categories.schemas import CategoryDraft, CategoryList, CategoryView


def name_of(slug: str) -> str:
    """A name for a category that is only known by its slug: `home-office` → `Home office`."""
    return slug.replace("-", " ").capitalize()


async def list_categories(session: AsyncSession, *, empty: bool = False) -> CategoryList:
    """The categories that have products; with `empty` also the others."""
    rows = await repository.counted(session, empty=empty)
    return CategoryList(items=[CategoryView(slug=slug, name=name, count=count) for slug, name, count in rows])


async def create_category(session: AsyncSession, draft: CategoryDraft) -> CategoryView:
    """The created category; 409 when there is one of that slug."""
    if not await repository.add(session, draft.slug, draft.name):
        raise Problem(
            HTTPStatus.CONFLICT,
            f"slug: {draft.slug} belongs to another category",
            errors=[{"field": "slug", "value": draft.slug, "message": "belongs to another category"}],
        )
    return CategoryView(slug=draft.slug, name=draft.name, count=0)


async def rename_category(session: AsyncSession, slug: str, name: str) -> CategoryView:
    """The category under its new name, or a 404."""
    count = await repository.rename(session, slug, name)
    if count is None:
        raise _not_found(slug)
    return CategoryView(slug=slug, name=name, count=count)


async def remove_category(session: AsyncSession, slug: str) -> None:
    """Remove the category; 404 when there is none, 409 when it has products, also archived ones."""
    try:
        removed = await repository.remove(session, slug)
    except IntegrityError:
        # A product came into it in this moment.
        raise _in_use(slug) from None
    if not removed:
        raise _in_use(slug) if await repository.is_there(session, slug) else _not_found(slug)


def _in_use(slug: str) -> Problem:
    return Problem(HTTPStatus.CONFLICT, f"The category {slug} has products. Move them to another one first.")


def _not_found(slug: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, f"There is no category {slug}.")
