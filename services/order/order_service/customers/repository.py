"""The statements of the customers' copy."""

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from order_service.customers.tables import CustomerCopy


async def find(session: AsyncSession, subject: str) -> CustomerCopy | None:
    """The customer of that subject, if the user service has told of them."""
    statement = select(CustomerCopy).where(CustomerCopy.subject == subject)
    return (await session.execute(statement)).scalar_one_or_none()


async def put(
    session: AsyncSession, subject: str, version: int, *, email: str, name: str, blocked: bool
) -> None:
    """Keep version `version` of the customer unless a newer one is known."""
    statement = insert(CustomerCopy).values(
        subject=subject, version=version, email=email, name=name, blocked=blocked
    )
    statement = statement.on_conflict_do_update(
        index_elements=[CustomerCopy.subject],
        set_={column: statement.excluded[column] for column in ("version", "email", "name", "blocked")},
        where=CustomerCopy.version < statement.excluded.version,
    )
    await session.execute(statement)


async def forget(session: AsyncSession, subject: str, version: int) -> None:
    """Keep nothing of the customer but that they were known up to `version`: what was told before stays forgotten."""
    statement = (
        update(CustomerCopy)
        .where(CustomerCopy.subject == subject)
        .values(email="", name="", version=func.greatest(CustomerCopy.version, version))
    )
    await session.execute(statement)
