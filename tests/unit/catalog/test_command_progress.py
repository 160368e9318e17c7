import io

from django.core.management.base import OutputWrapper

from catalog.progress import Progress


def test_without_a_terminal_the_end_is_a_plain_line():
    out = io.StringIO()
    with Progress("importing", total=3, unit="books", out=OutputWrapper(out)) as progress:
        progress.advance(2)
        progress.say("line 7: no title")
        progress.advance()
    assert out.getvalue() == "line 7: no title\n  importing: 3 of 3 books\n"


def test_every_two_seconds_there_is_a_line(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("catalog.progress.time.monotonic", lambda: now[0])
    out = io.StringIO()
    with Progress("indexing", total=None, unit="books", out=OutputWrapper(out)) as progress:
        progress.advance()
        now[0] += 1.9
        progress.advance()
        assert out.getvalue() == ""
        now[0] += 0.2
        progress.advance()
        assert out.getvalue() == "  indexing: 3 books\n"
        now[0] += 2.1
        progress.advance()
    assert out.getvalue().count("\n") == 3
