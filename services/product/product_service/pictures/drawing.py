"""A small pen for SVG: shapes with flat shading on a canvas of 800 x 800."""

from random import Random

from product_service.pictures.palettes import Palette, darker, lighter

FLOOR = 628
"""Where things stand."""


class Drawing:
    """An SVG document in the making. Coordinates are pixels of the 800 x 800 canvas; y runs downwards."""

    def __init__(self, palette: Palette, random: Random) -> None:
        self.palette = palette
        self.random = random
        self._definitions: dict[str, str] = {}
        self._parts: list[str] = []

    def path(self, data: str, fill: str, **attributes: object) -> None:
        """A filled outline."""
        self._add("path", d=data, fill=fill, **attributes)

    def line(self, data: str, stroke: str, width: float, **attributes: object) -> None:
        """A line with round ends."""
        self._add(
            "path", d=data, fill="none", stroke=stroke, stroke_width=width, stroke_linecap="round",
            stroke_linejoin="round", **attributes,
        )  # fmt: skip

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str,
        radius: float = 0,
        **attributes: object,
    ) -> None:
        """A rectangle, with round corners of `radius`."""
        corners = {"rx": radius} if radius else {}
        self._add("rect", x=x, y=y, width=width, height=height, fill=fill, **corners, **attributes)

    def circle(self, x: float, y: float, radius: float, fill: str, **attributes: object) -> None:
        """A circle."""
        self._add("circle", cx=x, cy=y, r=radius, fill=fill, **attributes)

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: str, **attributes: object) -> None:
        """An ellipse."""
        self._add("ellipse", cx=x, cy=y, rx=rx, ry=ry, fill=fill, **attributes)

    def begin(self, transform: str) -> None:
        """Until the matching `end`, everything is drawn under `transform`."""
        self._parts.append(f'<g transform="{transform}">')

    def end(self) -> None:
        """End the group begun last."""
        self._parts.append("</g>")

    def round(self, colour: str) -> str:
        """A fill that makes a shape look round: light from the left."""
        return self._gradient(colour, "r", 'x1="0" x2="1" y1="0" y2="0"', (0, 0.2), (0.38, 0), (1, -0.28))

    def flat(self, colour: str) -> str:
        """A fill that makes a shape look flat: a little light from above."""
        return self._gradient(colour, "f", 'x1="0" x2=".35" y1="0" y2="1"', (0, 0.12), (1, -0.12))

    def shadow(self, x: float = 400, width: float = 360, y: float = FLOOR) -> None:
        """The shadow of something that stands at `x`."""
        self.ellipse(x, y, width / 2, 17, darker(self.palette.deep, 0.45), opacity=0.35)

    def shine(self, data: str, width: float = 12, opacity: float = 0.4) -> None:
        """A reflection along a line."""
        self.line(data, "#fff", width, opacity=opacity)

    def svg(self) -> str:
        """The document."""
        definitions = "".join(self._definitions.values())
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 800" width="800" height="800" role="img">'
            f"<defs>{definitions}</defs>{''.join(self._parts)}</svg>"
        )

    def _gradient(self, colour: str, kind: str, direction: str, *stops: tuple[float, float]) -> str:
        name = kind + colour.lstrip("#")
        if name not in self._definitions:
            inner = "".join(
                f'<stop offset="{offset:g}" stop-color="{_lit(colour, light)}"/>' for offset, light in stops
            )
            self._definitions[name] = f'<linearGradient id="{name}" {direction}>{inner}</linearGradient>'
        return f"url(#{name})"

    def _add(self, tag: str, **attributes: object) -> None:
        written = "".join(
            f' {name.replace("_", "-")}="{value:g}"'
            if isinstance(value, float)
            else f' {name.replace("_", "-")}="{value}"'
            for name, value in attributes.items()
        )
        self._parts.append(f"<{tag}{written}/>")


def _lit(colour: str, light: float) -> str:
    return lighter(colour, light) if light >= 0 else darker(colour, -light)
