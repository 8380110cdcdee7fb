"""Events on the wire: what is written is read, now and by other versions."""

from __future__ import annotations

import copy
import json
from datetime import UTC
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime, TypeAdapter
from storefront_common.events import (
    CATALOGUE,
    Event,
    EventData,
    Money,
    OrderLine,
    Part,
    ProductRemoved,
    UnreadableEventError,
    UnwantedEventError,
    contracts,
    decode,
    encode,
)
from storefront_common.schemas import Money as ApiMoney

COMMITTED = Path(__file__).parents[4] / "services/contracts/events"

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
json_objects = st.dictionaries(text, st.none() | st.booleans() | st.integers() | text, max_size=3)
SIMPLE = {
    str: text,
    int: st.integers(0, 2**31 - 1),
    bool: st.booleans(),
    UUID: st.uuids(),
    AwareDatetime: st.datetimes(timezones=st.just(UTC)),
    dict[str, Any]: json_objects,
}


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a field of that type, as JSON has them or as Python does."""
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return documents(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(list(annotation))
    arguments = get_args(annotation)
    if get_origin(annotation) is list:
        return st.lists(values(arguments[0]), max_size=3)
    assert arguments[1:] == (NoneType,)
    return st.none() | values(arguments[0])


def documents(part: type[Part]) -> st.SearchStrategy[dict[str, Any]]:
    """The fields of such a part."""
    fields = {name: values(field.annotation) for name, field in part.model_fields.items()}
    if "quantity" in fields:
        fields["quantity"] = st.integers(1, 1000)
    return st.fixed_dictionaries(fields)


def events() -> st.SearchStrategy[Event[Any]]:
    """Any event of the catalogue."""

    def of(data: type[EventData]) -> st.SearchStrategy[Event[Any]]:
        envelope = {
            "id": st.uuids(),
            "source": text,
            "type": st.just(data.type),
            "subject": text,
            "time": SIMPLE[AwareDatetime],
            "aggregateversion": SIMPLE[int],
            "data": documents(data),
        }
        return st.fixed_dictionaries(envelope).map(Event[data].model_validate)

    return st.sampled_from(sorted(CATALOGUE.values(), key=lambda data: data.type)).flatmap(of)


@st.composite
def extended(draw: st.DrawFn, document: Any) -> Any:
    """`document` with fields in its objects that nobody knows."""
    if isinstance(document, list):
        return [draw(extended(item)) for item in document]
    if not isinstance(document, dict):
        return document
    result = {name: draw(extended(value)) for name, value in document.items()}
    if draw(st.booleans()):
        result["unheardOf"] = draw(st.none() | st.integers() | st.just({"deep": [1]}))
    return result


@given(events())
def test_what_is_written_is_read(event: Event[Any]) -> None:
    assert decode(encode(event)) == event


@given(events(), st.data())
def test_unknown_fields_are_ignored_at_every_depth(event: Event[Any], data: st.DataObject) -> None:
    document = json.loads(encode(event))
    # A person's exported data is a document of any form: nothing in it is unknown.
    exported = document["data"].pop("data", None)
    document = data.draw(extended(document))
    if exported is not None:
        document["data"]["data"] = exported
    assert decode(json.dumps(document).encode()) == event


@given(
    st.binary()
    | st.recursive(st.none() | st.integers() | text, st.lists).map(lambda x: json.dumps(x).encode())
)
def test_anything_else_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableEventError):
        decode(body)


def test_types_that_are_not_wanted_are_not_looked_at() -> None:
    with pytest.raises(UnwantedEventError) as caught:
        decode(b'{"type": "order.placed"}', {"order.paid"})
    assert caught.value.type == "order.placed"


def test_parts_are_made_of_what_apis_have() -> None:
    line = OrderLine(
        product_id=UUID(int=1),
        sku="CT-1001",
        name="Cup",
        quantity=2,
        unit_price=ApiMoney(amount=5, currency="EUR"),
    )
    assert line.unit_price == Money(amount=5)


def test_every_event_has_one_class_and_is_named_after_its_aggregate() -> None:
    assert len(CATALOGUE) == len(set(CATALOGUE.values()))
    for kind, data in CATALOGUE.items():
        assert kind == data.type
        TypeAdapter(data)
        assert kind.partition(".")[0] in {"product", "stock", "order", "payment", "user"}


def test_the_committed_schemas_are_those_of_the_code() -> None:
    expected = {name: contracts.text(schema) for name, schema in contracts.schemas().items()}
    for name, content in expected.items():
        committed = json.loads((COMMITTED / name).read_text(encoding="utf-8"))
        assert contracts.breaches(committed, json.loads(content)) == []
        assert (COMMITTED / name).read_text(encoding="utf-8") == content, "stale: run `make generate`"


def schema() -> dict[str, Any]:
    """The schema of an event that has lines, an optional field and an enumeration."""
    return copy.deepcopy(contracts.schemas()["stock.rejected.v1.json"])


def test_fields_may_be_added_as_optional_ones() -> None:
    new = schema()
    new["properties"]["tenant"] = {"type": "string"}
    new["$defs"]["RejectedLine"]["properties"]["colour"] = {"type": "string"}
    new["$defs"]["RejectedLine"]["description"] = "Told in other words."
    assert contracts.breaches(schema(), new) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda defs: defs["RejectedLine"]["properties"].pop("wanted"), "wanted is gone"),
        (
            lambda defs: defs["RejectedLine"]["properties"].update(sku={"type": "integer"}),
            "sku.type was 'string'",
        ),
        (lambda defs: defs["RejectedLine"]["required"].remove("sku"), "sku is optional now"),
        (lambda defs: defs["RejectedLine"]["required"].append("price"), "price is required now"),
        (
            lambda defs: (
                defs["RejectedLine"]["properties"].update(colour={"type": "string"}),
                defs["RejectedLine"]["required"].append("colour"),
            ),
            "colour is new and required",
        ),
        (lambda defs: defs["RejectionReason"]["enum"].append("recalled"), "reason.enum was"),
        (lambda defs: defs["Money"]["properties"]["amount"].update(minimum=1), "amount.minimum was 0"),
    ],
)
def test_nothing_else_may_change(
    change: Any, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = schema(), schema()
    change(new["$defs"])
    (breach,) = contracts.breaches(old, new)
    assert told in breach
    # Nor does the command write it.
    file = tmp_path / "stock.rejected.v1.json"
    file.write_text(contracts.text(old), encoding="utf-8")
    monkeypatch.setattr(contracts, "schemas", lambda: {file.name: new})
    assert contracts.write(tmp_path) == [f"{file.name}: {breach}"]
    assert json.loads(file.read_text(encoding="utf-8")) == old


def test_a_schema_is_written_once(tmp_path: Path) -> None:
    assert contracts.write(tmp_path) == []
    assert contracts.write(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == len(CATALOGUE)


def test_the_data_of_a_class_is_what_its_type_says() -> None:
    body = encode(
        Event[ProductRemoved].model_validate(
            {
                "id": UUID(int=1),
                "source": "product",
                "type": "product.removed",
                "subject": "1",
                "time": "2026-07-01T12:00:00Z",
                "aggregateversion": 1,
                "data": {"productId": UUID(int=2), "sku": "CT-1001"},
            }
        )
    )
    assert type(decode(body).data) is ProductRemoved
