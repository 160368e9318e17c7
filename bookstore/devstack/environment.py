"""The local shop's environment: the file that `bookstore.settings` reads, and what it remembers.

``.devstack/env`` holds every address, name and key of this clone's shop. The next start reads
it back: the same ports, so that bookmarks and open pages stay good, and the same keys, so that
sessions, carts and paging links do. Whatever is taken or gone is made anew.
"""

import os
import random
import secrets
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from bookstore.devstack.local_server import CONNECTIONS_THAT_WAIT
from bookstore.devstack.stores import LOOPBACK, REGION, ROOT

# Below the range from which Linux and macOS take the ports of outgoing connections, so that a
# remembered port is seldom taken by one of those.
PORTS = range(18000, 32000)
DEFAULT_PORT = 8000
TABLE_PREFIX = "bookstore-"
QUEUE = "bookstore-dead-letters"
BUCKET = "bookstore-covers"
# What signs requests to the local AWS. It checks the links alone that browsers follow, and has to be told.
KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}

# Where each program's port is remembered.
_ADDRESSES = {
    "aws": "AWS_ENDPOINT_URL",
    "search": "OPENSEARCH_URL",
    "redis": "REDIS_URL",
    "payment": "PAYMENT_ORIGIN",
    "pages": "COGNITO_SIGN_UP_URL",
}
_COGNITO = ("COGNITO_USER_POOL_ID", "COGNITO_CLIENT_ID", "COGNITO_CLIENT_SECRET")
# What a person may set for one run: `DEBUG=1 make run`. The rest is the local shop's own.
_OPEN_TO_CHOICE = (
    "DEBUG",
    "LOG_LEVEL",
    "CURRENCY",
    "HOME_COUNTRY",
    "SHOP_TIME_ZONE",
    "GUEST_CART_DAYS",
    "UNPAID_ORDER_MINUTES",
    "LATE_ORDER_DAYS",
    "QUEUE_SHARDS",
)


class BadPortError(ValueError):
    """The shop cannot be opened on that port; the message is a sentence that says what to do."""


def folder() -> Path:
    """Return the folder that keeps the local shop; ``DEVSTACK_FOLDER`` names another one."""
    return Path(os.environ.get("DEVSTACK_FOLDER") or ROOT / ".devstack").resolve()


def listen_where_asked() -> socket.socket:
    """Listen on the port that ``PORT`` asks for; raise ``BadPortError`` when it cannot be had."""
    asked = os.environ.get("PORT", "").strip() or str(DEFAULT_PORT)
    if not (asked.isascii() and asked.isdigit() and 1024 <= int(asked) <= 65535):  # noqa: PLR2004 - TCP's own numbers
        raise BadPortError(
            f"PORT is a number from 1024 to 65535, and {asked!r} is not: try `make run PORT={DEFAULT_PORT + 1}`."
        )
    port = int(asked)
    # A browser tries localhost as ::1 first: a stranger there would be taken for the shop.
    listener = None if _answers(LOOPBACK, port) or _answers("::1", port) else _listener(port)
    if listener is None:
        other = port + 1 if port < 65535 else DEFAULT_PORT  # noqa: PLR2004 - the last port there is
        raise BadPortError(
            f"Port {port} is taken by another program: stop that one, or open the shop on another port"
            f" with `make run PORT={other}`."
        )
    return listener


def listen_on_one_of(candidates: Iterator[int]) -> socket.socket:
    """Listen on the first of these ports that can be had."""
    return next(listener for port in candidates if (listener := _listener(port)))


def _listener(port: int) -> socket.socket | None:
    """Listen on a port, so that nobody else can; return ``None`` when somebody has it.

    Connections just closed do not count. Who comes before the program that is to answer has started
    waits until it has.
    """
    try:
        return socket.create_server((LOOPBACK, port), backlog=CONNECTIONS_THAT_WAIT)
    except OSError:
        return None


def remembered(env_file: Path) -> dict[str, str]:
    """Return the variables that an earlier start wrote; none before the first one."""
    if not env_file.is_file():
        return {}
    return {
        name: value for name, value in dotenv_values(env_file, interpolate=False).items() if value is not None
    }


def ports(known: Mapping[str, str]) -> dict[str, Iterator[int]]:
    """Return, for each program, the ports to try: the one it had, when it is free, then others."""
    return {
        name: _candidates(urlsplit(known.get(variable, "")).port) for name, variable in _ADDRESSES.items()
    }


def _candidates(preferred: int | None) -> Iterator[int]:
    if preferred and _is_free(preferred):
        yield preferred
    while True:
        port = random.choice(PORTS)  # noqa: S311 - nothing secret about a port
        if _is_free(port):
            yield port


def _is_free(port: int) -> bool:
    if (listener := _listener(port)) is None:
        return False
    listener.close()
    return True


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False


def variables(
    *,
    home: Path,
    port: int,
    addresses: Mapping[str, int],
    cognito: Mapping[str, str],
    known: Mapping[str, str],
) -> dict[str, str]:
    """Return every variable of the local shop.

    ``addresses`` are the programs' ports by name, ``cognito`` the ids from
    ``cloud.user_pool``, ``known`` the variables of the start before.
    """
    aws = f"http://{LOOPBACK}:{addresses['aws']}"
    pages = f"http://{LOOPBACK}:{addresses['pages']}"
    pool = cognito["COGNITO_USER_POOL_ID"]
    return {
        "STAGE": "development",
        "SECRET_KEY": known.get("SECRET_KEY") or secrets.token_urlsafe(50),
        "PUBLIC_ORIGIN": f"http://localhost:{port}",
        **aws_variables(addresses["aws"]),
        "TABLE_PREFIX": TABLE_PREFIX,
        "OPENSEARCH_URL": f"http://{LOOPBACK}:{addresses['search']}",
        "REDIS_URL": f"redis://{LOOPBACK}:{addresses['redis']}/0",
        "DEAD_LETTER_QUEUE_URL": f"{aws}/000000000000/{QUEUE}",
        "COVERS_BUCKET": BUCKET,
        "COVERS_URL": f"{aws}/{BUCKET}/",
        **{name: cognito[name] for name in _COGNITO},
        "COGNITO_ISSUER": f"https://cognito-idp.{REGION}.amazonaws.com/{pool}",
        "COGNITO_JWKS_URL": f"{aws}/{pool}/.well-known/jwks.json",
        "COGNITO_ORIGIN": aws,
        "COGNITO_SIGN_UP_URL": f"{pages}/signup",
        "COGNITO_FORGOTTEN_PASSWORD_URL": f"{pages}/forgotPassword",
        "PAYMENT_PROVIDER": "demonstration",
        "PAYMENT_ORIGIN": f"http://{LOOPBACK}:{addresses['payment']}",
        "PAYMENT_API_KEY": known.get("PAYMENT_API_KEY") or secrets.token_urlsafe(32),
        "PAYMENT_WEBHOOK_SECRET": known.get("PAYMENT_WEBHOOK_SECRET") or secrets.token_urlsafe(32),
        "MAIL_FROM": "The Bookstore <shop@example.com>",
        "MAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "MAIL_OPTIONS": f"file_path={home / 'mail'}",
        **{name: os.environ[name] for name in _OPEN_TO_CHOICE if os.environ.get(name)},
    }


def aws_variables(port: int) -> dict[str, str]:
    """Return what botocore needs to find the local AWS, and to find nothing else."""
    return {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{port}",
        **KEYS,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def for_programs(shop: Mapping[str, str], *, env_file: Path) -> dict[str, str]:
    """Return the whole environment of a program of the local shop.

    A person's own AWS profile, keys and addresses must not reach it, and neither must
    leftovers of settings that the file does not name.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**inherited, **shop, "ENV_FILE": str(env_file), "PYTHONUNBUFFERED": "1"}


def write(env_file: Path, shop: Mapping[str, str]) -> None:
    """Replace the file whole, readable by its owner alone."""
    lines = ["# Written at each start of the local shop; `make reset` removes it."]
    lines += [f"{name}={_quoted(value)}" for name, value in shop.items()]
    draft = env_file.with_name(f"{env_file.name}.new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - with a mode
        file.write("\n".join(lines) + "\n")
    draft.replace(env_file)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
