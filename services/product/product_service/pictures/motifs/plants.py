"""Plants and garden."""

from product_service.pictures.drawing import Drawing
from product_service.pictures.motif import Motif, Motifs
from product_service.pictures.palettes import CLAY, LEAF, WOOD, darker, lighter, mix


def _pot(d: Drawing, colour: str, top: int = 450, half: int = 120) -> None:
    d.shadow(400, half * 2 + 60)
    d.path(
        f"M{400 - half + 12} {top}H{400 + half - 12}L{400 + half - 42} 628H{400 - half + 42}Z",
        d.round(colour),
    )
    d.rect(400 - half, top - 12, 2 * half, 48, d.round(lighter(colour, 0.1)), 12)


def monstera(d: Drawing) -> None:
    """A plant with big leaves."""
    leaves = ((-64, 0.95), (58, 1.0), (-30, 1.12), (26, 1.2), (-96, 0.66), (92, 0.7))
    for i, (angle, size) in enumerate(leaves):
        green = (LEAF, darker(LEAF, 0.2), lighter(LEAF, 0.16))[i % 3]
        d.begin(f"translate(400 470) rotate({angle}) scale({size})")
        d.line("M0 0V-150", darker(LEAF, 0.3), 9)
        d.path(
            "M0-120C-104-130-118-232-60-290-30-318-8-330 0-346 8-330 30-318 60-290 118-232 104-130 0-120Z",
            d.flat(green),
        )
        d.line(
            "M0-130V-316M0-180l-52-44M0-180l52-44M0-230l-44-36M0-230l44-36",
            lighter(green, 0.35),
            5,
            opacity=0.7,
        )
        d.end()
    _pot(d, d.palette.main)
    d.rect(302, 500, 196, 14, d.round(d.palette.accent))


def cactus(d: Drawing) -> None:
    """A cactus in bloom."""
    green = d.round(mix(LEAF, d.palette.accent, 0.08))
    d.line("M330 380h-50q-30 0-30-32v-50", green, 62)
    d.line("M470 350h50q28 0 28-30v-30", green, 54)
    d.line("M250 320v-26M548 318v-32", mix(LEAF, d.palette.accent, 0.08), 56)
    d.rect(326, 172, 148, 310, green, 74)
    for x in (362, 400, 438):
        d.line(f"M{x} 232V430", lighter(LEAF, 0.4), 5, opacity=0.7, stroke_dasharray="2 22")
    for angle in range(0, 360, 60):
        d.ellipse(400, 146, 16, 30, "#f08fa0", transform=f"rotate({angle} 400 166)")
    d.circle(400, 166, 15, "#f8d068")
    _pot(d, CLAY if d.random.random() < 0.4 else d.palette.main, 462, 126)


def watering_can(d: Drawing) -> None:
    """A watering can."""
    main = d.palette.main
    d.shadow(400, 420)
    d.line("M300 360q-150-30-150 90t130 120", d.round(darker(main, 0.12)), 26)
    d.line("M318 340q20-130 110-130t100 130", d.round(darker(main, 0.2)), 22)
    d.path("M520 560L640 300l40 18L560 620Z", d.round(darker(main, 0.1)))
    d.begin("rotate(26 662 296)")
    d.path("M626 300h72l22-48H604z", d.round(d.palette.accent))
    d.ellipse(662, 252, 58, 14, lighter(d.palette.accent, 0.4))
    d.end()
    d.path("M286 350H552L580 628H258Z", d.round(main))
    d.rect(276, 338, 286, 30, d.round(lighter(main, 0.15)), 12)
    d.rect(268, 520, 304, 16, d.round(d.palette.accent), opacity=0.85)
    d.shine("M316 400l-12 90", 14)


def snake_plant(d: Drawing) -> None:
    """A plant with upright leaves, on a wooden stand."""
    for i, (x, lean, top) in enumerate(
        ((330, -86, 220), (470, 84, 210), (365, -36, 130), (436, 34, 150), (400, 4, 96))
    ):
        green = (darker(LEAF, 0.18), darker(LEAF, 0.08), LEAF)[i % 3]
        tip = x + lean
        d.path(
            f"M{x - 34} 460Q{x - 44 + lean * 0.4:g} 300 {tip} {top}Q{x + 52 + lean * 0.4:g} 300 {x + 34} 460Z",
            d.flat(green),
        )
        d.line(f"M{x} 450Q{x + 4 + lean * 0.4:g} 310 {tip} {top + 30}", lighter(green, 0.4), 7, opacity=0.6)
    d.shadow(400, 330)
    for x, lean in ((292, -12), (508, 12)):
        d.line(f"M{x} 500l{lean} 124", WOOD, 20)
    d.path("M280 430H520V520Q520 592 448 592H352Q280 592 280 520Z", d.round(d.palette.main))
    d.rect(268, 540, 264, 18, d.round(WOOD), 8)
    d.shine("M312 462v56", 13)


MOTIFS: Motifs = {
    ("monstera", "ficus", "plant", "calathea"): Motif(monstera),
    ("cactus", "succulent"): Motif(cactus),
    ("can", "watering", "sprayer"): Motif(watering_can),
    ("sansevieria", "stand", "planter", "aloe"): Motif(snake_plant),
}
