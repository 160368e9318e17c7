"""Setting words in a space: how wide they run, where they break, how large they can be."""

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from catalog.cover_art.words import DIACRITIC

# Advance widths in thousandths of the type size. For the serif each is the wider one of Georgia's and Times',
# rounded up; for the sans serif they are those of Arial Bold, which Helvetica's equal.
_SERIF_WIDTHS = {
    240: "'", 270: " ,.", 300: "ijl", 360: "!ft’‘", 390: "()-:;I[]|", 420: '"', 450: "sz“”", 480: "/?\\cr{}",
    510: "*17`ex", 540: "5Jkov", 570: "23469Sbqy", 600: "8Fadghnpu", 630: "$0LPTZ", 660: "#+<=>E^_~–",
    690: "BC", 720: "R", 750: "ADGKOQVXY", 780: "&NU", 840: "%Hw", 900: "m", 930: "@M", 990: "W", 1020: "—…",
}  # fmt: skip
_SANS_WIDTHS = {
    238: "'", 278: " ,./I\\ijl’‘|", 333: "!()-:;[]`ft", 389: "*r{}", 474: '"', 500: "z“”",
    556: "#$0123456789J_aceksvxy–", 584: "+<=>^~", 611: "?FLTZbdghnopqu", 667: "EPSVXY", 722: "&ABCDHKNRU",
    778: "GOQw", 833: "M", 889: "%m", 944: "W", 1000: "@—…",
}  # fmt: skip
# Outside the Latin alphabet widths are only estimated, rather wide than narrow.
_OTHER_LETTER = 0.68
_IDEOGRAPH = 1.0
_PICTOGRAPH = 1.3
_FIRST_PICTOGRAPH = "\U0001f000"
_OTHER_MARK = 0.4


def _by_character(groups: Mapping[int, str]) -> dict[str, float]:
    return {character: width / 1000 for width, characters in groups.items() for character in characters}


@dataclass(frozen=True)
class Face:
    """A stack of system fonts in one weight and slope, and how wide its letters run."""

    family: str
    widths: Mapping[str, float]
    capital_height: float
    weight: str | None = None
    slope: str | None = None
    squeezed: bool = False  # whether the browser is to bring a line to its measured width in any other font

    def advance(self, character: str) -> float:
        """Return the width of a character in ems."""
        base = unicodedata.normalize("NFD", character)[0]
        if base in self.widths:
            return self.widths[base]
        kind = unicodedata.category(base)
        if kind == "Cf" or DIACRITIC.match(base):
            return 0
        if kind in ("Mn", "Me"):
            return _OTHER_MARK
        if base >= _FIRST_PICTOGRAPH:
            return _PICTOGRAPH
        return _IDEOGRAPH if unicodedata.east_asian_width(base) in "WF" else _OTHER_LETTER

    def knows(self, text: str) -> bool:
        """Tell whether the width of every character is known and not only estimated."""
        return all(unicodedata.normalize("NFD", character)[0] in self.widths for character in text)


_SERIF_STACK = "Georgia, 'Times New Roman', serif"
_SANS_STACK = "'Helvetica Neue', Helvetica, Arial, sans-serif"
SERIF = Face(_SERIF_STACK, _by_character(_SERIF_WIDTHS), 0.69)
ITALIC = Face(_SERIF_STACK, _by_character(_SERIF_WIDTHS), 0.69, slope="italic")
SANS = Face(_SANS_STACK, _by_character(_SANS_WIDTHS), 0.72)
BOLD = Face(_SANS_STACK, _by_character(_SANS_WIDTHS), 0.72, weight="bold", squeezed=True)

# How far letters reach above and below the baseline, in ems.
_ASCENT = 0.8
_TALL_ASCENT = 0.95
_DESCENT = 0.24
_PLAIN_CAPITALS = frozenset("ABCDEFGHIKLMNOPRSTUVWXYZ .’&-")


def _is_tall(text: str) -> bool:
    """Tell whether letters reach higher than small letters do: accented capitals and the scripts that stack."""
    return any(
        "\u0590" <= letter < "\u1e00" or (letter.isupper() and unicodedata.decomposition(letter))
        for letter in text
    )


def reach(line: str, face: Face) -> tuple[float, float]:
    """Return how far a line reaches above and below its baseline, in ems."""
    if _PLAIN_CAPITALS.issuperset(line):
        return face.capital_height, 0
    return (_TALL_ASCENT if _is_tall(line) else _ASCENT), _DESCENT


def measure(text: str, face: Face, tracking: float = 0) -> float:
    """Return the width of a line in ems."""
    return sum(map(face.advance, text)) + tracking * max(0, len(text) - 1)


@dataclass(frozen=True)
class Style:
    """How a text wants to be set; leading and tracking are in ems."""

    face: Face
    largest: float
    smallest: float
    leading: float = 1.16
    tracking: float = 0
    capitals: bool = False
    most_lines: int = 9
    reluctance: float = 0.03  # by what share the type must become larger to be worth another line
    keeps_names: bool = False  # whether to break at the commas between names, and hardly ever within one

    def spelling(self, text: str) -> str:
        """Return the text in capitals if that is the style; Greek keeps its accents, which capitals drop."""
        greek = any("\u0370" <= letter < "\u0400" or "\u1f00" <= letter < "\u2000" for letter in text)
        return text.upper() if self.capitals and not greek else text

    def tracking_of(self, text: str) -> float:
        """Return the tracking, which is none for scripts whose letters join or stack: it would tear them up."""
        return 0 if any("\u0590" <= letter < "\u1e00" for letter in text) else self.tracking

    def limited(self, largest: float) -> "Style":
        """Return the style with its sizes brought down."""
        return replace(self, largest=largest, smallest=min(self.smallest, largest))


@dataclass(frozen=True)
class Setting:
    """A text broken into lines at a size."""

    lines: tuple[str, ...]
    style: Style
    size: float
    tracking: float
    complete: bool = True
    justified: bool = False  # brought to the measured width whatever the face

    @property
    def height(self) -> float:
        """Height as the eye takes it: from the first line's capitals to the last baseline."""
        return (self.style.face.capital_height + (len(self.lines) - 1) * self.style.leading) * self.size

    def width_of(self, line: str) -> float:
        """Return the measured width of one of the lines."""
        return measure(line, self.style.face, self.tracking) * self.size


# No type is set smaller than this, whatever the words.
SMALLEST_TYPE = 11.0
# A longer word may be broken anywhere, without a hyphen: on one line it would be too small to read.
LONGEST_WORD = 30


def fit(text: str, style: Style, width: float, height: float) -> Setting:
    """Set the text as large as the space allows, in balanced lines.

    A long word makes all the type smaller than the style would have it. What does not fit even so loses words
    from its end, and at last letters, for an ellipsis.
    """
    text = style.spelling(text)
    if _is_tall(text):
        style = replace(style, leading=max(style.leading, _TALL_ASCENT + _DESCENT))
    tracking = style.tracking_of(text)
    words = [word for word in text.split(" ") if len(word) <= LONGEST_WORD]
    longest = max((measure(word, style.face, tracking) for word in words), default=0)
    smallest = min(style.smallest, max(SMALLEST_TYPE, width / longest)) if longest else style.smallest
    whole = _largest_setting(text, style, width, height, smallest)
    if whole:
        return whole
    first_word = text.partition(" ")[0]
    for ends in ([found.start() for found in re.finditer(" ", text)], range(1, len(first_word))):
        longest_fitting = None
        low, high = 0, len(ends)
        while low < high:
            middle = (low + high) // 2
            shortened = text[: ends[middle]].rstrip(" ,;:.-–—") + "…"
            setting = _largest_setting(shortened, style, width, height, smallest)
            if setting:
                longest_fitting, low = setting, middle + 1
            else:
                high = middle
        if longest_fitting:
            return replace(longest_fitting, complete=False)
    return Setting(("…",), style, smallest, 0, complete=False)


def _largest_setting(text: str, style: Style, width: float, height: float, smallest: float) -> Setting | None:
    tracking = style.tracking_of(text)
    settings: list[Setting] = []
    for lines in _breakings(_pieces(text, style), style, tracking, width / smallest):
        widest = max(measure(line, style.face, tracking) for line in lines)
        tall = style.face.capital_height + (len(lines) - 1) * style.leading
        size = min(style.largest, width / widest, height / tall)
        settings.append(Setting(tuple(lines), style, math.floor(size * 10) / 10, tracking))
    return max((setting for setting in settings if setting.size > smallest - 0.1), key=_merit, default=None)


def _merit(setting: Setting) -> float:
    """Weigh the size of the type against the number of lines, their raggedness, and where they break."""
    widths = [setting.width_of(line) for line in setting.lines]
    faults = 0.1 * (1 - min(widths) / max(widths))
    for line in setting.lines[:-1]:
        if line[-1] in _HYPHENS or (setting.style.keeps_names and line[-1] not in ",;"):
            faults += 0.25
        if line.rpartition(" ")[2].casefold() in SMALL_WORDS:
            faults += 0.2
    return setting.size * (1 - setting.style.reluctance) ** len(setting.lines) / (1 + faults)


@dataclass(frozen=True)
class _Piece:
    """What a line may be broken before: a word, a part of a word after a hyphen, an ideograph."""

    text: str
    spaced: bool
    cost: float


_HYPHENS = "-–—/"
_LONGEST_ABBREVIATION = len("Mrs.")
SMALL_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "with",
        "and",
        "or",
        "but",
        "is",
        "as",
        "into",
        "de",
        "la",
        "le",
        "les",
        "des",
        "du",
        "el",
        "los",
        "van",
        "von",
        "der",
        "und",
        "et",
        "y",
    ]
)
_WORD_PARTS = re.compile(rf"[^{_HYPHENS}]*[{_HYPHENS}]+(?=\w)|.+")


def _pieces(text: str, style: Style) -> list[_Piece]:
    pieces: list[_Piece] = []
    previous = ""
    for word in text.split(" "):
        for position, part in enumerate(_parts_of_word(word)):
            pieces.append(
                _Piece(
                    part, spaced=position == 0, cost=_cost_of_break(previous, style, within_word=position > 0)
                )
            )
            previous = part
    return pieces


def _cost_of_break(previous: str, style: Style, *, within_word: bool) -> float:
    """Return what a break after the piece costs, in square ems of raggedness."""
    if within_word:
        return 0.0 if _is_ideographic(previous) else 5.0
    if style.keeps_names:
        return 0.0 if previous.endswith((",", ";")) else 400.0
    if previous.casefold() in SMALL_WORDS:
        return 3.5
    sentence_ends = previous.endswith(".") and len(previous) > _LONGEST_ABBREVIATION
    return 0.0 if sentence_ends or previous.endswith((",", ";", ":", "!", "?")) else 0.5


def _is_ideographic(text: str) -> bool:
    return any(unicodedata.east_asian_width(character) == "W" for character in text)


def _parts_of_word(word: str) -> Iterator[str]:
    for part in _WORD_PARTS.findall(word):
        if len(part) > LONGEST_WORD or _is_ideographic(part):
            yield from _characters(part)
        else:
            yield part


def _characters(text: str) -> list[str]:
    """Return the characters one by one, each with the marks and the closing punctuation that belong to it."""
    characters: list[str] = []
    for character in text:
        follows = unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf", "Sk", "Pe", "Pf", "Po")
        if characters and (follows or characters[-1].endswith("\u200d")):
            characters[-1] += character
        else:
            characters.append(character)
    return characters


def _breakings(pieces: Sequence[_Piece], style: Style, tracking: float, widest: float) -> Iterator[list[str]]:
    """Yield the best way to break the text into one line, into two lines, and so on, as far as there is one.

    The lines of each are as equal in width as the words allow: the sum of the widths being given, the sum of
    their squares is least when they are equal.
    """
    face = style.face
    space = face.advance(" ") + 2 * tracking
    widths = [measure(piece.text, face, tracking) for piece in pieces]
    count = len(pieces)
    costs = [0.0] + [math.inf] * count
    starts: list[list[int]] = []
    for _ in range(min(style.most_lines, count)):
        shorter, costs = costs, [math.inf] * (count + 1)
        starts.append([0] * (count + 1))
        for end in range(1, count + 1):
            width = 0.0
            for start in range(end - 1, -1, -1):
                if start < end - 1:
                    width += space if pieces[start + 1].spaced else tracking
                width += widths[start]
                if width > widest:
                    break
                cost = shorter[start] + width**2 + (pieces[start].cost if start else 0)
                if cost < costs[end]:
                    costs[end], starts[-1][end] = cost, start
        if costs[count] < math.inf:
            yield _lines_between(pieces, starts)


def _lines_between(pieces: Sequence[_Piece], starts: Sequence[Sequence[int]]) -> list[str]:
    lines: list[str] = []
    end = len(pieces)
    for starts_of_line in reversed(starts):
        start = starts_of_line[end]
        text = "".join((" " if piece.spaced else "") + piece.text for piece in pieces[start:end])
        lines.insert(0, text.strip())
        end = start
    return lines
