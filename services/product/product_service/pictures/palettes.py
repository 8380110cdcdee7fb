"""Colours that go together."""

from typing import NamedTuple


class Palette(NamedTuple):
    """The colours of one picture, as `#rrggbb`."""

    backdrop: str
    deep: str
    main: str
    accent: str
    ink: str


PALETTES = (
    Palette("#f7e9df", "#ecd0bd", "#c8643c", "#2f6d70", "#3a2a24"),
    Palette("#ebf1e6", "#cfdec7", "#6f8f6b", "#e0a458", "#2b3a2c"),
    Palette("#e7edf5", "#c8d6e8", "#34548a", "#f2b134", "#1b2436"),
    Palette("#f9e9ec", "#eeced5", "#b5495b", "#f0b866", "#3c1f28"),
    Palette("#e1f1ef", "#bde0dc", "#2a8c82", "#ff8a5b", "#12312f"),
    Palette("#f0ecf8", "#d8cfec", "#7a5fb0", "#f2a58f", "#2c2340"),
    Palette("#f5f0e7", "#e3d7c2", "#4a525e", "#d9a05b", "#1e2126"),
    Palette("#fdf4dc", "#f8e1a6", "#e0982a", "#2e6e8e", "#3f2e10"),
    Palette("#e4f2fb", "#bedff5", "#3a86b8", "#f46f5b", "#14293a"),
    Palette("#f3f1e2", "#dddab9", "#7f7b3c", "#c65d3b", "#2c2a14"),
    Palette("#fbeae2", "#f5cdbd", "#e0785e", "#4b6a8f", "#43241c"),
    Palette("#e8eeec", "#c9d6d2", "#4c6f6a", "#e3b7a0", "#1f2e2c"),
)

# Materials keep their colour whatever the palette is.
WOOD = "#c99a68"
STEEL = "#b4bdc7"
CHARCOAL = "#383d45"
CREAM = "#faf5ec"
LEAF = "#4f8f5b"
CLAY = "#c9744f"
PAPER = "#fffdf8"
GLOW = "#ffe3a1"


def mix(colour: str, other: str, share: float) -> str:
    """`colour` with `share` (0 to 1) of `other` in it."""
    pairs = ((int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def lighter(colour: str, share: float = 0.3) -> str:
    """`colour` nearer to white."""
    return mix(colour, "#ffffff", share)


def darker(colour: str, share: float = 0.25) -> str:
    """`colour` nearer to a warm black."""
    return mix(colour, "#201a1e", share)
