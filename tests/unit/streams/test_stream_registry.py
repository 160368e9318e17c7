import pytest

from bookstore.streams import registry
from bookstore.streams.records import Change


def test_the_apps_own_projections_are_found_without_being_imported() -> None:
    names = [registry.name_of(each) for each in registry.projections_of("Orders")]
    assert "leaderboard.projection.count_sale" in names
    names = [registry.name_of(each) for each in registry.projections_of("Books")]
    assert "leaderboard.projection.rate_book" in names


def test_a_table_that_nobody_projects_has_no_projections() -> None:
    assert registry.projections_of("Nothing") == ()


def test_registering_the_same_function_twice_projects_once(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.projections_of("Orders")
    monkeypatch.setattr(registry, "_projections", registry.defaultdict(dict))

    @registry.projects("Orders")
    def project(change: Change) -> None: ...

    registry.projects("Orders")(project)

    assert registry.projections_of("Orders") == (project,)
