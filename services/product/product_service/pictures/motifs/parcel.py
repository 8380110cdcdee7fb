"""For everything that has no motif of its own: a parcel with a ribbon."""

from product_service.pictures.drawing import Drawing
from product_service.pictures.motif import Motif
from product_service.pictures.palettes import darker, lighter


def parcel(d: Drawing) -> None:
    """A wrapped box."""
    main, accent = d.palette.main, d.palette.accent
    d.shadow(width=440)
    d.rect(220, 360, 360, 268, d.round(main), 14)
    d.rect(364, 360, 72, 268, d.round(accent))
    d.rect(200, 290, 400, 84, d.round(lighter(main, 0.12)), 14)
    d.rect(364, 290, 72, 84, d.round(lighter(accent, 0.12)))
    d.rect(220, 374, 360, 16, darker(main), opacity=0.35)
    for side in ("", "translate(800 0) scale(-1 1)"):
        d.begin(side)
        d.path("M400 288C330 292 240 270 262 206c20-52 112-14 138 82z", d.flat(accent))
        d.path("M394 278c-24-52-82-80-100-56-14 22 44 52 100 56z", darker(accent, 0.3))
        d.end()
    d.circle(400, 280, 24, darker(accent, 0.12))


PARCEL = Motif(parcel)
