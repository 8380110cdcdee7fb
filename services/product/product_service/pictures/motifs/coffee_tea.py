"""Coffee and tea."""

from product_service.pictures.drawing import Drawing
from product_service.pictures.motif import Motif, Motifs
from product_service.pictures.palettes import CHARCOAL, CREAM, LEAF, PAPER, STEEL, WOOD, darker, lighter

COFFEE = "#4b2d20"


def mug(d: Drawing) -> None:
    """A mug of coffee that steams."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(400, 400)
    d.line("M520 372h44q62 0 62 66t-70 74l-46 6", d.round(darker(main, 0.1)), 38)
    d.path("M240 320H530V548Q530 628 450 628H320Q240 628 240 548Z", d.round(main))
    style = d.random.randrange(3)
    if style == 0:
        d.path(
            "M240 320H530V400c-8 44-44 44-50 4s-36-34-48 2-42 52-52 4-34-36-46-4-44 40-50 0-38-30-44-6z",
            d.round(lighter(accent, 0.15)),
        )
    elif style == 1:
        d.rect(240, 470, 290, 26, d.round(accent))
        d.rect(240, 512, 290, 10, d.round(accent))
    else:
        d.path("M240 500H530V548Q530 628 450 628H320Q240 628 240 548Z", d.round(CREAM))
    d.ellipse(385, 320, 145, 32, lighter(main, 0.45))
    d.ellipse(385, 324, 124, 23, COFFEE)
    d.ellipse(372, 320, 60, 9, "#7b523c", opacity=0.7)
    d.shine("M276 380V530", 16)
    for x in (330, 388, 446):
        d.line(f"M{x} 262q-26-34 0-66t0-66", "#fff", 13, opacity=0.75)


def teapot(d: Drawing) -> None:
    """A round teapot."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(400, 460)
    d.line("M232 380q-96-6-92 84t124 92", d.round(darker(main, 0.12)), 34)
    d.path("M520 520C600 500 596 400 668 356l34 34C650 450 660 570 530 592Z", d.round(darker(main, 0.08)))
    d.path(
        "M200 480C200 370 290 320 390 320S580 370 580 480C580 570 510 620 460 628H320C270 620 200 570 200 480Z",
        d.round(main),
    )
    style = d.random.randrange(3)
    if style == 0:
        d.path("M206 440q184 60 368 0l6 40q-184 70-380 0z", d.round(accent), opacity=0.85)
    elif style == 1:
        for x, y in ((262, 452), (324, 478), (390, 486), (456, 478), (518, 452)):
            d.circle(x, y, 20, d.round(accent))
    else:
        d.path("M224 556Q390 606 556 556 520 614 460 628H320Q260 614 224 556Z", d.round(CREAM))
    d.path("M290 338Q300 276 390 272t100 66q-100 34-200 0z", d.round(lighter(main, 0.14)))
    d.circle(390, 256, 26, d.round(accent))
    d.shine("M250 420q10-40 50-62", 14)


def press(d: Drawing) -> None:
    """A French press."""
    accent = d.palette.accent
    d.shadow(390, 360)
    d.line("M510 330h60q34 0 34 44v120q0 44-34 44h-60", CHARCOAL, 34)
    d.rect(384, 130, 12, 150, STEEL)
    d.circle(390, 128, 27, d.round(d.palette.main))
    d.rect(262, 290, 256, 330, "#fff", 20, opacity=0.55)
    d.path("M270 400H510V600q0 18-18 18H288q-18 0-18-18z", d.round(COFFEE))
    d.ellipse(390, 400, 120, 16, "#8a5d42")
    d.rect(272, 372, 236, 20, d.round(STEEL), 6)
    d.rect(384, 280, 12, 100, d.round(STEEL))
    d.path("M252 296q4-56 138-56t138 56z", d.round(STEEL))
    d.rect(248, 290, 284, 26, d.round(darker(STEEL, 0.12)), 8)
    for x in (262, 382, 500):
        d.rect(x, 316, 16, 300, d.round(STEEL), 4)
    d.rect(252, 596, 276, 32, d.round(accent), 10)
    d.shine("M302 430V570", 12, 0.3)


def beans(d: Drawing) -> None:
    """A bag of coffee beans."""
    _bag(d)
    d.begin("rotate(28 400 440)")
    d.ellipse(400, 440, 40, 54, d.palette.accent)
    d.line("M400 392q22 26 0 48t0 46", PAPER, 7)
    d.end()


def tea(d: Drawing) -> None:
    """A bag of leaf tea."""
    _bag(d)
    for angle, green in ((-34, LEAF), (34, darker(LEAF, 0.15)), (0, lighter(LEAF, 0.2))):
        d.begin(f"rotate({angle} 400 492)")
        d.path("M400 492q-36-52 0-108 36 56 0 108z", green)
        d.end()


def _bag(d: Drawing) -> None:
    main = d.palette.main
    d.shadow(400, 360)
    d.path("M254 250H546L566 600Q568 628 540 628H260Q232 628 234 600Z", d.round(main))
    d.path("M254 250H546L552 330H248Z", darker(main, 0.2), opacity=0.45)
    d.rect(242, 178, 316, 80, d.round(lighter(main, 0.1)), 10)
    d.rect(242, 212, 316, 12, darker(main, 0.3), opacity=0.5)
    d.rect(360, 196, 80, 44, WOOD, 8)
    d.rect(296, 372, 208, 190, PAPER, 12)
    d.rect(326, 508, 148, 12, d.palette.ink, 6, opacity=0.75)
    d.rect(352, 532, 96, 9, d.palette.ink, 4, opacity=0.4)


MOTIFS: Motifs = {
    ("mug", "cup"): Motif(mug),
    ("teapot", "pot", "kettle"): Motif(teapot),
    ("press", "brewer"): Motif(press),
    ("bean", "coffee", "roast", "espresso"): Motif(beans),
    ("tea", "infusion"): Motif(tea),
}
