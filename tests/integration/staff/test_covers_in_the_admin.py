"""A cover's way: from a clerk's browser to the bucket, through the tasks function, onto the book."""

import html
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest
import urllib3
from botocore.exceptions import EndpointConnectionError
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from PIL import Image

from bookstore import aws
from bookstore.dynamodb.admin.models import LogItem
from bookstore.tasks.models import Task
from catalog import cover_making, services
from catalog.selectors import get_book
from tests import factories

COVER, DRAWN = "/admin/catalog/book/b-1/cover/", "/admin/catalog/book/b-1/do/withdraw_picture/"


def picture(colour: str = "red", *, kind: str = "JPEG", width: int = 900) -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, width * 3 // 2), colour).save(out, kind)
    return out.getvalue()


def text(response: Any) -> str:
    assert response.status_code == 200, (response.status_code, response.content[:3000])
    return html.unescape(response.content.decode())


def form_to_the_bucket(page: str) -> tuple[str, dict[str, str]]:
    form = re.search(
        r'<form [^>]*action="([^"]+)" enctype="multipart/form-data">(.*?)</form>', page, re.DOTALL
    )
    assert form
    return form[1], dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[2]))


def send(page: str, content: bytes, name: str = "cover.jpg", **changed: str) -> Any:
    """Send a file as a browser does, up to the answer of the bucket."""
    address, fields = form_to_the_bucket(page)
    return urllib3.request(
        "POST", address, fields={**fields, **changed, "file": (name, content)}, redirect=False
    )


def come_back(client: Client, answer_of_the_bucket: Any) -> Any:
    assert answer_of_the_bucket.status == 303, answer_of_the_bucket.data
    address = answer_of_the_bucket.headers["Location"]
    assert address.startswith(f"{settings.PUBLIC_ORIGIN}/admin/")
    return client.get(address.removeprefix(settings.PUBLIC_ORIGIN), headers={"sec-fetch-site": "cross-site"})


def upload(client: Client, content: bytes, name: str = "cover.jpg") -> str:
    """Send a file and come back; return the address of the page that shows how it comes on."""
    back = come_back(client, send(text(client.get(COVER)), content, name))
    assert back.status_code == 302
    return str(back.headers["Location"])


def test_a_picture_becomes_the_cover_once_however_often_it_is_asked_for(
    owner: Client, asked: Any, wire: Any
) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-1", cover="covers/b-1.png")
    response = owner.get(COVER)
    policy = response.headers["Content-Security-Policy"]
    assert (
        f"form-action 'self' {settings.COGNITO_ORIGIN} {settings.PAYMENT_ORIGIN} {settings.AWS_ENDPOINT_URL};"
        in policy
    )
    assert settings.AWS_ENDPOINT_URL not in owner.get("/admin/").headers["Content-Security-Policy"].replace(
        f"img-src 'self' data: {settings.AWS_ENDPOINT_URL}", ""
    )
    sent = send(text(response), picture())
    with wire.count() as calls:
        back = come_back(owner, sent)
    assert calls.dynamodb <= 1 + 2
    assert come_back(owner, sent).status_code == 302  # the browser's Reload
    state = back.headers["Location"]
    assert "being made" in text(owner.get(state))
    assert "hx-trigger" in text(owner.get(state, headers={"hx-request": "true"}))
    assert get_book("b-1").cover == "covers/b-1.png"  # the old one, until the new one is there

    assert [each["state"] for each in asked.answer()] == ["done", "left alone"]

    book = get_book("b-1")
    assert re.fullmatch(r"covers/b-1-[0-9a-f]{12}-w800\.webp", book.cover)
    assert int(book.version) == 2
    for address in (book.cover_url, *(each.partition(" ")[0] for each in book.cover_srcset.split(", "))):
        found = urllib3.request("GET", address)
        assert (found.status, found.headers["Content-Type"]) == (200, "image/webp")
    shown = text(owner.get(state))
    assert "The new cover is in the shop" in shown
    assert book.cover_url in shown
    assert "hx-trigger" not in shown
    assert 'srcset="' in text(Client().get("/books/b-1/persuasion/"))
    (entry,) = LogItem.query("catalog.book#b-1")
    assert (entry.user_id, entry.user_name) == ("o-1", "owner@example.com")
    assert [(each.field, each.old, each.new) for each in entry.changes] == [
        ("Cover", "covers/b-1.png", book.cover)
    ]
    assert "Cover replaced." in text(owner.get("/admin/catalog/book/b-1/history/"))
    # Asked late once more, by a task of another name: the same picture, and the book is as it was.
    arguments = list(Task.get(f"cover-{state.split('/')[-3]}").arguments)
    asked.append({"command": "make_cover", "arguments": arguments, "task": "t"})
    assert asked.answer()[0]["reached"]["cover"] == book.cover
    assert int(get_book("b-1").version) == 2


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"<!doctype html><script>alert(1)</script>", "cover.jpg", "a web page and no picture"),
        (b"<svg><script>alert(1)</script></svg>", "cover.svg", "SVG drawing"),
        (b"\x00" * 50_000_000, "cover.jpg", "50.0 MB"),
        (b"", "cover.jpg", "is empty"),
        (picture(), "“<b>ö;.png", "end in .jpg"),
    ],
)
def test_what_is_no_cover_is_refused_to_the_clerk_and_the_old_one_stays(
    owner: Client, asked: Any, content: bytes, name: str, told: str
) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-1", cover="covers/b-1.png")
    state = upload(owner, content, name)
    assert asked.answer()[0]["state"] == "done"
    response = owner.get(state)
    assert told in text(response)
    assert b"<b>" not in response.content
    assert "Send another picture" in text(response)
    assert (get_book("b-1").cover, int(get_book("b-1").version)) == ("covers/b-1.png", 1)


def test_the_bucket_takes_one_form_at_its_folder_its_length_and_its_way_back(owner: Client) -> None:
    factories.category()
    factories.book(book_id="b-1")
    page = text(owner.get(COVER))
    for changed in ({"key": "covers/b-1.svg"}, {"success_action_redirect": "https://elsewhere.example/"}):
        assert send(page, picture(), **changed).status == 403
    assert send(page, bytes(64_000_001)).status == 400


def test_two_clerks_the_second_does_not_replace_the_cover_that_the_first_sent(
    owner: Client, asked: Any, now: Any
) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-1")
    page = text(owner.get(COVER))
    upload(owner, picture("blue"))
    services.revise_book(
        book_id="b-1", version=1, at=now, price="9.00"
    )  # which is no cover, and in nobody's way
    asked.answer()
    first = get_book("b-1").cover
    state = come_back(owner, send(page, picture("red"))).headers["Location"]
    asked.answer()
    assert "another cover meanwhile" in text(owner.get(state))
    assert get_book("b-1").cover == first


def test_of_two_pictures_at_the_same_moment_one_becomes_the_cover_and_the_other_is_told(
    owner: Client, asked: Any
) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-1")
    states = [upload(owner, picture(colour)) for colour in ("red", "blue", "green")]
    with ThreadPoolExecutor(3) as together:
        reached = [each["reached"] for each in together.map(asked.answer_one, list(asked))]
    (cover,) = [each["cover"] for each in reached if each["cover"]]
    assert get_book("b-1").cover == cover
    assert sum("another cover meanwhile" in text(owner.get(state)) for state in states) == 2
    assert len(list(LogItem.query("catalog.book#b-1"))) == 1


def test_an_edit_of_the_book_at_the_same_moment_is_in_nobodys_way(
    owner: Client, asked: Any, monkeypatch: pytest.MonkeyPatch, now: Any
) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-1")
    upload(owner, picture())
    revise, prices = services.revise_book, ["8.00", "9.00"]

    def after_somebody_else(**said: Any) -> Any:
        if prices:
            price = prices.pop()
            revise(book_id="b-1", version=int(get_book("b-1").version), at=now, price=price)
        return revise(**said)

    monkeypatch.setattr(cover_making.services, "revise_book", after_somebody_else)
    asked.answer()
    assert str(get_book("b-1").price) == "8.00"
    assert str(get_book("b-1").cover).endswith("-w800.webp")


def test_a_failure_is_told_and_tried_again_with_the_same_picture(
    owner: Client, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-1")

    # Nobody could be asked.
    def away() -> Any:
        raise EndpointConnectionError(endpoint_url="lambda")

    with monkeypatch.context() as broken:
        broken.setattr(aws, "functions", away)
        shown = come_back(owner, send(text(owner.get(COVER)), picture()))
    assert "nobody could be asked" in text(shown)
    assert "hx-trigger" not in text(shown), (
        "a look every two seconds, which knows no key, would take the form away"
    )
    (key,) = re.findall(r'name="key" value="([^"]+)"', text(shown))
    state = shown.request["PATH_INFO"]
    assert owner.post(state, {"key": key}).status_code == 302

    # The bucket is away while the cover is made.
    with monkeypatch.context() as broken:
        broken.setattr(cover_making.images, "store_picture", lambda *_said: away())
        with pytest.raises(EndpointConnectionError):
            asked.answer()
    asked.clear()
    assert "could not be made" in text(owner.get(state))
    assert get_book("b-1").cover is None
    asked_for = owner.post(state, {"key": key}).headers["Location"]
    for htmx in ({}, {"hx-request": "true"}):  # however often somebody looks before it is begun
        assert f'hx-get="{asked_for}"' in text(owner.get(asked_for, headers=htmx))
    assert asked.answer()[0]["state"] == "done"
    assert "The new cover is in the shop" in text(owner.get(state))


def test_while_the_cover_is_being_made_its_page_says_so_and_then_leads_to_the_book(
    owner: Client, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-1", on_sale=False)
    state = upload(owner, picture())
    store, seen = cover_making.images.store_picture, []

    def after_a_look(*said: Any) -> Any:
        seen.append(text(owner.get(state, headers={"hx-request": "true"})))
        return store(*said)

    monkeypatch.setattr(cover_making.images, "store_picture", after_a_look)
    asked.answer()
    assert seen
    for page in seen:
        assert "being made" in page
        assert "could not be made" not in page
        assert "hx-trigger" in page
    (leads,) = re.findall(r'href="([^"]+)">See the book’s page', text(owner.get(state)))
    assert owner.get(leads).status_code == 200, "also where the public does not see it"


def test_a_picture_is_withdrawn_once_and_only_as_it_was_seen(owner: Client, now: Any, wire: Any) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-1", cover="covers/b-1-0123456789ab-w800.webp")
    form = dict(re.findall(r'name="(_\w+)" value="(\w+)"', text(owner.get(COVER))))
    services.revise_book(book_id="b-1", version=1, at=now, price="9.00")
    assert "Someone else changed this book" in text(owner.post(DRAWN, form, follow=True))
    for hostile in ("", "x", "-1", "²", "9" * 40):
        assert owner.post(DRAWN, form | {"_seen": hostile}).status_code == 302
    assert get_book("b-1").cover
    with wire.count() as calls:
        answer = owner.post(DRAWN, form | {"_seen": "2"})
    assert calls.dynamodb <= 1 + 4
    assert "drawn cover again" in text(owner.get(answer.headers["Location"]))
    assert "has its drawn cover" in text(owner.post(DRAWN, form | {"_seen": "2"}, follow=True))
    assert get_book("b-1").cover is None
    (entry,) = LogItem.query("catalog.book#b-1")
    assert [(each.field, each.new) for each in entry.changes] == [("Cover", "drawn")]


def test_who_may_see_and_who_may_change_a_cover(sign_in: Callable[..., Client]) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-1", cover="covers/b-1-0123456789ab-w800.webp")
    state = f"{COVER}{'a' * 32}/{'b' * 12}/"
    for groups, sees, changes in (
        (("staff",), 200, 403),
        (("staff", "orders"), 200, 403),
        (("catalogue",), 403, 403),
        (("staff", "catalogue"), 200, 302),
    ):
        clerk = sign_in(customer_id="s-1", groups=groups)
        page = clerk.get(COVER, follow=True)
        assert page.status_code == sees
        assert (b"multipart/form-data" in page.content) == (changes == 302)
        assert clerk.get(f"{state}?key=x", follow=False).status_code in {
            changes,
            302 if sees == 403 else changes,
        }
        assert clerk.post(DRAWN, {"_seen": "1"}).status_code in {changes, 302 if sees == 403 else changes}


def test_whatever_an_address_says_it_is_answered(owner: Client, asked: Any) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-1")
    assert "exist" in text(owner.get("/admin/catalog/book/nobody/cover/", follow=True))
    state = f"{COVER}{'a' * 32}/{'b' * 12}/"
    for key in ("", "covers/b-1.svg", "uploads/covers/", f"uploads/covers/{'a' * 32}", "\x00", "x" * 5000):
        assert owner.get(state, {"key": key}).status_code in {200, 302}
    assert owner.post(state).status_code == 302
    assert asked == []
    other = owner.get(state, {"key": f"uploads/covers/{'a' * 32}/x.jpg"})
    assert other.status_code == 302
    assert asked.answer()[0]["reached"]["refused"] == "The file is not there any more: send it again."


def test_a_developers_machine_does_it_in_a_process_of_its_own(owner: Client, capsys: Any) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-1")
    sent = send(text(owner.get(COVER)), picture())
    key = re.search(r"&key=([^&]+)", sent.headers["Location"])
    assert key
    event = {"command": "make_cover", "arguments": ["b-1", key[1], "", "o-1", "owner"], "task": "t-1"}
    call_command("run_task", json.dumps(event))
    assert json.loads(capsys.readouterr().out)["state"] == "done"
    assert get_book("b-1").cover
