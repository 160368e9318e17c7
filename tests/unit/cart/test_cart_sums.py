from dataclasses import dataclass
from decimal import Decimal

import pytest

from cart.forms import AddForm, LineForm
from cart.owner import is_guest, new_guest
from cart.selectors import Availability, Cart, CartLineView
from cart.services import Merged, Removed, read_undo_token, undo_token


@dataclass
class OneBook:
    """As much of a book as a cart looks at."""

    title: str = "Emma"
    price: Decimal = Decimal("7.99")
    stock: int = 10
    is_sold: bool = True


def line(quantity: int = 1, *, seen: str = "7.99", **book) -> CartLineView:
    return CartLineView(book_id="b-1", quantity=quantity, seen_price=Decimal(seen), book=OneBook(**book))


def test_a_line_costs_todays_price_times_its_copies():
    assert line(3, seen="1.00").amount == Decimal("23.97")


def test_a_cart_sums_its_lines_to_the_cent():
    cart = Cart((line(20, price=Decimal("0.07")), line(3, price=Decimal("19.99"))))
    assert cart.subtotal == Decimal("61.37")
    assert Cart().subtotal == Decimal("0.00")


@pytest.mark.parametrize(
    ("book", "quantity", "availability", "sentence"),
    [
        ({}, 10, Availability.AVAILABLE, ""),
        ({"stock": 2}, 3, Availability.SHORT, "Only 2 copies are in stock."),
        ({"stock": 1}, 3, Availability.SHORT, "Only 1 copy is in stock."),
        ({"stock": 0}, 1, Availability.SOLD_OUT, "This book is sold out."),
        ({"stock": -1}, 1, Availability.SOLD_OUT, "This book is sold out."),
        ({"is_sold": False}, 1, Availability.WITHDRAWN, "We no longer sell this book."),
    ],
)
def test_a_line_says_what_is_the_matter(book, quantity, availability, sentence):
    told = line(quantity, **book)
    assert (told.availability, told.problem) == (availability, sentence)
    assert told.available is (availability is Availability.AVAILABLE)
    assert (told.amount > 0) is (availability in (Availability.AVAILABLE, Availability.SHORT))


def test_a_book_that_is_gone_keeps_its_line_readable():
    told = CartLineView(book_id="b-1", quantity=2, seen_price=Decimal("7.99"), book=None)
    assert (told.title, told.price, told.amount) == (
        "A book we no longer have",
        Decimal("7.99"),
        Decimal("0.00"),
    )
    assert told.price_notice == ""


def test_a_changed_price_is_told_in_both_directions():
    assert "from £9.99 to £7.99" in line(seen="9.99").price_notice
    assert "from £5.00 to £7.99" in line(seen="5.00").price_notice
    assert line().price_notice == ""


@pytest.mark.parametrize(("titles", "limited"), [(1, False), (30, False), (31, True)])
def test_an_order_holds_thirty_titles(titles, limited):
    cart = Cart(tuple(line() for _ in range(titles)))
    assert bool(cart.limit_notice) is limited
    assert bool(cart.problems) is limited


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), (" 20 ", 20), ("03", 3), ("0", 0), ("999999", 999999)]
)
def test_a_quantity_in_plain_digits_is_read(text, number):
    form = LineForm({"quantity": text})
    assert form.is_valid()
    assert form.cleaned_data["quantity"] == number


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", "1e3", "٣", "²", "1_0", "1 0", "ten", "\x00", "1\n2", "9" * 7, None]
)
def test_anything_else_is_no_quantity(text):
    form = LineForm({} if text is None else {"quantity": text})
    assert not form.is_valid()
    assert form.sentence == "Enter a whole number of copies, from 1 to 20."


@pytest.mark.parametrize("book_id", ["", "x" * 101, "b\x00"])
def test_what_cannot_be_a_book_is_told(book_id):
    form = AddForm({"bookId": book_id, "quantity": "1"})
    assert not form.is_valid()
    assert form.sentence == "We do not have this book."


def test_guests_are_named_apart_from_customers():
    assert is_guest(new_guest())
    assert new_guest() != new_guest()
    assert not is_guest("0d6a2f0e-5b1f-4a52-9c39-8f6a0f0f7b11")


def test_an_undo_comes_back_to_its_own_cart_alone():
    removed = Removed("b-1", "Emma", 3, Decimal("7.99"))
    token = undo_token(removed, owner="c-1")
    assert read_undo_token(token, owner="c-1") == removed
    assert read_undo_token(token, owner="c-2") is None
    for forged in ("", "x", token[:-1], "é:\x00"):
        assert read_undo_token(forged, owner="c-1") is None


@pytest.mark.parametrize(
    ("merged", "sentence"),
    [
        (Merged(), ""),
        (Merged(titles=1, copies=1), "We added 1 book from your visit before you signed in."),
        (
            Merged(titles=2, copies=5, capped=1, left=1),
            (
                "We added 5 books from your visit before you signed in. "
                "There are at most 20 copies of a title in a cart. "
                "1 title did not fit: your cart is full."
            ),
        ),
    ],
)
def test_a_merge_says_what_came_along(merged, sentence):
    assert merged.sentence == sentence
