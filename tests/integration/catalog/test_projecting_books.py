import itertools
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bookstore.opensearch.engine import client
from bookstore.streams.errors import UnprojectableError
from bookstore.streams.records import Change
from catalog import projection, reviews, search, selectors, services, stock
from catalog.models import Book
from catalog.search import SearchQuery
from tests.factories import book

AT = datetime(2026, 11, 22, 17, 5, tzinfo=UTC)


def change(old, new):
    event = "MODIFY" if old and new else "INSERT" if new else "REMOVE"
    image = new or old
    return Change("Books", {"id": image["id"]}, old, new, "1", event, AT)


def project(one):
    projection.index_book(one)
    projection.mend_book(one)


@pytest.fixture
def history(image_of, now):
    """The records of a book's life: added, revised, sold, withdrawn, removed."""
    book("Emma", book_id="emma", stock=7)
    images = [image_of("emma")]
    services.revise_book(book_id="emma", version=1, name="Emma Revised", at=now)
    images.append(image_of("emma"))
    stock.receive_stock(book_id="emma", copies=3, at=now)
    images.append(image_of("emma"))
    services.withdraw_book(book_id="emma", at=now)
    images.append(image_of("emma"))
    Book("emma").delete()
    pairs = itertools.pairwise([None, *images, None])
    return [change(old, new) for old, new in pairs]


def held():
    search.refresh()
    answer = client().search(index="books", body={"query": {"term": {"id": "emma"}}, "version": True})
    ((source, version),) = [(hit["_source"], hit["_version"]) for hit in answer["hits"]["hits"]]
    return source, version


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5])
def test_in_whatever_order_and_however_often_records_come_the_last_one_stands(history, length):
    lived = history[:length]
    for order in itertools.islice(itertools.permutations(lived), 0, 120, 7 if length == 5 else 1):
        search.BOOKS.forget_everything()
        search.BOOKS.create()
        for one in [*order, *order[:2]]:
            projection.index_book(one)
        source, version = held()
        last = lived[-1]
        if last.new is None:
            assert source["state"] == "removed"
            assert version == last.old["revision"] + 1
        else:
            assert version == last.new["revision"]
            assert source["title"] == last.new["name"]
            assert (source["state"] == "sold") == ("listing" in last.new)


def test_a_removed_book_stays_removed_when_its_whole_life_is_replayed(history):
    for one in history * 2:
        project(one)
    search.refresh()
    assert search.find(SearchQuery("emma")).total == 0
    assert search.find(SearchQuery("emma", also_withdrawn=True)).total == 0


def test_availability_follows_the_stock_in_one_step(image_of):
    book(book_id="emma", stock=6)
    before = image_of("emma")
    Book("emma").update(actions=[Book.stock.add(-6), Book.revision.add(1)])
    sold_out = image_of("emma")
    project(change(before, sold_out))
    mended = image_of("emma")
    assert mended["availability"] == "sold_out"
    assert mended["revision"] == sold_out["revision"] + 1
    project(change(sold_out, mended))  # the record of the mending itself
    assert image_of("emma") == mended


def test_rating_follows_the_stars(image_of, now):
    book(book_id="emma", prior_rating="4.00")
    before = image_of("emma")
    reviews.rate_book(book_id="emma", customer_id="c-1", order_id="o-1", stars=1, at=now)
    project(change(before, image_of("emma")))
    found = selectors.get_book("emma")
    assert (found.rating, found.rating_key) == (Decimal("3.50"), "3.50#emma")


def test_an_overtaken_record_mends_nothing(image_of):
    book(book_id="emma", stock=6)
    before = image_of("emma")
    Book("emma").update(actions=[Book.stock.add(-6), Book.revision.add(1)])
    sold_out = image_of("emma")
    Book("emma").update(actions=[Book.stock.add(50), Book.revision.add(1)])
    delivered = image_of("emma")
    project(change(before, sold_out))
    assert image_of("emma") == delivered
    project(change(sold_out, delivered))
    assert image_of("emma") == delivered  # it was in stock all the time


def test_a_replayed_record_whose_stock_is_back_does_not_write_again(image_of):
    book(book_id="emma", stock=6)
    before = image_of("emma")
    Book("emma").update(actions=[Book.stock.add(-6), Book.revision.add(1)])
    sold_out = image_of("emma")
    project(change(before, sold_out))
    mended = image_of("emma")
    project(change(before, sold_out))
    assert image_of("emma") == mended


def test_a_book_removed_meanwhile_is_not_mended_into_a_stump(image_of):
    book(book_id="emma", stock=6)
    before = image_of("emma")
    Book("emma").delete()
    project(change(None, {**before, "availability": "low"}))
    assert list(Book.scan()) == []


@pytest.mark.parametrize(
    "broken",
    [
        change(None, {"id": "emma"}),
        change({"id": "emma"}, None),  # no revision: nobody can tell what it would remove
        change(None, {"id": "emma", "revision": "soon"}),
    ],
)
def test_what_can_never_be_projected_says_so(broken):
    with pytest.raises(UnprojectableError):
        projection.index_book(broken)


def test_a_removal_replayed_from_a_dead_letter_knows_only_the_revision():
    replay = Change("Books", {"id": "emma"}, {"id": "emma", "revision": Decimal(7)}, None, "", "REMOVE", AT)
    projection.index_book(replay)
    projection.mend_book(replay)
    source, version = held()
    assert (source["state"], version) == ("removed", 8)


def test_through_the_stream_a_book_reaches_search_and_its_derived_attributes_follow(pump, now):
    book("Emma", book_id="emma", stock=6, prior_rating="4.00")
    Book("emma").update(actions=[Book.stock.add(-3), Book.revision.add(1)])
    reviews.rate_book(book_id="emma", customer_id="c-1", order_id="o-1", stars=1, at=now)
    assert pump() >= 3
    found = selectors.get_book("emma")
    assert (found.availability, found.rating) == ("low", Decimal("3.50"))
    search.refresh()
    assert search.find(SearchQuery("emma")).ids == ("emma",)
    source, version = held()
    assert (version, source["availability"]) == (found.revision, "low")
    assert pump() == 0  # the chain has ended


def test_through_the_stream_a_removed_book_leaves_search(pump):
    book("Emma", book_id="emma")
    pump()
    Book("emma").delete()
    pump()
    search.refresh()
    assert search.find(SearchQuery("emma")).total == 0
    source, _version = held()
    assert source["state"] == "removed"
