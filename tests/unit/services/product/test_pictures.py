"""Pictures: always the same for the same product, small, well-formed and harmless."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from product_service.pictures.addresses import picture_url, picture_version
from product_service.pictures.illustration import choose, illustrate
from product_service.pictures.motifs import BY_CATEGORY, PARCEL, audio, coffee_tea, lighting
from product_service.sample.catalogue import categories, products

MAX_BYTES = 6 * 1024
ALLOWED = {"svg", "defs", "linearGradient", "stop", "rect", "circle", "ellipse", "path", "g"}
SAMPLES = products()


def test_the_sample_catalogue_is_big_enough() -> None:
    assert len(SAMPLES) >= 72
    assert len(categories()) >= 8
    assert {product.category for product in SAMPLES} == set(categories())
    assert (
        len({product.sku for product in SAMPLES})
        == len({product.name for product in SAMPLES})
        == len(SAMPLES)
    )
    assert all(
        len(product.description) > 40 and product.price.amount and product.stock for product in SAMPLES
    )


def test_every_sample_has_a_picture_of_its_own_that_shows_what_it_is() -> None:
    pictures = {illustrate(product.sku, product.name, product.category) for product in SAMPLES}
    assert len(pictures) == len(SAMPLES)
    for product in SAMPLES:
        # Another SKU gives the same motif: so the name chose it, not chance.
        motifs = {choose(f"other-{n}", product.name, product.category) for n in range(20)}
        assert len(motifs) == 1, product.name
        assert motifs <= set(BY_CATEGORY[product.category].values()), product.name


@pytest.mark.parametrize("category", [*BY_CATEGORY, "none"])
def test_every_motif_is_a_small_harmless_document(category: str) -> None:
    names = [words[0] for words in BY_CATEGORY.get(category, {("thing",): PARCEL})]
    for name in names:
        for number in range(8):
            text = illustrate(f"{name}-{number}", name, category)
            assert len(text.encode()) < MAX_BYTES
            root = ElementTree.fromstring(text)
            assert root.get("viewBox") == "0 0 800 800"
            tags = {element.tag.removeprefix("{http://www.w3.org/2000/svg}") for element in root.iter()}
            assert tags <= ALLOWED
            ids = {element.get("id") for element in root.iter() if element.get("id")}
            for element in root.iter():
                fills = [value for value in element.attrib.values() if value.startswith("url(")]
                assert all(fill[5:-1] in ids for fill in fills)
                assert not [value for value in element.attrib.values() if "nan" in value.lower()]


@given(sku=st.text(max_size=40), name=st.text(max_size=80), category=st.text(max_size=60))
def test_any_product_gets_a_picture_and_its_text_never_gets_into_it(
    sku: str, name: str, category: str
) -> None:
    text = illustrate(sku, name + "<script>", category)
    assert text == illustrate(sku, name + "<script>", category)
    assert "<script" not in text


def test_a_motif_is_found_by_name_also_in_categories_of_ones_own() -> None:
    assert choose("x", "Brass Pendant", "ceiling").draw is lighting.pendant
    assert choose("x", "Reading lamp", "lighting").draw is lighting.desk_lamp
    assert choose("x", "Wireless HEADPHONES", "gadgets").draw is audio.headphones
    assert choose("x", "Coffee mugs", "coffee-tea").draw is coffee_tea.mug
    assert choose("x", "Grapefruit", "food") is PARCEL
    assert choose("x", "Grapefruit", "audio") in BY_CATEGORY["audio"].values()


def test_an_address_changes_exactly_with_its_picture() -> None:
    identity = UUID(int=1)
    address = picture_url(identity, "A", "Lamp", "lighting")
    assert address == f"/api/products/{identity}/picture?v={picture_version('A', 'Lamp', 'lighting')}"
    others = {
        picture_version(*facts) for facts in (("B", "Lamp", "l"), ("A", "Mug", "l"), ("A", "Lamp", "m"))
    }
    assert len(others) == 3
