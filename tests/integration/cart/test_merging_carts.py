"""A guest's cart at sign-in: each line moves exactly once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.conf import settings

from bookstore.accounts import signals
from bookstore.messages import CookieMessages
from cart import services
from cart.models import CartLine
from cart.selectors import cart_of
from cart.services import Merged, merge_guest_cart
from catalog import services as catalogue
from tests import factories

GUEST = "guest#11111111-1111-4111-8111-111111111111"
NOW = datetime.now(UTC)


def line(owner: str, book_id: str, quantity: int, price: str = "1.00", **fields) -> None:
    CartLine(
        owner, book_id, price=Decimal(price), currency="GBP", quantity=quantity, added_at=NOW, **fields
    ).save()


def stored(owner: str) -> dict[str, int]:
    return {each.book_id: int(each.quantity) for each in CartLine.query(owner)}


def merge(at: datetime = NOW) -> Merged:
    return merge_guest_cart(guest=GUEST, customer_id="c-1", at=at)


def test_lines_move_sum_and_stop_at_twenty():
    line(GUEST, "new", 2, "3.00", expires_at=NOW + timedelta(days=1))
    line(GUEST, "both", 3, expires_at=NOW + timedelta(days=1))
    line(GUEST, "full", 9, expires_at=NOW + timedelta(days=1))
    line("c-1", "both", 4, "2.00")
    line("c-1", "full", 15)
    line("c-1", "own", 1)
    assert merge() == Merged(titles=3, copies=10, capped=1, left=0)
    assert stored("c-1") == {"new": 2, "both": 7, "full": 20, "own": 1}
    assert stored(GUEST) == {}
    lines = {each.book_id: each for each in CartLine.query("c-1")}
    assert lines["new"].expires_at is None  # a customer's line does not expire
    assert (lines["new"].price, lines["both"].price) == (Decimal("3.00"), Decimal("2.00"))


def test_a_repeated_sign_in_merges_nothing():
    line(GUEST, "b-1", 2)
    assert merge().copies == 2
    assert merge() == Merged()
    assert merge().sentence == ""
    assert stored("c-1") == {"b-1": 2}


def test_more_copies_than_there_are_come_along_and_the_cart_says_so():
    factories.book("Emma", book_id="b-1", stock=5)
    line(GUEST, "b-1", 4)
    line("c-1", "b-1", 3)
    assert merge().copies == 4
    (there,) = cart_of("c-1").lines
    assert there.quantity == 7
    assert there.problem == "Only 5 copies are in stock."
    assert cart_of("c-1").problems == ("Emma: Only 5 copies are in stock.",)


def test_expired_lines_stay_behind():
    line(GUEST, "b-1", 2, expires_at=NOW - timedelta(seconds=1))
    assert merge() == Merged()
    assert stored("c-1") == {}


def test_a_merge_stops_at_a_hundred_titles():
    with CartLine.batch_write() as batch:
        for number in range(90):
            batch.save(CartLine("c-1", f"c-{number}", price="1.00", currency="GBP", quantity=1, added_at=NOW))
        for number in range(60):
            batch.save(
                CartLine(GUEST, f"g-{number:02}", price="1.00", currency="GBP", quantity=1, added_at=NOW)
            )
    merged = merge()
    assert (merged.titles, merged.left) == (10, 50)
    assert len(stored("c-1")) == 100
    assert len(stored(GUEST)) == 50
    assert "50 titles did not fit: your cart is full." in merged.sentence


def test_many_lines_take_several_transactions_and_all_arrive():
    with CartLine.batch_write() as batch:
        for number in range(60):
            batch.save(CartLine(GUEST, f"g-{number}", price="1.00", currency="GBP", quantity=2, added_at=NOW))
    assert merge() == Merged(titles=60, copies=120)
    assert len(stored("c-1")) == 60


def test_sign_ins_in_parallel_move_each_line_once():
    for number in range(30):
        line(GUEST, f"b-{number}", 3)
    line("c-1", "b-0", 1)
    with ThreadPoolExecutor(6) as pool:
        merged = list(pool.map(lambda _: merge(), range(6)))
    assert sum(each.titles for each in merged) == 30
    assert sum(each.copies for each in merged) == 90
    assert stored("c-1") == {f"b-{number}": 3 + (number == 0) for number in range(30)}
    assert stored(GUEST) == {}


def test_a_cart_changed_during_the_merge_loses_nothing(monkeypatch):
    """Another browser adds to both carts between the reading and the writing."""
    line(GUEST, "b-1", 2)
    line("c-1", "b-1", 1)
    read = services.lines_of
    changes = iter([True])

    def read_and_change(owner: str, *, at: datetime) -> list[CartLine]:
        found = read(owner, at=at)
        if owner == "c-1" and next(changes, False):
            for each in (GUEST, "c-1"):
                CartLine(each, "b-1").update([CartLine.quantity.add(5)])
        return found

    monkeypatch.setattr(services, "lines_of", read_and_change)
    assert merge().copies == 7
    assert stored("c-1") == {"b-1": 13}
    assert stored(GUEST) == {}


def test_signing_in_says_once_what_came_along(client, rf):
    book = factories.book("Emma")
    client.post("/cart/add/", {"bookId": book.id, "quantity": "2", "price": "7.99"})
    client.get("/cart/")  # shows, and so forgets, what was said about adding
    request = rf.get("/oidc/callback/")
    request.COOKIES = {name: cookie.value for name, cookie in client.cookies.items()}
    said = messages_of(request)
    signals.customer_signed_in.send(sender=None, request=request, customer_id="c-1")
    assert [str(each) for each in said] == ["We added 2 books from your visit before you signed in."]
    assert stored("c-1") == {book.id: 2}
    said = messages_of(request)
    signals.customer_signed_in.send(sender=None, request=request, customer_id="c-1")
    assert list(said) == []


def messages_of(request):
    request._messages = CookieMessages(request)
    return request._messages


@pytest.mark.parametrize("cookie", [None, "guest#11111111-1111-4111-8111-111111111111", "rubbish"])
def test_signing_in_without_a_cart_of_ones_own_changes_nothing(rf, cookie):
    line(GUEST, "b-1", 2)
    request = rf.get("/oidc/callback/")
    if cookie:
        request.COOKIES[settings.CART_COOKIE_NAME] = cookie
    said = messages_of(request)
    signals.customer_signed_in.send(sender=None, request=request, customer_id="c-1")
    assert list(said) == []
    assert stored(GUEST) == {"b-1": 2}


def test_buying_again_adds_what_is_sold_today_and_names_the_rest():
    fine, sold_out, withdrawn, full = (factories.book(name, stock=5) for name in ("A", "B", "C", "D"))
    factories.sold(sold_out, 5)
    catalogue.withdraw_book(book_id=withdrawn.id, at=NOW)
    line("c-1", full.id, 20)
    line("c-1", fine.id, 19)
    wanted = {fine.id: 3, sold_out.id: 1, withdrawn.id: 1, full.id: 1, "gone": 1}
    added = services.add_books(owner="c-1", wanted=wanted, at=NOW)
    assert added.titles == ("A",)
    assert set(added.refused) == {
        "“B” is sold out.",
        "We no longer sell “C”.",
        "There are 20 copies of “D” in your cart already.",
        "One of the books is no longer in our catalogue.",
    }
    assert stored("c-1") == {full.id: 20, fine.id: 20}


def test_buying_thirty_titles_again_is_three_store_calls(wire):
    wanted = {factories.book().id: 2 for _ in range(30)}
    with wire.count() as calls:
        added = services.add_books(owner="c-1", wanted=wanted, at=NOW)
    assert len(added.titles) == 30
    assert calls.total == 3
