"""Paper and desk."""

from product_service.pictures.drawing import Drawing
from product_service.pictures.motif import Motif, Motifs
from product_service.pictures.palettes import CHARCOAL, CREAM, PAPER, STEEL, WOOD, darker, lighter


def notebook(d: Drawing) -> None:
    """A notebook with a pen."""
    main, accent = d.palette.main, d.palette.accent
    d.begin("rotate(-8 400 400)")
    d.rect(230, 146, 380, 520, d.palette.ink, 24, opacity=0.16)
    d.rect(226, 140, 372, 508, PAPER, 18)
    d.rect(212, 132, 372, 508, d.flat(main), 22)
    d.rect(212, 132, 54, 508, darker(main, 0.25), 22, opacity=0.55)
    d.rect(318, 216, 200, 110, CREAM, 10)
    d.rect(346, 250, 144, 11, d.palette.ink, 5, opacity=0.8)
    d.rect(370, 278, 96, 9, d.palette.ink, 4, opacity=0.4)
    d.rect(536, 132, 16, 508, accent)
    d.path("M380 640h26v62l-13-14-13 14z", accent)
    d.end()
    d.begin("rotate(20 620 420)")
    d.rect(610, 220, 32, 330, d.round(CHARCOAL), 12)
    d.path("M610 550h32l-16 54z", d.round(STEEL))
    d.rect(634, 240, 10, 100, accent, 5)
    d.rect(610, 500, 32, 14, accent)
    d.end()


def pencils(d: Drawing) -> None:
    """A cup of pencils."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(400, 330)
    colours = (accent, lighter(main, 0.4), "#e9b949", "#d8604c", "#5a8fb5")
    for i, (angle, top) in enumerate(((-17, 190), (-8, 130), (1, 168), (9, 116), (18, 200))):
        x = 318 + 41 * i
        d.begin(f"rotate({angle} {x} 560)")
        d.rect(x - 17, top + 46, 34, 500 - top, d.round(colours[i]))
        d.path(f"M{x - 17} {top + 46}L{x} {top}L{x + 17} {top + 46}Z", lighter(WOOD, 0.4))
        d.path(f"M{x - 6} {top + 16}L{x} {top}L{x + 6} {top + 16}Z", d.palette.ink)
        d.end()
    d.path("M268 360H532L514 604Q512 628 490 628H310Q288 628 286 604Z", d.round(main))
    d.rect(262, 352, 276, 26, d.round(lighter(main, 0.18)), 10)
    d.path("M276 470H524L520 524H280Z", d.round(CREAM), opacity=0.92)
    d.shine("M306 410v40", 13)


def keyboard(d: Drawing) -> None:
    """A keyboard."""
    main, accent = d.palette.main, d.palette.accent
    d.begin("rotate(-7 400 400)")
    d.rect(98, 286, 620, 270, d.palette.ink, 34, opacity=0.18)
    d.rect(90, 266, 620, 270, d.flat(main), 34)
    d.rect(108, 284, 584, 234, darker(main, 0.35), 20)
    for row in range(3):
        for column in range(10):
            colour = accent if (row, column) in ((0, 0), (2, 9)) else CREAM
            d.rect(120 + 56 * column + 4 * row, 296 + 56 * row, 48, 48, colour, 9)
    d.rect(120, 464, 92, 44, lighter(main, 0.35), 9)
    d.rect(222, 464, 322, 44, CREAM, 9)
    d.rect(554, 464, 126, 44, accent, 9)
    d.end()
    d.line("M600 250q-20-90 60-140t140-70", CHARCOAL, 10)


def ink(d: Drawing) -> None:
    """A fountain pen and its ink."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(330, 330)
    d.path("M190 470q0-40 40-40h200q40 0 40 40v118q0 40-40 40H230q-40 0-40-40z", "#fff", opacity=0.6)
    d.path("M206 500H454V580q0 34-34 34H240q-34 0-34-34z", d.round(main))
    d.rect(262, 372, 136, 62, d.round(CHARCOAL), 12)
    d.rect(254, 412, 152, 22, d.round(accent), 6)
    d.rect(252, 506, 156, 74, PAPER, 8)
    d.rect(276, 528, 108, 10, d.palette.ink, 5, opacity=0.8)
    d.rect(296, 550, 68, 8, d.palette.ink, 4, opacity=0.4)
    d.begin("rotate(30 580 400)")
    d.rect(556, 130, 54, 250, d.round(main), 24)
    d.rect(556, 356, 54, 20, accent)
    d.path("M560 376h46l-6 96h-34z", d.round(CHARCOAL))
    d.path("M566 472h34l-17 92z", d.round("#e0b35a"))
    d.line("M583 500v60", darker("#e0b35a", 0.5), 3)
    d.rect(600, 170, 12, 130, accent, 6)
    d.end()


MOTIFS: Motifs = {
    ("notebook", "journal", "planner", "diary", "sketchbook"): Motif(notebook, stands=False),
    ("pencil", "crayon"): Motif(pencils),
    ("keyboard",): Motif(keyboard, stands=False),
    ("ink", "pen", "nib"): Motif(ink),
}
