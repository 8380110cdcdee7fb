"""Kitchen."""

from product_service.pictures.drawing import Drawing
from product_service.pictures.motif import Motif, Motifs
from product_service.pictures.palettes import CHARCOAL, CREAM, STEEL, WOOD, darker, lighter

EGG_WHITE = "#fffaf0"


def casserole(d: Drawing) -> None:
    """A pot with a lid."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(400, 480)
    for x in (132, 596):
        d.rect(x, 420, 72, 34, d.round(darker(main, 0.15)), 16)
    d.path("M186 390H614V560Q614 628 546 628H254Q186 628 186 560Z", d.round(main))
    d.rect(174, 372, 452, 34, d.round(darker(main, 0.14)), 14)
    d.path("M190 372Q200 280 400 276T610 372Z", d.round(lighter(main, 0.1)))
    d.rect(388, 244, 24, 34, darker(accent, 0.2))
    d.rect(352, 222, 96, 34, d.round(accent), 17)
    d.shine("M228 440V550", 16)
    d.shine("M246 340q30-34 90-40", 12, 0.45)


def pan(d: Drawing) -> None:
    """A frying pan with an egg, from above."""
    d.begin("translate(60 30)")
    d.begin("rotate(38 320 360)")
    d.rect(500, 332, 260, 56, d.round(WOOD), 26)
    d.rect(486, 338, 90, 44, darker(STEEL, 0.2), 10)
    d.circle(738, 360, 11, d.palette.deep)
    d.end()
    d.circle(336, 384, 226, d.palette.ink, opacity=0.16)
    d.circle(320, 360, 226, d.round(d.palette.main))
    d.circle(320, 360, 192, d.round(CHARCOAL))
    d.path("M232 312q40-70 116-38t96 96-38 88-100 10-94-44-22-76 42-36z", EGG_WHITE)
    d.circle(330, 368, 56, d.round("#f4b03c"))
    d.shine("M304 346q8-14 26-18", 10, 0.7)
    d.line("M170 300q30-80 104-104", lighter(CHARCOAL, 0.3), 10, opacity=0.6)
    d.end()


def board(d: Drawing) -> None:
    """A chopping board with a knife."""
    d.begin("rotate(-9 400 400)")
    d.rect(216, 136, 368, 512, d.palette.ink, 46, opacity=0.14)
    d.path(
        "M246 240q0-40 40-40h60q14 0 14-14v-36q0-40 40-40t40 40v36q0 14 14 14h60"
        "q40 0 40 40v350q0 40-40 40H286q-40 0-40-40z",
        d.flat(WOOD),
    )
    d.circle(400, 152, 17, d.palette.backdrop)
    for x, y in ((300, 260), (352, 300), (498, 250)):
        d.line(f"M{x} {y}q14 150-4 320", darker(WOOD, 0.2), 5, opacity=0.4)
    d.end()
    d.begin("rotate(14 440 400)")
    d.path("M414 210q54 60 54 250h-54z", d.round(STEEL))
    d.rect(412, 456, 58, 20, darker(STEEL, 0.3))
    d.path("M416 476h50l6 150q0 22-28 22t-30-22z", d.round(d.palette.main))
    d.circle(441, 520, 6, STEEL)
    d.circle(442, 580, 6, STEEL)
    d.end()
    d.circle(318, 470, 42, d.round("#d8503f"))
    d.circle(356, 522, 36, d.round("#e0644c"))
    d.path(
        "M318 432l-14-16m14 16l2-22m-2 22l16-12",
        "none",
        stroke="#4f8f5b",
        stroke_width=7,
        stroke_linecap="round",
    )


def mill(d: Drawing) -> None:
    """A pepper mill and its little sister."""
    for x, scale, colour in ((320, 1.08, d.palette.main), (536, 0.8, CREAM)):
        d.shadow(x, 210 * scale)
        d.begin(f"translate({x} 628) scale({scale * 1.2:g} {scale:g})")
        d.path("M-84 0Q-92-60-58-120T-48-230-60-290H60Q34-280 48-230T58-120 84 0Z", d.round(colour))
        d.rect(-66, -310, 132, 26, d.round(STEEL), 8)
        d.path("M-66-310Q-74-400 0-404T66-310Z", d.round(lighter(colour, 0.1)))
        d.circle(0, -424, 26, d.round(d.palette.accent))
        d.rect(-86, -34, 172, 34, d.round(darker(colour, 0.16)), 10)
        d.shine("M-42-50q-8-50 14-96", 10)
        d.end()


def bowls(d: Drawing) -> None:
    """Nested bowls."""
    d.shadow(400, 330)
    colours = (lighter(d.palette.main, 0.5), d.palette.accent, d.palette.main)
    for i, (colour, width, top) in enumerate(zip(colours, (250, 320, 400), (330, 380, 440), strict=True)):
        left, right = 400 - width / 2, 400 + width / 2
        bottom = top + (188 if i == 2 else 120)
        d.path(
            f"M{left:g} {top}Q{left + 14:g} {bottom} {400 - 70} {bottom}H470Q{right - 14:g} {bottom} {right:g} {top}Z",
            d.round(colour),
        )
        d.ellipse(400, top, width / 2, 22, lighter(colour, 0.35))
        if i == 0:
            d.ellipse(400, top + 4, width / 2 - 16, 15, darker(colour, 0.15))
    d.shine("M228 470q12 80 60 120", 13)


MOTIFS: Motifs = {
    ("casserole", "pot", "saucepan", "stockpot"): Motif(casserole),
    ("pan", "skillet", "wok"): Motif(pan, stands=False),
    ("board", "knife"): Motif(board, stands=False),
    ("mill", "grinder", "shaker"): Motif(mill),
    ("bowl", "plate", "dish"): Motif(bowls),
}
