"""What the shop asks of a shipping company: the port. `http_provider` is the real one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from order_service.shipping.schemas import Address, Rate


class ShippingRefusedError(Exception):
    """The shipping company understood and will not do it; asking again in the same way changes nothing."""


@dataclass(frozen=True)
class Parcel:
    """One parcel."""

    weight_grams: int


@dataclass(frozen=True)
class Label:
    """A label that was bought."""

    id: str
    carrier: str
    service: str
    tracking_number: str
    url: str


class ShippingProvider(Protocol):
    """A shipping company."""

    async def rates(self, destination: Address, parcels: Sequence[Parcel]) -> list[Rate]:
        """Ways of sending `parcels` and what they cost, in the shop's currency.

        Raises:
            ExternalUnavailableError: it is away.
            ShippingRefusedError: it does not deliver there.
        """

    async def buy_label(
        self,
        key: str,
        *,
        rate_id: str | None,
        service: str,
        destination: Address,
        parcels: Sequence[Parcel],
        reference: str,
    ) -> Label:
        """The label for an order: bought once for each `key`, however often it is asked for.

        Args:
            key: of the order.
            rate_id: the rate that was chosen; None: today's rate of `service`.
            service: as in the rate.
            reference: printed on the label.

        Raises:
            ExternalUnavailableError: it is away, or did not say whether it was done: ask again.
            ShippingRefusedError: it does not sell that.
        """
