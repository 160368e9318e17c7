"""Record the events `local_*.json` beside this file anew: `.venv/bin/python -m tests.data.lambda.record`.

The shop is deployed to a local AWS as `make test-deploy` does it. Then the web function's code
is exchanged for a few lines that answer with the event they get, and requests are sent along the
very way that visitors come: CloudFront of `infra/edge.yaml`, the API that Zappa makes, Lambda.
CloudFront's secret, which each rehearsal draws anew, is written down as the tests' own.
"""

import http.client
import io
import json
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.deploy.conftest import STAGE, Rehearsal, rehearsing

FOLDER = Path(__file__).parent
SECRET = "the-edge-secret-of-these-tests-0123456789"
FUNCTION = f"bookstore-{STAGE}"
ECHO = """
import json

def handler(event, context):
    return {"statusCode": 200, "headers": {"x-echo": "1"}, "body": json.dumps(event)}
"""
PATIENCE = 60  # seconds until Lambda runs other code


@dataclass(frozen=True)
class Request:
    """What a visitor sends. One that goes past CloudFront asks the API itself."""

    path: str = "/echo/?q=a&q=b&page=2"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    past_cloudfront: bool = False


COOKIES = {"Cookie": "__Host-session=abc; __Host-cart=def", "Sec-Fetch-Site": "same-origin"}
FORGED = {"X-Forwarded-For": "203.0.113.66", "X-Edge-Secret": "guessed"}
REQUESTS = {
    "local_page": Request(headers=COOKIES),
    "local_page_with_forged_headers": Request(headers=FORGED),
    "local_form": Request(
        "/cart/add/",
        "POST",
        {**COOKIES, "Content-Type": "application/x-www-form-urlencoded"},
        b"bookId=1001&quantity=2&price=7.99",
    ),
    "local_past_cloudfront": Request(headers=FORGED, past_cloudfront=True),
}


def play(rehearsal: Rehearsal) -> dict[str, dict[str, Any]]:
    """Send all requests to a shop that is open, and return the events that the web function got, by name."""
    with _echoing(rehearsal):
        return {name: _ask(rehearsal, request) for name, request in REQUESTS.items()}


@contextmanager
def _echoing(rehearsal: Rehearsal) -> Iterator[None]:
    functions = rehearsal.client("lambda")
    variables = functions.get_function_configuration(FunctionName=FUNCTION)["Environment"]["Variables"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        for module in ("bookstore/__init__.py", "bookstore/functions/__init__.py"):
            archive.writestr(module, "")
        archive.writestr("bookstore/functions/web.py", ECHO)
    functions.update_function_code(FunctionName=FUNCTION, ZipFile=code.getvalue())
    try:
        yield
    finally:
        bucket = rehearsal.output("data", "PackagesBucket")
        functions.update_function_code(FunctionName=FUNCTION, S3Bucket=bucket, S3Key=variables["PACKAGE"])


def _ask(rehearsal: Rehearsal, request: Request) -> dict[str, Any]:
    shop, local_aws = urlsplit(rehearsal.origin), urlsplit(rehearsal.variables["AWS_ENDPOINT_URL"])
    host, before = shop.netloc, ""
    if request.past_cloudfront:
        (api,) = rehearsal.client("apigateway").get_rest_apis()["items"]
        host, before = local_aws.netloc, f"/restapis/{api['id']}/{STAGE}/_user_request_"
    deadline = time.monotonic() + PATIENCE
    while True:
        with closing(
            http.client.HTTPConnection(local_aws.hostname or "", local_aws.port, timeout=30)
        ) as line:
            headers = {"Host": host, "User-Agent": "Mozilla/5.0", "Accept": "text/html", **request.headers}
            line.request(request.method, before + request.path, request.body or None, headers)
            answer = line.getresponse()
            said = answer.read()
        if answer.getheader("x-echo"):
            event: dict[str, Any] = json.loads(said)
            return _with_the_tests_secret(event)
        assert time.monotonic() < deadline, said
        time.sleep(0.5)


def _with_the_tests_secret(event: dict[str, Any]) -> dict[str, Any]:
    """Put the tests' secret where CloudFront's own is, and leave what a visitor made up."""
    for headers in (event["headers"], event["multiValueHeaders"]):
        for name, value in headers.items():
            values = value if isinstance(value, list) else [value]
            if name.lower() == "x-edge-secret" and values != [FORGED["X-Edge-Secret"]]:
                headers[name] = [SECRET] if isinstance(value, list) else SECRET
    return event


def shape(told: Any) -> Any:
    """Return the names in an event, and of what kind each value is: what a recording can go stale in."""
    match told:
        case dict():
            return {name: shape(value) for name, value in told.items()}
        case list():
            return [shape(each) for each in told]
    return type(told).__name__


def recorded() -> dict[str, dict[str, Any]]:
    """Return the events that were recorded last, by name."""
    return {name: json.loads((FOLDER / f"{name}.json").read_text()) for name in REQUESTS}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, rehearsing(Path(folder)) as rehearsal:
        if rehearsal.infra("deploy", "--yes"):
            raise SystemExit("The shop could not be deployed; what was said stands above.")
        for name, event in play(rehearsal).items():
            (FOLDER / f"{name}.json").write_text(json.dumps(event, indent=2, sort_keys=True) + "\n")
            print(name)  # noqa: T201 - a tool for the terminal


if __name__ == "__main__":
    main()
