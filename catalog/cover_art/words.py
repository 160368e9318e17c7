"""The words of a cover: cleaned, taken apart, and spelt as a compositor would."""

import re
import unicodedata
from dataclasses import dataclass

# More than any cover can hold; this only keeps a hostile text from costing time.
LONGEST_TEXT = 300

_SUBTITLE = re.compile(r"^(?P<title>.+?)(?::\s+|\s+[-–—]\s+|;\s+(?=or\b))(?P<subtitle>.{3,})$")
_BETWEEN_AUTHORS = re.compile(r"\s*[,;]\s+(?!(?:[JS]r|Ph\.?D|M\.?D|Esq|I{2,3}|IV)\b)|\s+(?:and|&)\s+")
DIACRITIC = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]")
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """Return the text on one line, without anything that XML cannot carry or that would draw outside the line.

    Besides control characters, surrogates and noncharacters these are the direction overrides, which would
    turn the rest of the line around, and stacks of combining marks, which would climb out of it.
    """
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode()):
        kind = unicodedata.category(character)
        is_mark = kind in ("Mn", "Me")
        marks = marks + 1 if is_mark else 0
        if character.isspace():
            kept.append(" ")
        elif is_mark or character in _JOINERS:
            carried = kept and kept[-1] != " "
            if carried and marks <= (1 if DIACRITIC.match(character) else 3):
                kept.append(character)
        elif kind[0] != "C":
            kept.append(character)
    return " ".join("".join(kept).split())


def _cut_at_word(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    head = text[: longest - 1]
    return (head.rpartition(" ")[0] or head).rstrip(" ,;:-–—") + "…"


def _typeset(text: str) -> str:
    """Return the text with the typewriter's apostrophes and quotation marks made typographic."""
    text = re.sub(r"(?<=\w)'", "’", text)
    text = re.sub(r"'(?=\w)", "‘", text)
    text = re.sub(r'"(?=\w)', "“", text)
    return re.sub(r'(?<=[\w.,!?…])"', "”", text)


@dataclass(frozen=True)
class Wording:
    """The words on a cover, ready to be set."""

    label: str  # for those who hear the cover instead of seeing it
    title: str
    subtitle: str
    author: str
    first_author: str  # empty unless there are several

    @classmethod
    def of(cls, title: str, author: str) -> "Wording":
        """Clean the words, split off a subtitle, and find the first of several authors."""
        title = _cut_at_word(printable(title), LONGEST_TEXT) or "Untitled"
        author = _cut_at_word(printable(author), LONGEST_TEXT)
        split = _SUBTITLE.match(title)
        authors = [name for name in _BETWEEN_AUTHORS.split(author) if name]
        return cls(
            label=f"{title}, by {author}" if author else title,
            title=_typeset(split["title"] if split else title),
            subtitle=_typeset(split["subtitle"] if split else ""),
            author=_typeset(author),
            first_author=_typeset(authors[0]) if len(authors) > 1 else "",
        )

    @property
    def initial(self) -> str:
        """The first letter of the title, past an article; empty unless it is one of the Latin alphabet."""
        words = [word for word in re.findall(r"\w+", self.title) if word.casefold() not in ("the", "a", "an")]
        letter = (words or [self.title])[0][0].upper()
        return letter if "A" <= letter <= "Z" else ""
