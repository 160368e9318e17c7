from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from catalog.csv_import import BadRow, ImportFileError, Row, open_file, read_mapping, uninverted

HEAD = "id,title,authors,shelves,subjects\n"


@pytest.fixture
def rows_of(tmp_path):
    def read(text, mapping="gutenberg", encoding="utf-8-sig"):
        path = tmp_path / "books.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with open_file(path, read_mapping(mapping), encoding=encoding) as file:
            return list(file.read())

    return read


def test_a_row_of_gutenbergs_becomes_a_book(rows_of):
    (row,) = rows_of(
        HEAD + '1,The Declaration of Independence,"Jefferson, Thomas (1743-1826)",'
        '"Essays, Letters & Speeches; History - American","United States -- History"\n'
    )
    assert isinstance(row, Row)
    assert row.draft.book_id == "pg-1"
    assert row.draft.reference == 2
    assert row.draft.facts.name == "The Declaration of Independence"
    assert row.draft.facts.authors == ("Thomas Jefferson",)
    assert row.draft.facts.category == "essays-letters-speeches"
    assert row.category_name == "Essays, Letters & Speeches"


def test_demonstration_values_are_always_the_same_for_an_id(rows_of):
    text = HEAD + "".join(f"{number},Book {number},,Novels,\n" for number in range(300))
    first, second = rows_of(text), rows_of(text)
    assert first == second
    prices = [row.draft.facts.price for row in first]
    assert min(prices) >= Decimal("3.99")
    assert max(prices) <= Decimal("24.49")
    assert len(set(prices)) > 20
    stocks = [row.draft.stock for row in first]
    assert 0 < stocks.count(0) < 30
    assert max(stocks) > 20
    assert all(1 <= row.draft.facts.prior_rating <= 5 for row in first)


def test_a_demonstration_library_came_in_over_twenty_years(rows_of):
    rows = rows_of(HEAD + "".join(f"{number},Book {number},,Novels,\n" for number in range(2000)))
    years = Counter(row.draft.added_at.year for row in rows)
    assert set(years) == set(range(2006, 2026))
    assert max(years.values()) < 200


def test_a_day_of_arrival_is_read_and_a_wrong_one_refused(rows_of, tmp_path):
    mapping = tmp_path / "mine.toml"
    columns = {"book_id": "id", "name": "n", "category": "c", "price": "p", "added_on": "day"}
    mapping.write_text("".join(f"{target} = {{column = '{column}'}}\n" for target, column in columns.items()))
    right, none, wrong = rows_of(
        "id,n,c,p,day\n1,A,Novels,1.00,2026-01-31\n2,B,Novels,1.00,\n3,C,Novels,1.00,31/1/26\n", str(mapping)
    )
    assert right.draft.added_at == datetime(2026, 1, 31, tzinfo=UTC)
    assert none.draft.added_at is None
    assert isinstance(wrong, BadRow)
    assert wrong.line == 4
    assert "added_on" in wrong.reason


def test_several_authors_come_in_their_order(rows_of):
    (row,) = rows_of(HEAD + '9,X,"Nemiroff, Robert J.; Bonnell, Jerry T.",Mathematics,\n')
    assert row.draft.facts.authors == ("Robert J. Nemiroff", "Jerry T. Bonnell")


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Jefferson, Thomas (1743-1826)", "Thomas Jefferson"),
        ("Kennedy, John F. (John Fitzgerald) (1917-1963)", "John F. Kennedy"),
        ("United States. Bureau of the Census", "United States. Bureau of the Census"),
        ("Sunzi, active 6th century B.C.", "Sunzi"),
        ("Plato (-428--348)", "Plato"),
        ("Page, Walter Hines, Jr. (1800-)", "Walter Hines Page, Jr."),
        ("Tolstoy, Leo, graf (1828-1910)", "Leo Tolstoy"),
        ("Beethoven, Ludwig van (1770-1827)", "Ludwig van Beethoven"),
        ("Anonymous", "Anonymous"),
        ("", ""),
    ],
)
def test_a_librarys_heading_is_read_as_a_cover_prints_it(heading, name):
    assert uninverted(heading) == name


def test_a_bad_row_is_reported_with_its_line_and_reason_and_the_others_are_read(rows_of):
    text = (
        HEAD
        + '1,"A title\nover two lines",,Novels,\n'  # lines 2 and 3
        + "2,,,Novels,\n"  # line 4
        + "3,Good,,Novels,\n"
        + "\n"
        + "4,Too few columns\n"  # line 7
        + "5 6,No id,,,\n"  # line 8
    )
    first, untitled, good, short, nothing = rows_of(text)
    assert first.draft.facts.name == "A title over two lines"
    assert (untitled.line, untitled.reason) == (4, "name: A book needs a title.")
    assert good.draft.book_id == "pg-3"
    assert short.line == 7
    assert "columns" in short.reason
    assert nothing.line == 8
    assert "book_id:" in nothing.reason
    assert "category:" in nothing.reason


def test_a_field_that_csv_cannot_hold_spoils_its_row_only(rows_of):
    text = HEAD + f"1,{'x' * 200_000},,Novels,\n2,Good,,Novels,\n"
    bad, good = rows_of(text)
    assert isinstance(bad, BadRow)
    assert bad.line == 2
    assert good.draft.book_id == "pg-2"


def test_too_long_a_title_is_cut_at_a_word_where_the_mapping_says_so(rows_of):
    (row,) = rows_of(HEAD + f"1,{'long ' * 100},,Novels,\n")
    assert len(row.draft.facts.name) <= 300
    assert row.draft.facts.name.endswith(" long…")


def test_the_predecessors_books_are_read(rows_of):
    text = (
        "id,name,author,category,price,rating,cover\n"
        "8d6a-1,Great Cook Book,Gina Cook,Cookbooks,12.99,4,https://gone.example/1.png\n"
        "8d6a-2,Bad Book,Gina Cook,Cookbooks,free,4,\n"
    )
    good, bad = rows_of(text, mapping="seed")
    assert good.draft.facts.prior_rating == Decimal(4)
    assert good.draft.facts.cover is None  # its pictures are gone
    assert good.draft.stock == 0  # it kept none: nothing is sold that may not be there
    assert "price:" in bad.reason


def test_the_predecessors_books_may_come_with_a_stock(rows_of):
    good, bad = rows_of(
        "id,name,author,category,price,stock\n1,A,B,Cars,5,7\n2,A,B,Cars,5,many\n", mapping="seed"
    )
    assert good.draft.stock == 7
    assert "stock:" in bad.reason


def test_a_mapping_of_ones_own_is_a_file(tmp_path, rows_of):
    mapping = tmp_path / "mine.toml"
    mapping.write_text(
        '[book_id]\ncolumn = "sku"\n[name]\ncolumn = "t"\n[category]\ncolumn = "c"\n[price]\ncolumn = "p"\n'
        '[isbn13]\ncolumn = "isbn"\n[translators]\ncolumn = "tr"\nseparator = "/"\n'
    )
    (row,) = rows_of("sku,t,c,p,isbn,tr\n7,Emma,Novels,7.99,0141439513,A B / C D\n", mapping=str(mapping))
    assert row.draft.facts.isbn13 == "9780141439518"
    assert row.draft.facts.translators == ("A B", "C D")


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ("colour = {column = 'c'}", "colour, which no book has"),
        ("book_id = {column = 'id'}", "does not tell where name, category, price comes from"),
        ("not toml", "is no TOML"),
        (
            "book_id = {column='id'}\nname={column='t', colour='red'}\ncategory={column='c'}\nprice={column='p'}",
            "may say of name",
        ),
        (
            "book_id = {column='id'}\nname={}\ncategory={column='c'}\nprice={column='p'}",
            "must give name either",
        ),
        (
            "book_id = {column='id'}\nname={demonstration=true}\ncategory={column='c'}\nprice={column='p'}",
            "cannot derive name",
        ),
        (
            "book_id = 'id'\nname={column='t'}\ncategory={column='c'}\nprice={column='p'}",
            "may say of book_id",
        ),
    ],
)
def test_a_wrong_mapping_is_told_in_one_sentence(tmp_path, mapping, told):
    path = tmp_path / "mine.toml"
    path.write_text(mapping)
    with pytest.raises(ImportFileError, match=told) as caught:
        read_mapping(str(path))
    assert "\n" not in str(caught.value)


def test_an_unknown_mapping_names_those_there_are():
    with pytest.raises(ImportFileError, match="gutenberg, seed"):
        read_mapping("nonsense")


def test_a_file_that_cannot_be_read_is_told_in_one_sentence(tmp_path, rows_of):
    rules = read_mapping("gutenberg")
    with pytest.raises(ImportFileError, match="No such file"), open_file(tmp_path / "missing.csv", rules):
        pass
    with pytest.raises(ImportFileError, match="Is a directory"), open_file(tmp_path, rules):
        pass
    with pytest.raises(ImportFileError, match="not written in utf-8-sig"):
        rows_of(HEAD.encode() + "1,Émile,,Novels,\n".encode("latin-1"))
    with pytest.raises(ImportFileError, match="no encoding called"):
        rows_of(HEAD, encoding="klingon")
    with pytest.raises(ImportFileError, match="no column authors, id"):
        rows_of("title,shelves\nx,y\n")


def test_another_encoding_can_be_said(rows_of):
    (row,) = rows_of(HEAD.encode() + "1,Émile,,Novels,\n".encode("latin-1"), encoding="latin-1")
    assert row.draft.facts.name == "Émile"


def test_a_byte_order_mark_is_no_part_of_the_first_column(rows_of):
    (row,) = rows_of(b"\xef\xbb\xbf" + (HEAD + "1,Emma,,Novels,\n").encode())
    assert row.draft.book_id == "pg-1"
