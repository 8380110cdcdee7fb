"""Audio."""

from product_service.pictures.drawing import Drawing
from product_service.pictures.motif import Motif, Motifs
from product_service.pictures.palettes import CHARCOAL, CREAM, STEEL, WOOD, darker, lighter


def headphones(d: Drawing) -> None:
    """Headphones."""
    main, accent = d.palette.main, d.palette.accent
    d.line("M196 470V400a204 204 0 0 1 408 0v70", d.round(darker(main, 0.2)), 36)
    d.line("M222 340a182 182 0 0 1 356 0", lighter(main, 0.25), 10, opacity=0.6)
    d.shadow(214, 150)
    d.shadow(586, 150)
    for x, inner in ((146, 252), (522, 500)):
        d.rect(inner, 424, 48, 190, d.round(CHARCOAL), 24)
        d.rect(x, 406, 132, 222, d.round(main), 56)
        d.circle(x + 66, 517, 40, d.round(accent))
        d.circle(x + 66, 517, 17, lighter(accent, 0.4))
    for x in (196, 604):
        d.rect(x - 12, 352, 24, 70, d.round(STEEL), 8)


def speaker(d: Drawing) -> None:
    """A bookshelf speaker."""
    main = d.palette.main
    body = WOOD if d.random.random() < 0.5 else main
    d.shadow(400, 380)
    d.rect(236, 130, 328, 498, d.round(body), 30)
    d.rect(262, 156, 276, 446, d.flat(CHARCOAL), 18)
    for y, radius in ((270, 66), (464, 116)):
        d.circle(400, y, radius, d.round(STEEL))
        d.circle(400, y, radius - 12, d.round("#22262c"))
        d.circle(400, y, radius * 0.62, d.round(darker(main, 0.15)))
        d.circle(400, y, radius * 0.26, d.round(d.palette.accent))
    d.circle(502, 186, 8, d.palette.accent)


def radio(d: Drawing) -> None:
    """A radio as they used to be."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(400, 540)
    d.line("M560 280L640 110", STEEL, 9)
    d.circle(640, 108, 12, STEEL)
    d.line("M250 300q0-70 60-70h180q60 0 60 70", darker(WOOD, 0.2), 20)
    for x in (220, 548):
        d.rect(x, 606, 32, 22, CHARCOAL, 4)
    d.rect(140, 290, 520, 322, d.round(main), 48)
    d.rect(172, 322, 246, 258, d.flat(CREAM), 24)
    for row in range(7):
        d.line(f"M200 {352 + 33 * row}H390", darker(WOOD, 0.1), 10, opacity=0.75)
    d.rect(446, 330, 184, 84, PANEL, 14)
    d.line("M466 372H610", lighter(PANEL, 0.5), 5, stroke_dasharray="4 14")
    d.line("M546 344v56", accent, 6)
    for x in (488, 588):
        d.circle(x, 500, 44, d.round(WOOD))
        d.line(f"M{x} 500v-32", CREAM, 7)


PANEL = "#2a2f38"


def turntable(d: Drawing) -> None:
    """A record player from above."""
    main, accent = d.palette.main, d.palette.accent
    d.rect(122, 190, 572, 460, d.palette.ink, 34, opacity=0.16)
    d.rect(110, 170, 580, 460, d.flat(WOOD if d.random.random() < 0.5 else main), 34)
    d.circle(340, 400, 196, STEEL)
    d.circle(340, 400, 186, d.flat("#23252b"))
    for radius in (164, 142, 120, 98):
        d.circle(340, 400, radius, "none", stroke="#474b54", stroke_width=3)
    d.circle(340, 400, 66, accent)
    d.circle(340, 400, 38, lighter(accent, 0.35))
    d.circle(340, 400, 9, CREAM)
    d.path("M340 400L214 262a186 186 0 0 1 62-38z", "#fff", opacity=0.1)
    d.circle(606, 256, 44, d.round(CREAM))
    d.line("M606 256L590 470 486 520", STEEL, 15)
    d.begin("rotate(-26 480 522)")
    d.rect(444, 506, 58, 34, CHARCOAL, 8)
    d.end()
    d.circle(620, 566, 24, d.round(CREAM))
    d.rect(556, 556, 30, 20, darker(STEEL, 0.1), 8)


MOTIFS: Motifs = {
    ("headphone", "headset", "earphone"): Motif(headphones),
    ("speaker", "subwoofer", "soundbar"): Motif(speaker),
    ("radio", "tuner"): Motif(radio),
    ("turntable", "record", "player"): Motif(turntable, stands=False),
}
