"""The shipping API over HTTP: `POST /v1/rates`, `POST /v1/labels`."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from storefront_common.external import ExternalSystem, ExternalUnavailableError
from storefront_common.schemas import MAX_AMOUNT, Money
from storefront_common.settings import SecretUnreadableError

from order_service.settings import ShippingSettings
from order_service.shipping.provider import Label, Parcel, ShippingRefusedError
from order_service.shipping.schemas import Address, Rate

CURRENCY = "EUR"


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


Answer = TypeVar("Answer", bound=_Answer)


class _Rate(_Answer):
    id: str = Field(min_length=1, max_length=200)
    carrier: str
    service: str
    amount: int = Field(ge=0, le=MAX_AMOUNT)
    currency: str
    estimated_days: int | None = None


class _Rates(_Answer):
    rates: list[_Rate]


class _Label(_Answer):
    id: str
    carrier: str
    service: str
    tracking_number: str = Field(min_length=1)
    label_url: str


class HttpShipping:
    """`ShippingProvider` on the shipping API."""

    def __init__(self, system: ExternalSystem, settings: ShippingSettings) -> None:
        self._system = system
        self._settings = settings

    async def rates(self, destination: Address, parcels: Sequence[Parcel]) -> list[Rate]:
        """See `ShippingProvider`."""
        body = {"destination": _address(destination), "parcels": _parcels(parcels)}
        response = await self._post("/v1/rates", body)
        answer = self._read(response, _Rates)
        return [
            Rate(
                id=rate.id,
                carrier=rate.carrier,
                service=rate.service,
                price=Money(amount=rate.amount),
                estimated_days=rate.estimated_days,
            )
            for rate in answer.rates
            if rate.currency == CURRENCY
        ]

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
        """See `ShippingProvider`."""
        body = {
            "service": service,
            "destination": _address(destination),
            "parcels": _parcels(parcels),
            "reference": reference,
        }
        if rate_id is not None:
            body["rateId"] = rate_id
        response = await self._post("/v1/labels", body, {"Idempotency-Key": key})
        label = self._read(response, _Label)
        return Label(
            id=label.id,
            carrier=label.carrier,
            service=label.service,
            tracking_number=label.tracking_number,
            url=label.label_url,
        )

    async def _post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
        try:
            key = self._settings.key()
        except SecretUnreadableError as error:
            raise ExternalUnavailableError(self._system.name, str(error), may_have_happened=False) from error
        authorization = {"Authorization": f"Bearer {key}"} if key else {}
        return await self._system.call(
            "POST", path, json=body, headers={**authorization, **(headers or {})}, idempotent=True
        )

    def _read(self, response: httpx2.Response, kind: type[Answer]) -> Answer:
        status = response.status_code
        # Not our parcel is wrong but our key, or our patience with another request of the same key.
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_TIMEOUT):
            raise ExternalUnavailableError(self._system.name, f"answered {status}", may_have_happened=False)
        if not 200 <= status < 300:
            raise ShippingRefusedError(f"{self._system.name} answered {status}: {response.text[:200]}")
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            # It may have done what it was asked: only asking again can tell.
            raise ExternalUnavailableError(
                self._system.name,
                f"an answer that makes no sense: {error.error_count()} errors",
                may_have_happened=True,
            ) from error


def _address(address: Address) -> dict[str, Any]:
    return address.model_dump(by_alias=True, exclude_none=True)


def _parcels(parcels: Sequence[Parcel]) -> list[dict[str, int]]:
    return [{"weightGrams": parcel.weight_grams} for parcel in parcels]
