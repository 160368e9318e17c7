"""Books taken home as a spreadsheet and brought back: what is shown is what is done, once."""

import csv
import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import urllib3
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from bookstore import aws
from bookstore.dynamodb.admin.models import LogItem
from bookstore.tasks.models import Task
from bookstore.tasks.services import HELD_SECONDS
from catalog import book_export, book_import, services
from catalog.models import Book, Category
from catalog.selectors import get_book
from tests import factories

BOOKS = "/admin/catalog/book/"
IMPORT = f"{BOOKS}import/"
LOGGED = {
    "at": datetime(2000, 1, 1, tzinfo=UTC),
    "day": "2000-01-01",
    "user_id": "o-1",
    "user_name": "owner@example.com",
    "kind": "changed",
}


def text(response: Any) -> str:
    assert response.status_code == 200, (response.status_code, response.content[:3000])
    return html.unescape(re.sub(r"\s+", " ", response.content.decode()))


def sent(client: Client, content: str | bytes, name: str = "books.csv") -> Any:
    data = content.encode() if isinstance(content, str) else content
    return client.post(IMPORT, {"file": SimpleUploadedFile(name, data)})


def planned(client: Client, content: str | bytes) -> str:
    """Send a file; return the address of the page that shows what it would change."""
    response = sent(client, content)
    assert response.status_code == 302, text(response)
    return str(response.headers["Location"])


def backdate(task_id: str, **ago: float) -> None:
    """Have a task be as it is for so long."""
    then = datetime.now(UTC) - timedelta(**ago)
    held = int(then.timestamp()) + HELD_SECONDS
    Task(task_id).update(actions=[Task.updated_at.set(then), Task.held_until.set(held)])


def counts(page: str) -> dict[str, int]:
    found = re.findall(r"<strong>(\d+)</strong> (new|changed|unchanged|refused)", page)
    return {kind: int(number) for number, kind in found}


def test_what_is_shown_is_done_once_and_what_changed_meanwhile_is_left_alone(
    owner: Client, asked: Any, now: Any
) -> None:
    factories.category()
    factories.category("plays", "Plays for Two")
    factories.book("Persuasion", book_id="b-p", isbn13="9780141439587")
    factories.book("Emma", book_id="b-e", price="6.00")
    factories.book("Sanditon", book_id="b-s")
    here = planned(
        owner,
        "number;title;authors;category;price;isbn\n"
        "b-p;Persuasion;Jane Austen;plays for two;8.50;978-0-14-143958-7\n"  # moved, and dearer
        "b-e;Emma!;Jane Austen;fiction;6.00;\n"  # somebody else will be quicker
        "b-s;Sanditon;Jane Austen;fiction;7.99;\n"  # as it is
        "n-1;The Rivals;Richard Sheridan;plays;5.00;\n"
        ";Volpone;Ben Jonson; Nobody;plays;5.50;\n"  # one cell too many
        ';Volpone;"Ben Jonson; Nobody";nowhere;5.50;\n'
        ';Volpone;"Ben Jonson; A. Hand";plays;5.50;\n'
        "n-2;Thief;;plays;1.00;9780141439587\n"
        "b-p;Twice;;plays;1.00;\n"
        "b/x;Bad;;plays;free;\n",
    )
    page = text(owner.get(here))
    assert counts(page) == {"new": 2, "changed": 2, "unchanged": 1, "refused": 5}
    for told in (
        '<code>category</code> <del>fiction</del> <span aria-hidden="true">→</span> <ins>plays</ins>',
        '<code>price</code> <del>7.99</del> <span aria-hidden="true">→</span> <ins>8.50</ins>',
        "<td>6</td>",
        "There are 7 columns; the first line has 6.",
        "There is no category “nowhere”: add it first.",
        "Another book has the ISBN 9780141439587.",
        "Another row of this file has the same number, or says the same without one.",
        "number: A book's number has 1 to 64 letters",
        "price: This is not a number.",
    ):
        assert told in page, told
    assert "Sanditon" not in page
    assert LogItem.count() == 0
    assert get_book("b-p").category == "fiction"  # nothing is done by looking

    services.revise_book(book_id="b-e", version=1, at=now, price="6.50")
    for _click in range(2):
        state = owner.post(here).headers["Location"]
    for htmx in ({}, {"hx-request": "true"}):
        page = text(owner.get(state, headers=htmx))
        assert "being changed" in page
        assert f'hx-get="{state}"' in page
    for forged in ("1", "-1", "x", "nan", "1e99", "9" * 400):
        assert "being changed" not in text(owner.get(f"{here}?asked={forged}"))
    answers = asked.answer()
    assert [each["state"] for each in answers] == ["done", "left alone"]
    assert owner.post(here).status_code == 302  # long after
    assert asked == []

    page = text(owner.get(here))
    assert "2 books were added, 1 changed, 1 was left alone." in page
    assert "Line 3, Emma!: Someone else changed this book meanwhile" in page
    moved = get_book("b-p")
    assert (moved.category, str(moved.price), int(moved.version)) == ("plays", "8.50", 2)
    assert (get_book("b-e").name, str(get_book("b-e").price)) == ("Emma", "6.50")
    assert [each.name for each in get_book("n-1").contributors] == ["Richard Sheridan"]
    (volpone,) = [each for each in Book.scan() if each.name == "Volpone"]
    assert [each.name for each in volpone.contributors] == ["Ben Jonson", "A. Hand"]
    (entry,) = LogItem.query("catalog.book#b-p")
    assert (entry.user_name, entry.message) == ("owner@example.com", "Imported from books.csv, line 2.")
    assert [(each.field, each.old, each.new) for each in entry.changes] == [
        ("Category", "fiction", "plays"),
        ("Price", "7.99", "8.50"),
    ]
    listed = {each.slug: int(each.count) for each in Category.query(Category.PARTITION)}
    assert listed == {"fiction": 2, "plays": 3}


def test_new_books_without_a_number_come_in_once_however_often_their_file_does(
    owner: Client, asked: Any
) -> None:
    factories.category()
    file = "title;authors;category;price\nVolpone;Ben Jonson;fiction;5.50\nVolpone;Ben Jonson;fiction;5.50\n"
    first, second = planned(owner, file), planned(owner, file)
    for here in (first, second):
        assert counts(text(owner.get(here))) == {"new": 1, "changed": 0, "unchanged": 0, "refused": 1}
        owner.post(here)
    assert [each["state"] for each in asked.answer()] == ["done", "done"]
    assert Book.count() == 1
    book = next(Book.scan())
    services.revise_book(book_id=book.id, version=int(book.version), price="6.00", at=datetime.now(UTC))
    page = text(owner.get(planned(owner, file)))
    assert counts(page) == {"new": 0, "changed": 0, "unchanged": 1, "refused": 1}, "a later price stays"


def test_what_an_import_changed_can_be_taken_back_whole(owner: Client, asked: Any) -> None:
    factories.category()
    people = ("Jane Austen", "A. N. Other; Esq.")
    told = "One, two. " * 300 + "three.\n\nFour."
    factories.book("Emma", book_id="b-1", authors=people, description=told, pages=320, location="A 1")
    here = planned(
        owner, "number;title;authors;category;price;description;pages;shelf\nb-1;EMMA;Austen;fiction;9;;1;\n"
    )
    LogItem("catalog.book#b-1", "2000", **LOGGED).save()  # something before that, whose version is wanted
    owner.post(here)
    asked.answer()
    assert (get_book("b-1").name, get_book("b-1").description) == ("EMMA", "")
    page = owner.get(f"{BOOKS}b-1/do/restore/?entry=2000").content.decode()
    assert "Jane Austen, A. N. Other; Esq." in page
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)"', page))
    assert owner.post(f"{BOOKS}b-1/do/restore/", form).status_code == 302
    book = get_book("b-1")
    assert (book.name, book.description, int(book.pages or 0), book.location) == (
        "Emma",
        told,
        320,
        None,  # the shelf goes with the copies
    )
    assert tuple(each.name for each in book.contributors) == people
    assert str(book.price) == "7.99"


def test_a_file_that_nobody_touched_changes_nothing(owner: Client, asked: Any) -> None:
    factories.category()
    for number in range(3):
        factories.book(
            f"=Book {number}",
            book_id=f"b-{number}",
            authors=("@Ann", "Bo; Co"),
            description="-One.\n\nTwo.",
            pages=300,
            prior_rating="4.5",
            format="paperback",
            location="+A1",
        )
    services.withdraw_book(book_id="b-2", at=get_book("b-2").added_at)
    rows = {"action": "export_csv", "_selected_action": ["b-0", "b-1"], "select_across": "0"}
    answer = owner.post(BOOKS, rows)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="books-[\d-]+\.csv"', answer.headers["Content-Disposition"])
    assert b"\"'-One." in answer.content
    page = text(owner.get(planned(owner, answer.content)))
    assert counts(page) == {"new": 0, "changed": 0, "unchanged": 2, "refused": 0}
    assert "There is nothing to do." in page

    (export_id,) = re.findall(r'name="export" value="([0-9a-f]+)"', text(owner.get(f"{BOOKS}export/")))
    for _click in range(2):
        here = owner.post(f"{BOOKS}export/", {"export": export_id}).headers["Location"]
    assert "being made" in text(owner.get(here))
    assert [each["state"] for each in asked.answer()] == ["done", "left alone"]
    page = text(owner.get(here))
    assert "It holds 3 books." in page
    (link,) = re.findall(r'class="button" href="([^"]+)"', page)
    whole = urllib3.request("GET", link)
    assert re.fullmatch(r'attachment; filename="books-[\d-]+\.csv"', whole.headers["Content-Disposition"])
    assert sorted(row["number"] for row in csv.DictReader(StringIO(whole.data.decode("utf-8-sig")))) == [
        "b-0",
        "b-1",
        "b-2",
    ]
    assert counts(text(owner.get(planned(owner, whole.data))))["unchanged"] == 3


def test_an_export_that_outlasts_a_call_goes_on_in_the_next(
    owner: Client, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.category()
    for number in range(8):
        factories.book(book_id=f"b-{number}", description="x" * 9000)
    monkeypatch.setattr(book_export, "PART_BYTES", 20_000)
    whole = book_export.selectors.all_books

    def in_small_pages(*, after: str = "") -> Any:
        for books in whole(after=after):
            yield from (books[start : start + 2] for start in range(0, len(books), 2))

    monkeypatch.setattr(book_export.selectors, "all_books", in_small_pages)
    owner.post(f"{BOOKS}export/", {"export": "a" * 32})
    states = [each["state"] for each in asked.answer(milliseconds=1_000)]
    assert states[0] == "running"
    here = f"{BOOKS}export/{'a' * 32}/"
    assert "Download it" in text(owner.get(here))
    assert states[-1] == "done"
    assert len(states) >= 2
    found = aws.s3().get_object(Bucket="test-covers", Key=f"uploads/exports/{'a' * 32}.csv")["Body"].read()
    numbers = [row["number"] for row in csv.DictReader(StringIO(found.decode("utf-8-sig")))]
    assert sorted(numbers) == [f"b-{number}" for number in range(8)]
    backdate(f"export-{'a' * 32}", hours=25)
    page = text(owner.get(here))
    assert ("The file is gone" in page, "Download it" in page) == (True, False)


def test_an_export_that_failed_is_being_made_once_it_is_tried_again(
    owner: Client, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export() -> str:
        return str(owner.post(f"{BOOKS}export/", {"export": "a" * 32}).headers["Location"])

    here = export()
    with monkeypatch.context() as broken:
        broken.setattr(book_export.selectors, "all_books", lambda **_said: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            asked.answer()
    assert "could not be made" in text(owner.get(here))
    here = export()
    for htmx in ({}, {"hx-request": "true"}):  # however often somebody looks before it is begun
        page = text(owner.get(here, headers=htmx))
        assert ("being made" in page, f'hx-get="{here}"' in page) == (True, True)
    asked.answer()
    assert "Download it" in text(owner.get(here))


def test_an_import_that_was_killed_goes_on_and_does_nothing_twice(
    owner: Client, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.category()
    factories.book("Emma", book_id="b-e")
    rows = "".join(f"n-{number},New {number},fiction,5.00\n" for number in range(4))
    here = planned(owner, f"number,title,category,price\nb-e,Emma,fiction,9.00\n{rows}")
    owner.post(here)
    add, left = services.add_book, [1, 2]

    def killed(**said: Any) -> Any:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return add(**said)

    with monkeypatch.context() as broken:
        broken.setattr(book_import.services, "add_book", killed)
        with pytest.raises(KeyboardInterrupt):
            asked.answer()
    assert "being changed" in text(owner.get(here))  # nobody can know yet
    backdate(f"import-{here.split('/')[-2]}", minutes=3)
    assert "Try again" in text(owner.get(here))
    state = owner.post(here).headers["Location"]
    for htmx in ({}, {"hx-request": "true"}):  # however often somebody looks before it is begun
        page = text(owner.get(state, headers=htmx))
        assert ("Try again" in page, f'hx-get="{state}"' in page) == (False, True)
    with monkeypatch.context() as broken:
        broken.setattr(book_import, "kept", lambda _id: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            asked.answer()
    assert "Try again" in text(owner.get(state)), "it failed since"
    owner.post(here)
    assert [each["state"] for each in asked.answer()] == ["done"]
    assert "4 books were added, 1 changed." in text(owner.get(here))
    assert int(get_book("b-e").version) == 2
    assert len(list(LogItem.query("catalog.book#n-0"))) == 1
    aws.s3().delete_object(Bucket="test-covers", Key=f"uploads/imports/{here.split('/')[-2]}.json")
    assert "4 books were added, 1 changed." in text(owner.get(here)), "also when the plan has gone"


def test_an_import_of_which_much_is_left_alone_tells_the_first_of_it(
    owner: Client, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.category()
    monkeypatch.setattr(book_import, "FAILURES_TOLD", 1)
    here = planned(
        owner, "number,title,category,price\nn-1,One,fiction,5\nn-2,Two,fiction,5\nn-3,Three,fiction,5\n"
    )
    owner.post(here)
    for number in (1, 2):
        factories.book("Somebody else's", book_id=f"n-{number}")
    asked.answer()
    page = text(owner.get(here))
    assert "1 book was added, 0 changed, 2 were left alone." in page
    assert "Line 2, One: There is already a book with the number n-1." in page
    assert "Line 3" not in page


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Choose a file that is not empty."),
        ("title\nÉmile".encode("latin-1"), "save it as “CSV UTF-8”"),
        (b"number,title,<script>\n", "“<script>”"),
        (b"number,title\n" + b"x" * 50_000_000, "50.0 MB; at most 2 MB"),
        (b"number,price\n" + b"b-1,5\n" * 1500, "more than 1,000 rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(
    owner: Client, content: bytes, told: str
) -> None:
    response = sent(owner, content)
    assert told in text(response)
    assert "at most 1,000 rows and 2 MB" in text(response)
    assert b"<script>&" not in response.content


def test_a_file_without_the_columns_that_a_new_book_needs_says_which(owner: Client) -> None:
    page = text(owner.get(planned(owner, "number,price\nn-1,5\n")))
    assert "title: A book needs a title. category: A book stands in one category." in page
    assert "There is nothing to do." in page


def test_a_large_import_is_looked_at_a_hundred_books_at_a_time(owner: Client, wire: Any) -> None:
    factories.category()
    owner.get(IMPORT)
    rows = "".join(f"b-{number},Book,fiction,5.00\n" for number in range(250))
    with wire.count() as calls:
        assert sent(owner, f"number,title,category,price\n{rows}").status_code == 302
    assert calls.dynamodb <= 2 + 3


def test_a_selection_that_is_too_large_for_an_answer_is_told(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.category()
    factories.book(book_id="b-1")
    monkeypatch.setattr(book_export, "MOST_BYTES_AT_ONCE", 10)
    rows = {"action": "export_csv", "_selected_action": ["b-1"], "select_across": "0"}
    assert "do not fit into one answer" in text(owner.post(BOOKS, rows, follow=True))


def test_who_may_import_and_who_may_export(sign_in: Callable[..., Client], asked: Any) -> None:
    factories.category()
    factories.book(book_id="b-1")
    plan = book_import.plan_of(b"number,price\nb-1,9", name="x.csv")
    here = f"{IMPORT}{book_import.keep(plan)}/"
    rows = {"action": "export_csv", "_selected_action": ["b-1"], "select_across": "0"}
    for groups, imports, exports in (
        (("catalogue",), 403, 403),
        (("staff",), 403, 200),
        (("staff", "orders"), 403, 200),
        (("staff", "catalogue"), 200, 200),
        (("staff", "owner"), 200, 200),
    ):
        clerk = sign_in(customer_id="s-1", groups=groups)
        assert clerk.get(IMPORT, follow=True).status_code == imports
        assert clerk.get(here, follow=True).status_code == imports
        assert clerk.post(IMPORT, {}, follow=True).status_code == imports
        assert clerk.post(here).status_code in ({302} if imports == 200 or exports == 403 else {403})
        assert clerk.get(f"{BOOKS}export/", follow=True).status_code == exports
        assert clerk.post(BOOKS, rows).status_code == (200 if exports == 200 else 302)
        listed = clerk.get(BOOKS, follow=True).content
        assert (b"Import from CSV" in listed) == (imports == 200)
        assert (b"Export all as CSV" in listed) == (exports == 200)
    assert {each["command"] for each in asked} == {"apply_books"}


def test_whatever_an_address_says_it_is_answered(owner: Client, asked: Any) -> None:
    for name in ("x", "a" * 31, "A" * 32, "a" * 500):
        assert owner.get(f"{IMPORT}{name}/").status_code == 404
        assert owner.get(f"{BOOKS}export/{name}/").status_code == 404
        assert owner.post(f"{BOOKS}export/", {"export": name}).status_code == 404
    gone = owner.get(f"{IMPORT}{'a' * 32}/", follow=True)
    assert "not there any more: send the file again" in text(gone)
    assert asked == []
