"""The tasks function: the management commands that a deployed shop needs, one an event.

An event is ``{"command": "rebuild_search", "arguments": [], "task": "an id"}``. Long commands work
in pieces (``bookstore.pieces``): before Lambda's quarter of an hour ends, the function calls
itself on with the same event, and the ``Tasks`` table knows how far the task has come. The others
run in one go, and are no task.
"""

import io
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookstore.settings")
django.setup()

from django.core.management import CommandError, call_command, load_command_class  # noqa: E402 - need the settings
from django.utils import timezone  # noqa: E402

from bookstore import aws  # noqa: E402
from bookstore.logs import redact, request_context  # noqa: E402
from bookstore.opensearch.rebuild import Rebuilt  # noqa: E402
from bookstore.streams import dead_letters  # noqa: E402
from bookstore.tasks import services  # noqa: E402
from bookstore.tasks.errors import TaskUnderWayError  # noqa: E402
from catalog import book_export, importing, rebuild  # noqa: E402
from catalog.csv_import import built_in_mappings, open_file, read_mapping  # noqa: E402
from leaderboard import services as leaderboards  # noqa: E402
from orders.rebuild import rebuild_order_search  # noqa: E402

log = logging.getLogger(__name__)

SPARE_SECONDS = 60.0  # kept at the end of a call, for the step under way and for calling on
SECONDS_BETWEEN_NOTES = 10.0

AT_ONCE = frozenset(
    {
        *("build_sitemap", "check_streams", "dead_letters", "open_stock_ledger", "recount_categories"),
        "export_admin_log",  # an answer of Lambda's has six megabytes at most
        "release_unpaid_orders",
    }
)


class Context(Protocol):
    """What Lambda tells a call about itself."""

    aws_request_id: str
    function_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Return how long this call may still take."""


class TaskRefusedError(ValueError):
    """An event asks for something that this function does not do."""


class Piece:
    """A piece of long work: it says when to stop, and notes how far the work is, thereby keeping it."""

    def __init__(self, hold: services.Hold, context: Context) -> None:
        self.progress = 0  # items done since the last note
        self.said: list[str] = []
        self._hold = hold
        self._context = context
        self._next_note = time.monotonic() + SECONDS_BETWEEN_NOTES

    def advance(self, count: int) -> None:
        """Take down that so many more items are done."""
        self.progress += count

    def until(self) -> bool:
        """Tell whether to stop; raise ``TaskUnderWayError`` when somebody else has taken the task."""
        stop = self._context.get_remaining_time_in_millis() < SPARE_SECONDS * 1000
        if stop or time.monotonic() >= self._next_note:
            services.hold_on(self._hold, progress=self.progress, at=timezone.now())
            self.progress, self._next_note = 0, time.monotonic() + SECONDS_BETWEEN_NOTES
        return stop


type Options = Mapping[str, Any]
type Work = Callable[[Options, dict[str, Any] | None, Piece], Any]


def _rebuild_search(options: Options, reached: dict[str, Any] | None, piece: Piece) -> rebuild.Rebuilt:
    return rebuild.rebuild_search(
        at=timezone.now(),
        on_books=piece.advance,
        if_needed=options["if_needed"],
        resume=rebuild.Rebuilt(**reached) if reached else None,
        until=piece.until,
    )


def _rebuild_order_search(options: Options, reached: dict[str, Any] | None, piece: Piece) -> Rebuilt:
    return rebuild_order_search(
        at=timezone.now(),
        on_orders=piece.advance,
        if_needed=options["if_needed"],
        resume=Rebuilt(**reached) if reached else None,
        until=piece.until,
    )


def _rebuild_leaderboard(
    _options: Options, reached: dict[str, Any] | None, piece: Piece
) -> leaderboards.Rebuilt:
    resume = leaderboards.Rebuilt(**reached) if reached else None
    return leaderboards.rebuild(progress=piece.advance, resume=resume, until=piece.until)


def _import_books(options: Options, reached: dict[str, Any] | None, piece: Piece) -> importing.Imported:
    source, mapping = str(options["file"]), options["mapping"]
    if not source.startswith("s3://") or mapping not in built_in_mappings():
        raise TaskRefusedError(
            "import_books takes s3://bucket/key here, and a mapping that the shop brings along."
        )
    with open_file(source, read_mapping(mapping), encoding=options["encoding"]) as file:
        return importing.import_books(
            file,
            at=timezone.now(),
            on_rows=piece.advance,
            refuse=lambda line, reason: piece.said.append(f"line {line}: {reason}"),
            resume=importing.Imported(**reached) if reached else None,
            until=piece.until,
        )


def _apply_books(options: Options, reached: dict[str, Any] | None, piece: Piece) -> Any:
    from bookstore.dynamodb.admin import audit  # noqa: PLC0415 - brings some of Django's admin
    from catalog import book_import  # noqa: PLC0415 - the same

    import_id, user_id, user_name = options["arguments"]
    return book_import.apply(
        book_import.kept(import_id),
        by=audit.Person(user_id, user_name),
        at=timezone.now(),
        on_rows=piece.advance,
        resume=book_import.Applied(**reached) if reached else None,
        until=piece.until,
    )


def _export_books(options: Options, reached: dict[str, Any] | None, piece: Piece) -> book_export.Exported:
    (export_id,) = options["arguments"]
    resume = book_export.Exported(**reached) if reached else None
    return book_export.export_all(export_id, on_books=piece.advance, resume=resume, until=piece.until)


def _make_cover(options: Options, _reached: dict[str, Any] | None, _piece: Piece) -> Any:
    from bookstore.dynamodb.admin import audit  # noqa: PLC0415 - brings some of Django's admin
    from catalog import cover_making  # noqa: PLC0415 - brings Pillow, and no other task needs either

    book_id, key, seen, user_id, user_name = options["arguments"]
    by = audit.Person(user_id, user_name)
    return cover_making.make_cover(book_id=book_id, key=key, seen=seen, by=by, at=timezone.now())


def _replay_dead_letters(
    options: Options, reached: dict[str, Any] | None, piece: Piece
) -> dead_letters.Replayed:
    return dead_letters.replay_all(
        keys=options["key"],
        at=timezone.now(),
        say=piece.said.append,
        complain=piece.said.append,
        resume=dead_letters.Replayed(**reached) if reached else None,
        until=piece.until,
    )


# With the app whose command knows the arguments; none for what pages alone ask for.
IN_PIECES: Mapping[str, tuple[str, Work]] = {
    "apply_books": ("", _apply_books),
    "export_books": ("", _export_books),
    "import_books": ("catalog", _import_books),
    "make_cover": ("", _make_cover),
    "rebuild_leaderboard": ("leaderboard", _rebuild_leaderboard),
    "rebuild_order_search": ("orders", _rebuild_order_search),
    "rebuild_search": ("catalog", _rebuild_search),
    "replay_dead_letters": ("bookstore.streams", _replay_dead_letters),
}


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Run one command, or one piece of it; return its state and what it said.

    Raises ``TaskRefusedError``, and whatever goes wrong, so that Lambda counts an error; the
    same event then goes on with the task. One that is under way, or done, is left alone.
    """
    command, arguments = str(event.get("command")), event.get("arguments") or []
    if not isinstance(arguments, list) or not all(isinstance(each, str) for each in arguments):
        raise TaskRefusedError("A task's arguments are a list of texts.")
    with request_context(context.aws_request_id):
        if command in AT_ONCE:
            return _run_at_once(command, arguments)
        if command in IN_PIECES:
            task_id = str(event.get("task") or context.aws_request_id)
            return _run_piece(command, arguments, task_id, context)
    raise TaskRefusedError(f"No command of this function: {command!r}.")


def _run_at_once(command: str, arguments: list[str]) -> dict[str, Any]:
    said = io.StringIO()
    try:
        call_command(command, *arguments, stdout=said, stderr=said)
    except CommandError:
        log.error("%s: %s", command, said.getvalue())  # noqa: TRY400 - Lambda logs the error itself
        raise
    return {"command": command, "state": services.DONE, "said": said.getvalue()}


def _run_piece(command: str, arguments: list[str], task_id: str, context: Context) -> dict[str, Any]:
    app, work = IN_PIECES[command]
    options = _options(app, command, arguments)
    try:
        hold = services.take(task_id=task_id, command=command, arguments=arguments, at=timezone.now())
    except TaskUnderWayError as reason:
        log.warning("left alone: %s", reason)
        return {"task": task_id, "command": command, "state": "left alone", "said": str(reason)}
    log.info("task %s: %s goes on from %s", task_id, command, hold.reached or "its beginning")
    piece = Piece(hold, context)
    try:
        done = work(options, hold.reached, piece)
        services.hold_on(hold, progress=piece.progress, at=timezone.now())
    except TaskUnderWayError:
        raise  # it is another's by now, and so is what is written about it
    except Exception as error:
        piece.said.append(f"{type(error).__name__}: {error}")
        services.fail(hold, said=redact("\n".join(piece.said)), at=timezone.now())
        raise
    reached, said = asdict(done), redact("\n".join(piece.said))
    state = services.DONE if done.finished else services.RUNNING
    services.let_go(hold, state=state, reached=reached, said=said, at=timezone.now())
    if not done.finished:
        _call_on({"command": command, "arguments": arguments, "task": task_id}, context)
    return {"task": task_id, "command": command, "state": state, "reached": reached, "said": said}


def _options(app: str, command: str, arguments: list[str]) -> Options:
    """Read arguments as the command line does; raise ``TaskRefusedError`` with its sentence.

    What pages alone ask for has no command line, and its arguments are as they come.
    """
    if not app:
        return {"arguments": arguments}
    try:
        return vars(load_command_class(app, command).create_parser("tasks", command).parse_args(arguments))
    except CommandError as error:
        raise TaskRefusedError(str(error)) from error


def _call_on(event: Mapping[str, Any], context: Context) -> None:
    aws.functions().invoke(
        FunctionName=context.function_name, InvocationType="Event", Payload=json.dumps(event).encode()
    )
