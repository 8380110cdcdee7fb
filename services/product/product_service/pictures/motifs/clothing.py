"""Clothing."""

from product_service.pictures.drawing import Drawing
from product_service.pictures.motif import Motif, Motifs
from product_service.pictures.palettes import CREAM, darker, lighter, mix


def sweater(d: Drawing) -> None:
    """A knitted sweater."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(400, 420, 672)
    for side in ("", "translate(800 0) scale(-1 1)"):
        d.begin(side)
        d.path(
            "M300 190Q214 210 190 290L128 560Q124 584 148 590L196 600 284 400Z", d.round(darker(main, 0.06))
        )
        d.path("M136 532l80 22-14 46-54-10q-24-6-20-30z", d.flat(accent))
        d.end()
    d.path(
        "M300 190Q400 240 500 190 560 206 556 300L550 620Q550 640 530 640H270Q250 640 250 620L244 300Q240 206 300 190Z",
        d.round(main),
    )
    d.path("M250 596H550V620Q550 640 530 640H270Q250 640 250 620Z", d.flat(accent))
    d.path("M300 192q100 84 200 0l-20-24q-80 40-160 0z", d.flat(accent))
    style = d.random.randrange(2)
    if style == 0:
        for row in range(3):
            points = "".join(f"l25 {'-26' if i % 2 == 0 else '26'}" for i in range(12))
            d.line(f"M250 {360 + 44 * row}{points}", mix(main, CREAM, 0.75 - 0.2 * row), 11)
    else:
        for row in range(5):
            d.rect(247, 320 + 54 * row, 306, 22, mix(main, CREAM, 0.7))


def tshirt(d: Drawing) -> None:
    """A T-shirt with a print."""
    main, accent = d.palette.main, d.palette.accent
    cloth = mix(CREAM, accent, 0.16) if d.random.random() < 0.35 else main
    d.shadow(400, 400, 662)
    d.path(
        "M306 170Q400 232 494 170L560 190Q600 204 620 250L676 370 588 414 556 356V610Q556 634 532 634H268"
        "Q244 634 244 610V356L212 414 124 370 180 250Q200 204 240 190Z",
        d.round(cloth),
    )
    d.line("M306 172q94 84 188 0", darker(cloth, 0.2), 14)
    d.line("M244 356V290M556 356V290", darker(cloth, 0.25), 5, opacity=0.6)
    d.circle(400, 396, 86, accent)
    d.path(
        "M314 396a86 86 0 0 0 172 0q-22-20-43 0t-43 0-43 0-43 0z",
        main if cloth != main else mix(main, CREAM, 0.8),
    )


def beanie(d: Drawing) -> None:
    """A woollen hat with a bobble."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(400, 420)
    d.circle(400, 170, 70, d.round(lighter(accent, 0.2)))
    d.path("M220 480Q214 214 400 214T580 480Z", d.round(main))
    for dx in (-120, -62, 0, 62, 120):
        d.line(f"M{400 + dx} 474Q{400 + dx} 320 {400 + dx * 0.4:g} 226", darker(main, 0.25), 6, opacity=0.5)
    d.rect(190, 462, 420, 160, d.round(accent), 44)
    for i in range(11):
        x = 226 + 35 * i
        d.line(f"M{x} 482V602", darker(accent, 0.22), 7, opacity=0.5)
    d.rect(494, 540, 56, 46, CREAM, 6)


def socks(d: Drawing) -> None:
    """A pair of socks."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(420, 480, 640)
    for dx, dy, colour in ((130, -26, darker(main, 0.12)), (0, 0, main)):
        d.begin(f"translate({dx} {dy})")
        d.path(
            "M232 170H388V430Q388 470 424 492L528 548Q574 576 556 624 544 650 500 650H330Q232 650 232 548Z",
            d.round(colour),
        )
        d.rect(222, 150, 176, 66, d.round(accent), 20)
        d.path("M232 500q80-10 104 60 12 50-12 90-92-6-92-102z", d.flat(accent))
        d.path("M478 522l50 26q46 28 28 76-12 26-56 26h-26q-30-70 4-128z", d.flat(accent))
        for i in range(3):
            d.rect(232, 260 + 56 * i, 156, 20, mix(colour, CREAM, 0.75))
        d.end()


MOTIFS: Motifs = {
    ("sweater", "jumper", "pullover", "cardigan"): Motif(sweater),
    ("tee", "shirt", "tshirt"): Motif(tshirt),
    ("beanie", "hat", "cap"): Motif(beanie),
    ("sock",): Motif(socks),
}
