"""Staff read reviews, hide what the public should not, and change nobody's words."""

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from bookstore.dynamodb.admin.models import LogItem
from catalog.models import Book, Review
from catalog.reviews import erase_reviews, hide_review, publish_review, rate_book
from catalog.selectors import published_reviews
from tests import factories

REVIEWS = "/admin/catalog/review/"


@pytest.fixture
def support(sign_in: Callable[..., Client]) -> Client:
    return sign_in(customer_id="s-1", email="support@example.com", groups=("staff", "support"))


@pytest.fixture
def reviews() -> None:
    """Two customers' reviews of Emma."""
    factories.category()
    factories.book("Emma", book_id="b-e")
    for number, (stars, words) in enumerate(((5, "Wonderful <b>book</b>"), (1, "Buy pills here"))):
        rate_book(
            book_id="b-e",
            customer_id=f"c-{number}",
            order_id="o-1",
            stars=stars,
            text=words,
            at=datetime.now(UTC) + timedelta(seconds=number),
        )


def text(response: Any) -> str:
    assert response.status_code == 200, (response.status_code, response.content[:2000])
    return html.unescape(response.content.decode())


def shown(page: str) -> list[str]:
    return re.findall(r'class="field-words">([^<]*)<', page)


def stars() -> tuple[int, int]:
    book = Book.get("b-e", consistent_read=True)
    return int(book.rating_sum), int(book.rating_count)


def test_a_review_is_hidden_with_its_stars_and_published_again(
    support: Client, reviews: None, wire: Any
) -> None:
    support.get(REVIEWS)
    with wire.count() as calls:
        page = text(support.get(REVIEWS))
    assert calls.dynamodb <= 3
    assert shown(page)[0] == "Buy pills here"
    assert ">Emma<" in page
    address = f"{REVIEWS}b-e~c-1/"
    page = text(support.get(f"{address}change/"))
    assert "<h2>Review of Emma</h2>" in page
    form = dict(re.findall(r'<input type="hidden" name="(_\w+)" value="([^"]*)"', page))
    with wire.count() as calls:
        answer = support.post(f"{address}do/hide/", form)
    assert (answer.status_code, calls.dynamodb) == (302, 4)
    support.post(f"{address}do/hide/", form)  # sent again
    assert (stars(), len(published_reviews("b-e"))) == ((5, 1), 1)
    assert shown(text(support.get(f"{REVIEWS}?status=hidden"))) == ["Buy pills here"]
    for one in ("customer_id=c-1", "book_id=b-e"):
        page = text(support.get(f"{REVIEWS}?{one}"))
        assert "Buy pills here" in shown(page)
        assert "status=" not in page, "the list has both states, and no list has one of them"
    assert 'status=hidden"' in text(support.get(REVIEWS))
    assert [each.message for each in LogItem.query("catalog.review#b-e~c-1")] == ["Hidden."]
    support.post(
        REVIEWS,
        {"action": "publish", "_selected_action": ["b-e~c-1", "b-e~c-0"], "index": "0", "status": "hidden"},
    )
    assert (stars(), len(published_reviews("b-e"))) == ((6, 2), 2)


def test_what_was_hidden_stays_hidden_whatever_its_customer_says(support: Client, reviews: None) -> None:
    hide_review(book_id="b-e", customer_id="c-1")
    rate_book(
        book_id="b-e", customer_id="c-1", order_id="o-1", stars=5, text="More pills", at=datetime.now(UTC)
    )
    assert (stars(), len(published_reviews("b-e"))) == ((5, 1), 1)
    publish_review(book_id="b-e", customer_id="c-1")
    assert stars() == (10, 2)


def test_a_review_that_is_gone_is_told_of(support: Client, reviews: None) -> None:
    address = f"{REVIEWS}b-e~c-1/"
    form = dict(
        re.findall(
            r'<input type="hidden" name="(_\w+)" value="([^"]*)"', text(support.get(f"{address}change/"))
        )
    )
    erase_reviews(customer_id="c-1", reviews=[Review.get("b-e", "c-1")])
    assert "doesn’t exist" in text(support.post(f"{address}do/hide/", form, follow=True))
    assert stars() == (5, 1)


@pytest.mark.parametrize(
    ("groups", "may"),
    [
        (("staff",), False),
        (("staff", "orders"), False),
        (("staff", "catalogue"), False),
        (("staff", "support"), True),
    ],
)
def test_who_may_hide_reviews(
    sign_in: Callable[..., Client], reviews: None, groups: tuple[str, ...], may: bool
) -> None:
    person = sign_in(customer_id="s-2", groups=groups)
    address = f"{REVIEWS}b-e~c-0/"
    page = person.get(f"{address}change/").content.decode()
    assert "&lt;b&gt;book&lt;/b&gt;" in page
    assert ("do/hide" in page) == may
    form = {"_seen": "None", "_token": "0" * 16}
    assert person.post(f"{address}do/hide/", form).status_code == (302 if may else 403)
    chosen = {"action": "hide", "_selected_action": ["b-e~c-1"], "index": "0"}
    assert person.post(REVIEWS, chosen).status_code == (302 if may else 403)
    assert person.post(f"{address}change/", {"text": "Mine"}).status_code == 403
    assert person.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    assert stars() == ((0, 0) if may else (6, 2))
