"""The example in the library's README: it is as short as it says, and it runs."""

import os
import subprocess
import sys
from pathlib import Path

from tests import settings as ports

HERE = Path(__file__).parents[3]
TEN_LINES = 10

# In a process of its own: the tests' own has the shop's tables and admins, and no others.
PROGRAM = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django; django.setup()
os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = os.environ["DYNAMODB_OF_THE_TEST"]
exec(compile(sys.stdin.read(), "README.md", "exec"), example := {"__name__": "catalog.notes"})
from datetime import UTC, datetime
from django.conf import settings
from django.contrib.admin import site
from django.test import Client
from bookstore.accounts.services import session_for

assert example["NoteAdmin"](example["Note"], site).check() == []
example["NoteItem"].create_table(wait=True)
example["NoteItem"]("art", "2026-11-27", text="Older").save()
client = Client(headers={"sec-fetch-site": "same-origin"})
client.cookies[settings.SESSION_COOKIE_NAME] = session_for(
    customer_id="o-1", email="owner@example.com", groups=("owner", "staff"), at=datetime.now(UTC)
)
form = {"topic": "art", "written": "2026-11-28", "text": "By a form"}
print(client.post("/admin/catalog/note/add/", form).status_code)
for order in ("1", "-1"):
    page = client.get(f"/admin/catalog/note/?topic__exact=art&o={order}").content.decode()
    print(*sorted(("By a form", "Older"), key=page.index), sep=", ")
page = client.get("/admin/catalog/note/art~2026-11-27/change/").content.decode()
print("Older" in page)
"""


def examples() -> list[str]:
    readme = (HERE / "bookstore/dynamodb/admin/README.md").read_text()
    return [each.partition("```")[0] for each in readme.split("```python\n")[1:3]]


def test_the_readmes_example_has_ten_lines() -> None:
    _, example = examples()
    lines = [line for line in example.split("\n") if line and not line.startswith(("from ", "import "))]
    assert len(lines) == TEN_LINES


def test_the_readmes_example_shows_a_tables_rows_and_adds_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="\n".join(examples()),
        env={**os.environ, "DYNAMODB_OF_THE_TEST": f"http://{ports.LOOPBACK}:{ports.DYNAMODB_PORT}"},
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE,
    )
    assert done.stdout.split("\n") == [
        "302",
        "Older, By a form",
        "By a form, Older",
        "True",
        "",
    ], done.stderr
