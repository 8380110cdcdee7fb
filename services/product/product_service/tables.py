"""The base of all tables, so that migrations and tests see one set of metadata."""

from sqlalchemy.orm import DeclarativeBase


class Table(DeclarativeBase):
    """Base class of the service's tables."""
