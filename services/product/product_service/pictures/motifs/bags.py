"""Bags."""

from product_service.pictures.drawing import Drawing
from product_service.pictures.motif import Motif, Motifs
from product_service.pictures.palettes import CREAM, STEEL, darker, lighter

LEATHER = "#9c6238"


def backpack(d: Drawing) -> None:
    """A backpack."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(400, 400)
    d.line("M352 186q0-66 48-66t48 66", darker(main, 0.3), 20)
    for x in (196, 556):
        d.rect(x, 400, 48, 170, d.round(darker(main, 0.22)), 22)
    d.path("M226 330Q226 176 400 176T574 330V570Q574 628 516 628H284Q226 628 226 570Z", d.round(main))
    d.path("M226 330Q226 176 400 176T574 330V372H226Z", d.round(lighter(main, 0.12)))
    for x in (300, 464):
        d.rect(x, 330, 36, 110, d.round(LEATHER), 8)
        d.rect(x + 5, 400, 26, 20, STEEL, 4)
    d.rect(266, 450, 268, 150, d.round(darker(main, 0.1)), 26)
    d.rect(284, 474, 232, 10, accent, 5)
    d.rect(504, 470, 12, 36, accent, 6)
    d.rect(364, 516, 72, 44, CREAM, 8)
    d.shine("M254 300q10-64 60-88", 13)


def tote(d: Drawing) -> None:
    """A tote bag."""
    main, accent = d.palette.main, d.palette.accent
    canvas = CREAM if d.random.random() < 0.5 else lighter(main, 0.55)
    d.shadow(400, 420)
    d.line("M300 320V230q0-100 100-100t100 100v90", darker(LEATHER, 0.05), 22)
    d.path("M214 310H586L606 600Q608 628 580 628H220Q192 628 194 600Z", d.round(canvas))
    d.path("M203 470H597L606 600Q608 628 580 628H220Q192 628 194 600Z", d.round(main))
    d.rect(214, 304, 372, 22, darker(canvas, 0.12), 6)
    for x in (278, 478):
        d.rect(x, 318, 44, 60, LEATHER, 6)
        d.circle(x + 22, 348, 6, STEEL)
    d.circle(400, 440, 62, accent)
    d.path("M338 440a62 62 0 0 0 124 0z", lighter(accent, 0.35))


def weekender(d: Drawing) -> None:
    """A travel bag."""
    main = d.palette.main
    d.shadow(400, 560)
    d.line("M290 360q0-140 110-140t110 140", LEATHER, 24)
    d.path(
        "M150 430Q150 330 250 330H550Q650 330 650 430V570Q650 628 592 628H208Q150 628 150 570Z", d.round(main)
    )
    d.path("M150 520H650V570Q650 628 592 628H208Q150 628 150 570Z", d.round(darker(main, 0.22)))
    d.line("M206 352H594", d.palette.accent, 10)
    for x in (268, 488):
        d.rect(x, 330, 44, 298, d.round(LEATHER), 6)
        d.rect(x + 8, 440, 28, 24, STEEL, 4)
    d.begin("rotate(10 590 400)")
    d.path("M566 360h44v64l-22 20-22-20z", LEATHER)
    d.end()
    d.shine("M182 440q0-60 46-78", 13)


def pouch(d: Drawing) -> None:
    """A flat pouch with a zip."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(400, 500)
    d.path("M166 330H634L654 570Q656 628 600 628H200Q144 628 146 570Z", d.round(main))
    d.rect(152, 292, 496, 62, d.round(darker(main, 0.15)), 24)
    d.line("M186 323H614", STEEL, 9, stroke_dasharray="3 13")
    d.rect(560, 312, 60, 22, d.round(STEEL), 8)
    d.path("M606 334h26l8 92q0 16-21 16t-21-16z", d.round(accent))
    d.rect(146, 520, 508, 26, d.round(accent), opacity=0.9)
    d.rect(220, 410, 120, 60, LEATHER, 8)
    d.line("M240 440h80", lighter(LEATHER, 0.5), 6)
    d.shine("M190 390l-8 80", 13)


MOTIFS: Motifs = {
    ("backpack", "rucksack", "daypack"): Motif(backpack),
    ("tote", "shopper"): Motif(tote),
    ("weekender", "duffel", "holdall"): Motif(weekender),
    ("pouch", "case", "washbag", "wallet"): Motif(pouch),
}
