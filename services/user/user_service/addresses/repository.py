"""The address book's statements. Each function is one statement; transactions are the caller's."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from user_service.addresses.tables import Address
from user_service.profiles.tables import User


async def of_subject(session: AsyncSession, subject: str) -> list[Address]:
    """The addresses of the identity provider's `subject`: the default first, then from new to old."""
    statement = (
        select(Address)
        .join(User, User.id == Address.user_id)
        .where(User.subject == subject)
        .order_by(Address.is_default.desc(), Address.created_at.desc(), Address.id)
    )
    return list((await session.execute(statement)).scalars())


async def of_user(session: AsyncSession, user_id: UUID) -> list[Address]:
    """The addresses of a user: the default first, then from new to old."""
    statement = (
        select(Address)
        .where(Address.user_id == user_id)
        .order_by(Address.is_default.desc(), Address.created_at.desc(), Address.id)
        .execution_options(populate_existing=True)
    )
    return list((await session.execute(statement)).scalars())


async def add(session: AsyncSession, user_id: UUID, values: dict[str, Any]) -> Address:
    """The new address."""
    statement = insert(Address).values(id=uuid4(), user_id=user_id, **values).returning(Address)
    return (await session.execute(statement)).scalar_one()


async def change(session: AsyncSession, address_id: UUID, values: dict[str, Any]) -> Address:
    """The address after the change."""
    statement = (
        update(Address)
        .where(Address.id == address_id)
        .values(**values, version=Address.version + 1, updated_at=func.now())
        .returning(Address)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one()


async def remove(session: AsyncSession, address_id: UUID) -> None:
    """Remove the address."""
    await session.execute(delete(Address).where(Address.id == address_id))
