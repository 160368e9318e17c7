"""What people say about a book, checked: the one gate through which forms, imports and samples come."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypedDict, Unpack

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from bookstore.money import to_cents
from catalog import keys
from catalog.errors import BadBookError
from catalog.isbn import BadIsbnError, read_isbn
from catalog.models import Book, Contributor

TITLE_CHARACTERS = 300
NAME_CHARACTERS = 200
DESCRIPTION_CHARACTERS = 10_000
CONTRIBUTORS = 20
LOWEST_PRICE = Decimal("0.01")
HIGHEST_PRICE = Decimal("9999.99")
PAGES = 50_000
COPIES = 1_000_000
FORMATS = ("paperback", "hardback")
ROLES = ("author", "translator", "illustrator", "editor")

_BOOK_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CATEGORY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LANGUAGE = re.compile(r"[a-z]{2}")


@dataclass(frozen=True, kw_only=True, slots=True)
class BookFacts:
    """What people may say about a book; everything else about it is counted or derived."""

    name: str
    category: str
    price: Decimal
    authors: tuple[str, ...] = ()
    translators: tuple[str, ...] = ()
    illustrators: tuple[str, ...] = ()
    editors: tuple[str, ...] = ()
    description: str = ""
    isbn13: str | None = None
    language: str | None = None
    publisher: str | None = None
    published_on: str | None = None
    pages: int | None = None
    format: str | None = None
    series: str | None = None
    location: str | None = None
    prior_rating: Decimal | None = None
    cover: str | None = None

    @property
    def author(self) -> str:
        """The names on the cover: the authors', or where there is none the editors'."""
        return ", ".join(self.authors or self.editors)

    @property
    def contributors(self) -> list[Contributor]:
        """Everybody with a part in the book, authors first."""
        people = zip(ROLES, (self.authors, self.translators, self.illustrators, self.editors), strict=True)
        return [
            Contributor(name=name, slug=keys.author_slug(name), role=role)  # type: ignore[no-untyped-call]  # PynamoDB's
            for role, names in people
            for name in names
        ]


class SaidOfABook(TypedDict, total=False):
    """What may be said of a book, before it is checked: ``BookFacts`` in the forms that people write."""

    name: str
    category: str  # a slug
    price: Decimal | int | str
    authors: Iterable[str]
    translators: Iterable[str]
    illustrators: Iterable[str]
    editors: Iterable[str]
    description: str
    isbn13: str | None  # ten digits or thirteen, hyphens as they come
    language: str | None
    publisher: str | None
    published_on: str | int | None
    pages: int | None
    format: str | None
    series: str | None
    location: str | None
    prior_rating: Decimal | int | str | None
    cover: str | None


FACTS = tuple(field.name for field in fields(BookFacts))


def facts_of(book: Book) -> BookFacts:
    """Return what people have said about a stored book."""
    names: dict[str, list[str]] = {role: [] for role in ROLES}
    for contributor in book.contributors:
        names[contributor.role].append(contributor.name)
    said: dict[str, Any] = {name: getattr(book, name) for name in FACTS if name not in PEOPLE}
    said |= {f"{role}s": tuple(found) for role, found in names.items()}
    return BookFacts(**said)


def check_facts(**said: Unpack[SaidOfABook]) -> BookFacts:
    """Return the facts in their stored form: text trimmed and composed, numbers exact, the ISBN as 13 digits.

    Raises ``BadBookError`` with every wrong field, and ``TypeError`` for a field that no book has.
    """
    if strange := said.keys() - set(FACTS):
        raise TypeError(f"a book has no {', '.join(sorted(strange))}")
    problems: dict[str, str] = {}
    facts = read_each(_READERS, said, problems)
    problems |= {name: told() for name, told in _REQUIRED.items() if name not in said}
    if not problems and sum(len(facts.get(name, ())) for name in PEOPLE) > CONTRIBUTORS:
        problems["authors"] = _("A book may name at most %(most)d people.") % {"most": CONTRIBUTORS}
    if problems:
        raise BadBookError(problems)
    return BookFacts(**facts)


def read_each(
    readers: Mapping[str, Callable[[Any], Any]], said: Mapping[str, Any], problems: dict[str, str]
) -> dict[str, Any]:
    """Return what is said, each field through its reader; note by field why a reader raised ``ValueError``."""
    found = {}
    for name, read in readers.items():
        if name in said:
            try:
                found[name] = read(said[name])
            except ValueError as error:
                problems[name] = str(error)
    return found


def changed_facts(facts: BookFacts, **changes: Unpack[SaidOfABook]) -> BookFacts:
    """Return the facts with some of them changed; raise as ``check_facts`` does."""
    said: dict[str, Any] = {**asdict(facts), **changes}
    return check_facts(**said)


def check_book_id(book_id: str) -> str:
    """Return the id; raise ``BadBookError`` for one that could not stand in an address or a key."""
    if not isinstance(book_id, str) or not _BOOK_ID.fullmatch(book_id):
        raise BadBookError(
            {
                "book_id": _(
                    "A book's number has 1 to 64 letters, digits, hyphens or underscores, and nothing else."
                )
            }
        )
    return book_id


def check_price(amount: Decimal) -> Decimal:
    """Return a price in whole cents; raise ``BadBookError`` for one that no book may have."""
    try:
        return _price(amount)
    except ValueError as error:
        raise BadBookError({"price": str(error)}) from error


def check_person(name: str) -> str:
    """Return a person's name as it is printed; raise ``BadBookError`` for what is none."""
    try:
        (person,) = _people((name,))
    except ValueError as error:
        raise BadBookError({"name": str(error)}) from error
    return person


def check_stock(copies: int) -> int:
    """Return a number of copies to begin with; raise ``BadBookError`` when it is none."""
    if isinstance(copies, bool) or not isinstance(copies, int) or not 0 <= copies <= COPIES:
        most = number_format(COPIES, force_grouping=True)
        raise BadBookError({"stock": _("The stock is a whole number from 0 to %(most)s.") % {"most": most}})
    return copies


def is_category_slug(slug: Any) -> bool:
    """Tell whether a category may be called so in addresses and keys."""
    return isinstance(slug, str) and len(slug) <= NAME_CHARACTERS and _CATEGORY.fullmatch(slug) is not None


def plain_line(text: Any, *, most: int) -> str:
    """Return text as one line: composed, without control characters, single spaces.

    Raises ``ValueError`` with a sentence when it is longer than ``most`` characters or no text.
    """
    line = " ".join(_readable(text).split())
    if len(line) > most:
        raise ValueError(_("This has more than %(most)d characters.") % {"most": most})
    return line


def plain_text(text: Any, *, most: int) -> str:
    """Return text with its line breaks, otherwise as ``plain_line`` does."""
    lines = (" ".join(line.split()) for line in _readable(text).splitlines())
    whole = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    if len(whole) > most:
        raise ValueError(_("This has more than %(most)d characters.") % {"most": most})
    return whole


def _readable(text: Any) -> str:
    if not isinstance(text, str):
        raise ValueError(_("This is no text."))  # noqa: TRY004 -- a wrong field, not a wrong call
    composed = unicodedata.normalize("NFC", text)
    return "".join(
        character
        for character in composed
        if character in "\n\r\t"
        or not (character in _DIRECTIONS or unicodedata.category(character) in _UNREADABLE)
    )


_UNREADABLE = {"Cc", "Cs"}  # control characters and lone surrogates
# Overrides of the writing direction: they could make a review rearrange the page around it.
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _title(text: Any) -> str:
    if title := plain_line(text, most=TITLE_CHARACTERS):
        return title
    raise ValueError(_("A book needs a title."))


def _category(slug: Any) -> str:
    if is_category_slug(slug):
        return str(slug)
    raise ValueError(_("A book stands in one category."))


def _price(amount: Any) -> Decimal:
    value = _decimal(amount)
    if not LOWEST_PRICE <= value <= HIGHEST_PRICE or value != to_cents(value):
        raise ValueError(
            _("A price lies between %(lowest)s and %(highest)s, with at most two decimal places.")
            % {"lowest": LOWEST_PRICE, "highest": HIGHEST_PRICE}
        )
    return to_cents(value)


def _prior_rating(stars: Any) -> Decimal | None:
    if stars is None or stars == "":
        return None
    value = _decimal(stars)
    if not 1 <= value <= 5 or value != value.quantize(Decimal("0.01")):  # noqa: PLR2004 -- stars
        raise ValueError(_("A rating lies between 1 and 5 stars, with at most two decimal places."))
    return value


def _decimal(number: Any) -> Decimal:
    if isinstance(number, bool | float):
        raise ValueError(_("This is no exact number."))  # noqa: TRY004 -- a wrong field, not a wrong call
    try:
        value = Decimal(number)
    except (InvalidOperation, TypeError, ValueError):
        raise ValueError(_("This is not a number.")) from None
    if not value.is_finite():
        raise ValueError(_("This is not a number."))
    return value


def _people(names: Any) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(_("Give the names as a list."))  # noqa: TRY004 -- a wrong field, not a wrong call
    people = tuple(plain_line(name, most=NAME_CHARACTERS) for name in names)
    if not all(people):
        raise ValueError(_("A name is missing."))
    return tuple(dict.fromkeys(people))  # a person has one part of each kind


def _isbn(text: Any) -> str | None:
    if text is None or text == "":
        return None
    try:
        return read_isbn(plain_line(text, most=40))
    except BadIsbnError:
        raise ValueError(
            _("This is no ISBN: its check digit does not fit, or it has not 13 digits.")
        ) from None


def _language(code: Any) -> str | None:
    if code is None or code == "":
        return None
    if isinstance(code, str) and _LANGUAGE.fullmatch(code):
        return code
    raise ValueError(_("A language is given by two letters, such as “en” (ISO 639-1)."))


def _published_on(text: Any) -> str | None:
    if text is None or text == "":
        return None
    written = str(text)
    if match := re.fullmatch(r"([0-9]{4})(-[0-9]{2})?(-[0-9]{2})?", written):
        try:
            date.fromisoformat(f"{match[1]}{match[2] or '-01'}{match[3] or '-01'}")
        except ValueError:
            pass
        else:
            return written
    raise ValueError(_("A date of publication is YYYY, YYYY-MM or YYYY-MM-DD."))


def _page_count(number: Any) -> int | None:
    if number is None or number == "":
        return None
    written = str(number)  # a stored number comes as a float
    if re.fullmatch(r"[0-9]{1,6}(\.0)?", written) and 1 <= float(written) <= PAGES:
        return int(float(written))
    raise ValueError(_("A book has between 1 and %(most)d pages.") % {"most": PAGES})


def _format(name: Any) -> str | None:
    if name is None or name == "":
        return None
    if name in FORMATS:
        return str(name)
    raise ValueError(_("A book is a paperback or a hardback."))


def _line(text: Any) -> str | None:
    return plain_line(text, most=NAME_CHARACTERS) or None if text is not None else None


def _description(text: Any) -> str:
    return plain_text(text, most=DESCRIPTION_CHARACTERS)


PEOPLE = ("authors", "translators", "illustrators", "editors")
_REQUIRED: Mapping[str, Callable[[], str]] = {
    "name": lambda: _("A book needs a title."),
    "category": lambda: _("A book stands in one category."),
    "price": lambda: _("A book has a price."),
}
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "name": _title,
    "category": _category,
    "price": _price,
    **dict.fromkeys(PEOPLE, _people),
    "description": _description,
    "isbn13": _isbn,
    "language": _language,
    "publisher": _line,
    "published_on": _published_on,
    "pages": _page_count,
    "format": _format,
    "series": _line,
    "location": _line,
    "prior_rating": _prior_rating,
    "cover": _line,
}
