"""What the API's documents accept."""

from __future__ import annotations

import pytest
from product_service.catalogue.schemas import ProductChange, ProductDraft, ProductQuery, Sort
from product_service.catalogue.search import MAX_WORDS, words
from pydantic import ValidationError

DRAFT = {"sku": "A-1", "name": " Lamp ", "category": "table-lamps", "price": {"amount": 100}}


def test_names_are_trimmed() -> None:
    assert ProductDraft.model_validate(DRAFT).name == "Lamp"


@pytest.mark.parametrize("sku", ["", " ", "-a", "a b", "ä", "a" * 41, "a/b", "a\nb"])
def test_skus_are_plain(sku: str) -> None:
    with pytest.raises(ValidationError):
        ProductDraft.model_validate({**DRAFT, "sku": sku})


@pytest.mark.parametrize("slug", ["", "Lamps", "-lamps", "lamps-", "a--b", "a_b", "a" * 61])
def test_categories_are_slugs(slug: str) -> None:
    with pytest.raises(ValidationError):
        ProductDraft.model_validate({**DRAFT, "category": slug})


def test_a_description_may_have_lines_and_a_name_may_not() -> None:
    assert ProductDraft.model_validate({**DRAFT, "description": "a\nb"}).description == "a\nb"
    with pytest.raises(ValidationError, match="single line"):
        ProductDraft.model_validate({**DRAFT, "name": "a\nb"})


def test_a_change_knows_what_was_given() -> None:
    assert ProductChange.model_validate({"stock": 0}).model_dump(exclude_unset=True) == {"stock": 0}
    with pytest.raises(ValidationError, match="cannot be null"):
        ProductChange.model_validate({"stock": None})


def test_empty_parameters_are_as_good_as_absent() -> None:
    assert ProductQuery.model_validate({"q": " ", "after": "", "category": ""}) == ProductQuery(
        limit=24, after=None, category=None, q=None, sort=Sort.NEWEST
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Red LAMP", ["red", "lamp"]),
        ("AB-12/3.5 mm_x", ["ab", "12", "3", "5", "mm", "x"]),
        ("über 'x' & !y:*", ["über", "x", "y"]),
        ("!?", []),
        ("a " * 50, ["a"] * MAX_WORDS),
    ],
)
def test_a_query_is_words_and_nothing_else(text: str, expected: list[str]) -> None:
    assert words(text) == expected
