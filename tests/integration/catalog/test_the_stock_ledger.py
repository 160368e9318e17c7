"""The stock ledger: whatever happens to a book's copies, and however much at once, its entries add up to them."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from pynamodb.exceptions import TransactWriteError

from bookstore.dynamodb.pages import BadCursorError
from bookstore.dynamodb.tables import nothing_beside, transaction
from catalog import ledger, prices, services
from catalog.drafts import check_facts
from catalog.errors import BadBookError, BookNotFoundError, StockChangedError
from catalog.loading import Draft, load_books
from catalog.models import Book, StockEntry, Unique
from catalog.prices import NewPrice, reprice_books
from catalog.stock import adjust_stock, receive_stock, return_copies, state_opening
from tests import factories
from tests.integration.orders import buying

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
FORM = "0123456789abcdef"


def stock(book_id="b-1"):
    return int(Book.get(book_id, consistent_read=True).stock)


def entries(book_id="b-1"):
    """Return a book's entries, oldest first."""
    return [
        (entry.kind, int(entry.delta), entry.by, entry.reason)
        for entry in StockEntry.query(book_id, consistent_read=True)
    ]


def added_up(book_id="b-1"):
    return sum(delta for _kind, delta, _by, _reason in entries(book_id))


def make_older(book_id="b-1"):
    """Leave a book as it was stored before there was a ledger."""
    for entry in StockEntry.query(book_id):
        entry.delete()


def adjust(seen, counted, reason="Two were damaged", **told):
    return adjust_stock(
        book_id="b-1", seen=seen, counted=counted, reason=reason, **{"by": "clerk", "at": NOW, **told}
    )


def lines(page):
    return [(line.kind, line.delta, line.stock) for line in page.lines]


def test_new_books_state_what_they_came_with():
    factories.book(book_id="b-1", stock=7)
    facts = check_facts(name="Emma", category="fiction", price="7.99", authors=["Jane Austen"])
    drafts = [
        Draft(reference=n, book_id=f"l-{n}", facts=facts, stock=n) for n in range(40)
    ]  # more than a transaction takes
    assert {outcome.result for outcome in load_books(drafts, at=NOW)} == {"added"}
    assert entries() == [("opening", 7, "shop", "")]
    assert [added_up(f"l-{n}") for n in (0, 1, 39)] == [0, 1, 39]
    assert {outcome.result for outcome in load_books(drafts, at=NOW)} == {"present"}
    assert len(entries("l-39")) == 1


def test_an_order_enters_what_it_takes_and_what_comes_back():
    emma, other = factories.book("Emma", stock=3, price="4.00"), factories.book("Other", stock=9)
    buying.fill_cart(**{emma.id.replace("-", "_"): 2, other.id.replace("-", "_"): 1})
    order = buying.reserve(total="15.99")
    for _twice in range(2):
        buying.decline(order)
    assert entries(emma.id) == [
        ("opening", 3, "shop", ""),
        ("sold", -2, "customer", ""),
        ("returned", 2, "payment", "declined"),
    ]
    assert {entry.order_id for entry in StockEntry.query(emma.id)} == {None, order.order_id}
    assert (added_up(emma.id), added_up(other.id)) == (3, 9)


def test_thirty_titles_are_one_transaction_each_way(wire):
    books = [factories.book(price="1.00", stock=1) for _ in range(30)]
    buying.fill_cart(**{book.id.replace("-", "_"): 1 for book in books})
    with wire.count() as calls:
        order = buying.reserve(total="30.00")
    assert calls.dynamodb == 3
    assert {added_up(book.id) for book in books} == {0}
    # One goes from the catalogue: the others come back all the same, and enter so.
    books[7].delete()
    buying.decline(order)
    assert {(stock(book.id), added_up(book.id)) for book in books if book is not books[7]} == {(1, 1)}
    assert added_up(books[7].id) == 0


def test_entries_add_up_whatever_happens_at_once():
    books = [factories.book(book_id=f"b-{n}", stock=6, price="5.00") for n in (1, 2)]
    drawn = random.Random(5)  # noqa: S311 - the same each time, and no secret

    def buy(book_id):
        with suppress(TransactWriteError):
            factories.sold(Book.get(book_id), drawn.randint(1, 3))

    def give_back(book_id):
        with transaction() as write:
            return_copies(write, book_id=book_id, copies=1, order_id="o", by="customer", at=NOW)

    def recount(book_id):
        with suppress(StockChangedError, BadBookError):
            seen = stock(book_id)
            adjust_stock(
                book_id=book_id, seen=seen, counted=drawn.randint(0, 9), reason="Counted", by="clerk", at=NOW
            )

    def receive(book_id):
        receive_stock(book_id=book_id, copies=drawn.randint(1, 4), by="clerk", at=NOW)

    def state(book_id):
        state_opening(book_id=book_id, at=NOW)

    make_older("b-2")
    steps = [
        (step, book.id)
        for book in books
        for step in (buy,) * 8 + (give_back, recount, receive) * 3 + (state,) * 2
    ]
    drawn.shuffle(steps)
    with ThreadPoolExecutor(12) as people:
        list(people.map(lambda step: step[0](step[1]), steps))
    for book in books:
        assert added_up(book.id) == stock(book.id) >= 0
        assert [kind for kind, *_ in entries(book.id)].count("opening") == 1


@pytest.mark.parametrize("sold_first", [False, True])
def test_an_older_books_opening_is_shown_and_stated_before_or_after_its_first_sale(sold_first):
    book = factories.book(book_id="b-1", stock=9)
    make_older()
    if sold_first:
        factories.sold(book, 2)
        assert lines(ledger.ledger_page("b-1", stock=7)) == [("sold", -2, 7), ("opening", 9, 9)]
    assert lines(ledger.ledger_page("b-1", stock=stock()))[-1] == ("opening", 9, 9)
    for said in ("1 opening balances stated", "0 opening balances stated"):
        out = StringIO()
        call_command("open_stock_ledger", stdout=out, stderr=StringIO())
        assert said in out.getvalue()
    if not sold_first:
        factories.sold(book, 2)
    assert entries() == [("opening", 9, "shop", ""), ("sold", -2, "customer", "")]
    assert lines(ledger.ledger_page("b-1", stock=7)) == [("sold", -2, 7), ("opening", 9, 9)]


def test_a_sale_while_an_opening_is_added_up_counts(monkeypatch):
    book = factories.book(book_id="b-1", stock=9)
    make_older()
    add_up = ledger.opening_of

    def sell_meanwhile(book_id, *, stock):
        monkeypatch.undo()
        factories.sold(book, 4)  # which the stock in hand does not know, and the entries do
        return add_up(book_id, stock=stock)

    monkeypatch.setattr(ledger, "opening_of", sell_meanwhile)
    assert state_opening(book_id="b-1", at=NOW)
    assert entries() == [("opening", 9, "shop", ""), ("sold", -4, "customer", "")]


def test_the_ledger_is_paged_newest_first_and_back_with_a_balance_at_each_line(monkeypatch):
    factories.book(book_id="b-1", stock=0)
    for n in range(1, 8):
        receive_stock(book_id="b-1", copies=n, at=NOW + timedelta(minutes=n))
    monkeypatch.setattr(ledger, "ENTRIES_A_PAGE", 3)
    pages = [ledger.ledger_page("b-1", stock=28)]
    while pages[-1].older:
        pages.append(ledger.ledger_page("b-1", stock=999, older=pages[-1].older))  # the cursor knows better
    assert [lines(page) for page in pages] == [
        [("received", 7, 28), ("received", 6, 21), ("received", 5, 15)],
        [("received", 4, 10), ("received", 3, 6), ("received", 2, 3)],
        [("received", 1, 1), ("opening", 0, 0)],
    ]
    assert pages[0].newer is None
    back = ledger.ledger_page("b-1", stock=999, newer=pages[2].newer)
    assert lines(back) == lines(pages[1])
    assert lines(ledger.ledger_page("b-1", stock=999, older=back.older)) == lines(pages[2])
    assert lines(ledger.ledger_page("b-1", stock=999, newer=back.newer)) == lines(pages[0])
    for forged in ("x", pages[0].older[:-2], "x" * 5000):
        with pytest.raises(BadCursorError):
            ledger.ledger_page("b-1", stock=28, older=forged)
    with pytest.raises(BadCursorError):
        ledger.ledger_page("b-2", stock=28, older=pages[0].older)


def test_a_form_sent_twice_counts_once_also_at_the_same_time():
    factories.book(book_id="b-1", stock=1)
    with ThreadPoolExecutor(6) as clicks:
        did = list(
            clicks.map(
                lambda _: receive_stock(book_id="b-1", copies=3, by="clerk", form_id=FORM, at=NOW),
                range(6),
            )
        )
    assert did.count(True) == 1
    assert (stock(), added_up()) == (4, 4)
    other = FORM[::-1]
    later = NOW + timedelta(minutes=1)
    assert [adjust(4, 2, form_id=other, at=later) for _ in range(2)] == [True, False]
    assert entries()[1:] == [("received", 3, "clerk", ""), ("adjusted", -2, "clerk", "Two were damaged")]
    assert Unique.get(f"stock#{other}").book_id == "b-1"


def test_who_counts_a_shelf_while_others_sell_is_told_and_changes_nothing():
    book = factories.book(book_id="b-1", stock=9)
    factories.sold(book, 2)
    receive_stock(book_id="b-1", copies=1, by="pat@example.com", at=datetime.now(UTC))
    for counted in (5, 9):  # also what was seen, which there is no longer
        with pytest.raises(StockChangedError) as told:
            adjust(9, counted)
        assert str(told.value) == (
            "There were 9 copies when you looked and there are 8 now."
            " Meanwhile: +1 received (pat@example.com), -2 sold (the customer)."
        )
    assert (stock(), added_up()) == (8, 8)
    with pytest.raises(BookNotFoundError):
        adjust_stock(book_id="b-9", seen=1, counted=2, reason="x", at=NOW)


@pytest.mark.parametrize(
    ("counted", "reason", "field"),
    [
        (-1, "Lost", "counted"),
        (9, "Lost", "counted"),
        (2_000_000, "Lost", "counted"),
        (True, "Lost", "counted"),
        (8, "", "reason"),
        (8, " \x00\u202e ", "reason"),
        (8, "x" * 201, "reason"),
    ],
)
def test_what_is_no_count_is_refused_with_a_sentence(counted, reason, field):
    factories.book(book_id="b-1", stock=9)
    with pytest.raises(BadBookError) as told:
        adjust(9, counted, reason)
    assert list(told.value.problems) == [field]
    with pytest.raises(BadBookError):
        adjust(9, 8, form_id="../../x")
    assert entries() == [("opening", 9, "shop", "")]


def test_a_new_price_is_written_once_however_many_send_it_at_once():
    for number in range(60):  # more than one transaction takes
        factories.book(book_id=f"b-{number}", price="5.00")
    moves = [NewPrice(f"b-{number}", 1, Decimal("5.00"), Decimal("5.50")) for number in range(60)]
    services.revise_book(book_id="b-59", version=1, at=NOW, price="6.00")
    with ThreadPoolExecutor(3) as clicks:
        done = list(clicks.map(lambda _: reprice_books(prices=moves, at=NOW), range(3)))
    assert sum(len(each.changed) for each in done) == 59
    assert all(len(each.changed) + len(each.there) == 59 for each in done)
    assert {tuple(each.refused) for each in done} == {("b-59",)}
    books = [Book.get(f"b-{number}") for number in range(60)]
    assert {(int(book.version), book.price) for book in books[:59]} == {(2, Decimal("5.50"))}
    assert books[59].price == Decimal("6.00")


def test_no_price_is_called_written_when_only_what_goes_beside_it_was_refused(monkeypatch):
    monkeypatch.setattr(prices, "_PRICES_A_TRANSACTION", 1)
    for number in (1, 2):
        factories.book(book_id=f"b-{number}", price="5.00")
    there = StockEntry.query("b-2", limit=1).next()

    def beside(each):
        if each.book_id == "b-1":
            return nothing_beside
        return lambda write: write.save(there, condition=StockEntry.book_id.does_not_exist())

    moves = [NewPrice(f"b-{number}", 1, Decimal("5.00"), Decimal("5.50")) for number in (1, 2)]
    with pytest.raises(TransactWriteError):  # no second try mends it, whatever was changed before
        reprice_books(prices=moves, at=NOW, beside=beside)
    assert [Book.get(f"b-{number}").price for number in (1, 2)] == [Decimal("5.50"), Decimal("5.00")]
