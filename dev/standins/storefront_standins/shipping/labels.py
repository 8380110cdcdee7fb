"""The labels that were bought, in memory."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

from storefront_standins.shipping import tariff
from storefront_standins.shipping.schemas import Label, LabelRequest


class NotServedError(Exception):
    """Nothing is sent to that country."""


class UnknownRateError(Exception):
    """The rate was quoted for something else."""


class KeyReusedError(Exception):
    """The idempotency key was used for another request."""


class Labels:
    """Every label; bought once per idempotency key."""

    def __init__(self, public_url: str) -> None:
        """`public_url`: where browsers find the carrier."""
        self._public_url = public_url.rstrip("/")
        self._labels: dict[str, Label] = {}
        self._by_key: dict[str, tuple[LabelRequest, Label]] = {}

    def buy(self, key: str, request: LabelRequest) -> tuple[Label, bool]:
        """The label for a request, and whether it had been bought under this key before.

        Raises:
            KeyReusedError: the key was used for another request.
            NotServedError: nothing is sent to that country.
            UnknownRateError: the rate is not one for these parcels.
        """
        if key in self._by_key:
            earlier, label = self._by_key[key]
            if earlier != request:
                raise KeyReusedError
            return label, True
        country, weight = request.destination.country, sum(each.weight_grams for each in request.parcels)
        rate = tariff.rate(request.service, country, weight)
        if rate is None:
            raise NotServedError(country)
        if request.rate_id not in (None, rate.id):
            raise UnknownRateError(request.rate_id)
        number = len(self._labels) + 1
        label_id = f"lbl_{number:06d}"
        digest = int.from_bytes(hashlib.sha256(label_id.encode()).digest()[:5], "big") % 10**10
        label = Label(
            id=label_id,
            reference=request.reference,
            carrier=rate.carrier,
            service=request.service,
            tracking_number=f"SP{digest:010d}{country}",
            amount=rate.amount,
            weight_grams=weight,
            destination=request.destination,
            label_url=f"{self._public_url}/v1/labels/{label_id}/document",
            created_at=datetime.now(UTC),
        )
        self._labels[label_id] = label
        self._by_key[key] = (request, label)
        return label, False

    def find(self, label_id: str) -> Label | None:
        """The label of this id."""
        return self._labels.get(label_id)

    def search(self, reference: str | None = None) -> Iterator[Label]:
        """The labels bought under this reference, or all; the newest first."""
        for label in reversed(self._labels.values()):
            if reference is None or label.reference == reference:
                yield label
