"""The people who have signed in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, Computed, DateTime, Index, Integer, String, Text, func
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, deferred, mapped_column

from user_service.tables import Table

# Anything but letters and digits is a gap, in addresses too: `anna.maria@example.com` is found by any of its words.
SEARCH_TEXT = (
    "lower(regexp_replace((coalesce(chosen_name, '') || ' ' || coalesce(claimed_name, '') || ' ' || "
    "coalesce(email, '')) COLLATE \"und-x-icu\", '[^[:alnum:]]+', ' ', 'g'))"
)
SEARCH_WORDS = f"to_tsvector('simple', {SEARCH_TEXT})"


class User(Table):
    """Someone whom the identity provider let in, and what the shop knows about them."""

    __tablename__ = "users"
    __table_args__ = (
        Index("users_newest", "created_at", "id"),
        Index("users_search", "search", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), unique=True)
    email: Mapped[str | None] = mapped_column(Text)
    email_verified: Mapped[bool] = mapped_column(Boolean)
    claimed_name: Mapped[str | None] = mapped_column(Text)
    """The name at the identity provider."""
    chosen_name: Mapped[str | None] = mapped_column(Text)
    """The name that the person wants to be called by here, if it is another one."""
    phone: Mapped[str | None] = mapped_column(String(20))
    blocked: Mapped[bool] = mapped_column(Boolean, server_default="false")
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    search: Mapped[str] = deferred(mapped_column(TSVECTOR, Computed(SEARCH_WORDS, persisted=True)))

    @property
    def name(self) -> str | None:
        """The name that others are shown."""
        return self.chosen_name or self.claimed_name
