from dataclasses import replace
from datetime import timedelta

import pytest

from bookstore import aws
from bookstore.opensearch.engine import client
from bookstore.opensearch.errors import SearchUnavailableError
from bookstore.opensearch.index import Index
from bookstore.streams.troubles import is_transient
from catalog import search
from catalog.search import SearchQuery
from tests.factories import book


@pytest.fixture
def emma(image_of):
    """One book at two revisions: Emma, then Emma Revised."""
    book("Emma", book_id="emma")
    first = image_of("emma")
    return first, {**first, "name": "Emma Revised", "revision": first["revision"] + 1}


def titles(text="emma"):
    search.refresh()
    answer = client().search(index=search.BOOKS.current()[0], body={"query": {"term": {"state": "sold"}}})
    return [hit["_source"]["title"] for hit in answer["hits"]["hits"]]


def test_a_newer_revision_replaces_an_older_one(emma):
    for image in emma:
        search.put_book(image)
    assert titles() == ["Emma Revised"]


def test_an_older_revision_changes_nothing(emma):
    for image in reversed(emma):
        search.put_book(image)
    assert titles() == ["Emma Revised"]


def test_the_same_revision_twice_is_no_error(emma):
    search.put_book(emma[0])
    search.put_book(emma[0])
    assert titles() == ["Emma"]


def test_a_removed_book_does_not_come_back_by_a_replay(emma, now):
    first, second = emma
    search.put_book(first)
    search.remove_book("emma", last_revision=int(second["revision"]), at=now)
    for image in (first, second):
        search.put_book(image)
    search.remove_book("emma", last_revision=int(second["revision"]), at=now)
    assert titles() == []


def test_a_removal_that_comes_before_what_it_removes_wins(emma, now):
    search.remove_book("emma", last_revision=int(emma[1]["revision"]), at=now)
    search.put_book(emma[1])
    assert titles() == []


def test_an_old_removal_does_not_take_a_newer_book(emma, now):
    search.put_book(emma[1])
    search.remove_book("emma", last_revision=int(emma[0]["revision"]) - 1, at=now)
    assert titles() == ["Emma Revised"]


def test_an_id_made_again_is_newer_than_its_tombstone(emma, now):
    first, second = emma
    search.put_book(second)
    search.remove_book("emma", last_revision=int(second["revision"]), at=now)
    reborn = {
        **first,
        "name": "Emma Reborn",
        "revision": int((now + timedelta(minutes=1)).timestamp() * 1000),
    }
    search.put_book(reborn)
    assert titles() == ["Emma Reborn"]


def test_a_book_of_a_wrong_kind_is_told_from_an_engine_in_trouble(emma):
    with pytest.raises(search.UnindexableError):
        search.put_book({**emma[0], "addedAt": "yesterday"})
    assert titles() == []


def test_new_code_writes_to_the_index_of_the_code_before_it(emma):
    """Until the rebuild that follows a deployment is over; what the index does not know is not looked into."""
    entry = search.entry_of(emma[0])
    search.BOOKS.write([replace(entry, document={**entry.document, "mood": "wry"})])
    assert titles() == ["Emma"]
    asked = {"query": {"query_string": {"query": "mood:wry"}}}
    assert client().search(index=search.BOOKS.alias, body=asked)["hits"]["hits"] == []
    (there,) = client().indices.get_mapping(index=search.BOOKS.alias).values()
    assert "mood" not in there["mappings"]["properties"]


def test_an_index_of_another_make_is_told_from_one_of_today():
    assert search.BOOKS.is_as_made_today()
    with_a_mood = Index(
        search.BOOKS.alias, search.BOOKS.settings, {**search.BOOKS.properties, "mood": {"type": "keyword"}}
    )
    assert not with_a_mood.is_as_made_today()
    otherwise_analysed = Index(search.BOOKS.alias, {}, search.BOOKS.properties)
    assert not otherwise_analysed.is_as_made_today()
    search.BOOKS.forget_everything()
    assert not search.BOOKS.is_as_made_today()


def test_an_engine_that_is_away_is_worth_a_later_try(emma, wire):
    with wire.opensearch.refuse(), pytest.raises(SearchUnavailableError) as caught:
        search.put_book(emma[0])
    assert is_transient(caught.value)


def test_an_index_that_is_not_there_yet_is_worth_a_later_try_and_is_not_guessed(emma):
    search.BOOKS.forget_everything()
    with pytest.raises(SearchUnavailableError) as caught:
        search.put_book(emma[0])
    assert is_transient(caught.value)
    assert search.BOOKS.current() == []
    assert not client().indices.exists(index=search.BOOKS.building_alias)


def test_making_the_index_twice_makes_one():
    before = search.BOOKS.current()
    search.BOOKS.create()
    assert search.BOOKS.current() == before
    assert len(before) == 1


def test_forgetting_everything_is_for_this_machine_alone(settings):
    settings.OPENSEARCH_URL = "https://search.example.com"
    with pytest.raises(aws.NotLocalError):
        search.BOOKS.forget_everything()


def test_one_book_is_one_request(emma, wire):
    with wire.count() as calls:
        search.put_book(emma[0])
    assert (calls.opensearch, calls.total) == (1, 1)


def test_what_was_written_is_found(emma):
    search.put_book(emma[0])
    search.refresh()
    assert search.find(SearchQuery("emma")).ids == ("emma",)
