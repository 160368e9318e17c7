"""No rule lives only in a form: whatever a form of the catalogue refuses, the service behind it refuses too."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bookstore.dynamodb.admin.sites import load
from catalog import selectors, services
from catalog.categories import add_category, revise_category, save_category
from catalog.drafts import FACTS, PEOPLE, check_facts
from catalog.errors import BadBookError, BadCategoryError, BadReviewError, BookNotFoundError
from catalog.prices import CENT, NewPrice, percent_of, reprice_books
from catalog.reviews import rate_book
from catalog.stock import adjust_stock, receive_stock
from orders.forms import RatingForm
from tests import rules
from tests.rules import TYPED, AskedTheStoreError, close_the_store, refused_by

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BOOK = {"name": "Emma", "category": "fiction", "price": Decimal("7.99")}
REFUSED = (BadBookError, BadCategoryError, BadReviewError)
CATEGORY = {"slug": "plays", "name": "Plays"}

# What only a program could say.
NOT_TYPED = (None, -1, 10**40, 1.5, True, float("nan"), Decimal("NaN"), object(), (), b"x")


def stored() -> Any:
    """Return a book as it might be stored; nobody stores it."""
    return services.new_book(
        book_id="b-1", facts=check_facts(**BOOK), stock=3, added_at=NOW, at=NOW, on_sale=True
    )


def taken(call: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    return rules.taken(call, values, refusal=REFUSED)


def takes(call: Callable[[], Any]) -> bool:
    return bool(taken(lambda _: call(), [None]))


def add(**said: Any) -> Any:
    return services.add_book(at=NOW, **{"book_id": "b-2", **BOOK, **said})


def revise(**said: Any) -> Any:
    return services.revise_book(book_id="b-1", version=1, at=NOW, **said)


def receive(**said: Any) -> Any:
    return receive_stock(at=NOW, **{"book_id": "b-1", "copies": 1, **said})


def adjust(**said: Any) -> Any:
    return adjust_stock(at=NOW, **{"book_id": "b-1", "seen": 3, "counted": 2, "reason": "Lost", **said})


def rate(**said: Any) -> Any:
    return rate_book(
        at=NOW, **{"book_id": "b-1", "customer_id": "c-1", "order_id": "o-1", "stars": 5, **said}
    )


def percent(**said: Any) -> Any:
    return percent_of(Decimal("7.99"), **{"percent": Decimal(5), "rounding": CENT, **said})


def rename(name: Any) -> Any:
    return services.rename_author(slug="jane-austen", name=name, at=NOW)


@pytest.fixture(autouse=True)
def one_book_and_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the services read a book, and ask for nothing else."""
    close_the_store(monkeypatch)
    monkeypatch.setattr(services, "stored_book", lambda _book_id: stored())


def test_the_services_do_take_what_is_right_and_go_to_their_store() -> None:
    for call in (add, receive, adjust, rate, lambda: revise(name="Pride"), lambda: rename("J. Austen")):
        with pytest.raises(AskedTheStoreError):
            call()


@pytest.mark.parametrize("call", [add, revise])
def test_what_the_form_of_a_book_refuses_its_services_refuse(call: Callable[..., Any]) -> None:
    load()
    from catalog.admin import Book  # noqa: PLC0415 - the admin is imported where it is needed
    from catalog.staff.fields import SAID, said  # noqa: PLC0415 - the same

    assert set(SAID) == set(FACTS) - {"cover"}  # which nobody types
    for name in SAID:
        field = Book._meta.get_field(name).formfield()
        assert taken(lambda text, name=name: call(**said({name: text})), refused_by(field)) == [], name


@pytest.mark.parametrize("call", [add, revise])
def test_what_no_form_could_send_the_services_of_a_book_refuse_as_well(call: Callable[..., Any]) -> None:
    needed = {"name", "category", "price", "description", *PEOPLE}
    for name in FACTS:
        may_be = (*(() if name in needed else (None,)), *(((),) if name in PEOPLE else ()))
        wrong = [value for value in NOT_TYPED if value not in may_be]
        assert taken(lambda value, name=name: call(**{name: value}), wrong) == [], name
    for name in ("name", "category", "price"):
        said = {key: value for key, value in BOOK.items() if key != name}
        assert not takes(lambda said=said: services.add_book(book_id="b-2", at=NOW, **said)), name


def test_what_the_forms_of_the_stock_refuse_its_services_refuse() -> None:
    load()
    from catalog.staff import stock  # noqa: PLC0415 - the admin is imported where it is needed

    for call, form, count in (
        (receive, stock.ReceiveForm, "copies"),
        (adjust, stock.AdjustForm, "counted"),
    ):
        assert taken(lambda value, call=call, count=count: call(**{count: value}), NOT_TYPED) == []
        refused = refused_by(form.base_fields[count])
        assert taken(lambda text, call=call, count=count: call(**{count: text}), refused) == []
        wrong = ["x" * 201, *NOT_TYPED]
        assert taken(lambda value, call=call: call(reason=value), wrong) == []
        assert taken(lambda value, call=call: call(form_id=value), ["x", "0" * 65, "²" * 16]) == []
    assert taken(lambda copies: receive(copies=copies), [0, 1_000_001]) == []
    assert taken(lambda counted: adjust(counted=counted), [-1, 1_000_001]) == []
    assert taken(lambda seen: adjust(seen=seen), [*NOT_TYPED, *TYPED, 10**16]) == []
    assert taken(lambda reason: adjust(reason=reason), ["", " ", "\u202e"]) == []
    assert (
        taken(lambda shelf: revise(location=shelf), [*refused_by(stock.ShelveForm.base_fields["location"])])
        == []
    )


def test_what_the_form_of_a_category_refuses_its_services_refuse() -> None:
    load()
    from catalog.staff.categories import Category  # noqa: PLC0415 - the admin is imported where it is needed

    def change(**said: Any) -> Any:
        return revise_category(**{**CATEGORY, "version": 1, **said})

    def keep(**said: Any) -> Any:
        return save_category(**{**CATEGORY, **said})

    def new(**said: Any) -> Any:
        return add_category(**{**CATEGORY, **said})

    assert takes(new)
    for call in (new, change, keep):
        for name in ("slug", "name", "description", "position"):
            refused = refused_by(Category._meta.get_field(name).formfield())
            wrong = [*refused, *(value for value in NOT_TYPED if (name, value) != ("position", True))]
            assert taken(lambda value, call=call, name=name: call(**{name: value}), wrong) == [], (call, name)
        assert taken(lambda slug, call=call: call(slug=slug), ["", "a--b", "-a", "É", "a/b", "x" * 201]) == []
        assert taken(lambda number, call=call: call(position=number), ["1", True, 1_000_001]) == []


def test_what_the_form_of_an_authors_name_refuses_its_service_refuses() -> None:
    load()
    from catalog.staff.authors import NameForm  # noqa: PLC0415 - the admin is imported where it is needed

    refused = refused_by(NameForm.base_fields["name"])
    assert taken(rename, [*refused, *NOT_TYPED, "", " ", "x" * 201, ["A Name"]]) == []


def test_what_the_form_of_prices_refuses_its_services_refuse() -> None:
    load()
    from catalog.staff.prices import PercentForm  # noqa: PLC0415 - the admin is imported where it is needed

    fields = PercentForm.base_fields
    assert takes(percent)
    outside = [Decimal("-90.01"), Decimal("400.01"), Decimal("1e999"), Decimal("Infinity"), Decimal("sNaN")]
    wrong = [*refused_by(fields["percent"]), *NOT_TYPED, *outside]
    assert taken(lambda value: percent(percent=value), wrong) == []
    wrong = [*refused_by(fields["rounding"]), *NOT_TYPED]
    assert taken(lambda value: percent(rounding=value), wrong) == []
    for price in (Decimal("0.00"), Decimal(10000), Decimal("1.005"), Decimal("NaN"), None, "x", 1.5):
        moved = reprice_books(prices=[NewPrice("b-1", 1, Decimal("7.99"), price)], at=NOW)
        assert (moved.changed, set(moved.refused)) == ((), {"b-1"}), price


def test_what_the_form_of_a_rating_refuses_its_service_refuses() -> None:
    fields = RatingForm.base_fields
    assert taken(lambda stars: rate(stars=stars), [*refused_by(fields["stars"]), *NOT_TYPED, 0, 6]) == []
    for name in ("title", "text"):
        wrong = [*refused_by(fields[name]), *NOT_TYPED]
        assert taken(lambda text, name=name: rate(**{name: text}), wrong) == [], name


@pytest.mark.parametrize("read", [selectors.get_book, selectors.stored_book])
def test_a_number_that_no_book_can_have_is_nobodys(read: Callable[[str], Any]) -> None:
    for book_id in ("", "x" * 2_000):
        with pytest.raises(BookNotFoundError):
            read(book_id)
