"""Typographic book covers, drawn as SVG from nothing but a book's title, author and category.

A cover is put together from four things, so that the books of a category look like one series:

* a *family*, given by the category: a few palettes, one emblem, a few patterned papers;
* a *palette* of four colours out of the family's, chosen by a hash of title and author;
* a *layout* out of all that suit the title, chosen by the same hash;
* the *settings* of title and author: broken into balanced lines and scaled to the space the layout gives.

The drawings carry no style sheet, script, link or font: they are shown in ``<img>`` elements and served from
our own site under a sandboxing content security policy, and in neither place would any of these load.
"""

from catalog.cover_art.choice import Choice
from catalog.cover_art.colours import PALETTES
from catalog.cover_art.cover import Cover
from catalog.cover_art.families import family_of
from catalog.cover_art.layouts import LAYOUTS
from catalog.cover_art.words import Wording


def draw_cover(*, title: str, author: str, category: str) -> str:
    """Return a complete SVG document, the same one every time for the same three strings.

    Any string will do: what XML cannot carry (control characters, lone surrogates) is left out, and a title
    of which nothing remains is drawn as "Untitled". An empty author simply does not appear.
    """
    return compose(title=title, author=author, category=category).to_svg()


def compose(
    *,
    title: str,
    author: str,
    category: str,
    layout: str | None = None,
    palette: str | None = None,
    ground: str | None = None,
) -> Cover:
    """Lay out a cover. A layout, palette or ground that is not named is chosen by the words."""
    words = Wording.of(title, author)
    family = family_of(category)
    choice = Choice(words.title, words.subtitle, words.author)
    suitable = [name for name, candidate in LAYOUTS.items() if candidate.suits(words)]
    layout = layout or choice.pick(suitable)
    palette = palette or choice.pick(family.palettes)
    ground = ground or choice.pick(LAYOUTS[layout].grounds)
    cover = Cover(words, family, PALETTES[palette], layout, ground, choice)
    LAYOUTS[layout].draw(cover)
    return cover
