import io
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from botocore.exceptions import ClientError
from django.core.management import CommandError, call_command
from pynamodb.exceptions import UpdateError

from catalog import rebuild, search, selectors, services
from catalog.models import Book
from catalog.search import SearchQuery
from catalog.search.engine import client
from tests.factories import book


def rebuilt(now):
    return rebuild.rebuild_search(at=now, on_books=lambda _: None)


def found(text="title", **choices):
    search.refresh()
    return set(search.find(SearchQuery(text, **choices)).ids)


def test_everything_in_the_table_is_found_afterwards(shelf, now):
    expected = {each.id for each in shelf(24)}
    done = rebuilt(now)
    assert done.books == 24
    assert found() == expected
    assert search.current_indexes() == [done.index]


def test_without_any_index_a_rebuild_makes_one(shelf, now):
    shelf(3)
    search.forget_everything()
    done = rebuilt(now)
    assert search.current_indexes() == [done.index]
    assert len(found()) == 3


def test_old_indexes_are_deleted_and_the_building_alias_is_gone(shelf, now):
    shelf(3)
    rebuilt(now)
    rebuilt(now + timedelta(seconds=1))
    names = {row["index"] for row in client().cat.indices(index="books*", format="json")}
    assert names == set(search.current_indexes())
    assert not client().indices.exists_alias(name=search.building_alias())


def test_what_a_killed_rebuild_left_is_cleared_up(shelf, now):
    shelf(3)
    abandoned = search.start_building(at=now)
    done = rebuilt(now)
    assert not client().indices.exists(index=abandoned)
    assert search.current_indexes() == [done.index]


def test_a_rebuild_killed_just_after_the_exchange_has_lost_nothing(shelf, now, monkeypatch):
    shelf(3)
    search.remove_book("gone", last_revision=1, at=now)

    def killed(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(search, "delete_indexes", killed)
        patched.setattr(search, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            rebuilt(now)
    assert len(found()) == 3
    (index,) = search.current_indexes()
    assert [entry.book_id for batch in search.tombstones(index, since=now) for entry in batch] == ["gone"]
    done = rebuilt(now + timedelta(seconds=1))
    names = {row["index"] for row in client().cat.indices(index="books*", format="json")}
    assert names == {done.index}  # the index that nobody had deleted is gone too


def test_another_stages_indexes_are_left_alone(shelf, now):
    client().indices.create(index="books-staging-20261122170500-abcdef")
    try:
        rebuilt(now)
        assert client().indices.exists(index="books-staging-20261122170500-abcdef")
    finally:
        client().indices.delete(index="books-staging-20261122170500-abcdef")


def test_a_failed_rebuild_leaves_the_old_index_in_use(shelf, now, monkeypatch):
    shelf(3)
    rebuilt(now)
    before = search.current_indexes()

    def broken():
        yield from ()
        raise RuntimeError("killed")

    monkeypatch.setattr(rebuild, "book_images", broken)
    with pytest.raises(RuntimeError):
        rebuilt(now + timedelta(seconds=1))
    assert search.current_indexes() == before
    assert len(found()) == 3


def test_what_changes_during_a_rebuild_is_not_lost(shelf, pump, now, monkeypatch):
    """Between any two pages of the scan books are added, revised, withdrawn and removed."""
    books = shelf(12)
    pump()
    images, events = rebuild.book_images, iter(books)

    def interrupted():
        (page,) = list(images())
        for one in page:  # as if the scan had a page for each book
            victim = next(events)
            match int(victim.id.rpartition("-")[2]) % 4:
                case 0:
                    services.revise_book(book_id=victim.id, version=1, name="Title Revised", at=now)
                case 1:
                    services.withdraw_book(book_id=victim.id, at=now)
                case 2:
                    Book(victim.id).delete()
                case 3:
                    book("Title New", book_id=f"new-{victim.id}")
            pump()
            yield [one]

    monkeypatch.setattr(rebuild, "book_images", interrupted)
    rebuilt(now)
    pump()
    listed = {each["id"]: each["name"] for page in images() for each in page if "listing" in each}
    assert found() == set(listed)
    revised = {book_id for book_id, name in listed.items() if name == "Title Revised"}
    assert revised
    assert found("revised") == revised


def test_a_rebuild_during_a_storm_of_edits_ends_right(shelf, pump, now):
    """The same with real threads: an editor and a projector run while the index is rebuilt, twice."""
    books = shelf(20)
    pump()
    stop = threading.Event()

    def edit():
        for number in itertools.count():
            if stop.is_set():
                return
            victim = books[number % len(books)].id
            version = int(selectors.get_book(victim, withdrawn=True).version)
            services.revise_book(book_id=victim, version=version, name=f"Title {number}", at=now)

    def project():
        while not stop.is_set():
            pump()

    with ThreadPoolExecutor(2) as workers:
        storm = [workers.submit(work) for work in (edit, project)]
        try:
            rebuilt(now)
            rebuilt(now + timedelta(seconds=1))
        finally:
            stop.set()
        for work in storm:
            work.result()  # raises what went wrong in it
    pump()
    search.refresh()
    answer = client().search(index="books", body={"size": 100, "version": True})
    held = {hit["_id"]: (hit["_source"]["title"], hit["_version"]) for hit in answer["hits"]["hits"]}
    stored = {each.id: (each.name, each.revision) for each in Book.scan(consistent_read=True)}
    assert held == stored


def test_a_removed_book_is_not_brought_back_by_a_replay_after_a_rebuild(pump, image_of, now):
    book("Title", book_id="b-1")
    life = image_of("b-1")
    pump()
    Book("b-1").delete()
    pump()
    done = rebuilt(now)
    assert done.tombstones == 1
    search.put_book(life)
    assert found() == set()


def test_tombstones_that_no_replay_can_reach_are_purged(now):
    search.remove_book("long-ago", last_revision=1, at=now - timedelta(days=8))
    search.remove_book("recently", last_revision=1, at=now - timedelta(days=6))
    assert rebuilt(now).tombstones == 1
    search.refresh()
    answer = client().search(index="books", body={})
    assert [hit["_id"] for hit in answer["hits"]["hits"]] == ["recently"]


def test_many_tombstones_are_carried_over(now, monkeypatch):
    monkeypatch.setattr(search.index, "_TOMBSTONES_A_REQUEST", 3)
    for number in range(8):
        search.remove_book(f"gone-{number}", last_revision=1, at=now)
    assert rebuilt(now).tombstones == 8


def test_derived_attributes_that_fell_behind_are_mended_on_the_way(image_of, now):
    book("Title", book_id="b-1", stock=3, prior_rating="4.00")
    Book("b-1").update(
        actions=[Book.stock.add(-3), Book.rating_sum.add(1), Book.rating_count.add(1), Book.revision.add(1)]
    )
    done = rebuilt(now)
    assert done.mended == 1
    mended = selectors.get_book("b-1")
    assert (mended.availability, mended.rating) == ("sold_out", Decimal("3.50"))
    search.refresh()
    (hit,) = client().search(index="books", body={"version": True})["hits"]["hits"]
    assert (hit["_source"]["availability"], hit["_version"]) == ("sold_out", mended.revision)
    assert rebuilt(now + timedelta(seconds=1)).mended == 0


def test_a_book_that_cannot_be_indexed_is_named_and_the_others_are_there(shelf, now):
    shelf(3)
    broken = book("Title Broken", book_id="broken")
    Book(broken.id).update(actions=[Book.title_key.set("x")])
    Book._get_connection().connection.client.update_item(
        TableName=Book.Meta.table_name,
        Key={"id": {"S": "broken"}},
        UpdateExpression="SET addedAt = :nonsense",
        ExpressionAttributeValues={":nonsense": {"S": "yesterday"}},
    )
    done = rebuilt(now)
    assert done.unindexable == ["broken"]
    assert len(found()) == 3
    with pytest.raises(CommandError, match="broken"):
        call_command("rebuild_search", stdout=io.StringIO(), stderr=io.StringIO())


def test_a_book_whose_derived_attributes_are_gone_does_not_stop_the_others(shelf, now):
    shelf(3)
    book("Title Without", book_id="b-without")
    Book("b-without").update(actions=[Book.rating_key.remove()])
    done = rebuilt(now)
    assert (done.books, done.unindexable) == (4, [])
    assert "b-without" in found()


def test_a_sale_at_the_moment_of_mending_does_not_stop_a_rebuild(now, monkeypatch):
    book("Title", book_id="b-1", stock=3)
    Book("b-1").update(actions=[Book.stock.add(-3), Book.revision.add(1)])
    met = ClientError({"Error": {"Code": "TransactionConflictException", "Message": ""}}, "UpdateItem")
    errors, update = iter([UpdateError("met a sale", met)]), Book.update

    def meeting(self, *arguments, **named):
        for error in errors:
            raise error
        return update(self, *arguments, **named)

    monkeypatch.setattr(Book, "update", meeting)
    assert rebuilt(now).mended == 1
    assert selectors.get_book("b-1").availability == "sold_out"


def test_the_command_says_what_it_did(shelf):
    shelf(3)
    out, err = io.StringIO(), io.StringIO()
    call_command("rebuild_search", stdout=out, stderr=err)
    assert out.getvalue().startswith("3 books in books-")
    assert "indexing: 3 books" in err.getvalue()


def test_without_a_search_engine_the_command_says_so_in_a_sentence(wire):
    with wire.opensearch.refuse(), pytest.raises(CommandError, match="search engine did not answer"):
        call_command("rebuild_search", stdout=io.StringIO(), stderr=io.StringIO())
