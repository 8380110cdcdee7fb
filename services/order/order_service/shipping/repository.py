"""The shipping quotes' statements."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from order_service.shipping.tables import ShippingQuote

_SWEPT_AT_ONCE = 500


async def add(session: AsyncSession, values: dict[str, Any]) -> None:
    """Keep a quote."""
    await session.execute(insert(ShippingQuote).values(values))


async def find(session: AsyncSession, quote_id: UUID) -> ShippingQuote | None:
    """The quote of that id, expired or not."""
    statement = select(ShippingQuote).where(ShippingQuote.id == quote_id)
    return (await session.execute(statement)).scalar_one_or_none()


async def remove_for_cart(session: AsyncSession, cart_id: str) -> None:
    """Forget the quotes for a cart."""
    await session.execute(delete(ShippingQuote).where(ShippingQuote.cart_id == cart_id))


async def remove_expired(session: AsyncSession) -> int:
    """Remove some quotes that do not stand any more; how many."""
    old = (
        select(ShippingQuote.id)
        .where(ShippingQuote.expires_at < func.now())
        .limit(_SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    removed = await session.execute(
        delete(ShippingQuote).where(ShippingQuote.id.in_(old.scalar_subquery())).returning(ShippingQuote.id)
    )
    return len(removed.all())
