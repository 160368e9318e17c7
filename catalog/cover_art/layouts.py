"""The layouts: each draws a whole cover."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from catalog.cover_art.choice import Choice
from catalog.cover_art.colours import GROUNDS, channels, mix
from catalog.cover_art.column import Column
from catalog.cover_art.cover import Cover
from catalog.cover_art.papers import Tile
from catalog.cover_art.shapes import (
    FULL,
    HEIGHT,
    WIDTH,
    Box,
    disc,
    frame,
    moved,
    polar,
    polygon,
    rectangle,
    ring,
    scooped,
    shape,
    short,
    star,
    stroke,
    tag,
)
from catalog.cover_art.typesetting import (
    BOLD,
    ITALIC,
    LONGEST_WORD,
    SANS,
    SERIF,
    SMALL_WORDS,
    SMALLEST_TYPE,
    Face,
    Setting,
    Style,
    fit,
    measure,
    reach,
)
from catalog.cover_art.words import LONGEST_TEXT, Wording

AUTHOR_ITALIC = Style(ITALIC, 25, 15, leading=1.2, most_lines=3, reluctance=0.17, keeps_names=True)
AUTHOR_SANS = Style(SANS, 22, 14, leading=1.2, most_lines=3, reluctance=0.17, keeps_names=True)
AUTHOR_BOLD = Style(BOLD, 22, 14, leading=1.2, most_lines=3, reluctance=0.17, keeps_names=True)
AUTHOR_CAPITALS = Style(
    SANS, 19, 12, leading=1.45, tracking=0.12, capitals=True, most_lines=3, reluctance=0.17, keeps_names=True
)
AUTHOR_SERIF_CAPITALS = Style(
    SERIF,
    20,
    12.5,
    leading=1.4,
    tracking=0.09,
    capitals=True,
    most_lines=3,
    reluctance=0.17,
    keeps_names=True,
)


_MOST_CAPITALS = 22
_MOST_CAPITALS_IN_A_WORD = 9


def classical_title(words: Wording, largest: float) -> Style:
    """Return spaced capitals for a short title, and capitals and lower case for a longer one."""
    longest_word = max(map(len, words.title.split()))
    if len(words.title) <= _MOST_CAPITALS and longest_word <= _MOST_CAPITALS_IN_A_WORD:
        return Style(SERIF, largest, 22, leading=1.24, tracking=0.06, capitals=True, reluctance=0.07)
    return Style(SERIF, largest, 16, leading=1.17, reluctance=0.07)


# Where there is less room than this for an emblem, the words stand alone.
_SMALLEST_EMBLEM = 60


def classic_frame(cover: Cover) -> None:
    """Draw a ruled frame, the title above and the author below the emblem."""
    base = cover.base
    cover.fill(FULL, base.ground)
    cover.draw(frame(FULL.inset(20), base.figure, 3))
    inner = FULL.inset(29)
    corners = [(x, y) for x in (inner.x, inner.right) for y in (inner.y, inner.bottom)]
    corner = cover.choice.pick(("scooped", "boxed", "plain"))
    if corner == "scooped":
        cover.draw(stroke(scooped(inner, 20), base.figure, 1.2))
        for x, y in corners:
            toward = (x + math.copysign(4, 200 - x), y + math.copysign(4, 300 - y))
            cover.draw(moved(*toward, shape(star(4, 9, 2.6), base.detail)))
    else:
        cover.draw(frame(inner, base.figure, 1))
    if corner == "boxed":
        for x, y in corners:
            box = Box(min(x, inner.right - 24), min(y, inner.bottom - 24), 24, 24)
            cover.draw(rectangle(box, fill=base.ground, stroke=base.figure, stroke_width=1))
            cover.draw(moved(*box.centre, shape(star(4, 9, 3.4, 45), base.detail)))
    column = Column(cover, base)
    column.title(classical_title(cover.words, 54), 284, 186)
    column.centre(200, 180, Box(46, 54, 308, 250))
    cover.emblem(200, 376, 124, base)
    author = Column(cover, base)
    author.author(cover.choice.pick((AUTHOR_ITALIC, AUTHOR_SERIF_CAPITALS)), 276, 66)
    author.centre(200, 505, Box(46, 444, 308, 102))


def paper_label(cover: Cover) -> None:
    """Draw patterned paper boards with a printed label, as on the Insel-Bücherei."""
    papers = cover.paper_inks()
    cover.cover_with(cover.choice.pick(cover.family.patterns)(papers), FULL, papers.ground)
    inks = cover.on("paper")
    column = Column(cover, inks)
    column.title(classical_title(cover.words, 46), 216, 190)
    if cover.words.author:
        column.rule(70, 24)
        column.author(cover.choice.pick((AUTHOR_ITALIC, AUTHOR_SERIF_CAPITALS)), 212, 62, 22)
    height = max(150.0, column.height + 76)
    label = Box(66, max(54.0, 216 - height / 2), 268, height)
    if cover.choice.pick(("square", "square", "scooped")) == "scooped":
        cover.draw(shape(scooped(label, 18), inks.ground))
        cover.draw(stroke(scooped(label.inset(7), 16), inks.figure, 1.4))
    else:
        cover.fill(label, inks.ground)
        cover.draw(frame(label.inset(7), inks.figure, 2.4), frame(label.inset(11.5), inks.figure, 0.8))
    column.centre(*label.centre, label.inset(13))


def flower_border(cover: Cover) -> None:
    """Draw a border of printers' flowers, as a compositor would set it."""
    papers = cover.paper_inks()
    tile = cover.choice.pick(cover.family.patterns)(papers)
    # A whole number of tiles across, so that the border is the same on either side.
    scale = WIDTH / tile.width / round(WIDTH / tile.width / 0.8)
    cover.cover_with(tile, FULL, papers.ground, scale)
    inks = cover.on("ink" if cover.ground == "ink" else "paper")
    panel = Box(46, 46, 308, 508)
    cover.fill(panel, inks.ground)
    cover.draw(frame(panel.inset(8), inks.figure, 1.4))
    within = panel.inset(13)
    column = Column(cover, inks)
    column.title(classical_title(cover.words, 56), 252, 190)
    column.centre(200, 186, within)
    cover.emblem(200, 380, 116, inks)
    author = Column(cover, inks)
    author.author(cover.choice.pick((AUTHOR_ITALIC, AUTHOR_SERIF_CAPITALS)), 248, 56)
    author.centre(200, 490, within)


def poster(cover: Cover) -> None:
    """Draw large type, flush left, and the emblem wherever it leaves room."""
    base = cover.base
    cover.fill(FULL, base.ground)
    cover.fill(Box(34, 40, 332, 8), base.figure)
    cover.fill(Box(34, 514, 332, 2), base.figure)
    column = Column(cover, base, "start")
    bold = cover.choice.pick((True, False))
    if bold:
        column.title(Style(BOLD, 104, 20, leading=1.04, tracking=-0.02), 332, 370)
    else:
        column.title(Style(SERIF, 108, 20, leading=1.06), 312, 370)
    top = 64 + max(12.0, column.headroom)
    column.hang(32, top, Box(24, 50, 352, 460))
    size = min(230.0, 450 - top - column.height)
    if size >= _SMALLEST_EMBLEM:
        cover.emblem(366 - size / 2, 496 - size / 2, size, base)
    author = Column(cover, base, "start")
    author.author(AUTHOR_BOLD if bold else AUTHOR_ITALIC, 310, 44)
    author.hang(34, 534, Box(24, 518, 352, 66))


def three_bands(cover: Cover) -> None:
    """Draw two bands of colour, and a light one between them for the title."""
    outer, middle = cover.base, cover.on("paper")
    top, bottom = cover.choice.pick(((186, 414), (150, 392)))
    band = Box(0, top, WIDTH, bottom - top)
    cover.fill(FULL, outer.ground)
    cover.fill(band, middle.ground)
    cover.fill(Box(0, top + 7, WIDTH, 1.6), middle.figure)
    cover.fill(Box(0, bottom - 8.6, WIDTH, 1.6), middle.figure)
    column = Column(cover, middle)
    column.title(Style(SERIF, 72, 17, leading=1.14, reluctance=0.07), 320, band.height - 76)
    column.centre(*band.centre, Box(24, top + 10, 352, band.height - 20))
    author = Column(cover, outer)
    author.author(cover.choice.pick((AUTHOR_CAPITALS, AUTHOR_SERIF_CAPITALS)), 316, 76)
    author.centre(200, top / 2, Box(28, 24, 344, top - 48))
    cover.emblem(200, (bottom + HEIGHT) / 2, 118, outer)


# Figures on a square of 100 by 100.
_FIGURES = (
    "M0 0H100A100 100 0 0 1 0 100Z",
    "M0 0A100 100 0 0 1 100 100A100 100 0 0 1 0 0Z",
    "M0 0A50 50 0 0 0 100 0ZM0 50A50 50 0 0 0 100 50Z",
    "M0 0H20A20 20 0 0 1 0 20ZM40 0H60A60 60 0 0 1 0 60V40A40 40 0 0 0 40 0ZM80 0H100A100 100 0 0 1 0 100V80A80 80 0 0 0 80 0Z",
    "M0 50A50 50 0 0 1 100 50A50 50 0 0 1 0 50ZM32 50A18 18 0 0 0 68 50A18 18 0 0 0 32 50Z",
    "M0 0H50V50ZM50 0H100V50ZM0 50H50V100ZM50 50H100V100Z",
    "M0 0H100L0 100Z",
)


_MOST_UNDER_FOUR_ROWS = 26


def squares(cover: Cover) -> None:
    """Draw a composition of circles and squares, the emblem in one of them, over a plain foot with the words."""
    base, palette = cover.base, cover.palette
    brief = len(cover.words.title) + len(cover.words.subtitle) <= _MOST_UNDER_FOUR_ROWS
    rows = 4 if brief else 3
    figures = cover.choice.some(_FIGURES, 3)
    pairs = (
        (palette.main, palette.paper),
        (palette.paper, palette.main),
        (palette.accent, palette.main),
        (palette.ink, palette.accent),
        (palette.accent, palette.paper),
        (palette.paper, palette.ink),
    )
    cover.fill(FULL, base.ground)
    places = [(column * 100, row * 100) for row in range(rows) for column in range(4)]
    home = cover.choice.pick(places)
    drawings = ""
    for x, y in places:
        figure, ground = (palette.main, palette.main) if (x, y) == home else cover.choice.pick(pairs)
        # Grounds and figures are a trifle too large, so that nothing shines through the joints.
        cover.fill(Box(x, y, 100.4, 100.4), ground)
        if (x, y) != home:
            turn = f"translate({x} {y}) rotate({cover.choice.pick((0, 90, 180, 270))} 50 50)"
            data = cover.choice.pick(figures)
            drawings += shape(data, figure, stroke=figure, stroke_width=1, transform=turn)
    cover.draw(drawings)
    cover.emblem(home[0] + 50, home[1] + 50, 74, cover.on("main"))
    edge = rows * 100
    cover.fill(Box(0, edge, WIDTH, HEIGHT - edge), base.ground)
    cover.occupy(Box(0, 0, WIDTH, edge))
    words = Column(cover, base, "start")
    words.title(Style(BOLD, 72, 17, leading=1.08, tracking=-0.015), 336, 96 if brief else 178)
    words.author(AUTHOR_SANS, 312, 42, 24)
    words.centre(32, (edge + HEIGHT) / 2, Box(24, edge + 8, 352, HEIGHT - edge - 20))


def engraved_columns(cover: Cover) -> None:
    """Draw rules that swell and thin like the shading of fluted columns, and a plate for the words."""
    papers = cover.paper_inks()
    flute, pitch = 100, 5
    rules = ""
    for step in range(flute // pitch):
        x = (step + 0.5) * pitch
        weight = 0.5 + 3.9 * math.sin(math.pi * x / flute) ** 2
        rules += rectangle(Box(x - weight / 2, 0, weight, 20), fill=papers.figure)
    cover.cover_with(Tile(flute, 20, rules), FULL, papers.ground)
    inks = cover.on("paper")
    column = Column(cover, inks)
    column.emblem(62)
    column.title(classical_title(cover.words, 44), 218, 170, 30)
    column.author(AUTHOR_SERIF_CAPITALS, 214, 60, 30)
    height = column.height + 84
    plate = Box(66, max(48.0, 270 - height / 2), 268, height)
    cover.fill(plate, inks.ground)
    cover.draw(frame(plate.inset(8), inks.figure, 1.4))
    column.centre(*plate.centre, plate.inset(12))


def initial(cover: Cover) -> None:
    """Draw a large initial on a patterned panel, with the title in full below."""
    base, palette = cover.base, cover.palette
    cover.fill(FULL, base.ground)
    panel = Box(64, 56, 272, 272)
    inks = cover.on("main" if cover.ground == "paper" else "paper")
    contrary = palette.paper if cover.ground == "paper" else palette.main
    papers = replace(inks, figure=mix(inks.ground, contrary, 0.75), detail=palette.accent)
    cover.cover_with(cover.choice.pick(cover.family.patterns)(papers), panel, inks.ground, 0.75)
    cover.draw(
        frame(panel.inset(-8), base.figure, 1.4),
        disc(*panel.centre, 98, fill=inks.ground),
        ring(*panel.centre, 91, inks.figure, 1.4),
    )
    cover.occupy(panel.inset(-8))
    x, y = panel.centre
    medallion = Column(cover, inks)
    medallion.text(fit(cover.words.initial, Style(SERIF, 136, 20), 116, 150))
    medallion.centre(x, y, Box(x - 90, y - 90, 180, 180))
    column = Column(cover, base)
    column.title(classical_title(cover.words, 46), 312, 120)
    column.author(cover.choice.pick((AUTHOR_ITALIC, AUTHOR_CAPITALS)), 300, 50, 28)
    column.centre(200, 466, Box(24, 342, 352, 242))


def sunburst(cover: Cover) -> None:
    """Draw rays from a rising sun, under a plain sky with the words."""
    base, palette = cover.base, cover.palette
    edge = 288
    lower = Box(0, edge, WIDTH, HEIGHT - edge)
    light, dark = {
        "paper": (palette.accent, palette.main),
        "main": (palette.accent, palette.ink),
        "ink": (palette.accent, palette.main),
        "accent": (palette.paper, palette.main),
    }[cover.ground]
    red, green, blue = channels(dark)
    if red > 1.8 * max(green, blue):
        dark = palette.ink  # red rays on a light ground are an army's flag
    step = 180 / cover.choice.pick((24, 32))
    angles = [-90 + 2 * index * step for index in range(round(90 / step))]
    rays = "".join(polygon([(0, 0), polar(420, angle), polar(420, angle + step)]) for angle in angles)
    cover.fill(FULL, base.ground)
    cover.fill(lower, dark)
    cover.definitions.append(tag("clipPath", rectangle(lower), id="sky"))
    cover.draw(
        tag("g", moved(200, 600, shape(rays, light)), clip_path="url(#sky)"),
        disc(200, 600, 122, fill=dark),
        disc(200, 600, 110, fill=palette.paper),
        ring(200, 600, 98, dark, 1.6),
        rectangle(Box(0, edge - 12, WIDTH, 4), fill=base.figure),
    )
    cover.occupy(Box(0, edge - 12, WIDTH, HEIGHT - edge + 12))
    cover.emblem(200, 555, 70, replace(cover.on("paper"), figure=dark))
    column = Column(cover, base)
    column.title(classical_title(cover.words, 56), 316, 150)
    column.author(cover.choice.pick((AUTHOR_ITALIC, AUTHOR_CAPITALS)), 310, 50, 26)
    column.centre(200, 143, Box(24, 16, 352, 256))


def arches(cover: Cover) -> None:
    """Draw one arch within another, and the words over them."""
    base, palette = cover.base, cover.palette
    colours = {
        "paper": (palette.main, palette.accent, palette.ink, palette.paper),
        "main": (palette.paper, palette.accent, palette.ink, palette.accent),
        "ink": (palette.accent, palette.main, palette.paper, palette.main),
        "accent": (palette.main, palette.paper, palette.ink, palette.paper),
    }[cover.ground]
    cover.fill(FULL, base.ground)
    spring, widest = 466, 168
    for index, radius in enumerate(range(widest, 20, -cover.choice.pick((24, 32)))):
        arch = f"M{200 - radius} 604V{spring}A{radius} {radius} 0 0 1 {200 + radius} {spring}V604Z"
        cover.draw(shape(arch, colours[index % len(colours)], stroke=base.ground, stroke_width=4))
    crown = spring - widest
    cover.occupy(Box(200 - widest, crown, 2 * widest, HEIGHT - crown))
    column = Column(cover, base)
    column.title(classical_title(cover.words, 56), 316, 146)
    column.author(cover.choice.pick((AUTHOR_ITALIC, AUTHOR_CAPITALS)), 310, 48, 24)
    column.centre(200, crown / 2 + 4, Box(24, 20, 352, crown - 24))


def _hills(choice: Choice, y: float, side: int) -> str:
    low, high = short(y + 26 * side), short(y - 26 * side)
    swing = choice.pick((120, 140, 160))
    return f"M0 {low}C70 {high} {swing} {high} 200 {short(y)}S330 {low} 400 {high}V600H0Z"


def _breakers(choice: Choice, y: float, side: int) -> str:
    start = -choice.pick((0, 8, 16)) - (40 if side > 0 else 20)
    return f"M{start} {short(y)}" + "q20-18 40 0" * 12 + "V600H-60Z"


def _peaks(choice: Choice, y: float, side: int) -> str:
    ridge = [
        (60, choice.pick((24, 38, 52))),
        (200, choice.pick((24, 38, 52))),
        (340, choice.pick((24, 38, 52))),
    ]
    points: list[tuple[float, float]] = [(0, 600), (0, y + 20)]
    for x, rise in ridge:
        points += [(x + 30 * side, y - rise), (x + 70 + 30 * side, y + 24)]
    return polygon([*points, (440, y + 24), (440, 600)])


def horizon(cover: Cover) -> None:
    """Draw hills, peaks or waves, one behind the other, under a sun."""
    base, palette = cover.base, cover.palette
    cover.fill(FULL, base.ground)
    outline = cover.choice.pick((_hills, _breakers, _peaks))
    cover.draw(
        disc(
            cover.choice.pick((110, 200, 290)),
            338,
            72,
            fill=base.detail if cover.ground == "accent" else palette.accent,
        )
    )
    haze = {"paper": 0.6, "main": 0.5, "ink": 0.35, "accent": 0.45}[cover.ground]
    distances = (
        mix(palette.main, palette.paper, haze),
        mix(palette.main, palette.paper, haze / 2.2),
        mix(palette.main, palette.ink, 0.45),
        palette.ink,
    )
    for index, colour in enumerate(distances):
        cover.draw(shape(outline(cover.choice, 360 + index * 47, 1 if index % 2 else -1), colour))
    cover.occupy(Box(0, 264, WIDTH, 264))
    column = Column(cover, base)
    column.title(classical_title(cover.words, 58), 320, 170)
    column.centre(200, 142, Box(24, 24, 352, 238))
    author = Column(cover, cover.on("ink"))
    author.author(cover.choice.pick((AUTHOR_ITALIC, AUTHOR_CAPITALS)), 320, 42)
    author.centre(200, 562, Box(24, 528, 352, 64))


def blinds(cover: Cover) -> None:
    """Draw bars that grow heavier downwards before a disc; the words flush left above."""
    base, palette = cover.base, cover.palette
    sun, bars = {
        "paper": (palette.accent, palette.main),
        "main": (palette.accent, palette.ink),
        "ink": (palette.accent, palette.main),
        "accent": (palette.main, palette.ink),
    }[cover.ground]
    cover.fill(FULL, base.ground)
    x = cover.choice.pick((130, 200, 270))
    cover.draw(disc(x, 390, 110, fill=sun))
    cover.occupy(Box(x - 110, 280, 220, 220))
    y, gap, weight = 330.0, 17.0, 3.0
    while y < HEIGHT:
        if y + weight + gap > HEIGHT - 12:
            weight = HEIGHT - y
        cover.fill(Box(0, y, WIDTH, weight), bars)
        y += weight + gap
        weight *= 1.42
        gap *= 0.93
    column = Column(cover, base, "start")
    column.author(AUTHOR_BOLD, 332, 40)
    column.title(Style(BOLD, 64, 18, leading=1.06, tracking=-0.015), 334, 148, 26)
    column.hang(34, 46, Box(24, 24, 352, 252))


# A trifle more than 1, so that the outermost dots on the axes belong to the form.
_RIM = 1.03


def _globe(x: float, y: float) -> float:
    return 1 - math.hypot(x + 0.3, y + 0.35) * 0.62 if math.hypot(x, y) <= _RIM else 0


def _eclipse(x: float, y: float) -> float:
    distance = math.hypot(x, y)
    return 1.1 - abs(distance - 0.62) * 2.6 if distance <= _RIM else 0


def _dawn(x: float, y: float) -> float:
    return min(1.0, 1.12 - math.hypot(x * 0.8, y - 1.05) / 2)


def halftone(cover: Cover) -> None:
    """Draw a screen of dots that swells into a form, over a plain foot with the words."""
    base = cover.base
    cover.fill(FULL, base.ground)
    form = cover.choice.pick((_globe, _eclipse, _dawn))
    dots_by_weight: dict[int, str] = {}
    for row in range(17):
        for column in range(17):
            weight = round(form((column - 8) / 8, (row - 8) / 8) * 8)
            if weight > 0:
                # A stroke of no length with round ends is the shortest way to write a dot.
                dot = f"M{40 + column * 20} {44 + row * 20}h0"
                dots_by_weight[weight] = dots_by_weight.get(weight, "") + dot
    for weight, dots_of_weight in sorted(dots_by_weight.items()):
        cover.draw(stroke(dots_of_weight, base.figure, 2 + weight * 2, rounded=True))
    cover.occupy(Box(30, 34, 340, 340))
    words = Column(cover, base, "start")
    words.title(Style(BOLD, 72, 17, leading=1.08, tracking=-0.015), 336, 112)
    words.author(AUTHOR_SANS, 312, 46, 24)
    words.centre(32, 490, Box(24, 384, 352, 204))


def rosette(cover: Cover) -> None:
    """Draw a guilloche of turned ellipses, as engraved on bank notes, around the emblem."""
    base = cover.base
    cover.fill(FULL, base.ground)
    count, breadth = cover.choice.pick(((12, 52), (16, 44), (18, 74)))
    turns = (
        tag("ellipse", rx=124, ry=breadth, transform=f"rotate({short(i * 180 / count)})")
        for i in range(count)
    )
    guilloche = "".join(turns) + disc(0, 0, 124) + disc(0, 0, 129)
    x, y = 200, 360
    cover.draw(
        tag(
            "g", guilloche, transform=f"translate({x} {y})", fill="none", stroke=base.figure, stroke_width=1.3
        ),
        disc(x, y, breadth - 3, fill=base.ground),
    )
    cover.occupy(Box(x - 130, y - 130, 260, 260))
    cover.emblem(x, y, (breadth - 6) * 1.5, base)
    column = Column(cover, base)
    column.title(classical_title(cover.words, 54), 316, 150)
    column.centre(200, 126, Box(24, 24, 352, 204))
    author = Column(cover, base)
    author.author(cover.choice.pick((AUTHOR_ITALIC, AUTHOR_CAPITALS)), 316, 44)
    author.centre(200, 540, Box(24, 494, 352, 92))


def quarter_binding(cover: Cover) -> None:
    """Draw a cloth spine, patterned boards, and a small label."""
    papers, palette = cover.paper_inks(), cover.palette
    tile = cover.choice.pick(cover.family.patterns)(papers)
    cover.cover_with(tile, Box(84, 0, 316, HEIGHT), papers.ground, 0.9)
    cover.fill(Box(0, 0, 84, HEIGHT), palette.main if cover.ground == "ink" else palette.ink)
    gilt = [Box(76, 0, 1.6, HEIGHT), Box(84, 0, 4, HEIGHT)]
    gilt += [Box(0, 40, 76, 4), Box(0, 48, 76, 1.6), Box(0, 550, 76, 1.6), Box(0, 556, 76, 4)]
    for line in gilt:
        cover.fill(line, palette.accent)
    inks = cover.on("paper")
    column = Column(cover, inks)
    column.title(classical_title(cover.words, 38), 200, 176)
    if cover.words.author:
        column.rule(60, 22)
        column.author(AUTHOR_ITALIC, 196, 60, 20)
    height = column.height + 68
    label = Box(122, max(64.0, 206 - height / 2), 240, height)
    cover.fill(label, inks.ground)
    cover.draw(frame(label.inset(6), inks.figure, 1.6))
    column.centre(*label.centre, label.inset(9))


def playbill(cover: Cover) -> None:
    """Draw each line as wide as the sheet, as a printer of theatre bills would fill it."""
    base = cover.base
    cover.fill(FULL, base.ground)
    face = cover.choice.pick((SERIF, BOLD))
    rows = _bill_rows(cover.words)
    room = 376.0
    bill = [_bill_line(row, face, 1) for row in rows]
    gaps = _bill_gaps(bill)
    scale = min(1.0, (room - sum(gaps)) / sum(line.height for line in bill))
    column = Column(cover, base)
    for row, gap in zip(rows, gaps, strict=True):
        column.text(_bill_line(row, face, scale), gap, quiet=row.islower())
    top = 74 + max(10.0, column.headroom)
    foot = top + column.height + max(30.0, column.footroom + 14)
    column.hang(200, top, Box(24, 54, 352, foot - 54))
    for y, weight in ((40, 7.0), (51, 1.6), (foot, 1.6), (562, 7.0)):
        cover.fill(Box(34, y, 332, weight), base.figure)
    size = min(150.0, 464 - foot)
    if size >= _SMALLEST_EMBLEM:
        cover.emblem(200, (foot + 500) / 2, size, base)
        cover.fill(Box(34, 500, 332, 1.6), base.figure)
    author = Column(cover, base)
    author.author(AUTHOR_CAPITALS, 320, 38)
    author.centre(200, 532, Box(24, 504, 352, 56))


def _bill_rows(words: Wording) -> list[str]:
    """Return the words of the title in capitals, each on its own row; small ones share a row in lower case."""
    rows: list[str] = []
    for word in f"{words.title} {words.subtitle}".split():
        if word.casefold() not in SMALL_WORDS:
            rows.append(word.upper())
        elif rows and rows[-1].islower():
            rows[-1] += f" {word.lower()}"
        else:
            rows.append(word.lower())
    return rows


def _bill_gaps(bill: Sequence[Setting]) -> list[float]:
    """Return what space to leave above each line, so that accents and tails do not touch."""
    gaps = [0.0]
    for upper, lower in pairwise(bill):
        _, below = reach(upper.lines[-1], upper.style.face)
        above, _ = reach(lower.lines[0], lower.style.face)
        gaps.append(16 + below * upper.size + (above - lower.style.face.capital_height) * lower.size)
    return gaps


def _bill_line(row: str, face: Face, scale: float) -> Setting:
    measure_of_bill = 332.0
    if row.islower():
        return fit(row, Style(ITALIC, 30 * scale + 4, SMALLEST_TYPE), measure_of_bill, 60)
    natural = measure(row, face)
    size = min(measure_of_bill / natural, 136) * scale
    tracking = min(0.3, max(0.0, (measure_of_bill / size - natural) / max(1, len(row) - 1)))
    style = Style(face, size, SMALLEST_TYPE, tracking=tracking, most_lines=1)
    return replace(fit(row, style, measure_of_bill + 1, 200), justified=True)


@dataclass(frozen=True)
class Layout:
    """A way to lay out a cover, the grounds it looks well on, and the titles it has room for."""

    draw: Callable[[Cover], None]
    grounds: tuple[str, ...]
    most_characters: int
    longest_word: int
    needs_initial: bool = False

    def suits(self, words: Wording) -> bool:
        """Tell whether the title comes out at a good size."""
        title = f"{words.title} {words.subtitle}".strip()
        # A word longer than that is broken, so it is not in the way.
        longest = max((len(word) for word in title.split() if len(word) <= LONGEST_WORD), default=0)
        return (
            len(title) <= self.most_characters
            and longest <= self.longest_word
            and bool(words.initial or not self.needs_initial)
        )


LAYOUTS: Mapping[str, Layout] = {
    "classic frame": Layout(classic_frame, ("paper", "main", "ink"), 110, 16),
    "paper label": Layout(paper_label, GROUNDS, LONGEST_TEXT, LONGEST_WORD),
    "flower border": Layout(flower_border, ("paper", "main", "accent"), 90, 13),
    "poster": Layout(poster, GROUNDS, LONGEST_TEXT, 14),
    "three bands": Layout(three_bands, ("main", "ink", "accent"), 110, 18),
    "squares": Layout(squares, ("paper", "ink", "main"), 110, 16),
    "engraved columns": Layout(engraved_columns, ("main", "ink", "paper"), 90, 13),
    "initial": Layout(initial, ("paper", "main", "ink"), 70, 16, needs_initial=True),
    "sunburst": Layout(sunburst, GROUNDS, 80, 18),
    "arches": Layout(arches, GROUNDS, 80, 18),
    "horizon": Layout(horizon, GROUNDS, 90, 18),
    "blinds": Layout(blinds, GROUNDS, 90, 16),
    "halftone": Layout(halftone, GROUNDS, 60, 16),
    "rosette": Layout(rosette, ("paper", "main", "ink"), 90, 18),
    "quarter binding": Layout(quarter_binding, ("paper", "main", "accent"), 70, 13),
    "playbill": Layout(playbill, GROUNDS, 34, 11),
}
