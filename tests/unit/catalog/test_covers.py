import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from xml.etree import ElementTree as ET

import pytest

from catalog.cover_art.colours import GROUNDS, PALETTES, inks_on
from catalog.cover_art.families import FAMILIES, family_of
from catalog.cover_art.layouts import LAYOUTS
from catalog.cover_art.shapes import Box
from catalog.cover_art.typesetting import BOLD, SERIF, SMALLEST_TYPE, Style, fit, measure
from catalog.cover_art.words import Wording
from catalog.covers import compose, draw_cover


def contains(outer: Box, inner: Box) -> bool:
    """Tell whether the one lies wholly inside the other, give or take a rounding."""
    grown = outer.inset(-0.1)
    return (
        grown.x <= inner.x
        and grown.y <= inner.y
        and inner.right <= grown.right
        and inner.bottom <= grown.bottom
    )


def overlaps(one: Box, other: Box) -> bool:
    """Tell whether the two share more than an edge."""
    within = one.inset(0.1)
    return (
        within.x < other.right
        and other.x < within.right
        and within.y < other.bottom
        and other.y < within.bottom
    )


SVG = "{http://www.w3.org/2000/svg}"
READABLE = 4.5

TITLE_OF_160 = (
    "The Strange and Surprising Adventures of a Patient Bookseller Who Travelled Across Seven Countries "
    "in Search of the One Volume That Nobody Had Ever Read Right Through"
)[:160]

TITLES = {
    "one letter": "A",
    "two letters": "We",
    "three letters": "She",
    "two words": "Peter Pan",
    "a digit": "1984",
    "a subtitle": "Frankenstein; or, The Modern Prometheus",
    "a colon": "2001: A Space Odyssey",
    "a hyphen": "Moby-Dick",
    "an apostrophe": "Alice’s Adventures in Wonderland",
    "160 characters": TITLE_OF_160,
    "a thousand characters": "All the Birds of the World and " * 33,
    "a long word": "Incomprehensibilities",
    "a word too long to read": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "only wide letters": "W" * 160,
    "only wide words": "WWWWWW " * 20,
    "Chinese": "紅樓夢",
    "long Japanese": "百年の孤独と銀河鉄道の夜についての長い長い題名の本でございます",
    "Cyrillic": "Преступление и наказание",
    "accented capitals": "Élégies à Évariste Ångström",
    "a tail": "Quo Vadis",
    "Greek": "Η Οδύσσεια",
    "Arabic": "ألف ليلة وليلة",
    "Hebrew": "שיר השירים",
    "Devanagari": "गीतांजलि",
    "emoji": "🚀 to the 🌙 with 👩‍🚀",
    "markup": "<script>alert(1)</script>",
    "broken markup": "</title></svg><svg onload='x'>",
    "entities": "Crime & Punishment &amp; &nope; &#0;",
    "quotation marks": """She said "it's" 'so'""",
    "CDATA": "]]> <![CDATA[ <!-- ?>",
    "control characters": "A\x00B\x01C\x08D\x0b\x0c\x1b\x7f\x85E",
    "lone surrogates": "half \ud800 a \udc00 pair",
    "noncharacters": "at the\ufffe\uffff end \U0010ffff",
    "white space": "  lines\nand\r\ntabs\t\u2028\u3000 ",
    "direction overrides": "\u202egnorw yaw eht\u202c \u2066round\u2069",
    "stacked marks": "Z" + "\u0335\u0351\u0310" * 30 + "algo",
    "only marks": "\u0301" * 50,
    "nothing": "",
    "only what cannot be shown": "\x00\u200b\ufeff",
    "percent and braces": "%s {0} ${x} #{y} \\u0000",
}
AUTHORS = {
    "nobody": "",
    "one": "Jane Austen",
    "three": "Julia Child, Louisette Bertholle, Simone Beck",
    "many": ", ".join(f"Aurelia Featherstonehaugh {letter}." for letter in "ABCDEFGHIJKLMNOP"),
    "hostile": "\"><img src=x onerror='alert(1)'>\x00\ud83d",
    "one long word": "Wolfeschlegelsteinhausenbergerdorff" * 3,
}
CATEGORIES = (
    "Cookbooks",
    "Database",
    "Fairy Tales",
    "Science Fiction",
    "Home Improvement",
    "Cars",
    "Woodwork",
    "Classic Fiction",
    "Plays",
    "Poetry",
    "Philosophy",
    "History",
    "Science & Nature",
    "Travel & Adventure",
    "Children’s",
    "Gardening",
    "Crime & Mystery",
    "Bee-keeping <for> beginners & others",
    "",
    "\x00\ud800",
)

any_title = pytest.mark.parametrize("title", TITLES.values(), ids=TITLES.keys())
any_layout = pytest.mark.parametrize("layout", LAYOUTS)
any_palette = pytest.mark.parametrize("palette", PALETTES)


def contrast(a, b):
    """Return the WCAG 2 contrast ratio of two #rrggbb colours."""

    def luminance(colour):
        channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(share * channel for share, channel in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    lighter, darker = sorted((luminance(a), luminance(b)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def titles_that_suit(layout):
    return [title for title in TITLES.values() if LAYOUTS[layout].suits(Wording.of(title, ""))]


@cache
def covers_in(layout):
    """Compose a cover for each title that suits the layout, over all its grounds and all authors by turns."""
    grounds = LAYOUTS[layout].grounds
    authors = list(AUTHORS.values())
    return [
        compose(
            title=title,
            author=authors[index % len(authors)],
            category=CATEGORIES[index % len(CATEGORIES)],
            layout=layout,
            ground=grounds[index % len(grounds)],
        )
        for index, title in enumerate(titles_that_suit(layout))
    ]


def three_hundred_covers():
    return [
        compose(title=f"Volume {number} of the Annals", author="A. Writer", category=CATEGORIES[number % 17])
        for number in range(300)
    ]


def parsed(drawing):
    return ET.fromstring(drawing.encode())  # noqa: S314, it is our own


@pytest.mark.parametrize(
    ("title", "author"),
    [(title, AUTHORS["hostile"]) for title in TITLES.values()]
    + [(TITLES["entities"], author) for author in AUTHORS.values()],
    ids=[*TITLES, *(f"by {author}" for author in AUTHORS)],
)
def test_any_title_and_author_make_valid_xml(title, author):
    root = parsed(draw_cover(title=title, author=author, category="Plays"))

    assert root.tag == f"{SVG}svg"


@pytest.mark.parametrize("category", CATEGORIES)
def test_any_category_makes_a_cover(category):
    parsed(draw_cover(title="Emma", author="Jane Austen", category=category))


def test_the_document_has_a_size_and_a_name_for_those_who_cannot_see_it():
    root = parsed(draw_cover(title="Emma & co.", author="Jane Austen", category="Plays"))

    assert (root.get("viewBox"), root.get("width"), root.get("height")) == ("0 0 400 600", "400", "600")
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "Emma & co., by Jane Austen"


def test_the_same_book_gets_the_same_cover():
    words = {"title": "Emma", "author": "Jane Austen", "category": "Classic Fiction"}

    assert draw_cover(**words) == draw_cover(**words)


def test_the_cover_does_not_depend_on_the_process():
    program = (
        "from catalog.covers import draw_cover; import sys;"
        "sys.stdout.buffer.write(draw_cover(title='Emma', author='Jane Austen', category='Birds').encode())"
    )
    drawings = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert drawings == {draw_cover(title="Emma", author="Jane Austen", category="Birds").encode()}


def test_every_layout_occurs_among_three_hundred_books():
    layouts = Counter(cover.layout for cover in three_hundred_covers())

    assert len(layouts) >= 7
    assert set(layouts) == set(LAYOUTS)


@any_layout
def test_every_line_stays_in_its_plain_area(layout):
    for cover in covers_in(layout):
        for line in cover.lines:
            assert contains(line.within, line.box), (cover.words.title, line)


@any_layout
def test_no_plain_area_reaches_the_edge_of_the_cover(layout):
    for cover in covers_in(layout):
        for line in cover.lines:
            assert contains(Box(16, 16, 368, 580), line.within), (cover.words.title, line)


@any_layout
def test_no_line_runs_into_another(layout):
    for cover in covers_in(layout):
        for index, line in enumerate(cover.lines):
            for other in cover.lines[index + 1 :]:
                assert not overlaps(line.box, other.box), (cover.words.title, line.text, other.text)


@any_layout
def test_no_line_runs_into_an_ornament(layout):
    for cover in covers_in(layout):
        for line in cover.lines:
            for ornament in cover.ornaments:
                own_ground = contains(ornament, line.within)
                assert own_ground or not overlaps(line.box, ornament), (cover.words.title, line, ornament)


@any_layout
def test_no_type_is_too_small_to_read(layout):
    for cover in covers_in(layout):
        assert all(line.size >= SMALLEST_TYPE - 0.1 for line in cover.lines), cover.words.title


@any_palette
@pytest.mark.parametrize("ground", GROUNDS)
def test_both_colours_for_text_are_readable_on_every_ground(palette, ground):
    inks = inks_on(ground, PALETTES[palette])

    assert contrast(inks.text, inks.ground) >= READABLE
    assert contrast(inks.quiet, inks.ground) >= READABLE


@any_layout
def test_every_line_is_readable_in_every_layout_and_palette(layout):
    grounds = LAYOUTS[layout].grounds
    for index, palette in enumerate(PALETTES):  # the grounds by turns: each alone is tested above
        ground = grounds[index % len(grounds)]
        cover = compose(
            title="Jane: A Life",
            author="Mary Smith",
            category="Poetry",
            layout=layout,
            palette=palette,
            ground=ground,
        )

        assert len(cover.lines) >= 2
        for line in cover.lines:
            assert contrast(line.colour, line.ground) >= READABLE, (palette, ground, line)


@any_palette
def test_a_palette_has_four_colours_that_can_be_told_apart(palette):
    colours = [getattr(PALETTES[palette], name) for name in ("paper", "ink", "main", "accent")]

    assert len(set(colours)) == 4
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)


@any_layout
def test_nothing_is_drawn_that_the_security_policy_forbids(layout):
    for cover in covers_in(layout):
        root = parsed(cover.to_svg())
        for element in root.iter():
            allowed = [
                "svg",
                "title",
                "defs",
                "pattern",
                "clipPath",
                "g",
                "rect",
                "circle",
                "ellipse",
                "path",
                "text",
            ]
            assert element.tag.removeprefix(SVG) in allowed
            for name, value in element.attrib.items():
                assert name != "style"
                assert "href" not in name
                assert not name.startswith("on")
                assert all(target.startswith("#") for target in re.findall(r"url\((.*?)\)", value))


@any_layout
def test_the_markup_itself_names_no_style_script_or_address(layout):
    drawing = compose(title="Emma", author="Jane Austen", category="Cars", layout=layout).to_svg()

    for forbidden in (" style=", "<style", "script", "href", "url(http", "foreignObject", "@import", "data:"):
        assert forbidden not in drawing
    assert drawing.count("http") == 1  # the namespace


@any_layout
def test_what_is_referred_to_is_in_the_document(layout):
    drawing = compose(title="Emma", author="Jane Austen", category="Cars", layout=layout).to_svg()

    assert set(re.findall(r"url\(#(\w+)\)", drawing)) == set(re.findall(r' id="(\w+)"', drawing))


@any_layout
def test_only_system_fonts_are_asked_for(layout):
    drawing = compose(title="Emma", author="Jane Austen", category="Cars", layout=layout).to_svg()

    families = set(re.findall(r'font-family="([^"]*)"', drawing))
    assert families <= {"Georgia, 'Times New Roman', serif", "'Helvetica Neue', Helvetica, Arial, sans-serif"}


@any_layout
def test_a_cover_is_light_in_every_family(layout):
    patterned_most = max(
        len(compose(title="Jane: A Life", author="Mary Smith", category=category, layout=layout).to_svg())
        for category in CATEGORIES
    )

    assert patterned_most < 8192


@any_title
def test_a_cover_is_light_whatever_the_title(title):
    drawing = draw_cover(title=title, author=AUTHORS["many"], category="Fairy Tales")

    assert len(drawing.encode()) < 8192


def test_the_books_of_a_category_share_palettes_and_emblem():
    covers = [compose(title=f"Book {number}", author="", category="Gardening") for number in range(60)]

    assert len({cover.palette for cover in covers}) <= 4
    assert {cover.family.emblem.__name__ for cover in covers} == {"tulip"}


@pytest.mark.parametrize("category", CATEGORIES[:17])
def test_every_category_of_the_shop_has_a_family_of_its_own(category):
    families = [family_of(name) for name in CATEGORIES[:17]]

    assert families.count(family_of(category)) == 1
    assert family_of(category) in FAMILIES


def test_an_unknown_category_gets_a_family_of_its_own_out_of_its_name():
    assert family_of("Bee-keeping") == family_of("Bee-keeping")
    assert len({family_of(f"Subject {number}").palettes for number in range(10)}) > 5


def test_a_family_only_names_palettes_there_are():
    assert all(name in PALETTES for family in FAMILIES for name in family.palettes)


def test_a_title_of_160_characters_is_shown_whole():
    cover = compose(title=TITLE_OF_160, author="Anonymous", category="History")

    assert " ".join(line.text for line in cover.lines[:-1]) == TITLE_OF_160


def test_a_title_that_cannot_fit_is_shortened_at_a_word():
    cover = compose(title=TITLES["a thousand characters"], author="", category="History")

    shown = " ".join(line.text for line in cover.lines)
    assert shown.endswith("…")
    assert TITLES["a thousand characters"].startswith(shown.removesuffix("…") + " ")


def test_a_long_word_makes_the_type_smaller_and_is_neither_broken_nor_cut():
    style = Style(SERIF, largest=40, smallest=20)

    setting = fit("Incomprehensibilities", style, width=180, height=100)

    assert setting.lines == ("Incomprehensibilities",)
    assert setting.size < style.smallest


def test_lines_are_balanced_and_do_not_end_on_a_small_word():
    setting = fit("The Wind in the Willows", Style(SERIF, 60, 16), width=320, height=120)

    assert setting.lines == ("The Wind", "in the Willows")


def test_several_authors_are_broken_between_them():
    cover = compose(title="Cooking", author=AUTHORS["three"], category="Cookbooks", layout="classic frame")

    lines = [line.text.title() for line in cover.lines[1:]]
    assert " ".join(lines) == AUTHORS["three"]
    assert all(line.endswith(",") for line in lines[:-1])


@any_layout
def test_more_authors_than_fit_become_the_first_and_others(layout):
    cover = compose(title="Heidi", author=AUTHORS["many"], category="Poetry", layout=layout)

    shown = " ".join(line.text for line in cover.lines).casefold()
    assert "aurelia featherstonehaugh a. and others" in shown


def test_a_title_of_nobody_names_nobody():
    cover = compose(title="Beowulf", author="", category="Poetry", layout="classic frame")

    assert [line.text for line in cover.lines] == ["BEOWULF"]
    assert cover.words.label == "Beowulf"


def test_a_title_of_nothing_is_untitled():
    root = parsed(draw_cover(title="\x00", author="", category="Poetry"))

    assert root.findtext(f"{SVG}title") == "Untitled"


def test_a_subtitle_is_set_smaller_than_the_title():
    cover = compose(title="Relativity: The Special and General Theory", author="", category="Science")

    title, *subtitle = cover.lines
    assert title.text.casefold() == "relativity"
    assert all(line.size < title.size for line in subtitle)


def test_markup_in_a_title_is_shown_as_text():
    root = parsed(draw_cover(title="<b>Bold</b>", author="", category="Plays"))

    shown = "".join(element.text for element in root.iter(f"{SVG}text"))
    assert shown.casefold().replace(" ", "").endswith("<b>bold</b>")


def test_letters_that_join_are_not_spaced_apart():
    drawing = compose(title="ألف ليلة", author="", category="Fairy Tales", layout="classic frame").to_svg()

    assert "letter-spacing" not in drawing


def test_capitals_run_wider_than_small_letters():
    assert measure("HAMLET", SERIF) > measure("Hamlet", SERIF) > measure("hamlet", SERIF)
    assert measure("Ж", BOLD) > measure("i", BOLD)
    assert measure("紅", BOLD) == 1
    assert measure("e\u0301", SERIF) == measure("é", SERIF) == measure("e", SERIF)
