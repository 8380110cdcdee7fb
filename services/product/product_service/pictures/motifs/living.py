"""Living."""

import math

from product_service.pictures.drawing import Drawing
from product_service.pictures.motif import Motif, Motifs
from product_service.pictures.palettes import CHARCOAL, CREAM, WOOD, darker, lighter, mix


def armchair(d: Drawing) -> None:
    """An armchair with a cushion."""
    main = d.palette.main
    d.shadow(400, 520)
    for x, lean in ((250, -16), (550, 16)):
        d.line(f"M{x} 560l{lean} 62", WOOD, 22)
    d.path("M224 420V270q0-96 96-96h160q96 0 96 96v150z", d.round(main))
    d.line("M400 190v230", darker(main, 0.2), 6, opacity=0.5)
    d.rect(230, 420, 340, 90, d.round(lighter(main, 0.14)), 26)
    d.rect(200, 486, 400, 88, d.round(main), 24)
    for x in (158, 538):
        d.path(f"M{x} 400q0-44 52-44t52 44v130q0 44-52 44t-52-44z", d.round(darker(main, 0.08)))
    d.begin("rotate(-12 400 370)")
    d.path(
        "M322 296Q400 318 478 296 456 374 478 452 400 430 322 452 344 374 322 296Z", d.flat(d.palette.accent)
    )
    d.end()


def cushion(d: Drawing) -> None:
    """A cushion with a pattern."""
    main, accent = d.palette.main, d.palette.accent
    d.ellipse(408, 414, 214, 206, d.palette.ink, opacity=0.1)
    d.begin("rotate(-7 400 400)")
    d.path("M190 190Q400 244 610 190 556 400 610 610 400 556 190 610 244 400 190 190Z", d.flat(main))
    style = d.random.randrange(3)
    if style == 0:
        for i in range(5):
            inset = 238 - 6 * abs(2 - i) ** 2
            d.line(f"M{inset} {280 + 60 * i}H{800 - inset}", mix(main, CREAM, 0.75), 16)
    elif style == 1:
        for row in range(4):
            for column in range(4):
                d.circle(
                    256 + 96 * column,
                    256 + 96 * row,
                    20 if (row + column) % 2 else 30,
                    mix(accent, CREAM, 0.15),
                )
    else:
        d.path("M400 250L556 400 400 550 244 400Z", accent)
        d.path("M400 310L492 400 400 490 308 400Z", CREAM)
        d.path("M400 360L442 400 400 440 358 400Z", main)
    d.line(
        "M214 214Q400 258 586 214 542 400 586 586 400 542 214 586 258 400 214 214Z",
        darker(main, 0.3),
        6,
        opacity=0.5,
    )
    d.end()


def vase(d: Drawing) -> None:
    """A vase with dried stems."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(400, 270)
    stems = ((-120, 150), (-62, 96), (-6, 70), (58, 104), (116, 160))
    for dx, top in stems:
        d.line(f"M400 380Q{400 + dx * 0.2:g} 260 {400 + dx} {top}", mix(WOOD, d.palette.ink, 0.15), 7)
    for i, (dx, top) in enumerate(stems):
        x, colour = 400 + dx, (accent, lighter(accent, 0.35), lighter(main, 0.4))[i % 3]
        d.begin(f"rotate({dx / 5:g} {x} {top})")
        for k in range(4):
            d.ellipse(x, top + 22 * k - 20, 10 + 5 * k, 20, colour)
        d.end()
    d.path(
        "M360 350H440Q436 400 478 440 520 486 500 560 488 610 460 628H340"
        "Q312 610 300 560 280 486 322 440 364 400 360 350Z",
        d.round(main),
    )
    d.ellipse(400, 350, 42, 11, darker(main, 0.4))
    d.path("M296 510q104 44 208 0l-2 40q-102 42-204 0z", d.round(CREAM), opacity=0.9)
    d.shine("M334 470q-20 26-14 60", 12)


def clock(d: Drawing) -> None:
    """A wall clock."""
    main, ink = d.palette.main, d.palette.ink
    d.circle(416, 412, 238, ink, opacity=0.13)
    d.circle(400, 390, 238, d.round(WOOD if d.random.random() < 0.4 else main))
    d.circle(400, 390, 204, CREAM)
    for hour in range(12):
        angle = math.radians(30 * hour)
        inner = 158 if hour % 3 == 0 else 172
        x1, y1, x2, y2 = (
            round(400 + inner * math.sin(angle)), round(390 - inner * math.cos(angle)),
            round(400 + 186 * math.sin(angle)), round(390 - 186 * math.cos(angle)),
        )  # fmt: skip
        d.line(f"M{x1} {y1}L{x2} {y2}", ink, 12 if hour % 3 == 0 else 6)
    d.line("M400 390L312 338", CHARCOAL, 18)
    d.line("M400 390L468 262", CHARCOAL, 12)
    d.line("M400 430L400 236", d.palette.accent, 5)
    d.circle(400, 390, 17, d.palette.accent)


def throw(d: Drawing) -> None:
    """A folded blanket."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(400, 480)
    for i, colour in enumerate((darker(main, 0.1), main, lighter(main, 0.16))):
        y = 510 - 104 * i
        d.rect(190 + 6 * i, y, 420 - 12 * i, 112, d.round(colour), 46)
        d.line(f"M236 {y + 74}H600", darker(colour, 0.25), 5, opacity=0.45)
    for i in range(3):
        d.rect(452 + 34 * i, 303, 16, 110, accent, opacity=0.9)
    for i in range(11):
        x = 238 + 32 * i
        d.line(f"M{x} 616v26", lighter(main, 0.3), 9)


MOTIFS: Motifs = {
    ("armchair", "chair", "sofa", "stool"): Motif(armchair),
    ("cushion", "pillow"): Motif(cushion, stands=False),
    ("vase", "carafe"): Motif(vase),
    ("clock",): Motif(clock, stands=False),
    ("throw", "blanket", "plaid", "rug"): Motif(throw),
}
