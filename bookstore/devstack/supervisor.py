"""Runs the local shop: starts its stores and programs, watches them, and ends them all.

When the shop's code or pages are edited, the programs that run them start anew. One that cannot
start with the code as it is says so, and is tried again after the next edit. Any other program
or store that ends by itself ends the shop, with a sentence that says which: a shop without its
stream pump or its local AWS would look alive and be wrong.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from bookstore.devstack import environment, stores
from bookstore.devstack.journal import COUNTED, Journal, loss
from bookstore.devstack.local_server import LISTENER
from bookstore.devstack.sources import Sources
from bookstore.devstack.stores import LOOPBACK, ROOT, Store, StoreFailedError
from bookstore.devstack.terminal import Log, Terminal, is_terminal, loudly, say, step

STORES = ("aws", "search", "redis")
LISTENERS = ("payment", "pages")  # programs with a port of their own, beside the web server
RUN_THE_SHOP = ("web", "streams", "unpaid")  # the programs that start anew after an edit
PAYMENTS = "payments.json"  # the payment provider's state
LOOK_SECONDS = 0.2  # between looks at the programs and their logs
JOURNAL_SECONDS = 5.0  # between entries in the journal of what is not saved
EDITS_LOOK_SECONDS = 1.0  # between looks at the source files
EDIT_SECONDS = 30.0  # after an edit, in which a program that ends was probably broken by it
READY_SECONDS = 60.0  # for the web server to answer
ENDING_SECONDS = 20.0  # for a shop of the same folder that is just ending
PROGRAM_STOP_SECONDS = 5.0
AWS_STOP_SECONDS = 120.0  # it writes its whole state; 20,000 books take a few seconds


class ShopError(RuntimeError):
    """The shop cannot open or stay open; the message is a sentence that says what to do."""


class _Told(Exception):  # noqa: N818 - no error
    """Somebody asked the shop to close while it was still opening."""


@dataclass
class Program:
    """A program of the shop beside its stores."""

    name: str
    command: Sequence[str]
    log: Log
    process: subprocess.Popen[bytes]
    listener: socket.socket | None = None  # where it answers
    edited_at: float | None = None  # on the monotonic clock: when it was started anew after an edit
    is_broken: bool = False  # it could not start with the code as it is

    def may_be_broken_by_an_edit(self) -> bool:
        """Tell whether it has ended so soon after an edit that the edit may be why."""
        return self.edited_at is not None and time.monotonic() - self.edited_at < EDIT_SECONDS


@dataclass
class Shop:
    """The local shop in one folder, from its first process to its last."""

    folder: Path
    _told: bool = False
    _stores: list[Store] = field(default_factory=list)
    _programs: list[Program] = field(default_factory=list)
    # Taken at the very start and kept, also while a program starts anew.
    _listeners: dict[str, socket.socket] = field(default_factory=dict)
    _environment: Mapping[str, str] = field(default_factory=dict)  # of the programs
    _sources: Sources = field(default_factory=Sources)  # as they were when the programs last started
    _watchman: "_Watchman | None" = None
    _terminal: Terminal = field(default_factory=Terminal)
    _parent: int = field(default_factory=os.getppid)
    # As nohup asks it to.
    _outlives_terminal: bool = field(
        default_factory=lambda: signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    )

    @property
    def env_file(self) -> Path:
        """Where `manage.py` finds the shop's addresses."""
        return self.folder / "env"

    def run(self) -> int:
        """Open the shop, keep it open until somebody asks for its end, and close it.

        Returns the exit code: 0 when it was asked to end, 1 when something went wrong.
        """
        lock = _lock(self.folder)
        self._listeners["web"] = environment.listen_where_asked()
        self._listen()
        journal = Journal(self.folder / "unsaved.json")
        self._watchman = _Watchman(lock)
        code = 0
        try:
            self._run(journal)
        except _Told:
            pass
        except (ShopError, StoreFailedError) as error:
            say()
            say(str(error))
            code = 1
        finally:
            if self._close():
                journal.close()
            self._watchman.dismiss()
        say("The shop is closed.")
        return code

    # Opening

    def _run(self, journal: Journal) -> None:
        """Start everything, and watch it until somebody asks for the end."""
        port = _port(self._listeners["web"])
        origin = f"http://localhost:{port}"
        known = environment.remembered(self.env_file)
        crash = journal.left_behind()
        logs = self._fresh_logs()
        say(f"Opening the bookstore at {origin}/ …")
        ports = environment.ports(known)
        with step("Starting the local AWS, the search engine and Redis"):
            addresses = self._start_stores(ports, logs)
            # boto3 takes as long to be imported as the local AWS takes to start.
            from bookstore.devstack import cloud  # noqa: PLC0415 - see above

            self._wait_for_stores(addresses, ports, logs)
            local_aws = cloud.Cloud(addresses["aws"])
            try:
                cognito = local_aws.user_pool(origin=origin, known=known)
                local_aws.bucket()
                local_aws.queue()
                there = local_aws.counts(tables=COUNTED, pool=cognito["COGNITO_USER_POOL_ID"])
            except cloud.TROUBLE as error:
                raise ShopError(
                    f"The local AWS did not do as it was asked ({error}). Its log is {logs / 'aws.log'};"
                    " `make reset` starts afresh, without what it holds."
                ) from error
        shop = environment.variables(
            home=self.folder, port=port, addresses=addresses, cognito=cognito, known=known
        )
        environment.write(self.env_file, shop)
        if crash:
            say(f"  {loudly(loss(crash, there))}")
        journal.note(crash.counts if crash else there)
        # The local streams begin anew with the local AWS, so old positions in them mean nothing.
        # Read from their beginning, they repeat what the preparation writes: nothing is missed.
        positions = self.folder / "stream-positions.json"
        positions.unlink(missing_ok=True)
        self._environment = environment.for_programs(shop, env_file=self.env_file)
        self._prepare()

        def note() -> None:
            try:
                journal.note(local_aws.counts(tables=COUNTED, pool=cognito["COGNITO_USER_POOL_ID"]))
            except cloud.TROUBLE as error:
                say(f"The local AWS is slow to answer ({error}).")

        note()
        with step("Starting the web server, the stream pump, payment and sign-up pages"):
            self._start_programs(positions, logs)
        self._welcome(origin)
        self._keep_open(note)

    def _fresh_logs(self) -> Path:
        """Make the folder for logs; those of the run before go into one of their own."""
        logs = self.folder / "logs"
        before = self.folder / "logs.before"
        if logs.exists():
            shutil.rmtree(before, ignore_errors=True)
            logs.replace(before)
        logs.mkdir(parents=True)
        return logs

    def _start_stores(self, ports: Mapping[str, Iterator[int]], logs: Path) -> dict[str, int]:
        """Start the stores; return the port of each, and of each program to come. They may not answer yet."""
        for name in LISTENERS:
            self._listeners[name] = environment.listen_on_one_of(ports[name])
        addresses = {name: _port(self._listeners[name]) for name in LISTENERS}
        addresses |= {name: next(ports[name]) for name in STORES}
        self._stores = [self._start_store(name, addresses[name], logs) for name in STORES]
        return addresses

    def _start_store(self, name: str, port: int, logs: Path) -> Store:
        log = logs / f"{name}.log"
        match name:
            case "aws":
                return stores.start_aws(
                    port=port,
                    folder=self.folder / "aws",
                    log=log,
                    launch=self._launch,
                    wait=False,
                    variables=environment.KEYS,
                )
            case "search":
                return stores.start_search(port=port, log=log, launch=self._launch, wait=False)
            case _:
                return stores.start_redis(port=port, log=log, launch=self._launch, wait=False)

    def _wait_for_stores(
        self, addresses: dict[str, int], ports: Mapping[str, Iterator[int]], logs: Path
    ) -> None:
        """Wait until all stores answer; one whose port was taken meanwhile gets another."""
        for index, name in enumerate(STORES):
            try:
                self._stores[index].wait()
            except StoreFailedError:
                self._release(self._stores[index].process)
                addresses[name] = next(ports[name])
                self._stores[index] = self._start_store(name, addresses[name], logs)
                self._stores[index].wait()

    def _launch(
        self,
        command: Sequence[str],
        *,
        log: Path | None,
        environment: Mapping[str, str] | None = None,
        listener: socket.socket | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program that the watchman ends if we cannot; it answers at ``listener``."""
        inherited = {LISTENER: str(listener.fileno())} if listener else {}
        process = stores.launch(
            command,
            log=log,
            environment={**(environment or {}), **inherited},
            pass_fds=[listener.fileno()] if listener else [],
        )
        if self._watchman:
            self._watchman.watch(process.pid)
        return process

    def _release(self, process: subprocess.Popen[bytes]) -> None:
        """Tell the watchman that a program has ended: its number may go to a stranger."""
        if self._watchman:
            self._watchman.release(process.pid)

    def _prepare(self) -> None:
        """Fill the stores; what it says goes to the terminal."""
        if self._is_told():
            raise _Told
        say("  Filling the shop …")
        payments = ["--payments", str(self.folder / PAYMENTS)]
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "prepare_shop", *payments],
            env={**self._environment, "LOG_LEVEL": "WARNING"},  # the steps are told; the rest is noise here
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        if self._watchman:
            self._watchman.watch(process.pid)
        try:
            while process.poll() is None:
                if self._is_told():
                    raise _Told
                self._check_stores()
                time.sleep(LOOK_SECONDS / 4)
        finally:
            stores.stop(process, seconds=PROGRAM_STOP_SECONDS)
            self._release(process)
        if process.returncode:
            raise ShopError(
                "The shop could not be filled; what is printed above says why. After putting that right run"
                " `make run` again, or `make reset` first to start afresh."
            )

    def _start_programs(self, positions: Path, logs: Path) -> None:
        self._sources = Sources()
        web, payment, pages = (self._listeners[name] for name in ("web", *LISTENERS))
        manage = [sys.executable, str(ROOT / "manage.py")]
        modules = [sys.executable, "-m"]
        state = ["--state", str(self.folder / PAYMENTS)]
        self._start_program("web", [*manage, "serve", str(_port(web))], logs, web)
        self._start_program("streams", [*manage, "pump_streams", "--positions", str(positions)], logs)
        self._start_program(
            "payment",
            [*modules, "bookstore.devstack.payment_provider", "--port", str(_port(payment)), *state],
            logs,
            payment,
        )
        self._start_program(
            "sign-up",
            [*modules, "bookstore.devstack.cognito_pages", "--port", str(_port(pages))],
            logs,
            pages,
        )
        self._wait_until_ready()
        # Nothing can be abandoned yet: this one need not compete with those that are waited for.
        self._start_program("unpaid", [*manage, "release_unpaid_orders", "--every", "60"], logs)

    def _start_program(
        self, name: str, command: Sequence[str], logs: Path, listener: socket.socket | None = None
    ) -> None:
        log = Log(name, logs / f"{name}.log")
        process = self._launch(command, log=log.file, environment=self._environment, listener=listener)
        self._programs.append(Program(name, command, log, process, listener))

    def _wait_until_ready(self) -> None:
        wanted = [
            f"http://{LOOPBACK}:{_port(self._listeners[name])}{path}"
            for name, path in (("web", "/readyz"), ("payment", "/"), ("pages", "/"))
        ]
        deadline = time.monotonic() + READY_SECONDS
        while wanted:
            if self._is_told():
                raise _Told
            self._check()
            if time.monotonic() > deadline:
                raise ShopError(
                    f"The web server does not answer; its log is {self.folder / 'logs' / 'web.log'}."
                )
            if _answers(wanted[0]):
                wanted.pop(0)
            else:
                time.sleep(LOOK_SECONDS / 2)

    def _welcome(self, origin: str) -> None:
        from bookstore.devstack.cloud import OWNER, PASSWORD, READER, STAFF  # noqa: PLC0415 - see _run

        say()
        say(f"  The bookstore is open:  {loudly(f'{origin}/')}")
        say()
        say(f"    a reader              {READER}   {PASSWORD}")
        say(f"    a member of staff     {STAFF}    {PASSWORD}")
        say(f"    the owner             {OWNER}    {PASSWORD}")
        say(f"    the admin for both    {origin}/admin/")
        say()
        say(
            f"    logs                  {_short(self.folder / 'logs')}/   (mail: {_short(self.folder / 'mail')}/)"
        )
        say("    in another terminal   .venv/bin/python manage.py COMMAND")
        say(f"    to stop               {'Ctrl-C' if is_terminal() else f'kill {os.getpid()}'}")
        say()

    # Staying open

    def _keep_open(self, note: Callable[[], None]) -> None:
        """Watch until somebody asks for the end; ``note`` writes the journal."""
        next_note = time.monotonic() + JOURNAL_SECONDS
        next_look = time.monotonic() + EDITS_LOOK_SECONDS
        while not self._is_told():
            time.sleep(LOOK_SECONDS)
            self._show_logs()
            self._check()
            if time.monotonic() > next_look:
                if self._sources.have_changed():
                    self._start_anew()
                next_look = time.monotonic() + EDITS_LOOK_SECONDS
            if time.monotonic() > next_note:
                note()
                next_note = time.monotonic() + JOURNAL_SECONDS

    def _show_logs(self) -> None:
        if is_terminal():
            for program in self._programs:
                program.log.show()

    def _start_anew(self) -> None:
        """Run the code as it is now."""
        while self._sources.have_changed():  # an edit may touch many files, one after the other
            time.sleep(LOOK_SECONDS)
        edited = [program for program in self._programs if program.name in RUN_THE_SHOP]
        say("The code was edited: starting it anew.")
        for program in edited:
            stores.ask_to_end(program.process)
        for program in edited:
            stores.stop(program.process, seconds=PROGRAM_STOP_SECONDS)
            self._release(program.process)
            program.process = self._launch(
                program.command,
                log=program.log.file,
                environment=self._environment,
                listener=program.listener,
            )
            program.edited_at = time.monotonic()
            program.is_broken = False

    def _check_stores(self) -> None:
        for store in self._stores:
            if store.process.poll() is not None:
                raise ShopError(
                    f"The {store.name} ended by itself (exit code {store.process.returncode}), so the shop closes."
                    f" Its log is {store.log}; `make run` starts everything again."
                )

    def _check(self) -> None:
        self._check_stores()
        for program in self._programs:
            if program.process.poll() is None or program.is_broken:
                continue
            if self._sources.have_changed():  # it was just starting, and read half an edit
                self._start_anew()
                return
            if is_terminal():
                program.log.show()
            else:
                for line in program.log.last_lines():
                    say(f"{program.name:>8}  {line}")
            if not program.may_be_broken_by_an_edit():
                raise ShopError(
                    f"The program {program.name!r} ended by itself (exit code {program.process.returncode}), so the"
                    f" shop closes. Its log is {program.log.file}; `make run` starts everything again."
                )
            program.is_broken = True
            say(
                f"The program {program.name!r} cannot start with the code as it is; it is tried again after the next edit."
            )

    # Being told to close

    def _listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hear)
        if not self._outlives_terminal:
            signal.signal(signal.SIGHUP, self._hear)

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        """Remember that somebody asked for the end; what is under way is left at its next step."""
        self._told = True

    def _is_told(self) -> bool:
        """Tell whether somebody asked for the end: by a signal, by closing the terminal, by killing make."""
        if not self._outlives_terminal:
            self._told |= self._terminal.is_closed()
        if "MAKELEVEL" in os.environ:
            self._told |= os.getppid() != self._parent
        return self._told

    # Closing

    def _close(self) -> bool:
        """End every program, the local AWS last, so that it can save; tell whether it did."""
        if self._stores or self._programs:
            say()
            say("Closing the shop …")
        for program in self._programs:
            stores.ask_to_end(program.process)
        for program in self._programs:
            stores.stop(program.process, seconds=PROGRAM_STOP_SECONDS)
            self._release(program.process)
        for listener in self._listeners.values():
            listener.close()
        saved = not self._stores
        for store in self._stores:
            is_aws = store is self._stores[0]
            running = store.process.poll() is None
            if is_aws and running:
                say("  Saving books, orders, accounts and carts …")
            store.stop(seconds=AWS_STOP_SECONDS if is_aws else PROGRAM_STOP_SECONDS)
            self._release(store.process)
            if is_aws:
                saved = running and store.process.returncode == 0
                if not saved:
                    say(
                        f"  The local AWS did not end properly and may not have saved; its log is {store.log}."
                    )
        return saved


class _Watchman:
    """The process that ends the others when this one is killed; see ``watchman``.

    It holds the folder's lock as well, so that no second shop starts while it still works.
    """

    def __init__(self, lock: IO[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("watchman.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(lock.fileno(),),
            start_new_session=True,
            text=True,
        )
        assert self._process.stdin is not None  # noqa: S101 - it was asked for as a pipe
        self._pipe = self._process.stdin

    def watch(self, pid: int) -> None:
        """Put a process group into the watchman's care."""
        self._tell(pid)

    def release(self, pid: int) -> None:
        """Take a process group that has ended out of its care."""
        self._tell(-pid)

    def dismiss(self) -> None:
        """Let the watchman go; it ends what may still be there."""
        with contextlib.suppress(OSError):
            self._pipe.close()
        self._process.wait()

    def _tell(self, number: int) -> None:
        with contextlib.suppress(OSError):  # somebody killed it: the shop still closes by itself
            self._pipe.write(f"{number}\n")
            self._pipe.flush()


def reset(folder: Path) -> None:
    """Remove the local shop, unless it is running; the second time there is nothing to do.

    Raises ``ShopError``.
    """
    if not folder.exists():
        return
    if not (folder / "lock").exists():
        raise ShopError(f"{folder} holds no local shop, so nothing in it is removed.")
    lock = _lock(folder)
    shutil.rmtree(folder)
    lock.close()


def _lock(folder: Path) -> IO[str]:
    """Take the folder for this process and its watchman; raise ``ShopError`` when it is taken."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "lock").open("a+")
    deadline = time.monotonic() + ENDING_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            file.seek(0)
            holder = _number(file.read())
            if _is_alive(holder) or time.monotonic() > deadline:
                file.close()
                where = environment.remembered(folder / "env").get("PUBLIC_ORIGIN", "an address of its own")
                raise ShopError(
                    f"The shop of this folder is already running at {where} (process {holder}): use that one,"
                    " or stop it first."
                ) from None
            time.sleep(0.1)  # its supervisor is gone, and its watchman is ending the rest
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0


def _is_alive(pid: int) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _port(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - always an http address of this machine
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500  # noqa: PLR2004 - the server's own failure
    except OSError:
        return False


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
