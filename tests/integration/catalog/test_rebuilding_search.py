import io
import itertools
import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from django.core.management import CommandError, call_command
from pynamodb.exceptions import UpdateError

from bookstore.dynamodb.attributes import instant_text
from bookstore.opensearch import index as indexes
from bookstore.opensearch import rebuild as rebuilding
from bookstore.opensearch.engine import client, patient_client
from bookstore.opensearch.errors import SupersededError
from bookstore.opensearch.index import REMOVED, Index
from catalog import rebuild, search, selectors, services
from catalog.models import Book
from catalog.search import SearchQuery
from catalog.search.index import SOLD
from tests.factories import book


def rebuilt(now):
    return rebuild.rebuild_search(at=now, on_books=lambda _: None)


def found(text="title", **choices):
    search.refresh()
    return set(search.find(SearchQuery(text, **choices)).ids)


def test_everything_in_the_table_is_found_afterwards(shelf, now):
    expected = {each.id for each in shelf(24)}
    done = rebuilt(now)
    assert done.documents == 24
    assert found() == expected
    assert search.BOOKS.current() == [done.index]


def test_without_any_index_a_rebuild_makes_one(shelf, now):
    shelf(3)
    search.BOOKS.forget_everything()
    done = rebuilt(now)
    assert search.BOOKS.current() == [done.index]
    assert len(found()) == 3


def test_only_an_index_of_another_make_is_rebuilt_where_that_is_asked_for(shelf, now, monkeypatch):
    shelf(3)
    rebuilt(now)
    before = search.BOOKS.current()
    call_command("rebuild_search", "--if-needed", stdout=io.StringIO())
    assert search.BOOKS.current() == before
    # A release that adds a field.
    with_a_mood = {**search.BOOKS.properties, "mood": {"type": "keyword"}}
    monkeypatch.setattr(search, "BOOKS", Index(search.BOOKS.alias, search.BOOKS.settings, with_a_mood))
    call_command("rebuild_search", "--if-needed", stdout=io.StringIO())
    assert search.BOOKS.current() != before
    assert search.BOOKS.is_as_made_today()
    assert len(found()) == 3


def test_old_indexes_are_deleted_and_the_building_alias_is_gone(shelf, now):
    shelf(3)
    rebuilt(now)
    rebuilt(now + timedelta(seconds=1))
    names = {row["index"] for row in client().cat.indices(index="books*", format="json")}
    assert names == set(search.BOOKS.current())
    assert not client().indices.exists_alias(name=search.BOOKS.building_alias)


def test_what_a_killed_rebuild_left_is_cleared_up(shelf, now):
    shelf(3)
    abandoned = search.BOOKS.start_building(at=now)
    done = rebuilt(now)
    assert not client().indices.exists(index=abandoned)
    assert search.BOOKS.current() == [done.index]


def test_a_rebuild_killed_just_after_the_exchange_has_lost_nothing(shelf, now, monkeypatch):
    shelf(3)
    search.remove_book("gone", last_revision=1, at=now)

    def killed(*_args, **_named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Index, "clear_up", killed)
        with pytest.raises(KeyboardInterrupt):
            rebuilt(now)
    assert len(found()) == 3
    (index,) = search.BOOKS.current()
    assert [entry.key for batch in search.BOOKS.tombstones(index, since=now) for entry in batch] == ["gone"]
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
    before = search.BOOKS.current()

    def broken(**_asked):
        yield from ()
        raise RuntimeError("killed")

    monkeypatch.setattr(rebuild, "book_images", broken)
    with pytest.raises(RuntimeError):
        rebuilt(now + timedelta(seconds=1))
    assert search.BOOKS.current() == before
    assert len(found()) == 3


def test_what_changes_during_a_rebuild_is_not_lost(shelf, pump, now, monkeypatch):
    """Between any two pages of the scan books are added, revised, withdrawn and removed."""
    books = shelf(12)
    pump()
    images, events = rebuild.book_images, iter(books)

    def interrupted(**_asked):
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
    monkeypatch.setattr(indexes, "_TOMBSTONES_A_REQUEST", 3)
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
    assert (done.documents, done.unindexable) == (4, [])
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


# --- Two rebuilds at once ----------------------------------------------------------------------------------


class Turns:
    """Two rebuilds in threads that send their requests to the search engine when it is their turn.

    ``order`` says whose turn it is, request by request. After each request the shop is looked
    at: its index is there, and whole. Just before the first exchange of indexes a removed book's
    tombstone reaches the old index alone, as from a projector that had been on its way there.
    """

    def __init__(self, order, now, monkeypatch):
        self.order, self.now = itertools.chain(order, itertools.cycle("AB")), now
        self.turn, self.running = next(self.order), {"A", "B"}
        self.moved = threading.Condition()
        self.me = threading.local()
        self.tombstone = f"gone-{uuid4()}"
        self.late = True
        transport = patient_client().transport
        self.perform = transport.perform_request
        monkeypatch.setattr(transport, "perform_request", self.perform_in_turn)

    def perform_in_turn(self, method, url, *args, **named):
        with self.moved:
            assert self.moved.wait_for(self.is_my_turn, timeout=20)
            if self.late and url.endswith("/_aliases") and "add" in str(named["body"]):
                self.late = False
                (live,) = live_indexes()
                document = {"id": self.tombstone, "state": REMOVED}
                document["removed_at"] = instant_text(self.now)
                client().index(
                    index=live, id=self.tombstone, body=document, version=2, version_type="external"
                )
            try:
                return self.perform(method, url, *args, **named)
            finally:
                assert len(live_indexes()) == 1
                answer = client().count(index="books", body={"query": {"term": {"state": SOLD}}})
                assert answer["count"] == 3
                self.turn = next(self.order)
                self.moved.notify_all()

    def is_my_turn(self):
        return self.turn == self.me.name or self.turn not in self.running

    def rebuild(self, name):
        """Return what the rebuild came to, or the sentence that it lost with."""
        self.me.name = name
        try:
            return rebuilt(self.now)
        except SupersededError as error:
            return str(error)
        finally:
            with self.moved:
                self.running.discard(name)
                self.moved.notify_all()

    def play(self):
        with ThreadPoolExecutor(2) as threads:
            return [each.result() for each in [threads.submit(self.rebuild, name) for name in "AB"]]


def live_indexes():
    return list(client().indices.get_alias(name="books"))


def orders():
    """One rebuild stands still before some of its requests while the other one runs; and both mixed."""
    for steps in (1, 2, 3, 5, 8, 11, 13, 14):  # from its beginning to after its exchange
        yield "A" * steps + "B" * 99
    for stride in ("AB", "ABB"):
        yield stride * 30
    for seed in (1, 3):
        yield random.Random(seed).choices("AB", k=99)  # noqa: S311 - the same turns each time


def test_two_rebuilds_at_once_never_harm_the_live_index(shelf, now):
    shelf(3)
    rebuilt(now)
    losers = 0
    for number, order in enumerate(orders()):
        if number % 2:  # besides, there is what a killed one left
            search.BOOKS.start_building(at=now)
        with pytest.MonkeyPatch.context() as patched:
            turns = Turns(order, now, patched)
            ended = turns.play()
        lost = [each for each in ended if isinstance(each, str)]
        losers += len(lost)
        assert len(lost) < 2, order
        assert set(lost) <= {
            "Another rebuild of the search index has begun and goes on; this one has stopped."
        }
        (live,) = live_indexes()
        assert live in [each.index for each in ended if not isinstance(each, str)]
        kept = [entry.key for batch in search.BOOKS.tombstones(live, since=now) for entry in batch]
        assert turns.tombstone in kept, order
        assert not client().indices.exists_alias(name=search.BOOKS.building_alias)
        rebuilt(now)  # whatever the loser left is cleared up by the next
        names = {row["index"] for row in client().cat.indices(index="books*", format="json")}
        assert names == set(live_indexes())
    assert losers > 5  # they did meet


def test_the_one_who_lost_is_told_in_a_sentence(shelf, now, monkeypatch):
    shelf(3)
    images = rebuild.book_images

    def while_another_begins(**asked):
        monkeypatch.setattr(rebuild, "book_images", images)
        rebuilt(now)
        return images(**asked)

    monkeypatch.setattr(rebuild, "book_images", while_another_begins)
    with pytest.raises(CommandError, match=r"^Another rebuild of the search index has begun"):
        call_command("rebuild_search", stdout=io.StringIO(), stderr=io.StringIO())
    assert len(found()) == 3


def test_an_exchange_whose_answer_was_lost_is_found_done(shelf, now):
    index = search.BOOKS.start_building(at=now)
    search.BOOKS.switch_to(index)
    search.BOOKS.switch_to(index)
    assert search.BOOKS.current() == [index]


# --- Rebuilds in pieces ------------------------------------------------------------------------------------


def in_pieces(now, *, meanwhile=lambda: None):
    """Rebuild until it is finished, stopped at every opportunity; what is kept goes through JSON."""
    done, pieces = rebuild.rebuild_search(at=now, on_books=lambda _: None, until=lambda: True), 1
    while not done.finished:
        meanwhile()
        kept = rebuild.Rebuilt(**json.loads(json.dumps(asdict(done))))
        done = rebuild.rebuild_search(at=now, on_books=lambda _: None, resume=kept, until=lambda: True)
        pieces += 1
    return done, pieces


def held():
    """What is in the live index, with its versions."""
    search.refresh()
    answer = client().search(index="books", body={"size": 100, "version": True})
    return {hit["_id"]: (hit["_source"], hit["_version"]) for hit in answer["hits"]["hits"]}


def test_in_pieces_it_comes_to_the_same_as_in_one_go(shelf, now, monkeypatch):
    shelf(12)
    search.remove_book("gone", last_revision=1, at=now)
    expected = rebuilt(now)
    whole = held()
    monkeypatch.setattr(rebuilding, "DOCUMENTS_A_REQUEST", 5)
    done, pieces = in_pieces(now)
    assert (pieces, done.documents, done.tombstones) == (4, expected.documents, expected.tombstones)
    assert held() == whole
    assert search.BOOKS.current() == [done.index]


def test_what_changes_between_the_pieces_is_in(shelf, pump, now, monkeypatch):
    books = shelf(12)
    pump()
    monkeypatch.setattr(rebuilding, "DOCUMENTS_A_REQUEST", 2)
    numbers = itertools.count()

    def meanwhile():
        number = next(numbers)
        if number >= 6:
            return
        services.revise_book(book_id=books[2 * number].id, version=1, name=f"Title {number} Again", at=now)
        Book(books[2 * number + 1].id).delete()  # the very book behind which it goes on, now and then
        book("Title New", book_id=f"{'az'[number % 2]}-new-{number}")
        pump()

    _done, pieces = in_pieces(now, meanwhile=meanwhile)
    assert pieces >= 4  # the fewest: at each stop a book is removed that was still to come
    pump()
    expected = {each.id: (each.name, each.revision) for each in Book.scan(consistent_read=True)}
    sold = {
        key: (source["title"], version)
        for key, (source, version) in held().items()
        if source["state"] == SOLD
    }
    assert sold == expected


def test_a_piece_that_was_killed_is_done_again_from_where_the_one_before_it_stopped(shelf, now, monkeypatch):
    shelf(12)
    monkeypatch.setattr(rebuilding, "DOCUMENTS_A_REQUEST", 5)
    first = rebuild.rebuild_search(at=now, on_books=lambda _: None, until=lambda: True)

    def killed(*_args, **_named):
        raise KeyboardInterrupt

    for victim in ("tombstones", "switch_to", "clear_up"):
        with monkeypatch.context() as patched:
            patched.setattr(Index, victim, killed)
            with pytest.raises(KeyboardInterrupt):
                rebuild.rebuild_search(at=now, on_books=lambda _: None, resume=first)
    done = rebuild.rebuild_search(at=now, on_books=lambda _: None, resume=first)
    assert done.finished
    assert len(found()) == 12
    names = {row["index"] for row in client().cat.indices(index="books*", format="json")}
    assert names == {done.index}


def test_a_rebuild_that_another_overtook_between_its_pieces_is_not_gone_on_with(shelf, now):
    shelf(12)
    first = rebuild.rebuild_search(at=now, on_books=lambda _: None, until=lambda: True)
    done = rebuilt(now)
    with pytest.raises(SupersededError):
        rebuild.rebuild_search(at=now, on_books=lambda _: None, resume=first)
    assert search.BOOKS.current() == [done.index]


# --- The command -------------------------------------------------------------------------------------------


def test_the_command_says_what_it_did(shelf):
    shelf(3)
    out, err = io.StringIO(), io.StringIO()
    call_command("rebuild_search", stdout=out, stderr=err)
    assert out.getvalue().startswith("3 books in books-")
    assert "indexing: 3 books" in err.getvalue()


def test_without_a_search_engine_the_command_says_so_in_a_sentence(wire):
    with wire.opensearch.refuse(), pytest.raises(CommandError, match="search engine did not answer"):
        call_command("rebuild_search", stdout=io.StringIO(), stderr=io.StringIO())
