from datetime import UTC, datetime

import pytest

from bookstore.opensearch.index import tombstone_of
from bookstore.opensearch.words import clean_text, first_words, readable


def test_a_tombstone_is_one_version_later_than_what_it_removes_and_says_nothing_of_it():
    entry = tombstone_of("o-1", last_version=7, at=datetime(2026, 11, 22, 17, 5, tzinfo=UTC))
    assert entry.version == 8
    assert entry.document == {"id": "o-1", "state": "removed", "removed_at": "2026-11-22T17:05:00+00:00"}


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("  pride \t and\nprejudice ", "pride and prejudice"),
        ("em\x00ma\x07", "emma"),
        ("\ud800emma", "emma"),
        ("em\ue000ma", "emma"),
        ("x" * 5000, "x" * 200),
    ],
)
def test_a_question_is_made_safe(typed, asked):
    assert clean_text(typed) == asked


def test_a_question_has_twenty_words_at_most_and_signs_are_none():
    assert len(first_words(" ".join(map(str, range(90)))).split()) == 20
    assert first_words("war & peace") == "war peace"
    assert first_words("&") == "&"


def test_nobody_can_write_the_marks_of_a_highlight():
    assert readable("Em\ue000ma\ue001") == "Emma"
