"""What staff find orders by, and what becomes of it when orders change, leave, and forget their customer."""

import io
import itertools
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bookstore.opensearch import rebuild as rebuilding
from bookstore.opensearch.engine import client
from bookstore.opensearch.errors import SearchUnavailableError
from bookstore.streams.errors import UnprojectableError
from bookstore.streams.records import Change
from bookstore.streams.troubles import is_transient
from catalog.search import BOOKS
from orders import projection, search, services
from orders.ids import draw_order_id, number_of
from orders.models import Order
from orders.rebuild import rebuild_order_search
from orders.search import ORDERS
from orders.selectors import order_images
from orders.states import Status
from tests import factories
from tests.integration.orders.buying import fill_cart, place, reserve

AT = datetime(2026, 11, 22, 17, 5, tzinfo=UTC)


def image(order_id: str = "", **changes: Any) -> dict[str, Any]:
    """Return an order as a record shows it, as far as the index looks."""
    order_id = order_id or draw_order_id(at=datetime.now(UTC))
    return {
        "customerId": "c-1",
        "orderId": order_id,
        "number": number_of(order_id),
        "status": "placed",
        "version": 2,
        "email": "Ada.Reader@Example.com",
        "address": {"name": "Ada Bookreader-Smythe"},
        "books": [{"bookId": "b-1", "name": "Alice's Adventures", "author": "Lewis Carroll"}],
        **changes,
    }


def change(old: dict[str, Any] | None, new: dict[str, Any] | None) -> Change:
    event = "MODIFY" if old and new else "INSERT" if new else "REMOVE"
    known: Any = new or old
    keys = {"customerId": known["customerId"], "orderId": known["orderId"]}
    return Change("Orders", keys, old, new, "1", event, AT)


def found(text: str, **choices: Any) -> list[str]:
    ORDERS.refresh()
    return [order_id for _customer, order_id in search.find(text, **choices).keys]


def held() -> dict[str, tuple[dict[str, Any], int]]:
    ORDERS.refresh()
    answer = client().search(index=ORDERS.alias, body={"size": 100, "version": True})
    return {hit["_id"]: (hit["_source"], hit["_version"]) for hit in answer["hits"]["hits"]}


def rebuilt(**asked: Any) -> rebuilding.Rebuilt:
    return rebuild_order_search(at=datetime.now(UTC), on_orders=lambda _: None, **asked)


def test_an_order_is_found_by_number_mail_name_and_book_newest_first() -> None:
    moments = (AT + timedelta(seconds=number) for number in range(3))
    older, newer, other = (image(draw_order_id(at=at)) for at in moments)
    other |= {"email": "b@example.org", "address": {"name": "Bo Zhang"}, "status": "shipped"}
    other["books"] = [{"bookId": "b-2", "name": "Emma", "author": "Jane Austen"}]
    for each in (older, newer, other):
        search.put_order(each)
    both = [newer["orderId"], older["orderId"]]
    number = newer["number"]
    for heard in (number, number.lower(), f" {number[:5]}-{number[5:]} ", f"#{number.replace('1', 'l')}"):
        assert found(heard) == [newer["orderId"]], heard
    for text in (
        "ada.reader@example.com",
        "ADA.READER@",
        "ada.re",
        "smythe",
        "alice carroll",
        "ada adventures",
        "adv",
    ):
        assert found(text) == both, text
    assert found("austen") == [other["orderId"]]
    assert found("b@example") == [other["orderId"]]
    assert found("zhang", status=Status.SHIPPED) == [other["orderId"]]
    assert found("zhang", status=Status.PLACED) == []
    assert search.find("ada").total == 2
    assert found("ada", page=2) == []
    assert found("carroll austen") == []


def test_whatever_is_asked_is_an_answer_and_nothing_asked_is_no_request(wire: Any) -> None:
    search.put_order(image())
    hostile = ("*", "@", "@" * 300, "\x00", "\ud800", "a" * 5000, '{"match_all":{}}', "(((", "ü@é", "-", "#")
    for text in hostile:
        found(text, page=10**9)
        assert found(text) == []
    with wire.count() as calls:
        assert search.find(" \t ").total == 0
    assert calls.total == 0
    with wire.count() as calls:
        search.put_order(image())
    assert (calls.opensearch, calls.total) == (1, 1)


def test_in_whatever_order_and_however_often_records_come_the_last_one_stands() -> None:
    reserved = image(version=1, status="awaiting_payment")
    placed = {**reserved, "version": 2, "status": "placed"}
    erased = {**placed, "version": 3, "email": None, "address": {"name": ""}}
    images = [None, reserved, placed, erased, None]
    records = [change(old, new) for old, new in itertools.pairwise(images)]
    for length in (2, 3, 4):
        lived = records[:length]
        for order in itertools.permutations(lived):
            ORDERS.forget_everything()
            ORDERS.create()
            for one in [*order, *order[:2]]:
                projection.index_order(one)
            ((document, version),) = held().values()
            last = lived[-1]
            assert version == (last.new["version"] if last.new else erased["version"] + 1)
            assert document["state"] == (last.new["status"] if last.new else "removed")
            assert ("Ada Bookreader-Smythe" in str(document)) == (length == 2)
            assert bool(found("ada.reader@example.com")) == (length == 2)


@pytest.mark.parametrize(
    "broken",
    [
        change(None, {"customerId": "c-1", "orderId": "o-1", "status": "placed"}),
        change({"customerId": "c-1", "orderId": "o-1"}, None),
        change(None, image(version="soon")),
    ],
)
def test_what_can_never_be_indexed_says_so(broken: Change) -> None:
    with pytest.raises(UnprojectableError):
        projection.index_order(broken)


def test_what_is_slow_is_logged_and_nobodys_name_with_it() -> None:
    """The engine's log of slow questions has all that was asked; that of slow writes may have the document."""
    books, orders = (
        client().indices.get_settings(index=index.current()[0])[index.current()[0]]["settings"]["index"]
        for index in (BOOKS, ORDERS)
    )
    for written in (books["indexing"], orders["indexing"]):
        assert written["slowlog"]["threshold"]["index"]["warn"] == "1s"
        assert str(written["slowlog"]["source"]).lower() == "false"
    assert books["search"]["slowlog"]["threshold"]["query"]["warn"] == "500ms"
    assert "slowlog" not in orders.get("search", {})


def test_an_order_has_nothing_that_its_index_does_not_look_into() -> None:
    assert search.entry_of(image()).document.keys() == ORDERS.properties.keys() - {"removed_at"}


def test_an_order_that_lacks_what_it_is_found_by_is_there_all_the_same() -> None:
    bare = {"customerId": "c-1", "orderId": draw_order_id(at=AT), "status": "placed", "version": 1}
    search.put_order(bare)
    search.put_order({**bare, "version": 2, "books": None, "address": None, "email": None})
    ((document, version),) = held().values()
    assert (document["words"], version) == ([], 2)


def test_an_engine_that_is_away_is_worth_a_later_try(wire: Any) -> None:
    with wire.opensearch.refuse(), pytest.raises(SearchUnavailableError) as caught:
        search.put_order(image())
    assert is_transient(caught.value)


# --- Through the stream ------------------------------------------------------------------------------------


def sold(customer_id: str = "c-1") -> Order:
    fill_cart(customer_id, b_e=1)
    return place(reserve(customer_id, total="7.99"))


def test_who_is_forgotten_is_found_no_more_and_stands_in_no_index(pump: Any, now: datetime) -> None:
    factories.book("Emma", book_id="b-e")
    order, other = sold(), sold("c-2")
    services.cancel_order(customer_id="c-1", order_id=order.order_id, at=now, by="shop", reason="Lost.")
    Order("c-1", order.order_id).update([Order.queue_name.remove(), Order.version.add(1)])  # refunded
    pump()
    assert found("ada reader") == found("reader@example.com") == [other.order_id, order.order_id]
    services.erase_customer(customer_id="c-1", at=now)
    pump()
    assert found("ada reader") == found("reader@example.com") == [other.order_id]
    assert found("emma") == [other.order_id, order.order_id]  # what was sold stays on record
    rebuilt()
    for index in client().indices.get_alias(index="orders*"):
        for hit in client().search(index=index, body={"size": 100})["hits"]["hits"]:
            if hit["_id"] == order.order_id:
                assert "Ada" not in str(hit)
                assert "@" not in str(hit)


def test_who_is_forgotten_while_the_index_is_rebuilt_is_forgotten_in_the_new_one(
    pump: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.book("Emma", book_id="b-e")
    order = sold()
    Order("c-1", order.order_id).update([Order.queue_name.remove(), Order.version.add(1)])
    pump()

    def read_before(**asked: Any) -> Any:
        pages = list(order_images(**asked))  # as they were before
        services.erase_customer(customer_id="c-1", at=now)
        pump()
        yield from pages

    monkeypatch.setattr("orders.rebuild.order_images", read_before)
    rebuilt()
    assert found("ada") == []
    assert found("emma") == [order.order_id]


# --- Rebuilding --------------------------------------------------------------------------------------------


def put_orders(count: int) -> list[dict[str, Any]]:
    factories.book("Emma", book_id="b-e", stock=count)
    for number in range(count):
        sold(f"c-{number}")
    return [each for page in order_images() for each in page]


def test_a_rebuild_finds_every_order_in_pieces_as_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    images = put_orders(5)
    ORDERS.forget_everything()  # as in a shop that has just learnt to search orders
    done = rebuilt()
    assert (done.documents, ORDERS.current()) == (5, [done.index])
    whole = held()
    assert set(whole) == {each["orderId"] for each in images}
    monkeypatch.setattr(rebuilding, "DOCUMENTS_A_REQUEST", 2)
    done, pieces = rebuilt(until=lambda: True), 1
    while not done.finished:
        kept = rebuilding.Rebuilt(**json.loads(json.dumps(asdict(done))))
        done, pieces = rebuilt(resume=kept, until=lambda: True), pieces + 1
    assert pieces >= 3
    assert held() == whole


def test_a_removed_order_is_not_brought_back_by_a_replay_after_a_rebuild(pump: Any) -> None:
    (last,) = put_orders(1)
    pump()
    Order(last["customerId"], last["orderId"]).delete()
    pump()
    assert rebuilt().tombstones == 1
    search.put_order(last)
    assert found("emma") == []


def test_the_command_says_what_it_did_or_what_was_in_the_way(wire: Any) -> None:
    put_orders(1)
    out = io.StringIO()
    call_command("rebuild_order_search", stdout=out)
    assert out.getvalue().startswith("1 orders in orders-20")
    before = ORDERS.current()
    call_command("rebuild_order_search", "--if-needed", stdout=out)
    assert ORDERS.current() == before
    with wire.opensearch.refuse(), pytest.raises(CommandError, match="search engine did not answer"):
        call_command("rebuild_order_search", stdout=out)
