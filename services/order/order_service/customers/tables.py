"""The copy of the customers, fed by the user service's events."""

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from order_service.tables import Table


class CustomerCopy(Table):
    """A person as the user service last told."""

    __tablename__ = "customers"

    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    email: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    blocked: Mapped[bool]
