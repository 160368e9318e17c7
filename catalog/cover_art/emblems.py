"""Emblems, one to a family: each is drawn around the origin, within 50 units of it."""

from collections.abc import Callable

from catalog.cover_art.colours import Inks
from catalog.cover_art.shapes import around, disc, leaf, moved, oval, polar, ring, shape, star, stroke, tag

Emblem = Callable[[Inks], str]


def compass_rose(inks: Inks) -> str:
    """Draw a wind rose of eight points, the cardinal ones faceted."""
    facet = shape(
        "M0 0L-8-8L0-49Z", inks.ground, stroke=inks.figure, stroke_width=1.4, stroke_linejoin="round"
    )
    return (
        ring(0, 0, 36, inks.figure, 1.5)
        + ring(0, 0, 31, inks.figure, 1)
        + shape(star(4, 31, 8, 45), inks.detail)
        + shape(star(4, 49, 11.3), inks.figure)
        + around(4, facet)
    )


def citrus(inks: Inks) -> str:
    """Draw half a lemon."""
    segment = shape("M0-5C5-14 12-25 12.5-31.5C10-37.5-10-37.5-12.5-31.5C-12-25-5-14 0-5Z", inks.figure)
    return (
        disc(0, 0, 48, fill=inks.figure)
        + disc(0, 0, 43.5, fill=inks.ground)
        + around(8, segment)
        + disc(0, 0, 3, fill=inks.detail)
    )


def stacked_discs(inks: Inks) -> str:
    """Draw the drum that stands for a database in every diagram."""
    drums = ""
    for y, top in ((18, inks.ground), (-8, inks.ground), (-34, inks.detail)):
        drums += shape(f"M-37 {y}v16A37 12 0 0 0 37 {y + 16}v-16Z", inks.figure)
        drums += oval(0, y, 37, 12, fill=top, stroke=inks.figure, stroke_width=2.5)
    return drums


def crescent(inks: Inks) -> str:
    """Draw a moon among stars."""
    stars = "".join(
        moved(x, y, shape(star(4, size, size * 0.28), inks.detail))
        for x, y, size in ((20, -12, 15), (39, -33, 8), (42, -6, 5))
    )
    return shape("M6-46A46 46 0 1 0 45 18A37 37 0 1 1 6-46Z", inks.figure) + stars


def ringed_planet(inks: Inks) -> str:
    """Draw a planet whose ring passes behind it and before it."""
    before = "M-50 0A50 13 0 0 0 50 0"
    planet = (
        stroke("M-50 0A50 13 0 0 1 50 0", inks.detail, 3.5)
        + disc(0, 0, 29, fill=inks.figure)
        + stroke("M-26-10H12M-19-18H19M-6 19H20", inks.ground, 2, rounded=True)
        + stroke(before, inks.ground, 9)
        + stroke(before, inks.detail, 3.5)
    )
    stars = moved(-35, -33, shape(star(4, 9, 2.4), inks.figure)) + moved(
        37, 36, shape(star(4, 6, 1.7), inks.figure)
    )
    return tag("g", planet, transform="rotate(-22)") + stars


def gabled_house(inks: Inks) -> str:
    """Draw a house with a steep gable."""
    return (
        shape("M18-42h10v22h-10Z", inks.detail)
        + shape("M0-46L48-4H34V46H-34V-4H-48Z", inks.figure)
        + shape("M-10 46V22a10 10 0 0 1 20 0V46Z", inks.detail)
        + shape("M-25 4h12v13h-12ZM13 4h12v13h-12Z", inks.ground)
        + disc(0, -17, 6, fill=inks.ground)
    )


def spoked_wheel(inks: Inks) -> str:
    """Draw a wire wheel of the kind cars once had."""
    return (
        disc(0, 0, 49, fill=inks.figure)
        + disc(0, 0, 37.5, fill=inks.ground)
        + ring(0, 0, 33.5, inks.detail, 2.5)
        + around(12, shape("M-1.8-10L-1-34H1L1.8-10Z", inks.figure))
        + disc(0, 0, 12, fill=inks.figure)
        + disc(0, 0, 5, fill=inks.detail)
    )


def tree_rings(inks: Inks) -> str:
    """Draw the end of a log, with a crack."""
    # The heart of a tree is never quite in its middle.
    rings = "".join(
        ring(-radius / 16, radius / 24, radius, inks.figure, 2.2) for radius in (37, 30, 23.5, 17, 11)
    )
    return (
        disc(0, 0, 49, fill=inks.figure)
        + disc(0, 0, 43, fill=inks.ground)
        + rings
        + disc(0, 0, 5, fill=inks.detail)
        + shape("M2-1L44-20L40-27Z", inks.ground)
    )


def mask(inks: Inks) -> str:
    """Draw a Greek mask, which speaks comedy as well as tragedy."""
    return (
        shape("M-40-42Q0-54 40-42C46 2 30 48 0 48S-46 2-40-42Z", inks.figure)
        + stroke("M-39-34Q0-46 39-34", inks.detail, 3)
        + shape("M-29-11Q-18-22-7-9Q-18-2-29-11ZM29-11Q18-22 7-9Q18-2 29-11Z", inks.ground)
        + stroke("M-31-20Q-18-30-6-19V4M31-20Q18-30 6-19V4", inks.ground, 2.5)
        + oval(0, 25, 15, 10.5, fill=inks.ground)
    )


def quill(inks: Inks) -> str:
    """Draw a feather cut for writing."""
    shaft = "M-42 49C-32 26-8-8 26-34"
    return (
        shape("M-27 27C-34-2-12-40 40-49C42-20 30-2 19 7L26 9C14 22-4 30-22 31Z", inks.figure)
        + stroke(shaft, inks.ground, 4.5, rounded=True)
        + stroke(shaft, inks.detail, 2, rounded=True)
        + shape("M-31 10L-15 5L-26 2ZM-19-14L-4-9L-11-20ZM30-7L10-6L24 2Z", inks.ground)
    )


def temple(inks: Inks) -> str:
    """Draw a front of four columns under a pediment."""
    columns = "".join(f"M{x}-8h9l1 38h-11Z" for x in (-37.5, -15.5, 6.5, 28.5))
    return shape(
        "M0-47L47-21H-47ZM-43-17h86v6h-86ZM-44 33h88v5h-88ZM-49 41h98v6h-98Z" + columns, inks.figure
    ) + disc(0, -29.5, 4.5, fill=inks.detail)


def hourglass(inks: Inks) -> str:
    """Draw sand half run through."""
    glass = "M-25-38H25C25-14 7-10 5 0C7 10 25 14 25 38H-25C-25 14-7 10-5 0C-7-10-25-14-25-38Z"
    return (
        shape("M-32-49h64v8h-64ZM-32 41h64v8h-64Z" + glass, inks.figure)
        + shape("M-18-18C-13-10-5-8-2 0V16L-19 36H19L2 16V0C5-8 13-10 18-18Z", inks.detail)
        + shape("M-20-33H20Q20-27 18-22H-18Q-20-27-20-33Z", inks.ground)
    )


def atom(inks: Inks) -> str:
    """Draw three orbits around a nucleus."""
    orbit = oval(0, 0, 18, 48, fill="none", stroke=inks.figure, stroke_width=3)
    electrons = "".join(disc(*polar(47, angle), 4.5, fill=inks.detail) for angle in (0, 120, 240))
    return around(3, orbit) + disc(0, 0, 8.5, fill=inks.figure) + electrons


def balloon(inks: Inks) -> str:
    """Draw a hot-air balloon with a striped envelope."""
    return (
        shape(
            "M0-49C25-49 38-31 38-13C38 6 17 18 11 30H-11C-17 18-38 6-38-13C-38-31-25-49 0-49Z", inks.figure
        )
        + shape("M0-49C13-49 20-31 20-13C20 6 8 18 5 30H-5C-8 18-20 6-20-13C-20-31-13-49 0-49Z", inks.detail)
        + shape("M0-49C5-49 7-31 7-13C7 6 3 18 2 30H-2C-3 18-7 6-7-13C-7-31-5-49 0-49Z", inks.figure)
        + stroke("M-10 30L-7 39M10 30L7 39", inks.figure, 1.5)
        + shape("M-9 38H9L7 49H-7Z", inks.figure)
    )


def tulip(inks: Inks) -> str:
    """Draw a flower between two leaves."""
    leaves = "M0 49C-10 20-22 8-42 4C-40 28-26 46 0 49ZM0 49C10 20 22 8 42 4C40 28 26 46 0 49Z"
    return shape("M-2-8h4V49h-4Z" + leaves + "M0-49C12-38 14-22 0-4C-14-22-12-38 0-49Z", inks.figure) + shape(
        "M-24-42C-6-36-1-18 0-2C-20-2-30-18-24-42ZM24-42C6-36 1-18 0-2C20-2 30-18 24-42Z", inks.detail
    )


def keyhole(inks: Inks) -> str:
    """Draw the scutcheon of an old lock."""
    return (
        shape("M0-49C12-40 34-40 34-14C34 14 14 24 0 49C-14 24-34 14-34-14C-34-40-12-40 0-49Z", inks.figure)
        + stroke(
            "M0-40C10-33 27-34 27-13C27 10 11 18 0 37C-11 18-27 10-27-13C-27-34-10-33 0-40Z", inks.detail, 1.8
        )
        + shape("M-5.5-5A11 11 0 1 1 5.5-5L10 18H-10Z", inks.ground)
    )


def palmette(inks: Inks) -> str:
    """Draw the classical fan of leaves above two scrolls."""
    fan = ((-72, 40), (72, 40), (-48, 50), (48, 50), (-24, 57), (24, 57), (0, 63))
    leaves = "".join(
        shape(
            leaf(length, 13),
            inks.detail if angle % 48 == 0 else inks.figure,
            transform=f"translate(0 14) rotate({angle})",
        )
        for angle, length in fan
    )
    scrolls = (
        "M0 20C-6 40-38 44-40 26C-40 16-26 15-26 25M0 20C6 40 38 44 40 26C40 16 26 15 26 25M-10 42Q0 34 10 42"
    )
    return leaves + stroke(scrolls, inks.figure, 3.2, rounded=True) + disc(0, 17, 5.5, fill=inks.figure)


def printers_flower(inks: Inks) -> str:
    """Draw a rosette of eight petals, as cast in type metal."""
    return (
        around(8, shape(leaf(48, 17), inks.figure))
        + around(8, shape(leaf(33, 8), inks.detail), start=22.5)
        + disc(0, 0, 9, fill=inks.figure, stroke=inks.ground, stroke_width=2.5)
    )


def sunflower(inks: Inks) -> str:
    """Draw sixteen narrow leaves around a ring."""
    return (
        around(16, shape(leaf(49, 9), inks.figure))
        + disc(0, 0, 22, fill=inks.ground)
        + ring(0, 0, 18, inks.figure, 2)
        + shape(star(8, 14, 6), inks.detail)
    )
