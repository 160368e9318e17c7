import pytest

from bookstore.dynamodb.pages import BadCursorError, read_cursor, sign_cursor


def test_a_cursor_leads_back_to_its_key():
    assert read_cursor(
        sign_cursor("middlemarch#b-1", list_name="fiction:title"), list_name="fiction:title"
    ) == ("middlemarch#b-1")


@pytest.mark.parametrize("other", ["fiction:price", "plays:title", ""])
def test_a_cursor_is_good_for_one_list_in_one_order(other):
    with pytest.raises(BadCursorError):
        read_cursor(sign_cursor("middlemarch#b-1", list_name="fiction:title"), list_name=other)


@pytest.mark.parametrize("forged", ["", "x", "a:b", ":::", "é", "x" * 5000, "eyJh\x00:bc"])
def test_a_forged_cursor_is_refused(forged):
    with pytest.raises(BadCursorError):
        read_cursor(forged, list_name="fiction:title")


def test_a_changed_cursor_is_refused():
    cursor = sign_cursor("middlemarch#b-1", list_name="fiction:title")
    with pytest.raises(BadCursorError):
        read_cursor(("A" if cursor[0] != "A" else "B") + cursor[1:], list_name="fiction:title")
