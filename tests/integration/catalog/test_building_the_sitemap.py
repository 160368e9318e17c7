import io
from xml.etree import ElementTree as ET

from django.core.files.storage import default_storage
from django.core.management import call_command

from catalog import services, sitemap
from tests.factories import book, category

SPACE = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}
ORIGIN = "http://localhost:8000"


def parsed(name="sitemap.xml"):
    with default_storage.open(name) as file:
        return ET.fromstring(file.read())  # noqa: S314 -- it is our own


def addresses(name="sitemap.xml"):
    return [element.text for element in parsed(name).findall(".//s:loc", SPACE)]


def test_every_public_page_is_there_once_by_its_canonical_address(now):
    category("fiction")
    book("Emma & Co", book_id="b-1", authors=("Jane Austen",))
    book("Pride", book_id="b-2", authors=("Jane Austen", "A B"))
    book("Gone", book_id="b-3", authors=("Nobody Else",))
    services.withdraw_book(book_id="b-3", at=now)
    assert sitemap.build() == sitemap.Built(addresses=9, files=1)
    assert addresses() == [
        f"{ORIGIN}/",
        f"{ORIGIN}/categories/",
        f"{ORIGIN}/bestsellers/",
        f"{ORIGIN}/top-rated/",
        f"{ORIGIN}/categories/fiction/",
        *sorted([f"{ORIGIN}/authors/a-b/", f"{ORIGIN}/authors/jane-austen/"], key=addresses().index),
        *sorted([f"{ORIGIN}/books/b-1/emma-co/", f"{ORIGIN}/books/b-2/pride/"], key=addresses().index),
    ]


def test_a_books_entry_tells_the_day_of_its_last_change(now):
    book("Emma", book_id="b-1", at=now)
    sitemap.build()
    assert parsed().find(".//s:lastmod", SPACE).text == now.date().isoformat()


def test_a_large_sitemap_is_an_index_with_parts(monkeypatch):
    monkeypatch.setattr(sitemap, "ADDRESSES_A_FILE", 4)
    for number in range(5):
        book(book_id=f"b-{number}")
    built = sitemap.build()  # four lists, an author and five books
    assert built == sitemap.Built(addresses=10, files=4)
    assert parsed().tag.endswith("sitemapindex")
    assert addresses() == [f"{ORIGIN}/sitemap-{number}.xml" for number in (1, 2, 3)]
    whole = [address for number in (1, 2, 3) for address in addresses(f"sitemap-{number}.xml")]
    assert len(whole) == len(set(whole)) == 10


def test_an_empty_shop_has_a_sitemap_too():
    out = io.StringIO()
    call_command("build_sitemap", stdout=out)
    assert out.getvalue() == "4 addresses in 1 file.\n"
    assert addresses() == [
        f"{ORIGIN}{path}" for path in ("/", "/categories/", "/bestsellers/", "/top-rated/")
    ]
