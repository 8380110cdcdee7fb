"""Pages for people: what was paid, and the payer's 3-D Secure challenge."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import jinja2
from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from storefront_standins.payments.intents import Intents
from storefront_standins.payments.parameters import Listing
from storefront_standins.payments.store import Store

_SHOWN = 50

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("storefront_standins.payments"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _money(amount: int, currency: str) -> str:
    return f"{amount // 100:,}.{amount % 100:02d} {currency.upper()}"


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


_templates.filters |= {
    "money": _money,
    "time": _time,
    "words": lambda status: status.replace("_", " "),
}


def router(store: Store, intents: Intents) -> APIRouter:
    """`/`, `/payments/{id}` and `/authenticate/{id}`."""
    pages = APIRouter(include_in_schema=False)

    @pages.get("/")
    async def overview(after: str | None = None) -> Response:
        found, has_more = store.page("payment_intent", Listing(limit=_SHOWN, starting_after=after))
        rows = [{"intent": intent, "charge": _charge(store, intent)} for intent in found]
        return _page(
            "overview.html",
            rows=rows,
            next=found[-1]["id"] if has_more else None,
            deliveries=store.deliveries_by_outcome(),
        )

    @pages.get("/payments/{identifier}")
    async def payment(identifier: str) -> Response:
        intent = store.find("payment_intent", identifier)
        if intent is None:
            return _page("missing.html", HTTPStatus.NOT_FOUND, identifier=identifier)
        events = [(event, store.delivery(event["id"])) for event in store.every("event", identifier)]
        return _page(
            "payment.html",
            intent=intent,
            charge=_charge(store, intent),
            refunds=store.every("refund", identifier),
            disputes=store.every("dispute", identifier),
            events=events,
        )

    @pages.get("/authenticate/{identifier}")
    async def challenge(identifier: str, client_secret: str) -> Response:
        intent = store.find("payment_intent", identifier)
        if intent is None or intent["client_secret"] != client_secret:
            return _page("missing.html", HTTPStatus.NOT_FOUND, identifier=identifier)
        return _page("challenge.html", intent=intent)

    @pages.post("/authenticate/{identifier}")
    async def decide(
        request: Request, identifier: str, client_secret: str = Form(), outcome: str = Form()
    ) -> Response:
        intent = store.find("payment_intent", identifier)
        if intent is None or intent["client_secret"] != client_secret:
            return _page("missing.html", HTTPStatus.NOT_FOUND, identifier=identifier)
        action = intent["next_action"] or {}
        with store.transaction():
            intent = intents.authenticate(identifier, client_secret, succeeded=outcome == "succeed")
        back = action.get("redirect_to_url", {}).get("return_url")
        if back is None:
            return _page("challenge.html", intent=intent)
        result = "succeeded" if intent["status"] in ("succeeded", "requires_capture") else "failed"
        query = urlencode(
            {
                "payment_intent": identifier,
                "payment_intent_client_secret": client_secret,
                "redirect_status": result,
            }
        )
        return RedirectResponse(f"{back}{'&' if '?' in back else '?'}{query}", HTTPStatus.SEE_OTHER)

    return pages


def _charge(store: Store, intent: dict[str, Any]) -> dict[str, Any] | None:
    return None if intent["latest_charge"] is None else store.find("charge", intent["latest_charge"])


def _page(template: str, status: HTTPStatus = HTTPStatus.OK, **context: Any) -> Response:
    return HTMLResponse(_templates.get_template(template).render(**context), status)
