"""Staff and the orders: the lists of work, the steps of one order, and of many."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from bookstore.dynamodb.admin.models import LogItem
from orders import fulfilment
from orders.models import Address, CreditedCopies, Order, Refund
from orders.queues import OWED
from orders.search import ORDERS as INDEX
from orders.states import Status
from tests import factories
from tests.integration.staff.dispatch import (
    ORDERS,
    address_form,
    choose,
    hidden,
    logged,
    now,
    numbers,
    of,
    put,
    said,
    text,
    use,
)

ORDER_ROLE = ("orders", "staff")


@pytest.fixture
def clerk(sign_in: Callable[..., Client]) -> Client:
    return sign_in(customer_id="s-1", email="clerk@example.com", groups=ORDER_ROLE)


@pytest.fixture
def other(sign_in: Callable[..., Client]) -> Client:
    return sign_in(customer_id="s-2", email="other@example.com", groups=ORDER_ROLE)


# --- Lists -------------------------------------------------------------------------------------------------


def test_orders_are_listed_newest_first_month_by_month_and_end_with_the_oldest(
    clerk: Client, wire: Any, pump: Any
) -> None:
    assert 'rel="next"' not in text(clerk.get(ORDERS))  # nobody has ordered yet
    made = [put(days_ago=days) for days in (0, 1, 40, 41, 105)]
    pump()
    INDEX.refresh()
    shown, pages, asked = [], [], ""
    while asked is not None:
        with wire.count() as calls:
            page = text(clerk.get(ORDERS + asked))
        assert calls.dynamodb <= 3
        shown += numbers(page)
        pages.append(asked)
        more = re.search(r'rel="next" href="([^"]+)"', page)
        asked = more[1] if more else None
    assert shown == [order.number for order in made]
    assert len(pages) <= 3  # five months at most, two a page
    assert "Ada Reader" in page
    with wire.opensearch.refuse():  # nobody says where they end
        assert 'rel="next"' in text(clerk.get(ORDERS + pages[-1]))
    lost = put(days_ago=200).number  # the search engine has not heard of it
    for _page in range(3):
        further = re.search(r'href="([^"]+)">Look further back<', page)
        assert further
        page = text(clerk.get(ORDERS + further[1]))
        if numbers(page):
            break
    assert numbers(page) == [lost]
    month = made[2].month_name
    of_month = [order.number for order in made if order.month_name == month]
    assert numbers(text(clerk.get(f"{ORDERS}?month={month}"))) == of_month
    long_ago = f"{datetime.now(UTC) - timedelta(days=800):%Y-%m}"
    assert f'<a href="?month={long_ago}"' in text(clerk.get(f"{ORDERS}?month={long_ago}"))  # a link of then
    for unknown in ("queue=burnt", "month=2019-13", f"month={long_ago}x"):
        page = text(clerk.get(f"{ORDERS}?{unknown}"))
        assert "no such filter" in said(page)
        assert numbers(page)


def test_the_work_is_listed_oldest_first_and_late_is_what_waits_too_long(clerk: Client, wire: Any) -> None:
    late, packed, placed = put(days_ago=5), put(days_ago=4, status="packed"), put(days_ago=0.1)
    put(days_ago=9, status="delivered")
    shipped = put(days_ago=9, status="shipped")
    cancelled = put(days_ago=2, status="cancelled", queue_name=OWED)
    refunding = put(days_ago=1, status="delivered", queue_name=OWED)
    clerk.get(ORDERS)
    for queue, waiting in {
        "to-pack": [late, placed],
        "to-ship": [packed],
        "late": [late, packed],
        "on-the-way": [shipped],
        "owed": [cancelled, refunding],
        "unpaid": [],
    }.items():
        with wire.count() as calls:
            page = text(clerk.get(f"{ORDERS}?queue={queue}"))
        assert numbers(page) == [order.number for order in waiting], queue
        assert "sorted descending" not in page
        # The session, and a Query of each queue of the shop's own that it stands for.
        assert calls.dynamodb == (3 if queue == "late" else 2), queue
    page = text(clerk.get(f"{ORDERS}?queue=late"))
    assert re.findall(r'class="field-(\w+)', page)[:2] == ["number", "waiting"]
    assert "By month" not in page  # of a queue no index tells
    for shown in (page, text(clerk.get(ORDERS))):
        assert shown.count(">To ship</a>") == 1  # above the list, and not beside it
    assert '<a href="/admin/orders/order/?queue=to-pack">To pack</a>' in page
    assert 'aria-current="page">Late</a>' in page
    assert "5\u00a0days" in page
    for beside in ("month=2019-13", f"month={late.month_name}"):  # no such, and no index has both
        page = text(clerk.get(f"{ORDERS}?queue=late&{beside}"))
        assert ("cannot be filtered" in said(page)) == (beside != "month=2019-13")
        assert 'aria-current="page">All orders</a>' in page
        assert ("<h1>Orders</h1>" in page, "5\u00a0days" in page) == (True, False)
        assert numbers(page)[0] == placed.number


def test_a_queue_in_shards_is_one_list_both_ways(clerk: Client, settings: Any, wire: Any) -> None:
    settings.QUEUE_SHARDS = 3
    made = [put(days_ago=3 - number / 100).number for number in range(60)]
    pages, address = [], f"{ORDERS}?queue=to-pack"
    while address:
        page = text(clerk.get(address))
        pages.append(numbers(page))
        more = re.search(r'rel="next" href="([^"]+)"', page)
        address = ORDERS + more[1] if more else ""
    assert [number for shown in pages for number in shown] == made
    before = re.search(r'rel="prev" href="([^"]+)"', page)
    assert before
    assert numbers(text(clerk.get(ORDERS + before[1]))) == pages[1]


def test_an_order_is_found_by_number_also_while_the_search_rests(clerk: Client, wire: Any, pump: Any) -> None:
    order, other = put(), put(address=Address(**factories.ADDRESS | {"name": "Bo Zhang"}))
    pump()
    INDEX.refresh()
    assert numbers(text(clerk.get(f"{ORDERS}?q=zhang"))) == [other.number]
    assert numbers(text(clerk.get(f"{ORDERS}?q=emma+ada&queue=to-pack"))) == [order.number]
    assert "cannot be narrowed by that filter" in said(text(clerk.get(f"{ORDERS}?q=emma&queue=late")))
    with wire.opensearch.refuse():
        assert numbers(text(clerk.get(f"{ORDERS}?q={order.number.lower()}"))) == [order.number]
        page = text(clerk.get(f"{ORDERS}?q=zhang"))
        assert "search of orders is having a rest" in said(page)
        assert numbers(text(clerk.get(f"{ORDERS}?customer_id=c-1"))) == [other.number, order.number]


# --- One order ---------------------------------------------------------------------------------------------


def test_an_order_goes_from_placed_to_delivered_each_step_logged_with_it(clerk: Client) -> None:
    order = put()
    page = text(clerk.get(of(order)))
    assert "Ship" not in re.findall(r'class="tool">([^<]+)<', page)
    for _ in range(2):  # the same button twice
        assert clerk.post(of(order, "pack"), hidden(page)).status_code == 302
    sent = use(clerk, order, "ship", carrier="royal-mail", tracking_number="ab 123456789 gb")
    assert "is on its way" in said(text(sent))
    assert "royalmail.com" in text(sent)
    assert "is delivered" in said(text(use(clerk, order, "deliver")))
    assert [(each.status, each.by) for each in now(order).history[2:]] == [
        ("packed", "clerk@example.com"),
        ("shipped", "clerk@example.com"),
        ("delivered", "clerk@example.com"),
    ]
    assert now(order).tracking_number == "AB123456789GB"
    assert logged(order) == [("clerk@example.com", told) for told in ("Packed.", "Shipped.", "Delivered.")]
    told = re.findall(
        r'field-moment">.*?<span class="dispatch-when">[^<]+</span><br><span class="quiet">([^<]+)<',
        text(sent),
    )
    assert told == 2 * ["the payment provider"] + 2 * ["clerk@example.com"]  # under when, as on a telephone
    history = text(clerk.get(of(order).replace("/change/", "/history/")))
    assert "Shipped. Carrier set to “Royal Mail”." in history
    assert 'name="name"' not in text(clerk.get(of(order)))  # nobody sends it elsewhere any more


def test_an_order_of_an_older_version_is_shown_and_goes_on(clerk: Client) -> None:
    order = put()
    newer = (Order.refunds, Order.refunded, Order.notes, Order.mailed, Order.email)
    order.update([each.remove() for each in newer])
    Order._get_connection().connection.client.update_item(  # as the history's steps were
        TableName=Order.Meta.table_name,
        Key={"customerId": {"S": "c-1"}, "orderId": {"S": order.order_id}},
        UpdateExpression="REMOVE history[0].version, history[1].version, books[0].credited, books[1].credited",
    )
    assert "Awaiting payment" in text(clerk.get(of(order)))
    assert numbers(text(clerk.get(ORDERS))) == [order.number]
    assert "is packed" in said(text(use(clerk, order, "pack")))
    assert "The note is kept" in said(text(use(clerk, order, "note", text="Rang.", to_customer="no")))
    assert "can no longer be written to" in text(use(clerk, order, "note", text="Rang.", to_customer="yes"))
    assert "on its way.<" in text(use(clerk, order, "ship", carrier="letter"))  # and nobody hears of it


def test_an_address_is_changed_until_the_parcel_leaves_and_the_log_forgets_it(
    clerk: Client, other: Client
) -> None:
    order = put()
    form = address_form(text(clerk.get(of(order)))) | {"city": "Leeds", "line2": " Flat  2 "}
    for _twice in range(2):
        answer = clerk.post(of(order), form)
        assert answer.status_code == 302, said(text(answer)) + re.sub("<[^>]+>", " ", text(answer))
    assert (now(order).address.city, now(order).address.line2) == ("Leeds", "Flat 2")
    ((_who, message),) = logged(order)
    assert message == "Where it goes was changed: Address, second line, Town or city."
    assert "Leeds" not in str(
        [each.attribute_values for each in LogItem.query(f"orders.order#c-1~{order.order_id}")]
    )
    assert "They changed" in text(other.post(of(order), {**form, "postcode": "LS1 1AA"}))
    fulfilment.pack_order(customer_id="c-1", order_id=order.order_id, by="x", at=datetime.now(UTC))
    late = address_form(text(clerk.get(of(order))))
    fulfilment.ship_order(
        customer_id="c-1",
        order_id=order.order_id,
        carrier="letter",
        tracking_number="",
        by="x",
        at=datetime.now(UTC),
    )
    page = text(clerk.post(of(order), {**late, "city": "Hull"}))
    assert "Someone else saved this meanwhile" in page
    page = text(clerk.post(of(order), {**late, "city": "Hull", "_seen": str(now(order).version)}))
    assert "This cannot be done with an order that is shipped." in page
    assert now(order).address.city == "Leeds"


TYPED: dict[str, dict[str, str]] = {
    "pack": {},
    "ship": {"carrier": "letter", "tracking_number": ""},
    "deliver": {},
    "cancel": {"reason": "They rang."},
    "refund": {"amount": "1.00", "reason": "Torn."},
    "return": {"copies_0": "1", "reason": "Torn."},
    "note": {"text": "They rang.", "to_customer": "no"},
}
STANDS = {"ship": "packed", "deliver": "shipped", "return": "shipped", "refund": "shipped"}  # else placed
# In which states there is something to it; the same again is no mistake of anybody's.
POSSIBLE: dict[str, set[str]] = {
    "pack": {"placed", "packed"},
    "ship": {"packed"},
    "deliver": {"shipped", "delivered"},
    "cancel": {"awaiting_payment", "placed", "packed", "cancelled"},
    "refund": {"placed", "packed", "shipped", "delivered"},
    "return": {"shipped", "delivered", "returned"},
    "settle": {"refunded"},  # of the others the provider has refused nothing
    "note": set(Status),
}
HOSTILE = ("\x00", "é" * 5000, "-1", "1e999", "<script>alert(1)</script>", "{{7*7}}")
OPTIONAL = {"tracking_number", "amount", "copies_0"}


def test_of_two_clerks_the_second_is_told_what_the_first_did(clerk: Client, other: Client) -> None:
    for tool, typed in TYPED.items():
        order = put(status=STANDS.get(tool, "placed"))
        form = {**hidden(text(clerk.get(of(order, tool), follow=True))), **typed}
        use(other, order, "note", text="Wait.", to_customer="no")
        answer = text(clerk.post(of(order, tool), form, follow=True))
        if tool == "note":  # notes stand in no way of each other
            assert "The note is kept" in said(answer)
            assert len(now(order).notes) == 2
        else:
            assert "This order was given a note by other@example.com on" in answer, tool
            assert now(order).status == order.status, tool
            assert now(order).refunds == [], tool


def test_what_does_not_follow_upon_an_orders_state_is_refused_by_address_too(clerk: Client) -> None:
    for state in Status:
        order = put(status=state)
        impossible = [tool for tool, states in POSSIBLE.items() if state not in states]
        for tool in impossible:
            form = {"_seen": "3", "_token": "0" * 16, **TYPED.get(tool, {"reason": "By bank transfer."})}
            assert clerk.post(of(order, tool), form).status_code == 302, (state, tool)
        assert (now(order).state, int(now(order).version)) == (state, 3)
        told = re.findall(
            r"This cannot be done with|no longer be cancelled|left already", said(text(clerk.get(of(order))))
        )
        assert len(told) == len(impossible), state


def test_whatever_a_form_says_it_is_answered_with_a_sentence(clerk: Client) -> None:
    orders = {status: put(status=status) for status in ("placed", "packed", "shipped")}
    for tool, typed in TYPED.items():
        order = orders[STANDS.get(tool, "placed")]
        right = {**hidden(text(clerk.get(of(order, tool), follow=True))), **typed}
        wrong: list[dict[str, str]] = [{}]
        for number, name in enumerate(right):
            values = HOSTILE[:2] if name in {"reason", "text"} else HOSTILE  # words may be any words
            wrong.append({**right, name: values[number % len(values)]})
            if name not in OPTIONAL:
                wrong.append({key: value for key, value in right.items() if key != name})
        for form in wrong:
            answer = clerk.post(of(order, tool), form, follow=True)
            page = answer.content.decode()
            assert answer.status_code == 200, (tool, form)
            assert "errorlist" in page or 'class="error"' in page, (tool, form)
            assert "<script>alert" not in page
    assert [int(now(order).version) for order in orders.values()] == [3, 3, 3]


def test_whatever_an_address_form_says_it_is_answered_with_a_sentence(clerk: Client) -> None:
    order = put()
    right = address_form(text(clerk.get(of(order))))
    wrong = [{}, {"_seen": right["_seen"]}]
    for number, name in enumerate(
        ["name", "line1", "city", "postcode", "country", "line2", "region", "phone", "_seen"]
    ):
        wrong.append({**right, name: HOSTILE[number % 2]})
    wrong += [{**right, "country": "XX"}, {**right, "name": " \t "}, {**right, "_seen": "-1"}]
    for form in wrong:
        page = text(clerk.post(of(order), form))
        assert "errorlist" in page, form
    assert int(now(order).version) == 3


def test_whatever_an_address_says_it_is_answered(clerk: Client) -> None:
    order = put()
    for path in ("c-1~nobody/change/", "c-1~nobody/do/pack/", "x/do/pack/", "c-1%00~x/do/ship/"):
        assert clerk.post(f"{ORDERS}{path}").status_code in {302, 404}, path
    assert clerk.get(of(order, "burn")).status_code == 404
    assert "nothing to do any more" in said(text(clerk.get(of(order, "ship"), follow=True)))
    for value in HOSTILE:
        for name in ("queue", "month", "q", "ordered_at__lt"):
            assert clerk.get(ORDERS, {name: value}).status_code in {200, 302}, (name, value)


RIGHTS = {
    (): set(),
    ("owner",): set(),
    ("staff",): set(),
    ("staff", "catalogue"): set(),
    ("staff", "support"): {"cancel", "note"},
    ("staff", "orders"): set(TYPED),
    ("staff", "owner"): set(TYPED),
}


@pytest.mark.parametrize("groups", RIGHTS)
def test_what_each_role_may_do_with_orders_by_address_as_by_menu(
    sign_in: Callable[..., Client], groups: tuple[str, ...]
) -> None:
    person = sign_in(customer_id="s-9", email="x@example.com", groups=groups)
    order = put()
    if "staff" not in groups:
        assert {
            person.get(path, follow=True).status_code for path in (ORDERS, of(order), of(order, "ship"))
        } == {403}
        return
    page = text(person.get(of(order)))
    offered = set(re.findall(rf"{re.escape(of(order))[:-8]}/do/(\w+)/".replace("/change", ""), page))
    assert offered == RIGHTS[groups] & {"pack", "refund", "cancel", "note"}
    assert ('name="city"' in page) == ("note" in RIGHTS[groups])
    for tool in TYPED:
        known = {"_seen": "1", "_token": "0" * 16}  # an outdated form
        answers = {person.get(of(order, tool)).status_code, person.post(of(order, tool), known).status_code}
        assert (answers == {403}) == (tool not in RIGHTS[groups]), tool
    for action, tool in (
        ("pack", "pack"),
        ("deliver", "ship"),
        ("picking_list", "pack"),
        ("packing_slips", "pack"),
    ):
        if tool not in RIGHTS[groups]:
            assert choose(person, action, order).status_code == 403, action
    assert person.post(f"{of(order)[:-7]}delete/", {"post": "yes"}).status_code == 403
    assert person.get(f"{ORDERS}add/").status_code == 403
    if "note" not in RIGHTS[groups]:
        assert person.post(of(order), {"city": "Hull", "_seen": "3"}).status_code == 403
    assert (now(order).state, now(order).address.city) == (Status.PLACED, "York")


# --- Many orders -------------------------------------------------------------------------------------------


def test_many_orders_are_packed_and_delivered_at_once_and_those_that_cannot_are_named(
    clerk: Client, other: Client
) -> None:
    first, second, packed, unpaid = put(), put(), put(), put(status="awaiting_payment")
    use(other, packed, "pack")
    form = address_form(text(clerk.get(of(packed)))) | {"city": "Leeds"}  # told beside the state, which stays
    assert clerk.post(of(packed), form).status_code == 302
    told = said(text(choose(clerk, "pack", first, second, packed, unpaid)))
    assert "2 orders are packed." in told
    assert f"Order {packed.number}: it was packed by other@example.com on" in told
    assert f"Order {unpaid.number}: This cannot be done with an order that is awaiting payment." in told
    assert "2 orders are packed." in said(text(choose(clerk, "pack", first, second)))  # sent again
    assert [each.status for each in now(first).history].count("packed") == 1
    assert logged(first) == [("clerk@example.com", "Packed.")]
    use(clerk, first, "ship", carrier="letter", tracking_number="")
    assert "1 order is delivered." in said(text(choose(clerk, "deliver", first)))


def send(clerk: Client, paper: str, **changes: str) -> Any:
    """Press the button of a paper."""
    (address,) = re.findall(r'<form method="post" action="([^"]+)"', paper)
    form = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', paper)
    sent = {name: [value for each, value in form if each == name] for name, _value in form}
    return clerk.post(address, sent | changes, follow=True)


def test_a_paper_packs_what_stands_on_it_and_names_each_order_whose_parcel_changed_since(
    clerk: Client, other: Client
) -> None:
    moved, fewer, gone, noted, same, mine = orders = [put() for _ in range(6)]
    paper = text(choose(clerk, "packing_slips", *orders))
    for broken in ("", "3", "3 3 3 3 3 x", "3 3 3 3 3 3 3"):
        assert "This form is broken" in said(text(send(clerk, paper, _stamps=broken)))
    assert {now(order).state for order in orders} == {Status.PLACED}
    other.post(of(moved), address_form(text(other.get(of(moved)))) | {"city": "Leeds"})
    use(other, fewer, "refund", copies_0="1", reason="Torn.")
    use(other, gone, "cancel", reason="They rang.")
    use(clerk, noted, "note", text="Fragile.", to_customer="no")  # which is no news to who wrote it
    clerk.post(of(mine), address_form(text(clerk.get(of(mine)))) | {"city": "Hull"})  # and the slip says York
    told = said(text(send(clerk, paper)))
    assert "2 orders are packed." in told
    for order, done in ((moved, "given another address"), (fewer, "refunded in part"), (gone, "cancelled")):
        assert f"Order {order.number}: This order was {done} by other@example.com on" in told
    assert f"Order {mine.number}: This order was given another address by clerk@example.com on" in told
    states = [now(order).status for order in orders]
    assert states == ["placed", "placed", "cancelled", "packed", "packed", "placed"]
    assert "2 orders are packed." in said(text(send(clerk, paper)))  # clicked twice
    assert logged(same) == [("clerk@example.com", "Packed.")]
    anew = text(choose(clerk, "packing_slips", moved, mine))
    assert "2 orders are packed." in said(text(send(clerk, anew)))


def test_the_picking_list_walks_the_shelves_and_each_parcel_has_a_page(clerk: Client, wire: Any) -> None:
    factories.book("Emma", book_id="b-e", location="C3")
    factories.book("Persuasion", book_id="b-p", location="A1")
    orders = put(days_ago=1), put(address=Address(**factories.ADDRESS | {"name": "<b>Bo</b>"}))
    cancelled, packed = put(status="cancelled"), put(status="packed")
    copies = [CreditedCopies(book_id="b-e", quantity=1)]
    pending = Refund(
        refund_id="r", amount="7.99", at=datetime.now(UTC), by="x", state="pending", copies=copies
    )
    refunding = put(refunds=[pending], queue_name=OWED)
    with wire.count() as calls:
        page = text(choose(clerk, "picking_list", *orders, cancelled, packed, refunding))
    assert calls.dynamodb <= 5  # session, the list's two months, the orders, the books
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)[1:]
    plain = [re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", row)).strip() for row in rows]
    numbers = f"{orders[0].number} {orders[1].number}"
    assert plain == [f"A1 2 Persuasion Jane Austen {numbers}", f"C3 4 Emma Jane Austen {numbers}"]
    assert "3 orders are not on this list" in page  # the books of one lie in its parcel
    answer = choose(clerk, "packing_slips", *orders, refunding)
    slips = answer.content.decode()
    assert slips.count('<article class="sheet slip">') == 2
    assert "&lt;b&gt;Bo&lt;/b&gt;" in slips
    assert "YO1 7HH" in slips
    assert "style=" not in slips
    assert "7.99" not in slips  # it may be a present
    left = text(choose(clerk, "packing_slips", packed, cancelled))
    why = "it is unpaid, cancelled, returned, refunded or being refunded."
    assert f"1 order is not on these pages: {why}" in left
    assert "nothing to print" in said(text(choose(clerk, "picking_list", packed)))
    for paper in (page, slips):  # what is on it is packed by one button
        assert "2 orders are packed." in said(text(send(clerk, paper)))
    states = [now(order).state for order in (*orders, cancelled, refunding)]
    assert states == ["packed", "packed", "cancelled", "placed"]
    assert "<form" not in text(choose(clerk, "packing_slips", *orders))
