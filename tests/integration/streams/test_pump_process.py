"""`manage.py pump_streams` as a process: fast, quick to end, frugal, and right after a SIGKILL."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog import search
from catalog import services as catalogue
from tests import factories
from tests.integration.leaderboard.sales import copies_sold, put_order, sell
from tests.settings import IDLE_SHARE
from tests.wire import Wire

MANAGE = Path(__file__).parents[3] / "manage.py"


@contextlib.contextmanager
def pumping(positions: Path, *arguments: str, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, str(MANAGE), "pump_streams", "--positions", str(positions), *arguments]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bookstore.settings", "LOG_LEVEL": "WARNING"}
    with log.open("wb") if log else contextlib.nullcontext(subprocess.DEVNULL) as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def until(holds: Callable[[], bool], *, seconds: float = 20.0) -> float:
    """Wait until something holds; return how long that took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + seconds, "it never did"
        time.sleep(0.01)
    return time.monotonic() - began


def test_an_order_is_counted_within_two_seconds(tmp_path: Path, now: datetime) -> None:
    factories.book(book_id="b-1")
    with pumping(tmp_path / "positions.json"):
        put_order({"b-0": 1}, at=now)
        until(lambda: "b-0" in copies_sold())  # it has started
        waits = []
        for number in range(1, 6):
            time.sleep(0.3)  # idle again
            sell({"b-1": 1}, at=now)
            waits.append(until(lambda number=number: copies_sold().get("b-1") == number))  # type: ignore[misc]

    assert max(waits) < 2.0


def found(title: str) -> tuple[str, ...]:
    return search.find(search.SearchQuery(text=title)).ids


def test_an_edited_book_is_found_within_two_seconds(tmp_path: Path, now: datetime) -> None:
    version = int(factories.book("Emma", book_id="b-1").version)
    with pumping(tmp_path / "positions.json"):
        until(lambda: found("Emma") == ("b-1",))  # it has started
        waits = []
        for title in ("Northanger", "Persuasion", "Sanditon"):
            time.sleep(0.3)  # idle again
            version = catalogue.revise_book(book_id="b-1", version=version, at=now, name=title)
            waits.append(until(lambda title=title: found(title) == ("b-1",)))  # type: ignore[misc]

    assert max(waits) < 2.0


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_when_told_to(tmp_path: Path, now: datetime, told: signal.Signals) -> None:
    positions = tmp_path / "positions.json"
    put_order({"b-1": 1}, at=now)
    with pumping(positions) as process:
        until(positions.exists)
        process.send_signal(told)
        assert process.wait(5) == 0
    assert copies_sold() == {"b-1": 1}


def test_killed_at_any_moment_it_counts_each_order_once(tmp_path: Path, now: datetime) -> None:
    """Killed again and again amid its work: whatever was delivered twice, nothing counts twice or is lost."""
    positions = tmp_path / "positions.json"
    for already in (0, 40, 80):
        for _ in range(40):
            put_order({"b-1": 1}, at=now)
        with pumping(positions) as process:
            until(lambda more=already + already // 10: copies_sold().get("b-1", 0) > more)  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)

    call_command("pump_streams", "--once", positions=positions)
    assert copies_sold() == {"b-1": 120}


def test_killed_between_a_batch_and_its_position_it_delivers_again_and_is_right(
    tmp_path: Path, now: datetime
) -> None:
    positions = tmp_path / "positions.json"
    for _ in range(5):
        put_order({"b-1": 1}, at=now)
    call_command("pump_streams", "--once", positions=positions)
    before = positions.read_text()
    order = put_order({"b-1": 2}, at=now)
    call_command("pump_streams", "--once", positions=positions)
    assert positions.read_text() != before

    positions.write_text(before)  # as if it had died before the position was written
    order.delete()
    call_command("pump_streams", "--once", positions=positions)

    assert copies_sold() == {"b-1": 5}


def test_it_goes_on_where_it_was(tmp_path: Path, now: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    positions = tmp_path / "positions.json"
    for _ in range(3):
        put_order({"b-1": 1}, at=now)
    call_command("pump_streams", "--once", positions=positions)
    put_order({"b-1": 1}, at=now)
    call_command("pump_streams", "--once", positions=positions)
    call_command("pump_streams", "--once", positions=positions)

    said = capsys.readouterr().out.split("\n")
    assert said[:3] == [f"records delivered: {count}" for count in (3, 1, 0)]
    assert any(
        stream.partition(":table/")[2].startswith("test-Orders")
        for stream in json.loads(positions.read_text())
    )


def test_with_the_projector_stalled_once_ends_with_an_error(
    tmp_path: Path, now: datetime, wire: Wire
) -> None:
    put_order({"b-1": 1}, at=now)
    with wire.redis.refuse(), pytest.raises(CommandError, match="Orders"):
        call_command("pump_streams", "--once", positions=tmp_path / "positions.json")


def test_with_the_stores_away_it_waits_says_so_once_and_goes_on(
    tmp_path: Path, now: datetime, wire: Wire
) -> None:
    log = tmp_path / "log"
    with wire.dynamodb.refuse(), pumping(tmp_path / "positions.json", log=log) as process:
        until(lambda: "out of reach" in log.read_text())
        time.sleep(2.2)
        assert process.poll() is None
        assert log.read_text().count("out of reach") == 1
        wire.dynamodb._switch("open")
        put_order({"b-1": 1}, at=now)
        until(lambda: copies_sold() == {"b-1": 1})
        until(lambda: "answer again" in log.read_text())
    assert "Traceback" not in log.read_text()


def test_an_idle_pump_costs_next_to_nothing(tmp_path: Path, now: datetime) -> None:
    with pumping(tmp_path / "positions.json") as process:
        put_order({"b-1": 1}, at=now)
        until(lambda: copies_sold() == {"b-1": 1})
        time.sleep(1)
        before = cpu_seconds(process.pid)
        time.sleep(6)  # the system counts in hundredths of a second
        used = cpu_seconds(process.pid) - before

    assert used / 6 < IDLE_SHARE  # without its pauses it would be most of a core


def cpu_seconds(pid: int) -> float:
    """How long a process has worked, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
