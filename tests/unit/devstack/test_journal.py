from datetime import UTC, datetime

from bookstore.devstack.journal import Entry, Journal, loss

WHEN = datetime(2026, 11, 22, 19, 30, tzinfo=UTC)


def test_after_a_proper_stop_there_is_nothing_left_behind(tmp_path):
    journal = Journal(tmp_path / "unsaved.json")
    journal.note({"order": 2})
    journal.close()
    journal.close()
    assert journal.left_behind() is None


def test_what_was_noted_last_is_left_behind(tmp_path):
    journal = Journal(tmp_path / "unsaved.json")
    journal.note({"order": 2})
    journal.note({"order": 3, "account": 1})
    left = Journal(tmp_path / "unsaved.json").left_behind()
    assert left is not None
    assert left.counts == {"order": 3, "account": 1}


def test_a_journal_cut_off_half_way_still_tells_of_a_crash(tmp_path):
    (tmp_path / "unsaved.json").write_text('{"at": "2026-11')
    left = Journal(tmp_path / "unsaved.json").left_behind()
    assert left is not None
    assert left.counts == {}


def test_the_sentence_counts_what_is_missing_and_nothing_else():
    told = loss(
        Entry(WHEN, {"order": 14, "book": 296, "cart line": 3, "account": 3}),
        {"order": 10, "book": 296, "cart line": 2, "account": 5},
    )
    assert "Lost: 4 orders and 1 cart line," in told
    assert "book," not in told
    assert "account " not in told


def test_when_nothing_is_missing_it_says_so():
    assert "nothing" in loss(Entry(WHEN, {"order": 1}), {"order": 1})
