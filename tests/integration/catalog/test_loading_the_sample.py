import io
import urllib.request

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from catalog import images, selectors, services
from catalog.models import Book
from catalog.sample_catalogue import read_sample

WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}


def load():
    out, err = io.StringIO(), io.StringIO()
    call_command("load_sample", stdout=out, stderr=err)
    return out.getvalue()


@pytest.fixture
def small_sample(monkeypatch):
    """The smallest two categories: what holds for them holds for all, sooner."""
    smallest = sorted(read_sample(), key=lambda category: len(category.books))[:2]
    monkeypatch.setattr("catalog.management.commands.load_sample.read_sample", lambda: tuple(smallest))
    return smallest


def pages_that_are_too_large(client, sample):
    """Ask for every category in every order, each category's longest book, and what a reader sees first."""
    limits = {
        "/": 60,
        "/categories/": 60,
        "/search/?q=the": 60,
        "/search/?q=a": 60,
        "/authors/william-shakespeare/": 60,
    }
    for category in sample:
        limits |= {f"/categories/{category.slug}/?sort={sort}": 35 for sort in selectors.SORTS}
        longest = max(category.books, key=lambda book: len(book.facts.name) + len(book.facts.description))
        limits[selectors.get_book(longest.book_id).get_absolute_url()] = 60
    sizes = {}
    for path in limits:
        response = client.get(path)
        assert response.status_code == 200, path
        sizes[path] = len(response.content) / 1024
    return {path: size for path, size in sizes.items() if size > limits[path]}


def test_the_whole_sample_is_loaded_with_covers_counts_and_sitemap(wire, client, now):
    said = load()
    sample = read_sample()
    books = [book for category in sample for book in category.books]
    assert f"{len(sample)} categories, {len(books)} books: {len(books)} added" in said
    assert {each.slug: each.count for each in selectors.categories()} == {
        category.slug: len(category.books) for category in sample
    }
    assert [each.slug for each in selectors.categories()] == [category.slug for category in sample]
    assert len(images.ids_with_cover()) == len(books)
    assert default_storage.exists("sitemap.xml")
    newest = selectors.new_arrivals(limit=12, today=now.date())
    assert len({book.category for book in newest}) >= 5  # a mix
    call_command("rebuild_search", verbosity=0)
    assert pages_that_are_too_large(client, sample) == {}
    requests = len(wire.dynamodb.requests)
    assert f"0 added, {len(books)} already there; 0 covers stored" in load()
    assert not WRITES & set(wire.dynamodb.requests[requests:])


def test_a_cover_is_served_from_the_bucket_as_svg(small_sample):
    load()
    book = selectors.get_book(small_sample[0].books[0].book_id)
    assert book.cover_url == default_storage.url(book.cover)
    with urllib.request.urlopen(book.cover_url, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "image/svg+xml"
        assert answer.read().startswith(b"<svg")


def test_covers_that_got_lost_are_drawn_again(small_sample):
    load()
    book = selectors.get_book(small_sample[0].books[0].book_id)
    default_storage.delete(book.cover)
    assert "1 covers stored" in load()
    assert default_storage.exists(book.cover)


def test_what_staff_changed_stays(small_sample, now):
    load()
    book_id = small_sample[0].books[0].book_id
    services.revise_book(book_id=book_id, version=1, price="1.23", at=now)
    load()
    assert str(Book.get(book_id).price) == "1.23"


@pytest.mark.parametrize("setting", ["AWS_ENDPOINT_URL", "OPENSEARCH_URL", "REDIS_URL", "PUBLIC_ORIGIN"])
def test_no_sample_gets_into_a_real_shop(settings, setting, wire):
    setattr(settings, setting, "https://shop.example.com")
    with wire.count() as calls, pytest.raises(CommandError, match=setting):
        load()
    assert calls.total == 0
