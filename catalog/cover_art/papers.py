"""Patterned papers, such as bookbinders cover boards with."""

from collections.abc import Callable
from dataclasses import dataclass

from catalog.cover_art.colours import Inks, mix
from catalog.cover_art.shapes import around, disc, leaf, moved, oval, polar, shape, short, star, stroke


@dataclass(frozen=True)
class Tile:
    """The part of a pattern that repeats; its ground is left open, so that no seam can show."""

    width: float
    height: float
    markup: str


Pattern = Callable[[Inks], Tile]


def _half_drop(width: float, height: float, motif: str, filler: str) -> Tile:
    """Set a motif in offset rows, with a smaller one in the spaces between."""
    left, right, upper, lower = width / 4, width * 3 / 4, height / 4, height * 3 / 4
    motifs = moved(left, upper, motif) + moved(right, lower, motif)
    return Tile(width, height, motifs + moved(right, upper, filler) + moved(left, lower, filler))


def sprigs(inks: Inks) -> Tile:
    """Draw small upright twigs."""
    leaves = "".join(
        shape(leaf(9, 5), inks.figure, transform=f"translate(0 {y}) rotate({angle})")
        for y in (8, 1)
        for angle in (-58, 58)
    )
    twig = stroke("M0 13V-6", inks.figure, 1.4) + leaves + moved(0, -5, shape(leaf(9, 5), inks.detail))
    return _half_drop(52, 60, twig, disc(0, 0, 1.6, fill=inks.detail))


def scales(inks: Inks) -> Tile:
    """Draw waves as Japanese dyers draw them, in overlapping rings."""
    shell = "".join(
        disc(0, 0, radius, fill=inks.ground, stroke=inks.figure, stroke_width=2.2)
        for radius in (22.5, 15, 7.5)
    ) + disc(0, 0, 2.5, fill=inks.detail)
    rows: tuple[tuple[float, tuple[float, ...]], ...] = (
        (0, (23,)),
        (11.5, (0, 46)),
        (23, (23,)),
        (34.5, (0, 46)),
        (46, (23,)),
    )
    return Tile(46, 23, "".join(moved(x, y, shell) for y, row in rows for x in row))


def lozenges(inks: Inks) -> Tile:
    """Draw Harlequin's coat."""
    pins = "M18 25l3 5l-3 5l-3-5ZM0-5l3 5l-3 5l-3-5ZM36-5l3 5l-3 5l-3-5ZM0 55l3 5l-3 5l-3-5ZM36 55l3 5l-3 5l-3-5Z"
    return Tile(36, 60, shape("M18 0L36 30L18 60L0 30Z", inks.figure) + shape(pins, inks.detail))


def stars(inks: Inks) -> Tile:
    """Draw a clear night."""
    return _half_drop(56, 56, shape(star(4, 11, 2.8), inks.figure), shape(star(4, 5, 1.5, 45), inks.detail))


def chevrons(inks: Inks) -> Tile:
    """Draw zigzag bands in two weights."""
    broad = "M-5-4L0 0L20 16L40 0L45-4M-5 28L0 32L20 48L40 32L45 28"
    fine = "M-5 10L0 14L20 30L40 14L45 10M-5-22L0-18L20-2L40-18L45-22M-5 42L0 46L20 62L40 46L45 42"
    return Tile(40, 32, stroke(broad, inks.figure, 6) + stroke(fine, inks.detail, 1.6))


def basket_weave(inks: Inks) -> Tile:
    """Draw slats, three across and three down by turns."""
    across = "M2 5.5h20M2 12h20M2 18.5h20M26 29.5h20M26 36h20M26 42.5h20"
    down = "M29.5 2v20M36 2v20M42.5 2v20M5.5 26v20M12 26v20M18.5 26v20"
    return Tile(48, 48, stroke(across, inks.figure, 4) + stroke(down, inks.detail, 4))


def honeycomb(inks: Inks) -> Tile:
    """Draw hexagons with a node at every other corner."""
    cells = "M20.8 0V12L0 24V48L20.8 60V72M20.8 12L41.6 24V48L20.8 60"
    nodes = "".join(disc(x, y, 4.2, fill=inks.detail) for x, y in ((20.8, 12), (0, 48), (41.6, 48)))
    return Tile(41.6, 72, stroke(cells, inks.figure, 2) + nodes)


def gingham(inks: Inks) -> Tile:
    """Draw the cloth on the kitchen table."""
    half = mix(inks.ground, inks.figure, 0.5)
    return Tile(36, 36, shape("M0 0h36v18h-18v18h-18Z", half) + shape("M0 0h18v18h-18Z", inks.figure))


def waves(inks: Inks) -> Tile:
    """Draw a calm sea."""
    return Tile(
        40,
        28,
        stroke("M-10 7q10-10 20 0t20 0t20 0", inks.figure, 3)
        + stroke("M-10 21q10-10 20 0t20 0t20 0", inks.detail, 1.5),
    )


def bricks(inks: Inks) -> Tile:
    """Draw a wall in running bond."""
    wall = "M1.5 1.5h57v17h-57ZM-28.5 21.5h57v17h-57ZM31.5 21.5h57v17h-57Z"
    return Tile(60, 40, shape(wall, inks.figure) + stroke("M8 14.5H52", inks.detail, 1.2))


def dots(inks: Inks) -> Tile:
    """Draw spots in two sizes."""
    return _half_drop(40, 40, disc(0, 0, 6, fill=inks.figure), disc(0, 0, 2, fill=inks.detail))


def punched_card(inks: Inks) -> Tile:
    """Draw the cards on which data was kept before there were databases."""
    rows = ("1011001", "0110100", "1100011", "0011010")
    slots = {"0": "", "1": ""}
    for y, row in enumerate(rows):
        for x, bit in enumerate(row):
            slots[bit] += f"M{x * 11 + 3} {y * 18 + 3}h5v12h-5Z"
    return Tile(77, 72, shape(slots["1"], inks.figure) + stroke(slots["0"], inks.detail, 1.2))


def trellis(inks: Inks) -> Tile:
    """Draw ogees with a bud in each."""
    lattice = "M24-2V0C24 18 0 18 0 36S24 54 24 72V74M24 0C24 18 48 18 48 36S24 54 24 72"
    bud = shape(leaf(20, 11), inks.detail)
    places = ((24, 46), (0, 10), (48, 10), (0, 82), (48, 82))
    return Tile(48, 72, stroke(lattice, inks.figure, 2) + "".join(moved(x, y, bud) for x, y in places))


def fans(inks: Inks) -> Tile:
    """Draw Art Déco fans."""
    tips = (polar(26, angle) for angle in (-67.5, -45, -22.5, 0, 22.5, 45, 67.5))
    ribs = "".join(f"M0 0L{short(x)} {short(y)}" for x, y in tips)
    fan = (
        shape("M-28 0A28 28 0 0 1 28 0Z", inks.ground, stroke=inks.figure, stroke_width=2)
        + stroke(ribs, inks.figure, 1.3)
        + shape("M-9 0A9 9 0 0 1 9 0Z", inks.detail)
    )
    return Tile(56, 56, moved(0, 28, fan) + moved(56, 28, fan) + moved(28, 56, fan))


def meander(inks: Inks) -> Tile:
    """Draw the Greek key, row on row."""
    key = "M-2 34H32V10H14V24H22V18M32 34H42"
    return Tile(40, 44, stroke(key, inks.figure, 4) + stroke("M0 42H40M0 2H40", inks.detail, 1.4))


def stripes(inks: Inks) -> Tile:
    """Draw regimental stripes: one broad, two hairlines."""
    hairlines = "M3.2 0h1.6v40h-1.6ZM27.2 0h1.6v40h-1.6Z"
    return Tile(32, 40, shape("M10 0h12v40h-12Z", inks.figure) + shape(hairlines, inks.detail))


def confetti(inks: Inks) -> Tile:
    """Draw paper shapes thrown in the air."""
    return Tile(
        72,
        72,
        shape("M58 34l10-4l3 7l-10 4ZM12 50l10 5l-8 8Z", inks.figure)
        + disc(14, 16, 6, fill=inks.figure)
        + disc(34, 62, 2.5, fill=inks.figure)
        + shape("M42 8l9 4l-6 8Z", inks.detail)
        + stroke("M24 38q5-7 10 0t10 0", inks.detail, 2.5, rounded=True)
        + disc(54, 58, 4, fill=inks.detail)
        + disc(64, 12, 2.5, fill=inks.detail),
    )


def chequers(inks: Inks) -> Tile:
    """Draw the finishing flag, a fine line in each light field."""
    fields = shape("M0 0h24v24h-24ZM24 24h24v24h-24Z", inks.figure)
    return Tile(48, 48, fields + stroke("M28 4h16v16h-16ZM4 28h16v16h-16Z", inks.detail, 1.2))


def rain(inks: Inks) -> Tile:
    """Draw short strokes, falling."""
    fine = "M13 22L11.5 32M28 0L26.5 10M28 48L27.5 52"
    heavy = "M5 4L3 18M20 28L18 42"
    return Tile(
        30, 48, stroke(heavy, inks.figure, 2.4, rounded=True) + stroke(fine, inks.detail, 1.6, rounded=True)
    )


def petals(inks: Inks) -> Tile:
    """Draw circles that overlap into four-petalled flowers."""
    flower = around(4, shape("M0 0Q14-3 22-22Q3-14 0 0Z", inks.figure))
    pins = "".join(disc(x, y, 3, fill=inks.detail) for x, y in ((0, 0), (44, 0), (0, 44), (44, 44), (22, 22)))
    return Tile(44, 44, moved(22, 22, flower) + pins)


def grain(inks: Inks) -> Tile:
    """Draw planed board, with knots."""
    fibres = (
        "M4-2C4 20 10 26 10 45S4 70 4 92M14-2C14 16 22 26 22 45S14 74 14 92M60-2C60 20 54 26 54 45S60 70 60 92"
        "M50-2C50 16 42 26 42 45S50 74 50 92M32-2V14M32 76V92"
        "M23-2C23 10 28 18 32 22C36 18 41 10 41-2M23 92C23 80 28 72 32 68C36 72 41 80 41 92"
    )
    knot = oval(32, 45, 3.4, 11, fill=inks.detail)
    return Tile(
        64,
        90,
        stroke(fibres, inks.figure, 1.8)
        + knot
        + oval(32, 45, 6.5, 17, fill="none", stroke=inks.figure, stroke_width=1.8),
    )
