import pytest

from catalog.isbn import BadIsbnError, read_isbn


@pytest.mark.parametrize(
    "written",
    [
        "9780141439518",
        "978-0-14-143951-8",
        "978 0 14 143951 8",
        "978‑0‑14‑143951‑8",  # non-breaking hyphens, as word processors write them
        "0141439513",
        "0-14-143951-3",
    ],
)
def test_an_isbn_is_read_however_it_is_written(written):
    assert read_isbn(written) == "9780141439518"


def test_the_check_digit_of_an_old_isbn_may_be_x():
    assert read_isbn("080442957X") == read_isbn("080442957x") == "9780804429573"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "9780141439519",
        "0141439514",
        "978014143951",
        "97801414395188",
        "abc",
        "1234567890123",
        "٩٧٨٠١٤١٤٣٩٥١٨",
    ],
)
def test_what_is_no_isbn_is_refused(written):
    with pytest.raises(BadIsbnError):
        read_isbn(written)
