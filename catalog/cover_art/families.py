"""Families: what makes the covers of a category look like one series."""

from dataclasses import dataclass

from catalog.cover_art.choice import Choice
from catalog.cover_art.colours import PALETTES
from catalog.cover_art.emblems import (
    Emblem,
    atom,
    balloon,
    citrus,
    compass_rose,
    crescent,
    gabled_house,
    hourglass,
    keyhole,
    mask,
    palmette,
    printers_flower,
    quill,
    ringed_planet,
    spoked_wheel,
    stacked_discs,
    sunflower,
    temple,
    tree_rings,
    tulip,
)
from catalog.cover_art.papers import (
    Pattern,
    basket_weave,
    bricks,
    chequers,
    chevrons,
    confetti,
    dots,
    fans,
    gingham,
    grain,
    honeycomb,
    lozenges,
    meander,
    petals,
    punched_card,
    rain,
    scales,
    sprigs,
    stars,
    stripes,
    trellis,
    waves,
)
from catalog.cover_art.words import printable


@dataclass(frozen=True)
class Family:
    """What the covers of a category have in common, and how the words in such a category's name begin."""

    beginnings: tuple[str, ...]
    palettes: tuple[str, ...]
    emblem: Emblem
    patterns: tuple[Pattern, ...]


# The first that fits a category's name wins, so that science fiction is told from science and from fiction.
FAMILIES: tuple[Family, ...] = (
    Family(
        ("cook", "food", "baking", "recipe", "drink"),
        ("terracotta", "mustard", "bottle", "orange"),
        citrus,
        (gingham, sprigs, scales),
    ),
    Family(
        ("data", "comput", "program", "software", "web", "technolog"),
        ("graphite", "cobalt", "petrol", "prussian"),
        stacked_discs,
        (punched_card, dots, honeycomb),
    ),
    Family(
        ("fairy", "fantasy", "myth", "folk", "legend"),
        ("midnight", "aubergine", "bottle", "raspberry"),
        crescent,
        (stars, trellis, scales),
    ),
    Family(
        ("science fiction", "sci-fi", "space", "astronom"),
        ("midnight", "graphite", "petrol", "orange"),
        ringed_planet,
        (stars, dots, waves),
    ),
    Family(
        ("home", "house", "diy", "improvement", "interior", "architect", "building"),
        ("lagoon", "terracotta", "rosewood", "verdigris"),
        gabled_house,
        (bricks, basket_weave, chevrons),
    ),
    Family(
        ("car ", "cars ", "motor", "automo", "transport", "engine"),
        ("vermilion", "graphite", "cobalt", "prussian"),
        spoked_wheel,
        (chequers, stripes, chevrons),
    ),
    Family(
        ("wood", "carpent", "craft", "furniture"),
        ("walnut", "moss", "mustard", "terracotta"),
        tree_rings,
        (grain, basket_weave, chevrons),
    ),
    Family(
        ("crime", "myster", "thriller", "detective", "horror"),
        ("vermilion", "oxblood", "bottle", "graphite"),
        keyhole,
        (lozenges, rain, meander),
    ),
    Family(
        ("play", "drama", "theat", "music"),
        ("oxblood", "raspberry", "midnight", "vermilion"),
        mask,
        (lozenges, fans, stripes),
    ),
    Family(
        ("poe", "verse", "essay", "letters"),
        ("verdigris", "rosewood", "aubergine", "prussian"),
        quill,
        (rain, petals, sprigs),
    ),
    Family(
        ("philosoph", "religio", "psycholog", "politic", "law "),
        ("prussian", "verdigris", "walnut", "vermilion"),
        temple,
        (meander, fans, honeycomb),
    ),
    Family(
        ("child", "kids", "young", "picture"),
        ("raspberry", "cobalt", "lagoon", "orange"),
        balloon,
        (confetti, dots, stars),
    ),
    Family(
        ("garden", "plant", "flower", "botan"),
        ("moss", "bottle", "rosewood", "mustard"),
        tulip,
        (sprigs, petals, trellis),
    ),
    Family(
        ("science", "natur", "physic", "biolog", "math", "chemi", "medic"),
        ("petrol", "cobalt", "moss", "verdigris"),
        atom,
        (honeycomb, petals, dots),
    ),
    Family(
        ("histor", "biograph", "memoir", "war "),
        ("oxblood", "walnut", "prussian", "mustard"),
        hourglass,
        (meander, trellis, lozenges),
    ),
    Family(
        ("travel", "adventure", "sea ", "explor", "geograph", "sport"),
        ("lagoon", "petrol", "orange", "cobalt"),
        compass_rose,
        (waves, scales, chevrons),
    ),
    Family(
        ("classic", "fiction", "novel", "literature", "stories", "romance"),
        ("oxblood", "bottle", "aubergine", "prussian"),
        palmette,
        (petals, trellis, sprigs),
    ),
)


def family_of(category: str) -> Family:
    """Return the family for a category; one that fits none gets a family of its own, out of its name."""
    name = f" {printable(category).casefold()} "
    for family in FAMILIES:
        if any(f" {beginning}" in name for beginning in family.beginnings):
            return family
    choice = Choice("category", name)
    return Family(
        beginnings=(),
        palettes=choice.some(tuple(PALETTES), 4),
        emblem=choice.pick((printers_flower, sunflower, palmette)),
        patterns=choice.some((petals, trellis, fans, scales, dots, lozenges, chevrons, stripes), 3),
    )
