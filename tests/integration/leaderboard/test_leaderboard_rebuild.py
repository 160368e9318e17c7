"""A rebuild gives what the streams gave, while orders come in, after a crash, and beside another one."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import redis
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalog import reviews
from catalog import services as catalogue
from leaderboard import ranking, selectors, services
from leaderboard.counting import Rating, Sale, sale_of
from orders import services as ordering
from orders.models import Order
from orders.selectors import order_images
from tests import factories
from tests.integration.leaderboard.sales import copies_sold, everything_in_redis, put_order, sell, takings
from tests.wire import Wire

type PumpAll = Callable[[], int]


def rebuild() -> services.Rebuilt:
    return services.rebuild(progress=lambda _more: None)


def sales() -> list[Sale]:
    """Every order, as a rebuild counts it."""
    return [sale_of(image) for images in order_images() for image in images]


def sell_this_and_that(now: datetime) -> None:
    """A small history: sales, a cancellation, a removal, a reader's rating, a withdrawn book."""
    for number in range(1, 7):
        factories.book(book_id=f"b-{number}", prior_rating=factories.Decimal(number) / 2 + 1)
    for number in range(1, 7):
        put_order(
            {f"b-{number}": number, "b-1": 1} if number > 1 else {"b-1": 2}, at=now - timedelta(days=number)
        )
    put_order({"b-2": 9}, status="cancelled", at=now)
    bought = put_order({"b-3": 2}, customer_id="c-1", at=now)
    reviews.rate_book(book_id="b-3", customer_id="c-1", order_id=bought.order_id, stars=5, at=now)
    put_order({"b-4": 9}, at=now).delete()
    catalogue.withdraw_book(book_id="b-5", at=now)


def test_a_rebuild_from_nothing_gives_what_the_streams_gave(pump: PumpAll, now: datetime) -> None:
    sell_this_and_that(now)
    pump()
    streamed = everything_in_redis()
    ranking._patient().flushdb()

    rebuilt = rebuild()
    again = everything_in_redis()

    assert (rebuilt.orders, rebuilt.books, rebuilt.left_out) == (8, 6, 0)
    # The removed order has left no item to read; what the streams kept of it counted nothing.
    removed = streamed.keys() - again.keys()
    assert len(removed) == 1
    assert '"copies": {}' in streamed[removed.pop()]
    assert again == {name: streamed[name] for name in again}


def test_a_rebuild_twice_changes_nothing_and_leaves_nothing_behind(pump: PumpAll, now: datetime) -> None:
    sell_this_and_that(now)
    pump()
    rebuild()
    once, keys = everything_in_redis(), len(ranking._patient().keys("*"))

    rebuild()

    assert everything_in_redis() == once
    assert len(ranking._patient().keys("*")) == keys


def test_records_that_come_again_after_a_rebuild_count_no_second_time(pump: PumpAll, now: datetime) -> None:
    sell_this_and_that(now)
    rebuild()
    before = everything_in_redis()

    pump()  # all of it from the beginning, removals too

    after = everything_in_redis()
    sold = {name for name in before if name.startswith("sold:")}
    assert len(sold) == 8
    assert {name: after[name] for name in sold} == {name: before[name] for name in sold}


def test_an_old_record_of_a_removed_item_that_comes_after_a_rebuild_brings_nothing_back(
    now: datetime,
) -> None:
    ranking.count_sale(Sale("o-1", 2, now.date(), {"b-1": 4}))
    ranking.count_sale(Sale("o-1", 3, now.date(), removed=True))
    ranking.rate_book(Rating("b-1", 8, None, sold=False, removed=True))
    rebuild()

    ranking.count_sale(Sale("o-1", 2, now.date(), {"b-1": 4}))
    ranking.rate_book(Rating("b-1", 7, 450_000_000, sold=True))

    assert copies_sold() == {}
    assert ranking.best_rated(wanted=9) == []


def test_orders_too_old_for_the_streams_are_counted_by_the_rebuild(
    pump: PumpAll, now: datetime, settings: LazySettings
) -> None:
    factories.book("Emma", book_id="emma")
    order = sell({"emma": 2}, at=now - timedelta(days=settings.COUNTED_SALES_DAYS + 10))
    sell({"emma": 1}, at=now)
    pump()
    assert copies_sold() == {"emma": 1}

    rebuild()
    assert copies_sold() == {"emma": 3}
    assert dict(ranking.bestselling(wanted=9, days=[now.date()])) == {"emma": 1}

    ordering.cancel_order(customer_id=order.customer_id, order_id=order.order_id, at=now)
    pump()
    assert copies_sold() == {"emma": 3}  # too late for the streams
    rebuild()
    assert copies_sold() == {"emma": 1}


def test_everyone_reads_the_old_lists_until_the_new_ones_are_complete(
    pump: PumpAll, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell_this_and_that(now)
    pump()
    expected = copies_sold()
    monkeypatch.setattr(ranking, "BATCH", 2)
    seen: list[dict[str, int]] = []

    services.rebuild(progress=lambda _more: seen.append(copies_sold()))

    assert len(seen) == 7
    assert all(each == expected for each in seen)
    assert copies_sold() == expected


def copies_bought() -> dict[str, int]:
    """What the orders' table says was sold."""
    lines = [line for order in Order.scan(consistent_read=True) if order.is_bought for line in order.lines]
    copies: Counter[str] = Counter()
    for line in lines:
        copies[line.book_id] += int(line.quantity)
    return dict(copies)


@contextlib.contextmanager
def again_and_again(*actions: Callable[[], object]) -> Iterator[None]:
    """Do each of these in a thread of its own, over and over, while the block runs."""
    stop = threading.Event()

    def repeat(action: Callable[[], object]) -> None:
        while not stop.is_set():
            action()

    with ThreadPoolExecutor(len(actions)) as threads:
        running = [threads.submit(repeat, action) for action in actions]
        try:
            yield
        finally:
            stop.set()
    for each in running:
        each.result()


def test_sales_made_while_a_rebuild_runs_are_in(
    pump: PumpAll, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orders are placed and cancelled, and the projector runs, in other threads all the while."""
    monkeypatch.setattr(ranking, "BATCH", 3)
    for number in range(1, 4):
        factories.book(book_id=f"b-{number}", stock=5000)
    for _ in range(10):
        put_order({"b-1": 1, "b-2": 2}, at=now)
    pump()
    numbers = itertools.count(1)

    def shop() -> None:
        number = next(numbers)
        order = sell({"b-2": 1, "b-3": 3}, customer_id=f"while-rebuilding-{number}", at=now)
        if number % 3 == 0:
            ordering.cancel_order(customer_id=order.customer_id, order_id=order.order_id, at=now)

    with again_and_again(shop, pump):
        for _ in range(4):
            services.rebuild(progress=lambda _more: time.sleep(0.05))
    pump()

    expected = copies_bought()
    assert expected["b-3"] > 3
    assert copies_sold() == expected
    assert dict(ranking.bestselling(wanted=9, days=[now.date()])) == expected
    (day,) = takings([timezone.localdate(now)])
    assert day.copies == sum(expected.values())
    assert sum(day.cents.values()) == 799 * sum(expected.values())


def test_a_sale_written_to_both_generations_is_counted_once_in_each(now: datetime) -> None:
    ranking.count_sale(Sale("o-1", 1, now.date(), {"b-1": 1}))
    generation = ranking.begin_generation()
    ranking.count_sale(Sale("o-2", 2, now.date(), {"b-1": 5}))
    ranking.fill(
        generation,
        [
            Sale("o-1", 1, now.date(), {"b-1": 1}),
            Sale("o-2", 1, now.date(), {"b-1": 3}),
        ],  # read before its change
    )
    assert copies_sold() == {"b-1": 6}

    ranking.switch_to(generation)
    assert copies_sold() == {"b-1": 6}


def test_a_failing_rebuild_leaves_the_old_lists_and_is_not_written_to_any_more(
    pump: PumpAll, now: datetime, wire: Wire
) -> None:
    sell_this_and_that(now)
    pump()
    before = everything_in_redis()

    class OutOfPatienceError(Exception):
        pass

    def fail(_more: int) -> None:
        raise OutOfPatienceError

    with pytest.raises(OutOfPatienceError):
        services.rebuild(progress=fail)

    assert everything_in_redis() == before
    client = ranking._patient()
    assert client.get(ranking.NEXT) is None
    assert not client.keys("{lb}:1:*")


def test_a_rebuild_that_another_has_overtaken_gives_up(pump: PumpAll, now: datetime) -> None:
    sell_this_and_that(now)
    pump()
    before = copies_sold()
    begun: list[services.Rebuilt] = []

    def begin_another(_more: int) -> None:
        if not begun:
            begun.append(rebuild())

    with pytest.raises(ranking.SupersededError):
        services.rebuild(progress=begin_another)

    assert begun[0].orders == 8
    assert copies_sold() == before
    assert ranking._patient().get(ranking.NEXT) is None


def test_a_generation_that_is_no_longer_being_filled_is_neither_written_nor_read(now: datetime) -> None:
    ranking.count_sale(Sale("o-1", 1, now.date(), {"b-1": 1}))
    overtaken = ranking.begin_generation()
    current = ranking.begin_generation()

    with pytest.raises(ranking.SupersededError):
        ranking.fill(overtaken, [Sale("o-2", 1, now.date(), {"b-1": 5})])
    with pytest.raises(ranking.SupersededError):
        ranking.switch_to(overtaken)
    ranking.abandon(overtaken)

    assert not ranking._patient().keys(f"{{lb}}:{overtaken}:*")
    assert ranking._patient().get(ranking.NEXT) == current
    assert copies_sold() == {"b-1": 1}


def test_an_answer_lost_on_its_way_counts_no_old_order_twice(
    now: datetime, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis has run the request, and the connection breaks before its answer is read."""
    old = Sale("o-1", 1, (now - timedelta(days=settings.COUNTED_SALES_DAYS + 10)).date(), {"b-1": 3})
    generation = ranking.begin_generation()
    read_response = redis.connection.Connection.read_response
    execute = redis.client.Pipeline.execute

    def lose_the_answer(connection: redis.connection.Connection, *args: Any, **options: Any) -> Any:
        monkeypatch.setattr(redis.connection.Connection, "read_response", read_response)
        read_response(connection, *args, **options)
        connection.disconnect()
        raise redis.ConnectionError("connection reset by peer")

    def execute_losing(pipeline: redis.client.Pipeline, *args: Any, **options: Any) -> Any:
        monkeypatch.setattr(redis.connection.Connection, "read_response", lose_the_answer)
        return execute(pipeline, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(redis.client.Pipeline, "execute", execute_losing)
        with pytest.raises(redis.ConnectionError):
            ranking.fill(generation, [old])

    ranking.switch_to(generation)
    assert copies_sold() == {"b-1": 3}


def test_an_exchange_whose_answer_was_lost_is_sent_again_and_succeeds(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis has exchanged the generations, and the connection breaks before it says so."""
    put_order({"b-1": 3}, at=now)
    run, lost = ranking._run, []

    def lose_the_answer(client: redis.Redis, script: str, *rest: Any) -> Any:
        if script is not ranking._SWITCH or lost:
            return run(client, script, *rest)
        read_response = redis.connection.Connection.read_response

        def read_and_break(connection: redis.connection.Connection, *args: Any, **options: Any) -> Any:
            monkeypatch.setattr(redis.connection.Connection, "read_response", read_response)
            lost.append(read_response(connection, *args, **options))
            connection.disconnect()
            raise redis.ConnectionError("connection reset by peer")

        monkeypatch.setattr(redis.connection.Connection, "read_response", read_and_break)
        return run(client, script, *rest)

    monkeypatch.setattr(ranking, "_run", lose_the_answer)
    rebuilt = rebuild()

    assert lost == [2]  # it had been done
    assert ranking._patient().get(ranking.GENERATION) == rebuilt.generation
    assert copies_sold() == {"b-1": 3}


def in_pieces(meanwhile: Callable[[], object] = lambda: None) -> tuple[services.Rebuilt, int]:
    """Rebuild until it is finished, stopped at every opportunity; what is kept goes through JSON."""
    done = services.rebuild(progress=lambda _more: None, until=lambda: True)
    pieces = 1
    while not done.finished:
        meanwhile()
        kept = services.Rebuilt(**json.loads(json.dumps(asdict(done))))
        done = services.rebuild(progress=lambda _more: None, resume=kept, until=lambda: True)
        pieces += 1
    return done, pieces


def test_in_pieces_it_comes_to_the_same_as_in_one_go(
    now: datetime, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell_this_and_that(now)
    put_order({"b-1": 3}, at=now - timedelta(days=settings.COUNTED_SALES_DAYS + 10))  # it gets no record
    whole = rebuild()
    expected = everything_in_redis()
    monkeypatch.setattr(ranking, "BATCH", 2)

    done, pieces = in_pieces()

    assert pieces == 9  # 9 orders, 6 books, the exchange
    assert (done.orders, done.books, done.left_out) == (whole.orders, whole.books, whole.left_out)
    assert everything_in_redis() == expected
    assert ranking._patient().get(ranking.NEXT) is None


def test_sales_made_between_the_pieces_are_in(
    pump: PumpAll, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell_this_and_that(now)
    pump()
    monkeypatch.setattr(ranking, "BATCH", 2)
    numbers = itertools.count()

    def meanwhile() -> None:
        if (number := next(numbers)) < 5:
            put_order({"b-1": 1, "b-6": 2}, customer_id=f"{'az'[number % 2]}-{number}", at=now)
            if number % 2:
                next(iter(Order.scan())).delete()  # now and then the very order behind which it goes on
            pump()

    _done, pieces = in_pieces(meanwhile)

    assert pieces >= 8
    assert copies_sold() == {book: copies for book, copies in copies_bought().items() if book != "b-5"}


def test_a_piece_that_was_killed_counts_no_old_order_twice(
    now: datetime, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More was filled in than the checkpoint knows of: Redis knows better."""
    for number in range(7):
        put_order({"b-1": 1}, at=now - timedelta(days=settings.COUNTED_SALES_DAYS + 10 + number))
    monkeypatch.setattr(ranking, "BATCH", 2)
    first = services.rebuild(progress=lambda _more: None, until=lambda: True)
    services.rebuild(progress=lambda _more: None, resume=first, until=lambda: True)  # its answer is lost

    done = services.rebuild(progress=lambda _more: None, resume=first)

    assert done.orders == 7
    assert copies_sold() == {"b-1": 7}
    assert services.rebuild(progress=lambda _more: None, resume=first).finished  # so was that answer
    assert copies_sold() == {"b-1": 7}


def test_a_generation_that_takes_too_long_is_given_up(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "FILLING_SECONDS", 1)
    put_order({"b-1": 1}, at=now)
    first = services.rebuild(progress=lambda _more: None, until=lambda: True)
    time.sleep(1.1)
    with pytest.raises(ranking.SupersededError):
        services.rebuild(progress=lambda _more: None, resume=first)
    rebuild()
    assert copies_sold() == {"b-1": 1}


def test_what_a_broken_off_rebuild_left_is_never_counted_by_the_next(
    pump: PumpAll, now: datetime, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_order({"b-1": 3}, at=now - timedelta(days=settings.COUNTED_SALES_DAYS + 10))  # it gets no record
    broken_off = ranking.begin_generation()
    ranking.fill(broken_off, sales())

    with monkeypatch.context() as patch:
        patch.setattr(ranking, "remove_other_generations", lambda: None)  # Redis went away between
        ranking.abandon(broken_off)
        assert ranking._patient().keys(f"{{lb}}:{broken_off}:*")
        rebuild()
    assert copies_sold() == {"b-1": 3}

    rebuild()
    assert not ranking._patient().keys(f"{{lb}}:{broken_off}:*")


def test_clearing_up_touches_no_rebuild_that_begins_meanwhile(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_order({"b-1": 3}, at=now)
    rebuild()
    scan_iter = redis.Redis.scan_iter
    begun: list[str] = []

    def begin_another(client: redis.Redis, *args: Any, **options: Any) -> Any:
        monkeypatch.setattr(redis.Redis, "scan_iter", scan_iter)
        begun.append(ranking.begin_generation())
        ranking.fill(begun[0], sales())
        return scan_iter(client, *args, **options)

    monkeypatch.setattr(redis.Redis, "scan_iter", begin_another)
    ranking.remove_other_generations()
    ranking.switch_to(begun[0])

    assert copies_sold() == {"b-1": 3}


def test_redis_emptied_during_a_rebuild_is_told(now: datetime) -> None:
    sell_this_and_that(now)

    with pytest.raises(ranking.SupersededError):
        services.rebuild(progress=lambda _more: ranking._patient().flushdb())


def test_an_order_that_cannot_be_counted_is_left_out_and_told(
    pump: PumpAll, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    factories.book("Emma", book_id="emma")
    sell({"emma": 1}, at=now)
    broken = sell({"emma": 1}, at=now)
    broken.update([Order.status.set("lost")])
    said = StringIO()

    with pytest.raises(CommandError, match="1 of them"):
        call_command("rebuild_leaderboard", stdout=said)

    assert "rebuilt from 2 orders and 1 books" in said.getvalue()
    assert broken.order_id in caplog.text
    assert copies_sold() == {"emma": 1}


def test_with_redis_away_the_command_says_so(wire: Wire) -> None:
    with wire.redis.refuse(), pytest.raises(CommandError, match="Redis is out of reach"):
        call_command("rebuild_leaderboard")


def test_a_rebuild_killed_halfway_is_made_good_by_the_next(pump: PumpAll, now: datetime) -> None:
    sell_this_and_that(now)
    pump()
    expected = everything_in_redis()
    script = (
        "import django, os, time; django.setup()\n"
        "from leaderboard import ranking, services\n"
        "ranking.BATCH = 2\n"
        "services.rebuild(progress=lambda more: (print('going', flush=True), time.sleep(60)))\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bookstore.settings"}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "going\n"
        process.send_signal(signal.SIGKILL)
    client = ranking._patient()
    assert client.get(ranking.NEXT) == "1"
    assert everything_in_redis() == expected

    factories.book(book_id="b-9")
    sell({"b-9": 1}, at=now)  # while the abandoned generation is still written
    pump()
    rebuild()

    assert client.get(ranking.NEXT) is None
    assert {key.split(":")[1] for key in client.keys("{lb}:[0-9]*")} == {client.get(ranking.GENERATION)}
    assert copies_sold() == {"b-9": 1} | {
        book: int(copies) for book, copies in expected["sold:all"] if book != "b-5"
    }


def test_a_rebuilt_list_is_shown(pump: PumpAll, now: datetime) -> None:
    factories.book("Emma", book_id="emma")
    sell({"emma": 2}, at=now)
    ranking._patient().flushdb()
    assert selectors.bestsellers(today=now.date()) == []

    call_command("rebuild_leaderboard", stdout=StringIO())

    assert [(entry.book.name, entry.copies) for entry in selectors.bestsellers(today=now.date()) or ()] == [
        ("Emma", 2)
    ]
