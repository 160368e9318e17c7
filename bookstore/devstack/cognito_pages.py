"""A stand-in for the two pages of Cognito that the local AWS lacks: a new account, a new password.

    python -m bookstore.devstack.cognito_pages --port 8200

On AWS these are Cognito's own pages, and the shop leads there. Here the same calls of
Cognito's API stand behind plain forms, so that a newcomer can open an account locally too.
It takes its addresses from the local shop's environment, talks to a local AWS alone, and
only listens on this machine.
"""

import base64
import hashlib
import hmac
import html
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from bookstore.aws import is_loopback
from bookstore.devstack import local_server
from bookstore.devstack.local_server import LOOPBACK, NotLocalError

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

MOST_BODY = 16 * 1024  # bytes; the longest honest form is under 1 KB
NEEDED = (
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "COGNITO_USER_POOL_ID",
    "COGNITO_CLIENT_ID",
    "COGNITO_CLIENT_SECRET",
    "PUBLIC_ORIGIN",
)

# Cognito's refusals in words. What the pool asks of a password stands under its field.
SENTENCES = {
    "AliasExistsException": "There is an account with this e-mail address already. Sign in instead.",
    "CodeMismatchException": "That is not the code that was sent. Look at it again.",
    "ExpiredCodeException": "This code has expired. Ask for a new one.",
    "InvalidParameterException": "Enter an e-mail address such as you@example.com.",
    "InvalidPasswordException": "This password is too weak.",
    "LimitExceededException": "Too many tries. Wait a few minutes, then try again.",
    "NotAuthorizedException": "This account is confirmed already. You can sign in.",
    "ResourceNotFoundException": "The local AWS has lost its accounts. Stop the shop and start it with make run.",
    "TooManyRequestsException": "Too many tries. Wait a few minutes, then try again.",
    "UserNotFoundException": "There is no account with this e-mail address.",
    "UsernameExistsException": "There is an account with this e-mail address already. Sign in instead.",
}
ANY_CODE = "The local AWS sends no e-mail and accepts any code: type 123456."


class RefusedError(Exception):
    """Cognito, or a look at the form, said no; the message is a sentence for the page."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Field:
    """One line of a form."""

    name: str
    label: str
    kind: str = "text"
    autocomplete: str = "off"
    hint: str = ""
    needed: bool = True


EMAIL = Field("email", "E-mail address", "email", "username")
CODE = Field("code", "Code", autocomplete="one-time-code", hint=ANY_CODE)


@dataclass(frozen=True)
class Page:
    """One form: its words, its fields, and where else to go."""

    title: str
    lead: str
    fields: Sequence[Field]
    button: str
    links: Mapping[str, str]


class Pool:
    """The user pool behind the pages. Every method raises ``RefusedError`` with a sentence."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        if missing := [name for name in NEEDED if not environment.get(name)]:
            raise ValueError(f"Set {', '.join(missing)}; `make run` starts this page with all of them.")
        if not is_loopback(environment["AWS_ENDPOINT_URL"]):
            raise NotLocalError(
                f"These pages only change a local AWS, and {environment['AWS_ENDPOINT_URL']} is not on this machine."
            )
        self.shop = environment["PUBLIC_ORIGIN"]
        self._pool_id = environment["COGNITO_USER_POOL_ID"]
        self._client_id = environment["COGNITO_CLIENT_ID"]
        self._secret = environment["COGNITO_CLIENT_SECRET"]
        self._cognito: CognitoIdentityProviderClient = boto3.client(
            "cognito-idp",
            region_name=environment["AWS_REGION"],
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}),
        )

    @cached_property
    def policy(self) -> str:
        """What the pool asks of a password, as a sentence."""
        try:
            pool = self._cognito.describe_user_pool(UserPoolId=self._pool_id)["UserPool"]
        except (ClientError, BotoCoreError) as error:
            raise RefusedError(_sentence(error)) from error
        asked = pool.get("Policies", {}).get("PasswordPolicy", {})
        wanted = {
            "RequireUppercase": "a capital letter",
            "RequireLowercase": "a small letter",
            "RequireNumbers": "a digit",
            "RequireSymbols": "a sign such as ! or -",
        }
        parts = [words for name, words in wanted.items() if asked.get(name)]
        among = f", among them {_listed(parts)}" if parts else ""
        return f"At least {asked.get('MinimumLength', 8)} characters{among}."

    def sign_up(self, *, email: str, password: str, name: str) -> None:
        """Open an account, which has to be confirmed by a code."""
        attributes = [{"Name": "email", "Value": email}, *([{"Name": "name", "Value": name}] if name else [])]
        self._ask("sign_up", email, Password=password, UserAttributes=attributes)

    def confirm(self, *, email: str, code: str) -> None:
        """Confirm an account by the code that was sent."""
        self._ask("confirm_sign_up", email, ConfirmationCode=code)

    def forgot(self, *, email: str) -> None:
        """Have a code sent that allows a new password; an unknown address is not told apart."""
        self._ask("forgot_password", email)

    def set_password(self, *, email: str, code: str, password: str) -> None:
        """Set a new password by such a code."""
        self._ask("confirm_forgot_password", email, ConfirmationCode=code, Password=password)

    def _ask(self, operation: str, email: str, **parameters: object) -> None:
        # Cognito wants proof of the client's secret for each user.
        digest = hmac.digest(self._secret.encode(), f"{email}{self._client_id}".encode(), hashlib.sha256)
        try:
            getattr(self._cognito, operation)(
                ClientId=self._client_id,
                SecretHash=base64.b64encode(digest).decode(),
                Username=email,
                **parameters,
            )
        except (ClientError, BotoCoreError) as error:
            raise RefusedError(_sentence(error), field=_field_of(error)) from error


def _sentence(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        return SENTENCES.get(code) or f"Cognito refused: {error.response['Error'].get('Message', code)}"
    if isinstance(error, ParamValidationError):
        return "Something in this form cannot be right. Look at it again."
    return "The local AWS does not answer. Is the shop running? Start it with make run."


def _field_of(error: Exception) -> str:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if "Password" in code:
        return "password"
    if "Code" in code:
        return "code"
    return "email" if code in SENTENCES else ""


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


class Pages(local_server.LocalServer):
    """The server."""

    name = "sign-up"

    def __init__(self, *, port: int, pool: Pool, host: str = LOOPBACK) -> None:
        self.pool = pool
        super().__init__(Desk, port=port, host=host)


class Desk(local_server.Desk):
    """Answers one request."""

    server: Pages
    server_version = "CognitoStandIn"

    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
        """Show a page."""
        if not self._is_for_us():
            return
        parts = urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.path in FORMS:
            self._show(parts.path, {"email": asked.get("email", "")})
        elif parts.path in NEWS:
            self._tell(HTTPStatus.OK, NEWS[parts.path])
        elif parts.path == "/style.css":
            self._send(HTTPStatus.OK, STYLE, kind="text/css")
        else:
            self._tell(HTTPStatus.NOT_FOUND, NOTHING_HERE)

    def do_POST(self) -> None:  # noqa: N802 - http.server calls it so
        """Do what a form says and go on; or show it again, with a sentence that says why not."""
        if not self._is_for_us() or not self._is_from_us():
            return
        path = urlsplit(self.path).path
        act = FORMS.get(path)
        if act is None:
            self._tell(HTTPStatus.NOT_FOUND, NOTHING_HERE)
            return
        form = self._form()
        try:
            onward = act.send(self.server.pool, form)
        except RefusedError as error:
            self._show(path, form, error)
        else:
            self._go(onward)

    def _is_for_us(self) -> bool:
        """Refuse a name that leads to this machine in somebody else's pages (DNS rebinding)."""
        port = self.server.server_address[1]
        if self.headers.get("Host") in (f"{LOOPBACK}:{port}", f"localhost:{port}"):
            return True
        self._tell(HTTPStatus.MISDIRECTED_REQUEST, NOTHING_HERE)
        return False

    def _is_from_us(self) -> bool:
        """Refuse a form that another site sends."""
        if self.headers.get("Origin", f"http://{self.headers['Host']}") == f"http://{self.headers['Host']}":
            return True
        self._tell(HTTPStatus.FORBIDDEN, NOTHING_HERE)
        return False

    def _form(self) -> dict[str, str]:
        length = self.headers.get("Content-Length", "0")
        count = int(length) if length.isascii() and length.isdigit() else 0
        sent = self.rfile.read(min(count, MOST_BODY)).decode("utf-8", "replace")
        return {name: values[-1].strip() for name, values in parse_qs(sent).items()}

    def _show(self, path: str, form: Mapping[str, str], error: RefusedError | None = None) -> None:
        status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
        page = FORMS[path].page
        try:
            hints = {"password": self.server.pool.policy}
        except RefusedError as unreachable:
            hints, error = {}, unreachable
        fields = "".join(
            _field(field, form, hints.get(field.name, field.hint), error) for field in page.fields
        )
        summary = ""
        if error and error.field not in {field.name for field in page.fields}:
            summary = f'<p class="wrong summary" role="alert">{html.escape(str(error))}</p>'
        body = (
            f'<p>{html.escape(page.lead)}</p>{summary}<form method="post" action="{path}" novalidate>{fields}'
            f'<button type="submit">{html.escape(page.button)}</button></form>'
        )
        self._page(status, page.title, body, page.links)

    def _tell(self, status: HTTPStatus, news: "News") -> None:
        button = ""
        if news.sign_in:
            address = html.escape(f"{self.server.pool.shop}/oidc/authenticate/")
            button = f'<p><a class="button" href="{address}">Sign in to the shop</a></p>'
        self._page(status, news.title, f"<p>{html.escape(news.sentence)}</p>{button}", news.links)

    def _page(self, status: HTTPStatus, title: str, body: str, links: Mapping[str, str]) -> None:
        listed = {**links, self.server.pool.shop: "Back to the shop"}
        items = "".join(
            f'<li><a href="{html.escape(address)}">{html.escape(words)}</a></li>'
            for address, words in listed.items()
        )
        page = PAGE.substitute(title=html.escape(title), body=body, links=items)
        self._send(status, page)

    def _go(self, address: str) -> None:
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, status: HTTPStatus, text: str, *, kind: str = "text/html") -> None:
        policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        headers = {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "same-origin",  # with no-referrer a browser says `Origin: null` of these forms too
        }
        self.send(status, text.encode(), f"{kind}; charset=utf-8", headers)


def _field(field: Field, form: Mapping[str, str], hint: str, error: RefusedError | None) -> str:
    wrong = str(error) if error and error.field == field.name else ""
    described = " ".join(
        [*([f"{field.name}-wrong"] if wrong else []), *([f"{field.name}-hint"] if hint else [])]
    )
    attributes = {
        "id": field.name,
        "name": field.name,
        "type": field.kind,
        "autocomplete": field.autocomplete,
        "value": "" if field.kind == "password" else form.get(field.name, ""),  # a page may be kept
        **({"required": "required"} if field.needed else {}),
        **({"aria-describedby": described} if described else {}),
        **({"aria-invalid": "true"} if wrong else {}),
    }
    written = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    optional = "" if field.needed else ' <span class="quiet">(optional)</span>'
    told = f'<p class="wrong" id="{field.name}-wrong">{html.escape(wrong)}</p>' if wrong else ""
    help_ = f'<p class="hint" id="{field.name}-hint">{html.escape(hint)}</p>' if hint else ""
    return (
        f'<div class="field"><label for="{field.name}">{html.escape(field.label)}{optional}</label>'
        f"<input {written}>{told}{help_}</div>"
    )


def _needed(form: Mapping[str, str], name: str, sentence: str) -> str:
    value = form.get(name, "")
    if not value:
        raise RefusedError(sentence, field=name)
    return value


def _email(form: Mapping[str, str]) -> str:
    return _needed(form, "email", SENTENCES["InvalidParameterException"])


def _code(form: Mapping[str, str]) -> str:
    return _needed(form, "code", f"Enter the code. {ANY_CODE}")


def _password(form: Mapping[str, str]) -> str:
    return _needed(form, "password", "Choose a password.")


# What each form does; it returns where to go on.


def _sign_up(pool: Pool, form: Mapping[str, str]) -> str:
    pool.sign_up(email=_email(form), password=_password(form), name=form.get("name", ""))
    return f"/confirmUser?{urlencode({'email': form['email']})}"


def _confirm(pool: Pool, form: Mapping[str, str]) -> str:
    pool.confirm(email=_email(form), code=_code(form))
    return "/accountOpen"


def _forgot(pool: Pool, form: Mapping[str, str]) -> str:
    pool.forgot(email=_email(form))
    return f"/confirmForgotPassword?{urlencode({'email': form['email']})}"


def _set_password(pool: Pool, form: Mapping[str, str]) -> str:
    pool.set_password(email=_email(form), code=_code(form), password=_password(form))
    return "/passwordChanged"


@dataclass(frozen=True)
class Form:
    """A page with a form, and what sending it does."""

    page: Page
    send: Callable[[Pool, Mapping[str, str]], str]


@dataclass(frozen=True)
class News:
    """A page that only says something."""

    title: str
    sentence: str
    sign_in: bool = False
    links: Mapping[str, str] = field(default_factory=dict)


# The addresses are those of Cognito's own pages, where it has such a page.
FORMS = {
    "/signup": Form(
        Page(
            "Open an account",
            "An account keeps your addresses and your orders.",
            (
                Field("name", "Name", autocomplete="name", needed=False),
                EMAIL,
                Field("password", "Password", "password", "new-password"),
            ),
            "Open an account",
            {"/confirmUser": "I have a code", "/forgotPassword": "I have forgotten my password"},
        ),
        _sign_up,
    ),
    "/confirmUser": Form(
        Page(
            "Confirm your e-mail address",
            "On AWS, Cognito sends a code to your address to see that it is yours.",
            (EMAIL, CODE),
            "Confirm",
            {"/signup": "Open another account"},
        ),
        _confirm,
    ),
    "/forgotPassword": Form(
        Page(
            "Forgotten your password?",
            "On AWS, Cognito sends you a code that lets you choose a new one.",
            (EMAIL,),
            "Go on",
            {"/signup": "Open an account"},
        ),
        _forgot,
    ),
    "/confirmForgotPassword": Form(
        Page(
            "Choose a new password",
            "If there is an account with this address, the code was sent to it.",
            (EMAIL, CODE, Field("password", "New password", "password", "new-password")),
            "Change the password",
            {"/forgotPassword": "Ask for a code again"},
        ),
        _set_password,
    ),
}
NEWS = {
    "/": News(
        "Accounts of the local shop",
        "These pages stand in for Cognito's own while the shop runs on this machine.",
        sign_in=True,
        links={"/signup": "Open an account", "/forgotPassword": "I have forgotten my password"},
    ),
    "/accountOpen": News(
        "Your account is open", "Your e-mail address is confirmed. You can sign in now.", sign_in=True
    ),
    "/passwordChanged": News(
        "Your password is changed", "You can sign in with the new one now.", sign_in=True
    ),
}
NOTHING_HERE = News("Nothing here", "There is no page at this address.")

PAGE = Template("""<!doctype html>
<html lang="en-GB">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="robots" content="noindex">
  <title>$title</title>
  <link rel="stylesheet" href="/style.css">
</head>
<body>
<header><p class="badge">Local stand-in for Cognito’s page</p></header>
<main>
  <h1>$title</h1>
  $body
  <nav aria-label="Elsewhere"><ul>$links</ul></nav>
</main>
</body>
</html>
""")

STYLE = """
:root { color-scheme: light; --ink: #22262a; --quiet: #5a6269; --line: #868e96; --paper: #fff; --ground: #f1f3f4;
  --accent: #14613c; --wrong: #a3171f; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
header { max-width: 28rem; margin: 0 auto; padding: 2rem 1.25rem 1rem; }
.badge { display: inline-block; margin: 0; padding: .2rem .7rem; border-radius: 2rem; background: #ffe6a8;
  color: #4b3500; font-size: .875rem; }
main { max-width: 28rem; margin: 0 auto 3rem; padding: 1.75rem 1.25rem; background: var(--paper);
  border-radius: .75rem; box-shadow: 0 1px 2px #0002, 0 10px 30px #0000001a; }
h1 { margin: 0 0 .5rem; font-size: 1.6rem; line-height: 1.2; letter-spacing: -.01em; }
p { margin: 0 0 1.25rem; }
.field { margin-bottom: 1.1rem; }
label { display: block; margin-bottom: .3rem; font-weight: 600; }
.quiet { color: var(--quiet); font-weight: 400; }
input { width: 100%; padding: .7rem .8rem; border: 1px solid var(--line); border-radius: .45rem; background: var(--paper);
  color: inherit; font: inherit; }
input[aria-invalid] { border-color: var(--wrong); box-shadow: inset 0 0 0 1px var(--wrong); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.hint { margin: .3rem 0 0; color: var(--quiet); font-size: .875rem; }
.wrong { margin: .3rem 0 0; color: var(--wrong); font-size: .9375rem; font-weight: 600; }
.summary { margin: 0 0 1.25rem; padding: .75rem 1rem; border-radius: .45rem; background: #fdecec; }
button, .button { display: block; width: 100%; padding: .85rem 1rem; border: 0; border-radius: .45rem;
  background: var(--accent); color: #fff; font: inherit; font-weight: 700; text-align: center; text-decoration: none;
  cursor: pointer; }
button:hover, .button:hover { background: #0e4a2d; }
nav ul { margin: 1.5rem 0 0; padding: 0; list-style: none; }
nav li { margin-top: .5rem; }
a { color: var(--accent); }
@media (min-width: 30rem) { main { padding: 2.25rem; } }
"""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit code."""
    parser = local_server.options("A local stand-in for Cognito's sign-up and forgotten-password pages.")
    options = parser.parse_args(arguments)
    return local_server.serve(
        Pages,
        lambda: Pages(port=options.port, host=options.host, pool=Pool(os.environ)),
        port=options.port,
    )


if __name__ == "__main__":
    sys.exit(main())
