"""How a search index is written, and how it is exchanged for a new one.

An index is known by an alias; the indexes behind it carry the time at which they were made.
While a rebuild fills a new one, ``<alias>-building`` points there, and every write goes
to both aliases in one request: whoever writes need not know whether a rebuild is under way.

Rebuilds that overlap are told apart by these aliases alone, as the engine changes them one
request at a time. Each is given to an index as its sole one (``is_write_index``): a second one
is refused. An index becomes the live one only out of ``<alias>-building``, by actions that
are cancelled together when it is no longer there. An index with no alias therefore never gets one
again, and is the only kind that is ever deleted.

What a document has and its index does not know is kept and not looked into: for some minutes of every deployment
that adds a field, new code writes to the index of the code before. An index bears the digest of its make, by
which the deployment knows that it wants a rebuild.

A document's version is its row's own, given from outside, so an older write never undoes a
newer one, in whatever order and however often they come. A removed row leaves a tombstone one
version later, which outlives every replay; queries have to leave it out.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from bookstore import aws
from bookstore.opensearch.engine import patient_client, trouble_told
from bookstore.opensearch.errors import SearchUnavailableError, SupersededError, UnindexableError

REMOVED = "removed"  # the state of a tombstone
# What every index has; a document's ``state`` may be whatever else the index wants.
OF_EVERY_DOCUMENT: Mapping[str, Any] = {
    "id": {"type": "keyword"},
    "state": {"type": "keyword"},
    "removed_at": {"type": "date"},  # of a tombstone, which has nothing else
}

# What the engine notes in its logs of what is slow: by a question, all of it; of a document, nothing but its key.
ASKED_SLOWLY = {"slowlog": {"threshold": {"query": {"warn": "500ms"}, "fetch": {"warn": "500ms"}}}}
WRITTEN_SLOWLY = {"slowlog": {"threshold": {"index": {"warn": "1s"}}, "source": False}}

TOMBSTONE_DAYS = 7  # a stream keeps its records for one; what is older is purged by a rebuild
_WRITE_TIMEOUT_SECONDS = 5  # a projector goes on to the next try
_BULK_TIMEOUT_SECONDS = 60  # for hundreds of documents at once
_TOMBSTONES_A_REQUEST = 1000
_SOLE = {"is_write_index": True}  # the engine refuses a second one behind the same alias
_GONE_IS_EMPTY = {"ignore_unavailable": "true"}


@dataclass(frozen=True, slots=True)
class Entry:
    """What an index shall hold about one row, as of one version."""

    key: str
    version: int
    document: Mapping[str, Any]


def tombstone_of(key: str, *, last_version: int, at: datetime) -> Entry:
    """Return what an index holds about a row that was removed when its version was ``last_version``."""
    return Entry(key, last_version + 1, {"id": key, "state": REMOVED, "removed_at": _written(at)})


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


@dataclass(frozen=True)
class Index:
    """A search index: the alias it is known by, and its settings and properties.

    The properties have to begin with ``OF_EVERY_DOCUMENT``. A property that becomes another type gets another name too:
    the index before it would take no document. Whatever fails because the engine is
    away raises ``SearchUnavailableError``.
    """

    alias: str
    settings: Mapping[str, Any]
    properties: Mapping[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        """What an index is made with."""
        made = {"settings": self.settings, "mappings": {"dynamic": False, "properties": self.properties}}
        digest = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:16]
        return made | {"mappings": {**made["mappings"], "_meta": {"made_with": digest}}}

    @property
    def building_alias(self) -> str:
        """The alias of the index that a rebuild fills; it exists only meanwhile."""
        return f"{self.alias}-building"

    # --- Writing -----------------------------------------------------------------------------------------

    def write(self, entries: Sequence[Entry]) -> None:
        """Put entries into the index, and into the one being built if there is one, in one request.

        May happen twice. Raises ``SearchUnavailableError`` when a later try may succeed, and ``UnindexableError``.
        """
        aliases = (self.alias, self.building_alias)
        _bulk(entries, aliases, may_lack=(self.building_alias,), timeout_seconds=_WRITE_TIMEOUT_SECONDS)

    # --- Indexes and aliases -------------------------------------------------------------------------------

    def create(self) -> None:
        """Make an empty index and its alias, unless there is one. The second time nothing happens."""
        with trouble_told():
            if patient_client().indices.exists_alias(name=self.alias):
                return
            # Two that come at once must not make two: the first index has a fixed name.
            self._create(self._first, alias=self.alias)

    def forget_everything(self) -> None:
        """Delete the index and whatever a rebuild left; for tests.

        Raises ``aws.NotLocalError`` where the search engine is not on this machine.
        """
        aws.refuse_unless_local()
        with trouble_told():
            for alias in (self.alias, self.building_alias):
                for index in _indexes_behind(alias):
                    patient_client().indices.delete(index=index, params={"ignore": HTTPStatus.NOT_FOUND})
            patient_client().indices.delete(index=self._first, params={"ignore": HTTPStatus.NOT_FOUND})

    def start_building(self, *, at: datetime) -> str:
        """Make an empty index for a rebuild and return its name; from now on all writes go there too.

        What a killed rebuild left is taken over, and a rebuild that is still running has lost: it
        stops with ``SupersededError``. Of two that begin at the same moment one does.
        """
        from opensearchpy import NotFoundError  # noqa: PLC0415

        name = f"{self.alias}-{at:%Y%m%d%H%M%S}-{uuid4().hex[:6]}"
        with trouble_told():
            for leftover in _indexes_behind(self.building_alias):
                # One that is no longer there has just been finished, or another rebuild was quicker.
                with contextlib.suppress(NotFoundError):
                    _change_aliases(_removal(leftover, self.building_alias))
            if not self._create(name, alias=self.building_alias):
                raise SupersededError
        return name

    def write_building(self, index: str, entries: Sequence[Entry]) -> None:
        """Put entries into the index being built alone.

        Raises ``SupersededError`` when another rebuild has taken over, and what ``write`` raises.
        """
        # Should another one take over at this very moment, its index gets what it would find itself.
        try:
            _bulk(entries, (self.building_alias,), timeout_seconds=_BULK_TIMEOUT_SECONDS)
        finally:
            with trouble_told():
                if _indexes_behind(self.building_alias) != [index]:
                    raise SupersededError

    def switch_to(self, index: str) -> None:
        """Let the alias point at the finished index alone, in one step; the second time nothing happens.

        The index before it is left without an alias, for ``clear_up``. Raises ``SupersededError``,
        having changed nothing, when another rebuild has taken over.
        """
        from opensearchpy import NotFoundError  # noqa: PLC0415

        with trouble_told():
            patient_client().indices.refresh(index=index, params=_GONE_IS_EMPTY)
            before = [name for name in _indexes_behind(self.alias) if name != index]
            try:
                _change_aliases(
                    _removal(index, self.building_alias),
                    *(_removal(name, self.alias) for name in before),
                    {"add": {"index": index, "alias": self.alias, **_SOLE}},
                )
            except NotFoundError:
                # Sent twice, because the first answer was lost, it finds itself done.
                if _indexes_behind(self.alias) != [index]:
                    raise SupersededError from None

    def clear_up(self, *, since: datetime) -> None:
        """Delete the indexes that nothing points at any more, whichever rebuild left them.

        Their tombstones not older than ``since`` are carried over first: a removal may have been on
        its way to an old index alone when the new one was made. Two may clear up at once.
        """
        aliases = (self.alias, self.building_alias)
        with trouble_told():
            strays = self._strays()
        for stray in strays:
            for some in self.tombstones(stray, since=since):
                _bulk(some, aliases, may_lack=aliases, timeout_seconds=_BULK_TIMEOUT_SECONDS)
            with trouble_told():
                patient_client().indices.delete(index=stray, params={"ignore": HTTPStatus.NOT_FOUND})

    def tombstones(self, index: str, *, since: datetime) -> Iterator[list[Entry]]:
        """Return an index's tombstones not older than ``since``, in batches; none of an index that is gone."""
        after: list[Any] = []
        with trouble_told():
            patient_client().indices.refresh(index=index, params=_GONE_IS_EMPTY)
        while True:
            body: dict[str, Any] = {
                "size": _TOMBSTONES_A_REQUEST,
                "version": True,
                "sort": [{"id": "asc"}],
                "query": {
                    "bool": {
                        "filter": [
                            {"term": {"state": REMOVED}},
                            {"range": {"removed_at": {"gte": _written(since)}}},
                        ]
                    }
                },
            }
            if after:
                body["search_after"] = after
            with trouble_told():
                found = patient_client().search(index=index, body=body, params=_GONE_IS_EMPTY)
            hits = found["hits"]["hits"]
            if not hits:
                return
            yield [Entry(hit["_id"], int(hit["_version"]), hit["_source"]) for hit in hits]
            after = hits[-1]["sort"]

    def current(self) -> list[str]:
        """Return the names of the indexes behind the alias: one, or none before the first."""
        with trouble_told():
            return _indexes_behind(self.alias)

    def is_as_made_today(self) -> bool:
        """Tell whether there is an index, made as this code makes one."""
        with trouble_told():
            there = patient_client().indices.get_mapping(
                index=self.alias, params={"ignore": HTTPStatus.NOT_FOUND}
            )
        if "error" in there:
            return False
        today = self.body["mappings"]["_meta"]
        return all(told["mappings"].get("_meta") == today for told in there.values())

    def refresh(self) -> None:
        """Make what was written visible at once, which otherwise takes up to a second."""
        with trouble_told():
            patient_client().indices.refresh(index=self.alias)

    @property
    def _first(self) -> str:
        return f"{self.alias}-initial"

    def _strays(self) -> list[str]:
        """Return our indexes that nothing points at, and nothing ever will again."""
        ours = re.compile(rf"{re.escape(self.alias)}-(initial|[0-9]{{14}}-[0-9a-f]{{6}})")
        found = patient_client().indices.get_alias(index=f"{self.alias}-*")
        return [name for name, told in found.items() if ours.fullmatch(name) and not told["aliases"]]

    def _create(self, name: str, *, alias: str) -> bool:
        """Make an index that bears an alias alone; tell whether no other index bears it."""
        from opensearchpy import RequestError, TransportError  # noqa: PLC0415

        try:
            patient_client().indices.create(index=name, body={**self.body, "aliases": {alias: _SOLE}})
        except RequestError as error:
            if error.error != "resource_already_exists_exception":  # asked twice, or by two
                raise
        except TransportError as error:
            if error.error != "illegal_state_exception":  # "alias has more than one write index"
                raise
            return False
        return True


def _bulk(
    entries: Sequence[Entry], aliases: Sequence[str], *, timeout_seconds: int, may_lack: Sequence[str] = ()
) -> None:
    lines: list[Mapping[str, Any]] = []
    for entry in entries:
        for alias in aliases:
            # An alias that is not there must not become an index of guessed types.
            action = {
                "_index": alias,
                "_id": entry.key,
                "version": entry.version,
                "version_type": "external",
                "require_alias": True,
            }
            lines += ({"index": action}, entry.document)
    if not lines:
        return
    with trouble_told():
        answer = patient_client().bulk(body=lines, params={"request_timeout": timeout_seconds})
    if not answer["errors"]:
        return
    asked = [alias for _ in entries for alias in aliases]
    for alias, item in zip(asked, answer["items"], strict=True):
        result = item["index"]
        if not (alias in may_lack and result["status"] == HTTPStatus.NOT_FOUND):
            _check_written(result)


def _check_written(result: Mapping[str, Any]) -> None:
    status = result["status"]
    if status < HTTPStatus.BAD_REQUEST or status == HTTPStatus.CONFLICT:
        return  # a conflict: the index holds this version already, or a newer one
    error = result.get("error", {})
    kind, reason = error.get("type", "unknown"), error.get("reason", "")
    told = f"{result.get('_id')}: {kind}: {reason}"
    if status == HTTPStatus.BAD_REQUEST:
        raise UnindexableError(told)
    from opensearchpy import TransportError  # noqa: PLC0415

    raise SearchUnavailableError(told) from TransportError(status, kind, result)


def _change_aliases(*actions: Mapping[str, Any]) -> None:
    """Do all of this at once or, where something to be removed is not there, raise ``NotFoundError``."""
    patient_client().indices.update_aliases(body={"actions": actions})


def _removal(index: str, alias: str) -> dict[str, Any]:
    return {"remove": {"index": index, "alias": alias, "must_exist": True}}


def _indexes_behind(alias: str) -> list[str]:
    answer = patient_client().indices.get_alias(name=alias, params={"ignore": HTTPStatus.NOT_FOUND})
    return sorted(answer) if "error" not in answer else []
