"""The picture of a product: a motif that fits its name on a calm backdrop, in colours chosen by its SKU."""

import re
from hashlib import sha256
from random import Random

from product_service.pictures.drawing import FLOOR, Drawing
from product_service.pictures.motif import Motif
from product_service.pictures.motifs import BY_CATEGORY, PARCEL
from product_service.pictures.palettes import PALETTES, lighter, mix


def illustrate(sku: str, name: str, category: str) -> str:
    """An SVG document of less than 6 KB; equal arguments give equal documents."""
    random = Random(sha256(sku.encode()).digest())
    palette = random.choice(PALETTES)
    drawing = Drawing(palette, random)
    motif = choose(sku, name, category)
    _backdrop(drawing, motif.stands)
    motif.draw(drawing)
    return drawing.svg()


def choose(sku: str, name: str, category: str) -> Motif:
    """The motif for a product: by a word of its name, in its own category first; else any of its category."""
    spoken = set(re.findall(r"[a-z]+", name.lower()))
    own = BY_CATEGORY.get(category, {})
    spoken |= {word.removesuffix("s") for word in spoken}
    for motifs in (own, *BY_CATEGORY.values()):
        for words, motif in motifs.items():
            if not spoken.isdisjoint(words):
                return motif
    if own:
        return list(own.values())[sha256(sku.encode()).digest()[0] % len(own)]
    return PARCEL


def _backdrop(drawing: Drawing, floor: bool) -> None:
    palette = drawing.palette
    halo = lighter(palette.backdrop, 0.5)
    drawing.rect(0, 0, 800, 800, drawing.flat(palette.backdrop))
    style = drawing.random.randrange(4) if floor else drawing.random.choice((0, 2))
    if style == 0:
        drawing.circle(400, 390, 290, halo)
    elif style == 1:
        drawing.path(f"M140 {FLOOR}V370a260 260 0 0 1 520 0V{FLOOR}z", halo)
    elif style == 2:
        drawing.circle(520, 300, 210, mix(palette.backdrop, palette.accent, 0.16))
        drawing.circle(330, 400, 250, halo, opacity=0.75)
    else:
        drawing.rect(120, 120, 560, FLOOR - 120, halo, 40)
    if floor:
        drawing.rect(0, FLOOR, 800, 800 - FLOOR, palette.deep)
