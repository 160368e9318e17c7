"""The README's examples make a project: one without a database, and without anything of this one's."""

import os
import subprocess
import sys
from pathlib import Path

from tests import settings as ports

HERE = Path(__file__).parents[3]
TEN_LINES = 10
README = (HERE / "bookstore/dynamodb/admin/README.md").read_text()
BLOCKS = [each.partition("```")[0] for each in README.split("```python\n")[1:]]
TABLE, ADMIN, TOOLS, PANELS, LOAN_TABLE, LOANS, SETTINGS, TESTS = (
    next(block for block in BLOCKS if word in block)
    for word in (
        *(
            "class NoteItem",
            "class NoteAdmin",
            "LendForm",
            "@front_page",
            "class LoanItem",
            "class LoanAdmin",
        ),
        *("INSTALLED_APPS", "TestCase"),
    )
)

# What the README leaves to a project: what else it has, and who is who in it.
OTHER_SETTINGS = """
SECRET_KEY, USE_TZ, STATIC_URL = 50 * "x", True, "/static/"
ROOT_URLCONF, LOGIN_URL = "project.staff_urls", "/sign-in/"
INSTALLED_APPS[:1] = [f"django.contrib.{app}" for app in ("auth", "contenttypes", "messages", "staticfiles")]
INSTALLED_APPS += ["notes"]
MIDDLEWARE = [
    *MIDDLEWARE[1:2],
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
AUTH_USER_MODEL, AUTHENTICATION_BACKENDS = "notes.Person", ["notes.people.People"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
"""
PERSON = """
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models

class Person(AbstractBaseUser):
    last_login = None
    name = models.CharField(primary_key=True, max_length=20)
    is_staff = True
    USERNAME_FIELD = "name"

    class Meta:
        managed = False

    def has_perm(self, right, row=None):
        return self.name == "ada"

    has_module_perms = has_perm
"""
PEOPLE = """
from django.contrib.auth.backends import BaseBackend
from notes.models import Person

class People(BaseBackend):
    def get_user(self, name):
        return Person(name=name)
"""
MORE_IMPORTS = """
import re
from datetime import UTC, datetime
from io import StringIO

from django.core import checks
from django.core.management import call_command
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.test import Client, SimpleTestCase, TransactionTestCase

from bookstore.dynamodb.attributes import instant_text
from notes.models import CopyItem, LoanItem, Person
from notes.tools import BookAdmin
"""
OF_THE_TOOLS = """
from django import forms
from bookstore.dynamodb.admin.tools import Tool, ToolForm, ToolsAdmin
"""
OF_THE_PANELS = """
def visits_by_day():
    return [("Monday", 3)]
"""
MORE_TESTS = """
    def test_a_note_is_added_by_a_form_and_listed_both_ways(self):
        self.client.force_login(Person(name="ada"))
        NoteItem("art", "2026-11-27", text="Older").save()
        form = {"topic": "art", "written": "2026-11-28", "text": "By a form"}
        self.assertRedirects(
            self.client.post("/admin/notes/note/add/", form), "/admin/notes/note/", fetch_redirect_response=False
        )
        for order, notes in (("1", ["Older", "By a form"]), ("-1", ["By a form", "Older"])):
            page = self.client.get("/admin/notes/note/", {"topic__exact": "art", "o": order}).content.decode()
            self.assertEqual(sorted(notes, key=page.index), notes)
        self.assertContains(self.client.get("/admin/notes/note/art~2026-11-27/change/"), "Older")
        address = "/admin/notes/note/art~2026-11-28/"
        self.assertContains(self.client.get(f"{address}history/"), "Added.")
        changes = {"topic": "food", "written": "2026-11-29", "text": "Changed", "initial-text": "By a form"}
        self.assertEqual(self.client.post(f"{address}change/", changes).status_code, 302)
        note = Note.objects.get(pk="art~2026-11-28")
        self.assertEqual((note.topic, note.written, note.text), ("art", "2026-11-28", "Changed"))

    def test_loans_are_listed_over_the_years_and_their_copies_changed_below_the_form(self):
        self.client.force_login(Person(name="ada"))
        year = datetime.now(UTC).year
        for of in (year - 1, year):
            at, copies = datetime(of, 1, 1, tzinfo=UTC), [CopyItem(title="Emma")]
            key = f"{instant_text(at)}#loan-{of}"
            LoanItem(f"loan-{of}", lent_at=at, year=str(of), lent_key=key, copies=copies).save()
        page = self.client.get("/admin/notes/loan/").content.decode()
        self.assertLess(page.index(f">loan-{year}<"), page.index(f">loan-{year - 1}<"))
        address = f"/admin/notes/loan/loan-{year}/change/"
        page = self.client.get(address).content.decode()
        form = dict(re.findall(r'<input [^>]*name="([^"]*)" value="([^"]*)"', page))
        self.assertEqual(self.client.post(address, form | {"-1-0-condition": "worn"}).status_code, 302)
        self.assertEqual([copy.condition for copy in LoanItem.get(f"loan-{year}").copies], ["worn"])

    def test_the_front_page_has_its_panel_and_the_example_of_tools_is_in_order(self):
        self.client.force_login(Person(name="ada"))
        self.assertContains(self.client.get("/admin/"), "Visits")
        answer = self.client.get("/admin/figures/visits.csv")
        self.assertEqual(answer.content.decode(), "Day,Visits\\r\\nMonday,3\\r\\n")
        self.assertEqual([tool.name for tool in BookAdmin.tools], ["lend"])

    def test_a_form_without_its_token_is_refused(self):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(Person(name="ada"))
        page = browser.get("/admin/notes/note/add/").content.decode()
        token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        form = {"topic": "art", "written": "2026-11-28", "text": "By a form"}
        for sent, status in ((form, 403), ({**form, "csrfmiddlewaretoken": token}, 302)):
            self.assertEqual(browser.post("/admin/notes/note/add/", sent).status_code, status)

    def test_who_has_no_right_is_refused_and_a_stranger_sent_to_sign_in(self):
        self.assertEqual(self.client.get("/admin/login/").headers["Location"], "/sign-in/?next=%2Fadmin%2F")
        self.client.force_login(Person(name="bo"))
        self.assertEqual(self.client.get("/admin/notes/note/").status_code, 403)

    def test_what_is_to_follow_a_transaction_is_caught_and_the_admin_is_in_order(self):
        with self.captureOnCommitCallbacks() as callbacks:
            transaction.on_commit(print)
        self.assertEqual(callbacks, [print])
        self.assertEqual(checks.run_checks(), [])

    def test_its_commands_run(self):
        made, exported = StringIO(), StringIO()
        call_command("create_tables", stdout=made)
        self.assertIn("every table is there", made.getvalue())
        call_command("export_admin_log", "2026-11-01", "2026-11-30", stdout=exported)
        self.assertIn("at,user_id", exported.getvalue())

    def test_an_sql_database_is_emptied_of_nobody(self):
        with self.assertRaises(ImproperlyConfigured):
            TransactionTestCase._fixture_teardown(self)


class WithoutADatabase(SimpleTestCase):
    setUp = NotesTest.setUp
    test_a_form = NotesTest.test_a_note_is_added_by_a_form_and_listed_both_ways
"""


def test_the_readmes_example_has_ten_lines() -> None:
    lines = [line for line in ADMIN.split("\n") if line and not line.startswith(("from ", "import "))]
    assert len(lines) == TEN_LINES


def test_the_readmes_examples_make_a_project_that_djangos_own_test_cases_run_in(tmp_path: Path) -> None:
    for name, content in {
        "project/settings.py": SETTINGS + OTHER_SETTINGS,
        "project/staff_urls.py": "from django.contrib.admin import site\nfrom django.urls import path\n"
        'urlpatterns = [path("admin/", site.urls)]\n',
        "notes/models.py": TABLE + LOAN_TABLE + PERSON,
        "notes/admin.py": f"from notes.models import LoanItem, NoteItem\n{ADMIN}{LOANS}",
        "notes/people.py": PEOPLE,
        "notes/tools.py": OF_THE_TOOLS + TOOLS,
        "notes/front_page.py": OF_THE_PANELS + PANELS,
        "notes/tests.py": MORE_IMPORTS + TESTS + MORE_TESTS,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
        (tmp_path / name).with_name("__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", "test"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "PYTHONPATH": f"{tmp_path}:{HERE}",
            "AWS_ENDPOINT_URL_DYNAMODB": f"http://{ports.LOOPBACK}:{ports.DYNAMODB_PORT}",
        },
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.stderr.rstrip().endswith("OK"), done.stderr
    assert "Ran 10 tests" in done.stderr
