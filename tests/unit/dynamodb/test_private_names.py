"""What the admin on DynamoDB takes for granted of Django, beyond what Django promises.

A new Django that changes one of these fails here, by name, rather than in a page.
"""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.admin import ModelAdmin
from django.contrib.admin.sites import AdminSite
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.base import SessionBase
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q, QuerySet
from django.db.models.lookups import Exact, In
from django.db.models.sql.where import AND, OR, NothingNode, WhereNode
from django.forms.models import BaseModelFormSet
from django.middleware.csrf import CsrfViewMiddleware
from django.template import engines

ADMIN = Path(inspect.getfile(ModelAdmin)).parent
LIBRARY = Path(__file__).parents[3] / "bookstore/dynamodb"


METHODS = [
    (QuerySet, "_fetch_all", ["self"]),
    (QuerySet, "_clone", ["self"]),
    (QuerySet, "_chain", ["self"]),
    (QuerySet, "_filter_or_exclude", ["self", "negate", "args", "kwargs"]),
    (QuerySet, "_insert", None),  # these three are refused, whatever they take
    (QuerySet, "_update", None),
    (QuerySet, "_raw_delete", None),
    (ChangeList, "get_results", ["self", "request"]),
    (ChangeList, "get_queryset", ["self", "request", "exclude_parameters"]),
    (ChangeList, "get_ordering", ["self", "request", "queryset"]),
    (ChangeList, "get_ordering_field_columns", ["self"]),
    (ModelAdmin, "_get_obj_does_not_exist_redirect", ["self", "request", "opts", "object_id"]),
    (ModelAdmin, "_save_formset", ["self", "request", "formset"]),
    (ModelAdmin, "_create_formsets", ["self", "request", "obj", "change"]),
    (ModelAdmin, "_get_base_actions", ["self", "action_location"]),
    (ModelAdmin, "save_related", ["self", "request", "form", "formsets", "change"]),
    (ModelAdmin, "log_change", ["self", "request", "obj", "message"]),
    (ModelAdmin, "get_changelist_instance", ["self", "request"]),
    (ModelAdmin, "get_formset_kwargs", ["self", "request", "obj", "inline", "prefix"]),
    (AdminSite, "get_log_entries", ["self", "request"]),
    (AdminSite, "each_context", ["self", "request"]),
    (BaseModelFormSet, "add_fields", ["self", "form", "index"]),
    (type(ContentType.objects), "_add_to_cache", ["self", "using", "ct"]),
    (SessionBase, "_get_session", ["self", "no_load"]),
    (SessionBase, "_get_new_session_key", ["self"]),
    # What the engine does nothing for; Django asks for it in atomic() and in TestCase.
    (BaseDatabaseWrapper, "connect", ["self"]),
    (BaseDatabaseWrapper, "cursor", ["self"]),
    (BaseDatabaseWrapper, "_cursor", ["self", "name"]),
    (BaseDatabaseWrapper, "_commit", ["self"]),
    (BaseDatabaseWrapper, "_rollback", ["self"]),
    (BaseDatabaseWrapper, "_close", ["self"]),
    (BaseDatabaseWrapper, "_savepoint", ["self", "sid"]),
    (BaseDatabaseWrapper, "_savepoint_commit", ["self", "sid"]),
    (BaseDatabaseWrapper, "_savepoint_rollback", ["self", "sid"]),
    (BaseDatabaseWrapper, "_set_autocommit", ["self", "autocommit"]),
]
# Attributes, which the tests below look at; and PynamoDB's, without which no table would be found.
ATTRIBUTES = {"_db", "_default_manager", "_result_cache", "_session_key", "_state"} | {
    "_connection",
    "_get_schema",
}


def test_no_private_name_is_used_but_these() -> None:
    used, own = set(), set()
    for file in LIBRARY.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr):
                (own if isinstance(node.ctx, ast.Store) else used).add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                own.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                own.add(node.id)
    private = {name for name in own if re.match("_[a-z]", name)}
    overridden = {name for name in private if any(hasattr(owner, name) for owner, *_ in METHODS)}
    # Django documents `_meta`, and promises to keep it.
    assert overridden | used - own - {"_meta"} <= {name for _, name, _ in METHODS} | ATTRIBUTES


@pytest.mark.parametrize(("owner", "name", "parameters"), METHODS)
def test_a_name_is_there_and_takes_what_it_took(owner: type, name: str, parameters: list[str] | None) -> None:
    assert callable(getattr(owner, name))
    assert parameters is None or list(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_a_connection_is_ensured_under_the_same_name() -> None:
    # The tests' runner puts its own in its place, so its source is looked at.
    assert "    def ensure_connection(self):" in inspect.getsource(inspect.getmodule(BaseDatabaseWrapper))  # type: ignore[arg-type]


def test_a_queryset_and_a_row_keep_what_they_know_under_the_same_names() -> None:
    assert {"_result_cache", "_db"} <= vars(QuerySet(ContentType)).keys()
    assert {"adding", "db"} <= {name for name in dir(ContentType()._state) if not name.startswith("_")}
    assert isinstance(ContentType._default_manager.all(), QuerySet)


def test_a_session_keeps_its_key_under_the_same_name() -> None:
    session = SessionBase("k" * 32)
    assert session.session_key == "k" * 32
    session._session_key = None  # type: ignore[attr-defined]  # the stubs leave it out
    assert session.session_key is None


def test_a_query_keeps_what_was_asked_under_the_same_names() -> None:
    asked = (
        QuerySet(Permission).filter(name="Ada").filter(codename__in=["a", "b"]).order_by("-name")[2:5].query
    )
    assert isinstance(asked.where, WhereNode)
    assert [type(child) for child in asked.where.children] == [Exact, In]
    assert [child.lhs.target.attname for child in asked.where.children] == ["name", "codename"]
    assert (asked.where.connector, asked.where.negated) == (AND, False)
    assert (asked.low_mark, asked.high_mark) == (2, 5)
    assert (asked.order_by, asked.default_ordering, asked.select_related) == (("-name",), True, False)
    assert QuerySet(Permission).order_by().query.default_ordering is False
    assert [type(each) for each in QuerySet(Permission).none().query.where.children] == [NothingNode]
    assert QuerySet(Permission).filter(Q(name="Ada") | Q(name="Bo")).query.where.children[0].connector == OR


def test_a_forms_write_is_followed_by_its_log_and_preceded_by_nothing() -> None:
    view = inspect.getsource(ModelAdmin._changeform_view)
    steps = [
        "self.save_form(",
        "self.save_model(",
        "self.save_related(",
        "self.log_addition(",
        "self.log_change(",
    ]
    places = [view.index(step) for step in steps]
    assert places == sorted(places)


def test_a_check_by_tokens_is_switched_off_under_the_same_name() -> None:
    assert 'getattr(request, "_dont_enforce_csrf_checks", False)' in inspect.getsource(CsrfViewMiddleware)


def test_templates_ask_for_what_the_pages_give() -> None:
    templates = ADMIN / "templates" / "admin"
    for page, blocks in (
        ("base.html", ["extrastyle", "extrahead", "content", "breadcrumbs", "bodyclass", "coltype", "title"]),
        ("change_form.html", ["form_top", "field_sets", "inline_field_sets", "object-tools"]),
        ("change_form_object_tools.html", ["object-tools-items"]),
        ("change_list.html", ["search", "object-tools-items"]),
        ("change_list_object_tools.html", ["object-tools-items"]),
        ("index.html", ["extrastyle", "content", "sidebar"]),
        ("actions.html", ["actions-counter"]),
        ("object_history.html", ["content", "breadcrumbs"]),
    ):
        for block in blocks:
            assert f"{{% block {block} %}}" in (templates / page).read_text(), (page, block)
    assert "{% pagination cl %}" in (templates / "change_list.html").read_text()


def test_no_template_has_a_script_or_a_style_that_the_policy_refuses() -> None:
    for template in ADMIN.glob("templates/**/*.html"):
        page = template.read_text()
        assert " style=" not in page, template
        assert " onclick=" not in page, template


def test_template_tags_are_looked_up_in_a_mapping() -> None:
    assert isinstance(engines["django"].engine.template_libraries, dict)  # type: ignore[attr-defined]


def test_the_storefront_imports_nothing_of_the_admin() -> None:
    program = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
        "import django; django.setup()\n"
        "from django.urls import get_resolver; get_resolver().url_patterns\n"
        "from django.template import engines; engines['django']\n"
        "print([name for name in sys.modules if name.startswith('django.contrib.admin')"
        " or name.endswith('.admin.options') or name == 'catalog.admin'])"
    )
    here = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=here
    )
    assert done.stdout.strip() == "[]", done.stderr
