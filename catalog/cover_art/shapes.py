"""The simplest things to draw, as SVG elements and as path data."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

WIDTH = 400
HEIGHT = 600


@dataclass(frozen=True)
class Box:
    """A rectangle on the cover."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height

    @property
    def centre(self) -> tuple[float, float]:
        """The point in the middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    def inset(self, by: float) -> "Box":
        """Return the box with a margin taken off on every side."""
        return Box(self.x + by, self.y + by, self.width - 2 * by, self.height - 2 * by)


FULL = Box(0, 0, WIDTH, HEIGHT)


def short(value: float) -> str:
    """Write a coordinate as briefly as a tenth of a unit allows."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def tag(name: str, content: str = "", /, **attributes: str | float | None) -> str:
    """Write an element; underscores in attribute names stand for hyphens, and None leaves an attribute out."""
    written = "".join(
        f" {key.replace('_', '-')}={quoteattr(value if isinstance(value, str) else short(value))}"
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def rectangle(box: Box, **attributes: str | float | None) -> str:
    """Write a rectangle."""
    return tag("rect", x=box.x, y=box.y, width=box.width, height=box.height, **attributes)


def disc(x: float, y: float, radius: float, **attributes: str | float | None) -> str:
    """Write a circle."""
    return tag("circle", cx=x, cy=y, r=radius, **attributes)


def oval(x: float, y: float, across: float, down: float, **attributes: str | float | None) -> str:
    """Write an ellipse by its radii."""
    return tag("ellipse", cx=x, cy=y, rx=across, ry=down, **attributes)


def shape(data: str, fill: str, **attributes: str | float | None) -> str:
    """Write a filled path."""
    return tag("path", d=data, fill=fill, **attributes)


def stroke(data: str, colour: str, width: float, *, rounded: bool = False) -> str:
    """Write a path that is only outlined."""
    cap = "round" if rounded else None
    return tag("path", d=data, fill="none", stroke=colour, stroke_width=width, stroke_linecap=cap)


def ring(x: float, y: float, radius: float, colour: str, width: float) -> str:
    """Write a circle that is only outlined."""
    return disc(x, y, radius, fill="none", stroke=colour, stroke_width=width)


def frame(box: Box, colour: str, width: float) -> str:
    """Write a rectangle that is only outlined."""
    return rectangle(box, fill="none", stroke=colour, stroke_width=width)


def moved(x: float, y: float, markup: str) -> str:
    """Write a drawing elsewhere."""
    return tag("g", markup, transform=f"translate({short(x)} {short(y)})")


def around(count: int, markup: str, start: float = 0) -> str:
    """Repeat a drawing around the origin."""
    angles = (start + index * 360 / count for index in range(count))
    return "".join(tag("g", markup, transform=f"rotate({short(angle)})") for angle in angles)


def polar(radius: float, degrees: float) -> tuple[float, float]:
    """Return the point at an angle, clockwise from the top."""
    angle = math.radians(degrees)
    return radius * math.sin(angle), -radius * math.cos(angle)


def polygon(points: Iterable[tuple[float, float]]) -> str:
    """Return the path data of a closed polygon."""
    return "M" + "L".join(f"{short(x)} {short(y)}" for x, y in points) + "Z"


def star(points: int, outer: float, inner: float, start: float = 0) -> str:
    """Return the path data of a star around the origin."""
    step = 180 / points
    return polygon(polar(inner if index % 2 else outer, start + index * step) for index in range(2 * points))


def leaf(length: float, width: float) -> str:
    """Return the path data of a pointed leaf that grows upwards from the origin."""
    near, far, tip, half = (short(value) for value in (-length * 0.3, -length * 0.7, -length, width * 0.67))
    return f"M0 0C-{half} {near}-{half} {far} 0 {tip}C{half} {far} {half} {near} 0 0Z"


def scooped(box: Box, radius: float) -> str:
    """Return the path data of a rectangle with its corners hollowed out."""
    r, across, down = (short(value) for value in (radius, box.width - 2 * radius, box.height - 2 * radius))
    arc = f"a{r} {r} 0 0 0 "
    return (
        f"M{short(box.x + radius)} {short(box.y)}h{across}{arc}{r} {r}v{down}{arc}-{r} {r}"
        f"h-{across}{arc}-{r}-{r}v-{down}{arc}{r}-{r}Z"
    )


def swelled_rule(x: float, y: float, width: float, thickness: float) -> str:
    """Return the path data of an English rule, which swells in the middle and ends in points."""
    whole, half, thick = short(width), short(width / 2), short(thickness)
    return f"M{short(x - width / 2)} {short(y)}q{half}-{thick} {whole} 0q-{half} {thick}-{whole} 0Z"
