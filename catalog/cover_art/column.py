"""Columns of words and ornaments on a cover."""

from collections.abc import Callable
from dataclasses import dataclass

from catalog.cover_art.colours import Inks
from catalog.cover_art.cover import Anchor, Cover
from catalog.cover_art.shapes import Box, shape, swelled_rule
from catalog.cover_art.typesetting import BOLD, ITALIC, SANS, SMALLEST_TYPE, Setting, Style, fit, reach

SUBTITLE_ITALIC = Style(ITALIC, 23, 14, leading=1.24, reluctance=0.12)
SUBTITLE_SANS = Style(SANS, 20, 13.5, leading=1.26, reluctance=0.12)


@dataclass(frozen=True)
class _Part:
    gap: float
    height: float
    draw: Callable[[float, float, Box], None]


class Column:
    """Texts and ornaments under one another, whose whole height is known before they are placed."""

    def __init__(self, cover: Cover, inks: Inks, anchor: Anchor = "middle") -> None:
        self._cover = cover
        self._inks = inks
        self._anchor: Anchor = anchor
        self._parts: list[_Part] = []
        self.headroom = 0.0  # how far the first line's accents rise above its capitals
        self.footroom = 0.0  # how far the last line's tails hang below its baseline

    @property
    def height(self) -> float:
        """Height from the first capitals to the last baseline."""
        return sum(part.height + (part.gap if index else 0) for index, part in enumerate(self._parts))

    def title(self, style: Style, width: float, height: float, gap: float = 0) -> None:
        """Add the title and, below it, the subtitle, within the height given to both."""
        words = self._cover.words
        if not words.subtitle:
            self.text(fit(words.title, style, width, height), gap)
            return
        lesser = SUBTITLE_SANS if style.face in (SANS, BOLD) else SUBTITLE_ITALIC
        subtitle = fit(words.subtitle, lesser, width - 20, height * 0.4)
        space = style.largest * 0.25 + 12
        title = fit(words.title, style, width, height - subtitle.height - space)
        if title.size < subtitle.size * 1.2:
            lesser = lesser.limited(max(title.size / 1.2, SMALLEST_TYPE))
            subtitle = fit(words.subtitle, lesser, width - 20, height * 0.4)
        self.text(title, gap)
        self.text(subtitle, min(space, title.size * 0.3 + 11), quiet=True)

    def author(self, style: Style, width: float, height: float, gap: float = 0) -> None:
        """Add the author, if there is one; of more than can be shown, the first "and others"."""
        words = self._cover.words
        if not words.author:
            return
        setting = fit(words.author, style, width, height)
        if words.first_author and not setting.complete:
            setting = fit(f"{words.first_author} and others", style, width, height)
        self.text(setting, gap, quiet=True)

    def text(self, setting: Setting, gap: float = 0, *, quiet: bool = False) -> None:
        """Add a text; the gap keeps it from what is above it."""
        colour = self._inks.quiet if quiet else self._inks.text
        face = setting.style.face
        if not self._parts:
            self.headroom = (reach(setting.lines[0], face)[0] - face.capital_height) * setting.size
        self.footroom = reach(setting.lines[-1], face)[1] * setting.size

        def draw(x: float, top: float, within: Box) -> None:
            self._cover.write(
                setting,
                x,
                top,
                colour=colour,
                ground=self._inks.ground,
                within=within,
                anchor=self._anchor,
            )

        self._parts.append(_Part(gap, setting.height, draw))

    def rule(self, width: float, gap: float) -> None:
        """Add a swelled rule."""
        thickness = 4.0

        def draw(x: float, top: float, _: Box) -> None:
            self._cover.draw(shape(swelled_rule(x, top + thickness / 2, width, thickness), self._inks.figure))
            self._cover.occupy(Box(x - width / 2, top, width, thickness))

        self._parts.append(_Part(gap, thickness, draw))

    def emblem(self, size: float, gap: float = 0) -> None:
        """Add the family's emblem."""

        def draw(x: float, top: float, _: Box) -> None:
            self._cover.emblem(x, top + size / 2, size, self._inks)

        self._parts.append(_Part(gap, size, draw))

    def hang(self, x: float, top: float, within: Box) -> None:
        """Draw everything from ``top`` down; the lines are to stay within the plain area given."""
        for index, part in enumerate(self._parts):
            top += part.gap if index else 0
            part.draw(x, top, within)
            top += part.height

    def centre(self, x: float, y: float, within: Box) -> None:
        """Draw everything around a height."""
        self.hang(x, y - self.height / 2, within)
