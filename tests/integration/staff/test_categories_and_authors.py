"""A member of staff and the categories and authors of the catalogue."""

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from pynamodb.exceptions import UpdateError

from bookstore.dynamodb.admin import audit
from catalog import categories, keys, search, selectors, services
from catalog.errors import BookChangedError, CategoryNotFoundError
from catalog.models import Book, Category
from tests import factories

CATEGORIES = "/admin/catalog/category/"
AUTHORS = "/admin/catalog/author/"


@pytest.fixture
def clerk(sign_in: Callable[..., Client]) -> Callable[..., Client]:
    return lambda *groups: sign_in(customer_id="s-1", email="clerk@example.com", groups=("staff", *groups))


@pytest.fixture
def owner(clerk: Callable[..., Client]) -> Client:
    return clerk("owner")


def text(response: Any) -> str:
    assert response.status_code == 200, (response.status_code, response.content[:2000])
    return html.unescape(response.content.decode())


def fields(page: str) -> dict[str, str]:
    form = page[page.index('id="category_form"') :]
    found = dict(re.findall(r'<input [^>]*name="([^"_][^"]*|_seen)"[^>]*?value="([^"]*)"', form))
    description = re.search(r'<textarea name="description"[^>]*>(.*?)</textarea>', form, re.DOTALL)
    return found | {"description": description[1].removeprefix("\n") if description else ""}


def test_a_category_is_added_renamed_and_deleted_while_it_has_no_books(owner: Client, wire: Any) -> None:
    answer = owner.post(f"{CATEGORIES}add/", {"name": "Fairy tales", "position": "3"})
    assert answer.status_code == 302, text(answer)
    assert selectors.get_category("fairy-tales").position == 3
    assert "There is such a row already" in text(
        owner.post(f"{CATEGORIES}add/", {"name": "Fairy Tales", "position": "1"})
    )
    with wire.count() as calls:
        assert "Fairy tales" in text(owner.get(CATEGORIES))
    assert calls.dynamodb <= 3
    address = f"{CATEGORIES}fairy-tales/change/"
    form = fields(text(owner.get(address)))
    with wire.count() as calls:
        answer = owner.post(address, {**form, "name": "Märchen", "slug": "other"})
    assert answer.status_code == 302, text(answer)
    assert calls.dynamodb <= 1 + 4
    assert selectors.get_category("fairy-tales").name == "Märchen"
    told = text(owner.post(address, {**form, "name": "Fables"}))  # somebody else's form, opened before
    assert "They changed: Name." in told or "Someone else changed this meanwhile to “Märchen”." in told
    factories.book("Emma", category="fairy-tales", book_id="b-1")
    gone = f"{CATEGORIES}fairy-tales/delete/"
    page = text(owner.get(gone))
    assert "There are books in this category" in page
    assert "Yes, I’m sure" not in page
    assert "There are books in this category" in text(owner.post(gone, {"post": "yes"}, follow=True))
    services.withdraw_book(book_id="b-1", at=datetime.now(UTC))
    page = text(owner.get(gone))
    assert ("related" in page, "There are books" in page, "Yes, I’m sure" in page) == (False, False, True)
    assert owner.post(gone, {"post": "yes"}).status_code == 302
    with pytest.raises(CategoryNotFoundError):
        selectors.get_category("fairy-tales")
    history = [each.get_change_message() for each in audit.history("catalog.category", "fairy-tales")]
    assert history[0] == "Deleted."
    assert "Name changed from “Fairy tales” to “Märchen”." in history[1]


def test_the_order_of_the_menus_is_changed_in_the_list_and_never_over_anothers(
    clerk: Callable[..., Client], owner: Client, wire: Any
) -> None:
    for slug, position in (("art", 30), ("cars", 10), ("poetry", 20)):
        categories.add_category(slug=slug, name=slug.title(), position=position)

    def listed(page: str) -> list[tuple[str, str]]:
        return re.findall(r'field-name"><a [^>]*>([^<]*)<.*?field-position">.*?value="(\d+)"', page)

    with wire.count() as calls:
        page = text(owner.get(CATEGORIES))
    assert calls.dynamodb <= 2, "the session and the list"
    assert listed(page) == [("Cars", "10"), ("Poetry", "20"), ("Art", "30")]
    assert "sortable" not in page
    form = dict(re.findall(r'<input [^>]*name="((?:initial-)?form-[^"]+)"[^>]*?value="([^"]*)"', page))
    form["_save"] = "Save"
    sent = form | {"form-2-position": "5", "form-0-position": "x"}  # Art comes first
    assert listed(text(owner.post(CATEGORIES, sent)))[1:] == [("Poetry", "20"), ("Art", "5")]
    assert owner.post(CATEGORIES, form | {"form-2-position": "5"}).status_code == 302
    assert [each.slug for each in selectors.categories()] == ["art", "cars", "poetry"]
    page = text(owner.post(CATEGORIES, form | {"form-2-position": "15"}))
    assert "Someone else changed this meanwhile to “5”" in page
    assert listed(page) == [("Cars", "10"), ("Poetry", "20"), ("Art", "15")], "each beside its own name"
    assert selectors.get_category("art").position == 5
    assert "form-0-position" not in text(clerk("orders").get(CATEGORIES))
    assert clerk("orders").post(CATEGORIES, form).status_code == 403


def test_a_category_of_an_older_version_is_changed_once(owner: Client) -> None:
    factories.category("plays")
    Category(Category.PARTITION, "plays").update(actions=[Category.version.remove()])
    form = fields(text(owner.get(f"{CATEGORIES}plays/change/")))
    assert form["_seen"] == "1"
    categories.save_category(slug="plays", name="Theatre")
    assert owner.post(f"{CATEGORIES}plays/change/", {**form, "position": "7"}).status_code == 200
    form = fields(text(owner.get(f"{CATEGORIES}plays/change/")))
    assert owner.post(f"{CATEGORIES}plays/change/", {**form, "position": "7"}).status_code == 302
    assert (selectors.get_category("plays").name, selectors.get_category("plays").position) == ("Theatre", 7)


def test_what_is_no_category_is_refused_with_a_sentence(owner: Client) -> None:
    for said in (
        {},
        {"name": "", "position": "1"},
        {"name": "x" * 81, "position": "1"},
        {"name": "\x00\u202e", "position": "1"},
        {"name": "A", "position": "-1"},
        {"name": "A", "position": "9" * 400},
        {"name": "A", "position": "x"},
        {"name": "A", "position": "1", "slug": "../B c"},
        {"name": "A", "position": "1", "slug": "<b>"},
        {"name": "A", "position": "1", "description": "x" * 1001},
    ):
        assert "errorlist" in text(owner.post(f"{CATEGORIES}add/", said)), said
    assert selectors.categories() == ()
    for path in ("nothing/change/", "%00/change/", f"{'x' * 3000}/change/"):
        assert owner.get(f"{CATEGORIES}{path}").status_code in {302, 404}


def book(book_id: str, *authors: str, **people: Any) -> Book:
    found: Book = factories.book(f"Book {book_id}", book_id=book_id, authors=authors, **people)
    return found


def fields_of(client: Client, slug: str) -> dict[str, str]:
    """Return the hidden fields of the form for an author's name."""
    return dict(re.findall(r'name="(_\w+)" value="(\w*)"', text(client.get(f"{AUTHORS}{slug}/do/rename/"))))


def rename(client: Client, slug: str, name: str, **options: Any) -> Any:
    form = fields_of(client, slug) | {"name": name}
    return client.post(f"{AUTHORS}{slug}/do/rename/", form, **options)


def test_a_name_is_corrected_in_all_the_books_it_stands_in(owner: Client, wire: Any) -> None:
    factories.category()
    book("b-1", "Jane Austin", "A. N. Other")
    book("b-2", "Somebody", editors=["Jane Austin"])
    book("b-3", "Jane Austen")
    with wire.count() as calls:
        page = text(owner.get(f"{AUTHORS}jane-austin/change/"))
    assert calls.dynamodb <= 3
    assert re.findall(r'<th scope="row"><a [^>]*>([^<]*)<', page) == ["Book b-2", "Book b-1"]
    assert f"{AUTHORS}jane-austin/change/" in text(owner.get("/admin/catalog/book/b-1/change/"))
    sent = fields_of(owner, "jane-austin") | {"name": " Jane  Austen "}
    answer = owner.post(f"{AUTHORS}jane-austin/do/rename/", sent)
    assert answer.headers["Location"] == f"{AUTHORS}jane-austen/change/"
    page = text(owner.get(answer.headers["Location"]))
    assert "The name was changed in 2 books." in page
    assert len(re.findall(r'<th scope="row"><a ', page)) == 3
    assert Book.get("b-1").author == "Jane Austen, A. N. Other"
    assert [each.name for each in Book.get("b-2").contributors] == ["Somebody", "Jane Austen"]
    assert Client().get("/authors/jane-austin/").status_code == 404
    assert "Book b-2" in text(Client().get("/authors/jane-austen/"))
    gone = text(owner.get(f"{AUTHORS}jane-austin/change/", follow=True))
    assert "None of the books on sale is by this author." in gone
    again = text(rename(owner, "jane-austen", "Jane Austen", follow=True))
    assert "All these books print the name so already." in again
    again = owner.post(f"{AUTHORS}jane-austin/do/rename/", sent, follow=True)
    assert "All these books print the name so already." in text(again)
    assert again.redirect_chain == [(f"{AUTHORS}jane-austen/change/", 302)]
    (change,) = audit.history("catalog.book", "b-2")
    assert change.get_change_message() == "Editors changed from “Jane Austin” to “Jane Austen”."


def test_a_book_that_somebody_changes_while_a_name_is_corrected_is_named_and_the_others_follow(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.category()
    for book_id in ("b-1", "b-2"):
        book(book_id, "Jane Austin")
    revise = services.revise_book

    def changed_meanwhile(*, book_id: str, **said: Any) -> Any:
        if book_id == "b-2":
            raise BookChangedError(book_id)
        return revise(book_id=book_id, **said)

    monkeypatch.setattr(services, "revise_book", changed_meanwhile)
    page = text(rename(owner, "jane-austin", "Jane Austen", follow=True))
    assert "Nothing was done with Book b-2: Someone else changed this book meanwhile." in page
    monkeypatch.undo()
    rename(owner, "jane-austin", "Jane Austen")
    assert Book.get("b-2").author == "Jane Austen"
    for typed in ("", " ", "x" * 201, "\x00"):
        assert "errorlist" in text(rename(owner, "jane-austen", typed))


@pytest.mark.parametrize("wrong", ["Jane Austin", "jane AUSTEN"])  # the latter has the right address
def test_more_books_than_one_click_takes_follow_with_the_next(
    owner: Client, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    slug = keys.author_slug(wrong)
    for number in range(3):
        book(f"b-{number}", wrong)
    monkeypatch.setattr(services, "_BOOKS_RENAMED", 2)
    answer = rename(owner, slug, "Jane Austen")
    assert answer.headers["Location"] == f"{AUTHORS}{slug}/change/"  # where the others are
    page = text(owner.get(answer.headers["Location"]))
    assert "The name was changed in 2 books." in page
    assert "There are more books" in page
    page = text(rename(owner, slug, "Jane Austen", follow=True))
    assert "The name was changed in 1 book." in page
    assert "There are more books" not in page
    assert [each.author for each in selectors.author_page("jane-austen").books] == ["Jane Austen"] * 3


def test_a_correction_that_the_store_cuts_off_says_what_was_done_and_goes_on(
    owner: Client, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        book(f"b-{number}", "Jane Austin")
    revise = services.revise_book

    def away_after(most: int, error: Exception | None = None) -> Any:
        changed: list[Any] = []

        def revises(**said: Any) -> Any:
            if len(changed) < most:
                changed.append(revise(**said))
                return changed[-1]
            if error:
                raise error
            with wire.dynamodb.refuse():
                return revise(**said)

        with monkeypatch.context() as broken:
            broken.setattr(services, "revise_book", revises)
            return rename(owner, "jane-austin", "Jane Austen", follow=True)

    assert away_after(0).status_code == 503  # "Nothing was ordered or changed"
    with pytest.raises(UpdateError):
        away_after(1, UpdateError("which no second try mends"))
    page = text(away_after(1))
    assert "The name was changed in 1 book." in page
    assert "There are more books: change the name once more" in page
    assert "The name was changed in 1 book." in text(away_after(3))


def test_authors_are_found_by_the_beginnings_of_their_names(
    owner: Client, wire: Any, pump: Callable[[], Any]
) -> None:
    factories.category()
    book("b-1", "Jane Austen")
    book("b-2", "Anton Chekhov")
    pump()
    search.refresh()
    with wire.count() as calls:
        page = text(owner.get(f"{AUTHORS}?q=aust"))
    assert calls.dynamodb <= 3
    assert re.findall(r'class="field-name"><a href="([^"?]+)[^"]*">([^<]*)<', page) == [
        (f"{AUTHORS}jane-austen/change/", "Jane Austen")
    ]
    assert "Choose a filter, or search." in text(owner.get(AUTHORS))
    for asked in ("\x00", "x" * 3000, "<script>"):
        assert owner.get(AUTHORS, {"q": asked}).status_code == 200
    with wire.opensearch.refuse():
        assert "Search is having a rest" in text(owner.get(f"{AUTHORS}?q=aust"))
    for path in ("nobody/change/", f"{'x' * 3000}/change/", "%00/change/"):
        assert owner.get(f"{AUTHORS}{path}").status_code in {302, 404}


@pytest.mark.parametrize(
    ("groups", "change"), [((), 403), (("orders",), 403), (("support",), 403), (("catalogue",), 200)]
)
def test_what_each_role_may_do_with_categories_and_authors(
    clerk: Callable[..., Client], groups: tuple[str, ...], change: int
) -> None:
    factories.category("plays")
    book("b-1", "Jane Austin")
    client = clerk(*groups)
    for address in (CATEGORIES, f"{CATEGORIES}plays/change/", AUTHORS, f"{AUTHORS}jane-austin/change/"):
        assert client.get(address).status_code == 200
    asked = [
        client.post(f"{CATEGORIES}add/", {}),
        client.post(f"{CATEGORIES}plays/change/", {}),
        client.get(f"{CATEGORIES}plays/delete/"),
        client.post(f"{AUTHORS}jane-austin/do/rename/", {}),
    ]
    assert [answer.status_code for answer in asked] == [change] * 4
    for address in (f"{AUTHORS}add/", f"{AUTHORS}jane-austin/delete/"):
        assert client.get(address).status_code == 403
    assert (f"{AUTHORS}jane-austin/do/rename/" in text(client.get(f"{AUTHORS}jane-austin/change/"))) == (
        change == 200
    )
