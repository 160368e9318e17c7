"""The cover as it is being drawn."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal
from xml.sax.saxutils import escape

from catalog.cover_art.choice import Choice
from catalog.cover_art.colours import Inks, Palette, inks_on, mix
from catalog.cover_art.families import Family
from catalog.cover_art.papers import Tile
from catalog.cover_art.shapes import HEIGHT, WIDTH, Box, rectangle, short, tag
from catalog.cover_art.typesetting import Setting, reach
from catalog.cover_art.words import Wording

Anchor = Literal["start", "middle"]


@dataclass(frozen=True)
class Line:
    """A line of text as it was placed, with what it takes to judge it."""

    text: str
    size: float
    box: Box
    colour: str
    ground: str
    within: Box  # the plain area it has to stay in


@dataclass
class Cover:
    """A cover as it is being drawn: what it is made from, and what has been put on it so far."""

    words: Wording
    family: Family
    palette: Palette
    layout: str
    ground: str
    choice: Choice
    shapes: list[str] = field(default_factory=list)
    definitions: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    ornaments: list[Box] = field(default_factory=list)

    @cached_property
    def base(self) -> Inks:
        """The colours on the ground of the whole cover."""
        return self.on(self.ground)

    def on(self, ground: str) -> Inks:
        """Return the colours for a part of the cover that has a ground of its own."""
        return inks_on(ground, self.palette)

    def draw(self, *shapes: str) -> None:
        """Put shapes on top of what is there."""
        self.shapes.extend(shapes)

    def fill(self, area: Box, colour: str) -> None:
        """Paint an area."""
        self.draw(rectangle(area, fill=colour))

    def occupy(self, box: Box) -> None:
        """Note that an ornament stands here, which no text may run into."""
        self.ornaments.append(box)

    def emblem(self, x: float, y: float, size: float, inks: Inks) -> None:
        """Draw the family's emblem around a point."""
        place = f"translate({short(x)} {short(y)}) scale({size / 100:.3g})"
        self.draw(tag("g", self.family.emblem(inks), transform=place))
        self.occupy(Box(x - size / 2, y - size / 2, size, size))

    def paper_inks(self) -> Inks:
        """Return the colours for a patterned paper, softer than those for a single ornament."""
        palette = self.palette
        return {
            "paper": self.base,
            "main": replace(self.base, figure=mix(palette.main, palette.paper, 0.78), detail=palette.accent),
            "ink": replace(
                self.base,
                figure=mix(palette.ink, palette.accent, 0.8),
                detail=mix(palette.ink, palette.paper, 0.75),
            ),
            "accent": replace(self.base, figure=palette.main),
        }[self.ground]

    def cover_with(self, tile: Tile, area: Box, ground: str, scale: float = 1) -> None:
        """Paper an area with a pattern."""
        name = f"paper{len(self.definitions)}"
        self.definitions.append(
            tag(
                "pattern",
                tile.markup,
                id=name,
                width=tile.width,
                height=tile.height,
                patternUnits="userSpaceOnUse",
                patternTransform=f"scale({scale:.4g})" if scale != 1 else None,
            )
        )
        self.fill(area, ground)
        self.fill(area, f"url(#{name})")

    def write(
        self,
        setting: Setting,
        x: float,
        top: float,
        *,
        colour: str,
        ground: str,
        within: Box,
        anchor: Anchor = "middle",
    ) -> None:
        """Draw a setting whose first line's capitals begin at ``top``."""
        face, size = setting.style.face, setting.size
        tracked = setting.tracking and not setting.justified
        share = 0.5 if anchor == "middle" else 0.0
        baseline = top + face.capital_height * size
        written = ""
        for line in setting.lines:
            written += _line_of_text(line, setting, x, baseline, share)
            width = setting.width_of(line)
            above, below = reach(line, face)
            box = Box(x - width * share, baseline - above * size, width, (above + below) * size)
            self.lines.append(Line(line, size, box, colour, ground, within))
            baseline += setting.style.leading * size
        self.draw(
            tag(
                "g",
                written,
                font_family=face.family,
                font_size=size,
                font_weight=face.weight,
                font_style=face.slope,
                letter_spacing=f"{setting.tracking * size:.2f}" if tracked else None,
                text_anchor="middle" if anchor == "middle" else None,
                fill=colour,
            )
        )

    def to_svg(self) -> str:
        """Return the document."""
        definitions = tag("defs", "".join(self.definitions)) if self.definitions else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
            f' height="{HEIGHT}" role="img"><title>{escape(self.words.label)}</title>'
            f"{definitions}{''.join(self.shapes)}</svg>\n"
        )


def _line_of_text(line: str, setting: Setting, x: float, y: float, share: float) -> str:
    face = setting.style.face
    if setting.justified:
        return tag("text", escape(line), x=x, y=y, textLength=setting.width_of(line))
    if face.squeezed and face.knows(line):
        width = setting.width_of(line)
        return tag("text", escape(line), x=x, y=y, textLength=width, lengthAdjust="spacingAndGlyphs")
    # Browsers add tracking after the last letter, too, which would push a centred line off its axis.
    return tag("text", escape(line), x=x + setting.tracking * setting.size * share, y=y)
