"""The carrier that carries nothing."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.services.standin_process import StandInProcess

STANDIN = "shipping"

KEY = {"Authorization": "Bearer anything"}
BERLIN = {"name": "Ada", "line1": "Weg 1", "postalCode": "10115", "city": "Berlin", "country": "DE"}
ANTARCTICA = {**BERLIN, "country": "AQ"}
LABEL = {
    "reference": "order-1",
    "service": "standard",
    "destination": BERLIN,
    "parcels": [{"weightGrams": 1000}, {"weightGrams": 200}],
}


def _rates(client: httpx2.Client, country: str, grams: int) -> Any:
    body = {"destination": {**BERLIN, "country": country}, "parcels": [{"weightGrams": grams}]}
    return client.post("/v1/rates", headers=KEY, json=body).raise_for_status().json()["rates"]


def _buy(client: httpx2.Client, key: str, **changes: Any) -> httpx2.Response:
    return client.post("/v1/labels", headers={**KEY, "Idempotency-Key": key}, json={**LABEL, **changes})


def test_prices_by_weight_and_country(standin: StandInProcess, client: httpx2.Client) -> None:
    cheapest, dearer = _rates(client, "DE", 900)
    assert cheapest == {
        "id": "rate_standard_DE_900",
        "service": "standard",
        "carrier": "Standin Parcel",
        "amount": 550,
        "currency": "EUR",
        "estimatedDays": 2,
    }
    assert dearer["service"] == "express"
    assert dearer["amount"] > 550
    assert _rates(client, "DE", 1000)[0]["amount"] == 550
    assert _rates(client, "DE", 1001)[0]["amount"] > 550
    prices = [_rates(client, country, 900)[0]["amount"] for country in ("DE", "FR", "US")]
    assert prices == sorted(set(prices))


def test_refuses_countries_it_does_not_serve(standin: StandInProcess, client: httpx2.Client) -> None:
    body = {"destination": ANTARCTICA, "parcels": [{"weightGrams": 1}]}
    response = client.post("/v1/rates", headers=KEY, json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert _buy(client, "antarctic", destination=ANTARCTICA).status_code == 422


def test_wants_a_key(standin: StandInProcess, client: httpx2.Client) -> None:
    assert client.post("/v1/labels", json=LABEL).status_code == 401


def test_sells_one_label_per_idempotency_key(standin: StandInProcess, client: httpx2.Client) -> None:
    first = _buy(client, "once", reference="order-2")
    again = _buy(client, "once", reference="order-2")
    other = _buy(client, "once", reference="order-3")
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert again.json() == first.json()
    assert "Idempotent-Replayed" in again.headers
    labels = client.get("/v1/labels", headers=KEY, params={"reference": "order-2"}).json()["items"]
    assert labels == [first.json()]
    assert client.get(f"/v1/labels/{first.json()['id']}", headers=KEY).json() == first.json()


def test_sells_at_the_rate_that_was_quoted(standin: StandInProcess, client: httpx2.Client) -> None:
    body = {"destination": BERLIN, "parcels": LABEL["parcels"]}
    express = client.post("/v1/rates", headers=KEY, json=body).json()["rates"][1]
    label = _buy(client, "quoted", service="express", rateId=express["id"]).json()
    assert (label["amount"], label["weightGrams"]) == (express["amount"], 1200)
    assert _buy(client, "other", service="standard", rateId=express["id"]).status_code == 422


def test_wants_an_idempotency_key(standin: StandInProcess, client: httpx2.Client) -> None:
    assert client.post("/v1/labels", headers=KEY, json=LABEL).status_code == 422


def test_draws_the_label_and_lists_it(standin: StandInProcess, client: httpx2.Client) -> None:
    label = _buy(client, "drawn", destination={**BERLIN, "name": "<Ada>"}).json()
    document = client.get(urlsplit(label["labelUrl"]).path)
    assert document.headers["content-type"] == "image/svg+xml"
    assert label["trackingNumber"] in document.text
    assert "&lt;Ada&gt;" in document.text
    assert label["trackingNumber"] in client.get("/").text


def test_fails_when_told(standin: StandInProcess, client: httpx2.Client) -> None:
    standin.faults(failRate=1)
    assert _buy(client, "failing").status_code == 503
    standin.faults()
    assert _buy(client, "failing").headers.get("Idempotent-Replayed") is None


def test_sells_and_never_answers_when_told(standin: StandInProcess, client: httpx2.Client) -> None:
    standin.faults(timeoutAfterEffectRate=1)
    with pytest.raises(httpx2.ReadTimeout):
        client.post("/v1/labels", headers={**KEY, "Idempotency-Key": "silent"}, json=LABEL, timeout=0.5)
    standin.faults()
    assert _buy(client, "silent").headers["Idempotent-Replayed"] == "true"
    assert standin.injected()["timeoutAfterEffectRate"] >= 1
