"""Colours that text is set in can be read, in both schemes; computed as WCAG 2.2 has it."""

import re

import pytest
from django.conf import settings

TEXT = 4.5
PARTS = 3.0  # borders of fields, and the stars

PAIRS = [
    ("ink", "paper", TEXT),
    ("ink", "paper-raised", TEXT),
    ("ink", "paper-sunk", TEXT),
    ("ink", "mark", TEXT),
    ("ink-soft", "paper", TEXT),
    ("ink-soft", "paper-raised", TEXT),
    ("ink-soft", "paper-sunk", TEXT),
    ("rubric", "paper", TEXT),
    ("rubric", "paper-raised", TEXT),
    ("leaf", "paper", TEXT),
    ("leaf", "paper-raised", TEXT),
    ("on-ink", "ink", TEXT),
    ("on-ink", "ink-soft", TEXT),
    ("on-ink", "rubric", TEXT),
    ("on-ink", "rubric-deep", TEXT),
    ("rule-strong", "paper", PARTS),
    ("rule-strong", "paper-raised", PARTS),
    ("star", "paper", PARTS),
]


def schemes() -> dict[str, dict[str, str]]:
    text = (settings.BASE_DIR / "static" / "css" / "tokens.css").read_text()
    light, dark = text.split("@media (prefers-color-scheme: dark)")
    colours = re.compile(r"--([\w-]+): (#[0-9a-f]{6});")
    return {"light": dict(colours.findall(light)), "dark": dict(colours.findall(dark))}


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "ground", "least"), PAIRS)
def test_a_pair_of_colours_has_contrast_enough(scheme, front, ground, least):
    colours = schemes()[scheme]
    lighter, darker = sorted((luminance(colours[front]), luminance(colours[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= least


def test_the_page_says_the_papers_colour_to_the_browser():
    page = (settings.BASE_DIR / "templates" / "base.html").read_text()
    for scheme, colours in schemes().items():
        assert f'content="{colours["paper"]}" media="(prefers-color-scheme: {scheme})"' in page
