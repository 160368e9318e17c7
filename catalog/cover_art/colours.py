"""The colours of the covers: palettes of four, and which of the four stand on which."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Four colours that go together: two for reading and two that give the cover its character."""

    paper: str
    ink: str
    main: str
    accent: str


@dataclass(frozen=True)
class Inks:
    """The colours for everything that stands on one ground."""

    ground: str
    text: str
    quiet: str  # a second colour for text, for the author and for subtitles
    figure: str  # ornaments
    detail: str  # the smaller parts of ornaments


PALETTES: Mapping[str, Palette] = {
    "oxblood": Palette(paper="#f3e9d8", ink="#2a1513", main="#7a1f24", accent="#cfa45f"),
    "orange": Palette(paper="#f7efdf", ink="#23201d", main="#b23f14", accent="#efb45c"),
    "bottle": Palette(paper="#f0ead8", ink="#12241c", main="#1f4f3c", accent="#cdb05a"),
    "prussian": Palette(paper="#efece1", ink="#0f1a2c", main="#1e3c63", accent="#dd9a5b"),
    "aubergine": Palette(paper="#f4ebe4", ink="#241528", main="#5a2f5e", accent="#dca89b"),
    "petrol": Palette(paper="#f4efe2", ink="#0e282d", main="#165c66", accent="#e8a640"),
    "mustard": Palette(paper="#faf2dd", ink="#2b2210", main="#7d5410", accent="#e2b13c"),
    "vermilion": Palette(paper="#f3eee6", ink="#1b1a1c", main="#b3281e", accent="#c9bfae"),
    "rosewood": Palette(paper="#f6ece4", ink="#2c2028", main="#8c3b4b", accent="#e4b9a2"),
    "moss": Palette(paper="#f3f0dd", ink="#20260f", main="#4c5a1f", accent="#dcb850"),
    "walnut": Palette(paper="#f5e9d5", ink="#2a1b10", main="#6d4323", accent="#d9a566"),
    "midnight": Palette(paper="#f2ecdb", ink="#0e1433", main="#2c3379", accent="#f0c560"),
    "verdigris": Palette(paper="#eef1e8", ink="#132a2a", main="#2a5f5b", accent="#a5c9b0"),
    "graphite": Palette(paper="#eeede8", ink="#16191d", main="#3b4650", accent="#ef7d57"),
    "cobalt": Palette(paper="#f4f0e6", ink="#0f1b3d", main="#2148a3", accent="#f2b83c"),
    "terracotta": Palette(paper="#f9ecdc", ink="#32190f", main="#a04020", accent="#a9bd9f"),
    "lagoon": Palette(paper="#eff2ea", ink="#0c2a36", main="#1b5b79", accent="#f3a582"),
    "raspberry": Palette(paper="#fbf0e8", ink="#331221", main="#a12850", accent="#f3bd4a"),
}

GROUNDS = ("paper", "main", "ink", "accent")


def inks_on(ground: str, palette: Palette) -> Inks:
    """Return the colours to use on one of the grounds; every text on a cover is in one of these pairings."""
    paper, ink, main, accent = palette.paper, palette.ink, palette.main, palette.accent
    if ground == "paper":
        return Inks(ground=paper, text=ink, quiet=main, figure=main, detail=accent)
    if ground == "main":
        return Inks(ground=main, text=paper, quiet=paper, figure=accent, detail=paper)
    if ground == "ink":
        return Inks(ground=ink, text=paper, quiet=accent, figure=accent, detail=paper)
    return Inks(ground=accent, text=ink, quiet=ink, figure=ink, detail=paper)


def mix(first: str, second: str, share: float) -> str:
    """Return a tint between two colours; ``share`` is how much of the second one is in it."""
    pairs = zip(channels(first), channels(second), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def channels(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255 each."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
