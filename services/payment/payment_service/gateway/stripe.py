"""The adapter for Stripe and what speaks its protocol.

The protocol is a form in and JSON out, so it takes no more than the shared HTTP client; docs/decisions has what
Stripe's own library would cost.
"""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID

import httpx2
from pydantic import BaseModel, ValidationError
from storefront_common.external import ExternalSystem, ExternalUnavailableError

from payment_service.gateway import documents, form
from payment_service.gateway.port import (
    Charge,
    DisputeReport,
    Intent,
    RefundReport,
    RejectedError,
    UnexpectedPhaseError,
)
from payment_service.settings import GatewayApiSettings

API_VERSION = "2026-10-28.endive"
"""The version that this adapter was written for; Stripe answers in its words whatever the account's own is."""

_INTENTS = "/v1/payment_intents"
_REFUNDS = "/v1/refunds"
_DISPUTES = "/v1/disputes"
_PAGE = 100
_CLOCK_DIFFERENCE = 60

_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_NOT_FINAL = (*_REFUSED, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_TIMEOUT)
"""Refusals that somebody can mend (a wrong key), or that end (the same request is being carried out right now)."""
_NOT_ABOUT_THE_PAYMENT = ("api_error", "idempotency_error")
"""An idempotency key that was used with other parameters tells that something has happened, not what."""

D = TypeVar("D", bound=BaseModel)
L = TypeVar("L", bound=documents.Listed)


class StripeGateway:
    """`PaymentGateway` over Stripe's API."""

    def __init__(self, system: ExternalSystem, settings: GatewayApiSettings) -> None:
        self._system = system
        self._settings = settings

    async def authorise(self, charge: Charge) -> Intent:
        """Have the money put aside; the idempotency key is made from the order."""
        parameters = {
            "amount": charge.amount,
            "currency": charge.currency.lower(),
            "capture_method": "manual",
            "confirm": True,
            "description": f"Order {charge.order_id}",
            "metadata": {
                documents.ORDER_ID: charge.order_id,
                documents.PAYMENT_ID: charge.payment_id,
            },
            "payment_method": charge.payment_method,
            "payment_method_types": ["card"],
            "return_url": charge.return_url,
        }
        response = await self._post(_INTENTS, parameters, key=f"authorise:{charge.order_id}")
        if response.status_code == HTTPStatus.PAYMENT_REQUIRED:
            failure = _failure(response)
            if failure.payment_intent is not None:
                return failure.payment_intent.intent()
        return self._read(response, documents.PaymentIntentDocument).intent()

    async def capture(self, intent_id: str, payment_id: UUID) -> Intent:
        """Take all that was put aside."""
        response = await self._post(f"{_INTENTS}/{intent_id}/capture", {}, key=f"capture:{payment_id}")
        return self._intent(response)

    async def cancel(self, intent_id: str) -> Intent:
        """Give up an intent."""
        # Without a key: cancelling twice is an error that does nothing, and an old key would give an old answer.
        response = await self._post(f"{_INTENTS}/{intent_id}/cancel", {}, key=None)
        return self._intent(response)

    async def retrieve(self, intent_id: str) -> Intent:
        """How the intent is now."""
        return self._read(
            await self._get(f"{_INTENTS}/{intent_id}", {}), documents.PaymentIntentDocument
        ).intent()

    async def find(self, order_id: UUID, since: datetime) -> Intent | None:
        """The intent of an order; by the list, because Stripe's search lags behind."""
        async for intent in self.intents(since):
            if intent.order_id == order_id:
                return intent
        return None

    async def refund(self, intent_id: str, refund_id: UUID, amount: int) -> RefundReport:
        """Give back `amount`; the idempotency key is the refund's id."""
        parameters = {
            "payment_intent": intent_id,
            "amount": amount,
            "metadata": {documents.REFUND_ID: refund_id},
        }
        response = await self._post(_REFUNDS, parameters, key=f"refund:{refund_id}")
        return self._read(response, documents.RefundDocument).report()

    async def find_refund(self, intent_id: str, refund_id: UUID) -> RefundReport | None:
        """The refund that was made under that id of ours."""
        found = self._list(_REFUNDS, {"payment_intent": intent_id}, documents.RefundDocument)
        async for document in found:
            report = document.report()
            if report.refund_id == refund_id:
                return report
        return None

    async def intents(self, since: datetime) -> AsyncIterator[Intent]:
        """All intents made after `since`."""
        async for document in self._list(_INTENTS, _since(since), documents.PaymentIntentDocument):
            yield document.intent()

    async def refunds(self, since: datetime) -> AsyncIterator[RefundReport]:
        """All refunds made after `since`."""
        async for document in self._list(_REFUNDS, _since(since), documents.RefundDocument):
            yield document.report()

    async def disputes(self, since: datetime) -> AsyncIterator[DisputeReport]:
        """All disputes opened after `since`."""
        async for document in self._list(_DISPUTES, _since(since), documents.DisputeDocument):
            yield document.report()

    async def _list(self, path: str, filters: Mapping[str, Any], kind: type[L]) -> AsyncIterator[L]:
        after: str | None = None
        while True:
            response = await self._get(path, {**filters, "limit": _PAGE, "starting_after": after})
            page: documents.Page[L] = self._read(response, documents.Page[kind])  # type: ignore[valid-type]
            for document in page.data:
                yield document
            if not page.has_more or not page.data:
                return
            after = page.data[-1].id

    def _intent(self, response: httpx2.Response) -> Intent:
        if response.status_code == HTTPStatus.BAD_REQUEST:
            failure = _failure(response)
            if failure.code in ("payment_intent_unexpected_state", "charge_already_captured"):
                raise UnexpectedPhaseError(failure.message)
        return self._read(response, documents.PaymentIntentDocument).intent()

    async def _post(self, path: str, parameters: Mapping[str, Any], key: str | None) -> httpx2.Response:
        headers = self._headers() | {"Content-Type": "application/x-www-form-urlencoded"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self._system.call(
            "POST", path, data=form.encode(parameters), headers=headers, idempotent=True
        )

    async def _get(self, path: str, parameters: Mapping[str, Any]) -> httpx2.Response:
        return await self._system.call(
            "GET", path, params=form.encode(parameters), headers=self._headers(), idempotent=True
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._settings.key()}", "Stripe-Version": API_VERSION}

    def _read(self, response: httpx2.Response, kind: type[D]) -> D:
        """The answer's document; errors as the port has them."""
        if response.is_success:
            try:
                return kind.model_validate_json(response.content)
            except ValidationError as error:
                first = error.errors()[0]
                raise ExternalUnavailableError(
                    self._system.name,
                    f"answered with something else than {kind.__name__}: {first['loc']} {first['msg']}",
                    may_have_happened=True,
                ) from None
        failure = _failure(response)
        code = failure.code or failure.type
        if response.status_code in _NOT_FINAL or failure.type in _NOT_ABOUT_THE_PAYMENT:
            raise ExternalUnavailableError(
                self._system.name,
                f"answered {response.status_code} {code}: {failure.message}",
                may_have_happened=response.status_code not in _REFUSED,
            )
        raise RejectedError(code, failure.message)


def _failure(response: httpx2.Response) -> documents.Failure:
    try:
        return documents.FailureDocument.model_validate_json(response.content).error
    except ValidationError:
        # Something before the gateway answered in its stead.
        return documents.Failure(type="api_error", message=response.text[:200])


def _since(moment: datetime) -> dict[str, Any]:
    return {"created": {"gte": int(moment.timestamp()) - _CLOCK_DIFFERENCE}}


def parse_event(body: bytes) -> documents.EventDocument:
    """The event in a webhook's body.

    Raises:
        ValueError: it is none.
    """
    try:
        return documents.EventDocument.model_validate(json.loads(body))
    except (ValidationError, RecursionError) as error:
        raise ValueError(str(error)) from error
