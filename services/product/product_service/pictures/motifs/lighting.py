"""Lighting."""

from product_service.pictures.drawing import Drawing
from product_service.pictures.motif import Motif, Motifs
from product_service.pictures.palettes import CHARCOAL, CREAM, GLOW, PAPER, STEEL, WOOD, darker, lighter


def table_lamp(d: Drawing) -> None:
    """A table lamp that is lit."""
    main = d.palette.main
    d.circle(400, 300, 250, GLOW, opacity=0.35)
    d.shadow(400, 280)
    if d.random.random() < 0.5:
        d.path("M400 380q70 40 70 120 0 60-40 108h-60q-40-48-40-108 0-80 70-120z", d.round(main))
    else:
        d.rect(386, 360, 28, 250, d.round(WOOD))
        d.circle(400, 540, 52, d.round(main))
        d.circle(400, 462, 36, d.round(main))
    d.rect(310, 604, 180, 24, d.round(darker(main, 0.25)), 10)
    d.path("M318 150H482L570 390Q400 424 230 390Z", d.round(CREAM))
    d.path("M318 150H482L500 200H300Z", GLOW, opacity=0.5)
    d.path(
        "M246 346L230 390Q400 424 570 390L554 346Q400 380 246 346Z", d.round(d.palette.accent), opacity=0.85
    )
    d.ellipse(400, 150, 82, 12, lighter(GLOW, 0.3))


def pendant(d: Drawing) -> None:
    """A lamp that hangs from the ceiling."""
    main = d.palette.main
    d.path("M250 430L120 800H680L550 430Z", GLOW, opacity=0.34)
    d.rect(395, 0, 10, 200, CHARCOAL)
    d.rect(370, 178, 60, 56, d.round(WOOD if d.random.random() < 0.5 else STEEL), 10)
    d.path("M200 430Q206 232 400 228T600 430Z", d.round(main))
    d.ellipse(400, 430, 200, 30, lighter(GLOW, 0.1))
    d.ellipse(400, 430, 200, 30, "none", stroke=darker(main, 0.2), stroke_width=8)
    d.circle(400, 440, 46, PAPER)
    d.shine("M246 372q22-84 100-108", 15)


def desk_lamp(d: Drawing) -> None:
    """A desk lamp with a jointed arm."""
    main, accent = d.palette.main, d.palette.accent
    d.path("M476 380L330 628H716L640 300Z", GLOW, opacity=0.4)
    d.shadow(280, 260)
    d.path("M168 606q0-44 112-44t112 44v22H168z", d.round(main))
    d.line("M280 566L196 384", STEEL, 20)
    d.line("M196 384L420 214", STEEL, 20)
    for x, y in ((280, 560), (196, 384)):
        d.circle(x, y, 23, d.round(accent))
    d.begin("rotate(-32 470 250)")
    d.path("M424 200h92q16 0 20 18l56 140H348l56-140q4-18 20-18z", d.round(main))
    d.ellipse(470, 358, 122, 20, GLOW)
    d.rect(440, 168, 60, 36, d.round(accent), 12)
    d.end()


def candle(d: Drawing) -> None:
    """A scented candle in a glass."""
    main = d.palette.main
    d.circle(400, 236, 150, GLOW, opacity=0.5)
    d.shadow(400, 330)
    d.rect(252, 300, 296, 328, d.round(main), 34)
    d.ellipse(400, 312, 148, 28, lighter(main, 0.5))
    d.ellipse(400, 316, 128, 20, CREAM)
    d.rect(395, 270, 10, 48, d.palette.ink, 4)
    d.path("M400 170q46 56 30 92-10 22-30 22t-30-22q-16-36 30-92z", d.round("#f79d3c"))
    d.path("M400 216q22 30 14 50-6 12-14 12t-14-12q-8-20 14-50z", "#fff3c4")
    d.rect(312, 410, 176, 130, PAPER, 8)
    d.rect(342, 446, 116, 11, d.palette.ink, 5, opacity=0.8)
    d.rect(362, 470, 76, 8, d.palette.ink, 4, opacity=0.4)
    d.circle(400, 508, 10, d.palette.accent)
    d.shine("M282 370V570", 13)


MOTIFS: Motifs = {
    ("pendant", "chandelier"): Motif(pendant),
    ("candle",): Motif(candle),
    ("reading", "task", "desk", "arm"): Motif(desk_lamp),
    ("lamp", "light", "lantern"): Motif(table_lamp),
}
