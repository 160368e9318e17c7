"""Words, in documents and in questions: how they are compared, and how a question is made safe."""

import unicodedata
from typing import Any

# They stand around a match until the text is escaped: characters of the private use area, which
# are taken out of every document and every question, so that nobody can write one.
MARK, UNMARK = "\ue000", "\ue001"
MARKS: dict[int, None] = {ord(MARK): None, ord(UNMARK): None}

_TEXT_CHARACTERS = 200
# Each word may be tried in 30 spellings, and an engine takes 1024 clauses a query.
_TEXT_WORDS = 20

# "Alice's" is a form of "Alice", and "don't" one word. (OpenSearch's possessive stemmer would do the
# first, but the local engine's makes every word alike, and it indexes with few other filters.)
APOSTROPHES = ["without_possessives", "without_apostrophes"]
# What an index's own analysis is added to.
ANALYSIS: dict[str, Any] = {
    "char_filter": {
        "without_possessives": {
            "type": "pattern_replace",
            "pattern": "['\u2019\u02bc]s\\b",
            "replacement": "",
        },
        "without_apostrophes": {"type": "mapping", "mappings": ["'=>", "\u2019=>", "\u02bc=>"]},
    },
    "normalizer": {"folded": {"type": "custom", "filter": ["lowercase", "asciifolding"]}},
    "analyzer": {
        # Every word as it is: names, and titles such as "It".
        "folded": {
            "type": "custom",
            "tokenizer": "standard",
            "char_filter": APOSTROPHES,
            "filter": ["lowercase", "asciifolding"],
        },
    },
}
FOLDED = {"type": "text", "analyzer": "folded"}
# The beginnings of words are indexed too, for what is still being typed. (The type made for that,
# search_as_you_type, takes four times as long to index on the local engine and finds no more.)
BEGINNINGS = {"index_prefixes": {"min_chars": 1, "max_chars": 12}}


def readable(text: str) -> str:
    """Return a document's text without the marks."""
    return text.translate(MARKS)


def clean_text(text: str) -> str:
    """Return what was typed as the engine may see it: readable, at most 200 characters, single spaces."""
    kept = (
        character
        for character in text[: 2 * _TEXT_CHARACTERS].translate(MARKS)
        if character.isspace() or unicodedata.category(character) not in {"Cc", "Cs"}
    )
    return " ".join("".join(kept).split())[:_TEXT_CHARACTERS].rstrip()


def first_words(text: str) -> str:
    """Return the first words of a clean text; what has no letter or digit is none, unless there is nothing else."""
    words = [word for word in text.split(" ") if any(map(str.isalnum, word))]
    return " ".join(words[:_TEXT_WORDS]) or text
