"""The base of all tables, so that migrations and tests see one set of metadata."""

from sqlalchemy.orm import DeclarativeBase
from storefront_common.messaging import shared_tables


class Table(DeclarativeBase):
    """Base class of the service's tables."""


shared_tables.define(Table.metadata)
