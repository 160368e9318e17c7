"""The leaderboards' keys in Redis, and the scripts that are the only way to write them.

Every key carries the hash tag ``{lb}``, so that all stand on one node and one script may use
them together, on a cluster too:

===============================  =============================================================
``{lb}:generation``              the generation that is read; generation 0 when it is absent
``{lb}:next``                    the generation that a rebuild is filling, while there is one
``{lb}:last``                    the highest number a generation ever had; none is given twice
``{lb}:stream:<table>``          hash: how far the table's stream has come; see ``StreamNote``
``{lb}:gone:order:<id>``         version at which an order was removed; kept two days
``{lb}:gone:book:<id>``          revision at which a book was removed; kept two days
``{lb}:<n>:sold:all``            sorted set: book -> copies sold
``{lb}:<n>:sold:day:YYYYMMDD``   sorted set: book -> copies sold of the orders placed that day
``{lb}:<n>:takings:YYYYMMDD``    hash of the same orders: orders, copies, cents:<category>
``{lb}:<n>:order:<id>``          what an order counted for: {"version", "day", "copies", "cents"}
``{lb}:<n>:rated``               sorted set: book -> score of its rating
``{lb}:<n>:revisions``           hash: book -> revision that its rating was taken from
``{lb}:<n>:withdrawn``           set: books that stand on no list
``{lb}:<n>:reached``             how far its filling has come; gone once it is read
===============================  =============================================================

A write goes to the generation that is read and to the one being filled. An order's record is
kept ``COUNTED_SALES_DAYS`` days from the day of placing; a later change of it counts for
nothing until the next rebuild, as nothing tells any more what it counted for. Redis must
not evict keys (``noeviction``): an order whose record is lost early could count twice.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, cast

import redis
from django.conf import settings
from django.utils import timezone
from redis.backoff import NoBackoff
from redis.retry import Retry

from bookstore.streams.progress import Progress
from leaderboard.counting import Rating, Sale

GENERATION = "{lb}:generation"
NEXT = "{lb}:next"
LAST = "{lb}:last"

LONGEST_PERIOD_DAYS = 30
JUST_NOW = timedelta(minutes=1)  # a stream whose latest change came longer ago is at rest
GONE_SECONDS = 2 * 24 * 60 * 60  # a stream holds a record for one day
BATCH = 500  # writes of a rebuild in one request
COMMAND_TIMEOUT_SECONDS = 30.0  # a rebuild's requests are large; nobody waits for a page
# How long a generation may take to be filled; then it is given up. Less than the day for which
# an order's record outlives its counting: what both counted is told apart until the end.
FILLING_SECONDS = 20 * 60 * 60
SUPERSEDED = -1  # what a script answers to a rebuild that another one has overtaken


class SupersededError(Exception):
    """Another rebuild has begun, Redis was emptied, or it took too long: this one must not go on."""


@dataclass(frozen=True, slots=True)
class Takings:
    """What the orders placed on one day count for now: cancelled and returned ones for nothing."""

    day: date  # in the shop's zone
    orders: int = 0
    copies: int = 0
    cents: Mapping[str, int] = field(default_factory=dict)  # what the books cost, by category; "" is none


@dataclass(frozen=True, slots=True)
class StreamNote:
    """What the projector said last about a stream."""

    settled_until: datetime | None = None  # when the latest change that is projected was made
    settled_at: datetime | None = None  # when it was projected
    waiting_since: datetime | None = None  # when the first change that is delivered again was made
    waiting_at: datetime | None = None  # when it was last tried

    def seconds_behind(self, now: datetime) -> int | None:
        """Return how old the first change that waits is; else how late the latest one was, if it came just now.

        ``None`` for a stream at rest.
        """
        if self.waiting_since:
            return round((now - self.waiting_since).total_seconds())
        if self.settled_at and now - self.settled_at < JUST_NOW:
            return self.seconds_late
        return None

    @property
    def seconds_late(self) -> int | None:
        """How old the latest change was when it was projected; ``None`` when no change was ever told of."""
        if self.settled_at and self.settled_until:
            return max(0, round((self.settled_at - self.settled_until).total_seconds()))
        return None


@dataclass(frozen=True, slots=True)
class Overview:
    """What the front page of the admin shows, out of one request."""

    takings: list[Takings]
    bestselling: list[tuple[str, int]]
    streams: list[StreamNote]


# KEYS: generation, next. ARGV[1]: the one generation to write, or '' for all that are kept.
_GENERATIONS = """
local filling = redis.call('GET', KEYS[2])
local generations = {redis.call('GET', KEYS[1]) or '0'}
if ARGV[1] ~= '' then
  if filling ~= ARGV[1] then return -1 end
  generations = {ARGV[1]}
elseif filling then
  generations[2] = filling
end
"""

# KEYS[3]: the order's tombstone. ARGV: generation, order id, record, removed ('1' or ''); until
# when, in epoch seconds, an unknown order is counted, its record and its day are kept; and for
# how many seconds a tombstone is kept.
#
# The clock is Redis's own, by which the records expire too: an order whose record may have
# expired is never taken for a new one.
_COUNT_SALE = (
    _GENERATIONS
    + """
local record = cjson.decode(ARGV[3])
local version = record.version
local now = tonumber(redis.call('TIME')[1])
local counted_until, kept_until, day_until = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local gone = redis.call('GET', KEYS[3])
if gone and tonumber(gone) >= version then return 0 end
if ARGV[4] == '1' then redis.call('SET', KEYS[3], version, 'EX', ARGV[8]) end

local function bump(key, book, copies)
  if tonumber(redis.call('ZINCRBY', key, copies, book)) <= 0 then redis.call('ZREM', key, book) end
end

local function sum(key, name, number)
  if redis.call('HINCRBY', key, name, number) == 0 then redis.call('HDEL', key, name) end
end

local function add(root, counted, sign)
  local all = 0
  for book, copies in pairs(counted.copies) do
    all = all + copies
    bump(root .. 'sold:all', book, sign * copies)
    if now < day_until then bump(root .. 'sold:day:' .. counted.day, book, sign * copies) end
  end
  if now >= day_until then return end
  redis.call('EXPIREAT', root .. 'sold:day:' .. counted.day, day_until)
  if all == 0 or not counted.cents then return end -- written before takings were kept: none were counted
  local takings = root .. 'takings:' .. counted.day
  sum(takings, 'orders', sign)
  sum(takings, 'copies', sign * all)
  for category, cents in pairs(counted.cents) do sum(takings, 'cents:' .. category, sign * cents) end
  redis.call('EXPIREAT', takings, day_until)
end

local written = 0
for _, generation in ipairs(generations) do
  local root = '{lb}:' .. generation .. ':'
  local stored = redis.call('GET', root .. 'order:' .. ARGV[2])
  stored = stored and cjson.decode(stored)
  local newer = stored and stored.version < version
  if newer then add(root, stored, -1) end
  if newer or (not stored and now < counted_until) then
    add(root, record, 1)
    redis.call('SET', root .. 'order:' .. ARGV[2], ARGV[3], 'EXAT', kept_until)
    written = written + 1
  elseif not stored and ARGV[1] ~= '' then
    add(root, record, 1) -- a rebuild meets each order once
    written = written + 1
  end
end
return written
"""
)

# KEYS[3]: the book's tombstone. ARGV: generation, book id, revision, score or '', sold and
# removed ('1' or ''), and for how many seconds a tombstone is kept.
_RATE_BOOK = (
    _GENERATIONS
    + """
local book, revision = ARGV[2], tonumber(ARGV[3])
local gone = redis.call('GET', KEYS[3])
if gone and tonumber(gone) >= revision then return 0 end
if ARGV[6] == '1' then redis.call('SET', KEYS[3], ARGV[3], 'EX', ARGV[7]) end

local written = 0
for _, generation in ipairs(generations) do
  local root = '{lb}:' .. generation .. ':'
  local stored = redis.call('HGET', root .. 'revisions', book)
  if not stored or tonumber(stored) < revision then
    redis.call('HSET', root .. 'revisions', book, ARGV[3])
    if ARGV[4] == '' then
      redis.call('ZREM', root .. 'rated', book)
    else
      redis.call('ZADD', root .. 'rated', ARGV[4], book)
    end
    redis.call(ARGV[5] == '1' and 'SREM' or 'SADD', root .. 'withdrawn', book)
    written = written + 1
  end
end
return written
"""
)

# KEYS: generation. ARGV: how many, then the names of the sorted sets, whose scores are added up.
# Answers book, score, book, score ..., highest first; of equals, the later id first.
_READ = """
local root = '{lb}:' .. (redis.call('GET', KEYS[1]) or '0') .. ':'
local wanted = tonumber(ARGV[1])
local found = {}

local function take(book, score)
  if redis.call('SISMEMBER', root .. 'withdrawn', book) == 0 then
    found[#found + 1] = book
    found[#found + 1] = score
  end
  return #found >= 2 * wanted
end

if #ARGV == 2 then
  local from = 0
  while true do
    local some = redis.call('ZRANGE', root .. ARGV[2], from, from + 99, 'REV', 'WITHSCORES')
    for i = 1, #some, 2 do
      if take(some[i], some[i + 1]) then return found end
    end
    if #some < 200 then return found end
    from = from + 100
  end
end

local union = {'ZUNION', #ARGV - 1}
for i = 2, #ARGV do union[#union + 1] = root .. ARGV[i] end
union[#union + 1] = 'WITHSCORES'
local all = redis.call(unpack(union))
for i = #all - 1, 1, -2 do
  if take(all[i], all[i + 1]) then break end
end
return found
"""

# KEYS: generation. ARGV: the names of hashes. Answers field, value, field, value ... of each.
_READ_HASHES = """
local root = '{lb}:' .. (redis.call('GET', KEYS[1]) or '0') .. ':'
local found = {}
for i, name in ipairs(ARGV) do found[i] = redis.call('HGETALL', root .. name) end
return found
"""

# KEYS: a stream's hash. ARGV in epoch seconds: now; settled until and waiting since, or ''.
#
# Several shards are told of in turn: of what is settled the latest counts, and what waits is
# forgotten when something later is settled. One that goes on waiting is told of again.
_NOTE_PROGRESS = """
local function known(name) return tonumber(redis.call('HGET', KEYS[1], name) or '0') end
if ARGV[2] ~= '' and tonumber(ARGV[2]) >= known('settled_until') then
  redis.call('HSET', KEYS[1], 'settled_until', ARGV[2], 'settled_at', ARGV[1])
end
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'waiting_since', ARGV[3], 'waiting_at', ARGV[1])
elseif known('settled_until') >= known('waiting_since') then
  redis.call('HDEL', KEYS[1], 'waiting_since', 'waiting_at')
end
return 1
"""

_BEGIN = """
local last = 0
for _, key in ipairs(KEYS) do last = math.max(last, tonumber(redis.call('GET', key) or '0')) end
local new = string.format('%d', last + 1)
redis.call('SET', KEYS[2], new, 'EX', ARGV[1])
redis.call('SET', KEYS[3], new)
return new
"""

# KEYS[2]: next. ARGV: generation, how far its filling has come.
_REACH = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
redis.call('SET', '{lb}:' .. ARGV[1] .. ':reached', ARGV[2])
return 1
"""

# Answers how far, '' when it has just begun, or false when the generation is read already.
_REACHED = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return false end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
return redis.call('GET', '{lb}:' .. ARGV[1] .. ':reached') or ''
"""

# Sent again, because its answer was lost, it finds itself done.
_SWITCH = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return 0 end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
redis.call('SET', KEYS[1], ARGV[1])
return redis.call('DEL', KEYS[2], '{lb}:' .. ARGV[1] .. ':reached')
"""

_ABANDON = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
return redis.call('DEL', KEYS[2])
"""


def count_sale(sale: Sale) -> None:
    """Make an order count for what this version of it says; an older version changes nothing.

    One request. Raises redis-py's errors; the second time nothing happens.
    """
    _run(_quick(), *_sale_arguments(sale, generation=""))


def rate_book(rating: Rating) -> None:
    """Put a book where this revision of it stands; an older revision changes nothing.

    One request. Raises redis-py's errors; the second time nothing happens.
    """
    _run(_quick(), *_rating_arguments(rating, generation=""))


def bestselling(*, wanted: int, days: Sequence[date] = ()) -> list[tuple[str, int]]:
    """Return the books sold most, with copies, most first: of all time, or of the orders placed on ``days``.

    Withdrawn books are passed over. One request; raises redis-py's errors.
    """
    sets = [_day_set(day) for day in days] or ["sold:all"]
    return _read(wanted, sets)


def note_progress(progress: Progress, *, at: datetime) -> None:
    """Keep what became of a stream's records in a batch. One request; raises redis-py's errors."""
    moments = [at, progress.settled_until, progress.waiting_since]
    arguments = ["" if moment is None else moment.timestamp() for moment in moments]
    _run(_quick(), _NOTE_PROGRESS, [_stream_hash(progress.table)], arguments)


def overview(*, days: Sequence[date], wanted: int, lately: Sequence[date], tables: Sequence[str]) -> Overview:
    """Return the takings of ``days``, the bestsellers of ``lately`` and the notes on the tables' streams.

    One request; raises redis-py's errors.
    """
    with _quick().pipeline(transaction=False) as pipeline:
        pipeline.eval(_READ_HASHES, 1, GENERATION, *map(_takings_hash, days))
        pipeline.eval(_READ, 1, GENERATION, wanted, *map(_day_set, lately))
        for table in tables:
            pipeline.hgetall(_stream_hash(table))
        found, ranked, *notes = pipeline.execute()
    return Overview(
        takings=[_takings_of(day, flat) for day, flat in zip(days, found, strict=True)],
        bestselling=_pairs(ranked),
        streams=[_note_of(note) for note in notes],
    )


def best_rated(*, wanted: int) -> list[str]:
    """Return the ids of the books rated highest, best first. One request; raises redis-py's errors."""
    return [book_id for book_id, _ in _read(wanted, ["rated"])]


def begin_generation() -> str:
    """Begin a new generation and return its number; from now on every write goes to it, too.

    A generation that another rebuild was filling is given up: that rebuild will notice.
    What earlier rebuilds left behind is removed.
    """
    generation = str(_run(_patient(), _BEGIN, [GENERATION, NEXT, LAST], [FILLING_SECONDS]))
    remove_other_generations()
    return generation


def fill(generation: str, entries: Iterable[Sale | Rating], *, reached: str = "") -> None:
    """Write entries, up to ``BATCH`` of them, into the generation being filled and no other.

    What the projector wrote meanwhile wins, where it is newer. Orders too old to be told apart
    later are counted without a record, so nothing may be filled in twice: ``reached``, which
    ``reached_by`` gives back, is written together with the entries or not at all. Raises
    ``SupersededError`` and redis-py's errors.
    """
    client = _patient()
    # Loaded anew for each request: Redis may have been restarted since the last one.
    loaded = {script: client.script_load(script) for script in (_COUNT_SALE, _RATE_BOOK, _REACH)}
    with _filler().pipeline(transaction=True) as pipeline:
        for entry in entries:
            script, keys, arguments = (
                _sale_arguments(entry, generation=generation)
                if isinstance(entry, Sale)
                else _rating_arguments(entry, generation=generation)
            )
            pipeline.evalsha(loaded[script], len(keys), *keys, *arguments)
        pipeline.evalsha(loaded[_REACH], 2, GENERATION, NEXT, generation, reached)
        if SUPERSEDED in pipeline.execute():
            raise _superseded(generation)


def reached_by(generation: str) -> str | None:
    """Return how far a generation has been filled, ``""`` when not at all, ``None`` when it is read already.

    Raises ``SupersededError``.
    """
    reached: Any = _run(_patient(), _REACHED, [GENERATION, NEXT], [generation])
    if reached == SUPERSEDED:
        raise _superseded(generation)
    return cast("str | None", reached)


def switch_to(generation: str) -> None:
    """Let everyone read the generation that was being filled, at once, and remove the old one.

    The second time nothing happens. Raises ``SupersededError``, having changed nothing.
    """
    if _run(_patient(), _SWITCH, [GENERATION, NEXT], [generation]) == SUPERSEDED:
        raise _superseded(generation)
    remove_other_generations()


def _superseded(generation: str) -> SupersededError:
    return SupersededError(f"generation {generation} is no longer the one being filled")


def abandon(generation: str) -> None:
    """Give up a generation that was being filled; does nothing to one that is not."""
    _run(_patient(), _ABANDON, [GENERATION, NEXT], [generation])
    remove_other_generations()


def remove_other_generations() -> None:
    """Remove each generation that is neither read nor being filled.

    Nothing is removed of one that begins meanwhile: its number is higher than any there was.
    """
    client = _patient()
    read, filling, last = cast("list[str | None]", client.mget(GENERATION, NEXT, LAST))
    kept, highest = {read or "0", filling}, int(last or 0)

    def is_given_up(key: str) -> bool:
        number = key.split(":", 2)[1]
        return number not in kept and int(number) <= highest

    for keys in _in_batches(client.scan_iter(match="{lb}:[0-9]*", count=1000)):
        if others := [key for key in keys if is_given_up(key)]:
            client.unlink(*others)


def _in_batches(keys: Iterable[str]) -> Iterable[list[str]]:
    batch: list[str] = []
    for key in keys:
        batch.append(key)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def _sale_arguments(sale: Sale, *, generation: str) -> tuple[str, list[str], list[Any]]:
    day = sale.day or timezone.localdate()
    record = {
        "version": sale.version,
        "day": f"{day:%Y%m%d}",
        "copies": dict(sale.copies),
        "cents": dict(sale.cents),
    }
    arguments = [
        generation,
        sale.order_id,
        json.dumps(record),
        "1" if sale.removed else "",
        _midnight_after(day, days=settings.COUNTED_SALES_DAYS),
        # A day longer, so that a rebuild that runs across that midnight counts the order once.
        _midnight_after(day, days=settings.COUNTED_SALES_DAYS + 1),
        _midnight_after(day, days=max(settings.COUNTED_SALES_DAYS, LONGEST_PERIOD_DAYS) + 1),
        GONE_SECONDS,
    ]
    return _COUNT_SALE, [GENERATION, NEXT, f"{{lb}}:gone:order:{sale.order_id}"], arguments


def _rating_arguments(rating: Rating, *, generation: str) -> tuple[str, list[str], list[Any]]:
    arguments = [
        generation,
        rating.book_id,
        rating.revision,
        "" if rating.score is None else rating.score,
        "1" if rating.sold else "",
        "1" if rating.removed else "",
        GONE_SECONDS,
    ]
    return _RATE_BOOK, [GENERATION, NEXT, f"{{lb}}:gone:book:{rating.book_id}"], arguments


def _day_set(day: date) -> str:
    return f"sold:day:{day:%Y%m%d}"


def _stream_hash(table: str) -> str:
    return f"{{lb}}:stream:{table}"


def _note_of(note: Mapping[str, str]) -> StreamNote:
    return StreamNote(**{name: datetime.fromtimestamp(float(moment), UTC) for name, moment in note.items()})


def _takings_hash(day: date) -> str:
    return f"takings:{day:%Y%m%d}"


def _takings_of(day: date, flat: Sequence[str]) -> Takings:
    numbers = {name: int(number) for name, number in zip(flat[::2], flat[1::2], strict=True)}
    orders, copies = numbers.pop("orders", 0), numbers.pop("copies", 0)
    cents = {name.partition(":")[2]: number for name, number in numbers.items()}
    return Takings(day, orders, copies, cents)


def _midnight_after(day: date, *, days: int) -> int:
    """Return the end of a day in the shop's zone, some days later, in epoch seconds."""
    end = datetime.combine(day + timedelta(days=days + 1), time.min, timezone.get_default_timezone())
    return int(end.timestamp())


def _read(wanted: int, sets: Sequence[str]) -> list[tuple[str, int]]:
    return _pairs(_run(_quick(), _READ, [GENERATION], [wanted, *sets]))


def _pairs(flat: Sequence[str]) -> list[tuple[str, int]]:
    return [(book_id, int(float(score))) for book_id, score in zip(flat[::2], flat[1::2], strict=True)]


def _run(client: redis.Redis, script: str, keys: list[str], arguments: list[Any]) -> Any:
    """Run a script in one request: its text is short, and EVALSHA would need two after a restart."""
    return client.eval(script, len(keys), *keys, *arguments)


@cache
def _quick() -> redis.Redis:
    """Return the client of pages and of the projector, whose patience a page can afford."""
    return _connect(settings.REDIS_TIMEOUT_SECONDS)


@cache
def _patient() -> redis.Redis:
    """Return the client of the rebuild, for what may be done twice."""
    return _connect(COMMAND_TIMEOUT_SECONDS)


@cache
def _filler() -> redis.Redis:
    """Return the client that never repeats a request: Redis may have run it, and only its answer was lost."""
    return _connect(COMMAND_TIMEOUT_SECONDS, retries=0)


def _connect(seconds: float, *, retries: int = 1) -> redis.Redis:
    client: redis.Redis = redis.Redis.from_url(
        settings.REDIS_URL,
        password=settings.REDIS_PASSWORD or None,
        socket_connect_timeout=seconds,
        socket_timeout=seconds,
        # A pooled connection may have died since: once more, at once. A time-out is not repeated,
        # and redis-py's own default would try for several seconds.
        retry=Retry(NoBackoff(), retries, supported_errors=(redis.ConnectionError,)),
        decode_responses=True,
    )
    return client
