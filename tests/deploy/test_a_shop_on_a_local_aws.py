"""The life of a deployed shop, in order: opened, shopped in, changed, changed badly, closed."""

import re
import time
from http import HTTPStatus
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.deploy.conftest import EMAIL, PASSWORD, STAGE, Rehearsal

OWNER = "owner@example.com"
BOOKS = "id,name,author,category,price,rating,stock\n1001,A Rehearsal,Ada Test,plays,7.99,4,5\n"
STYLE_SHEET = re.compile(r'href="([^"]+/css/shop\.[0-9a-f]{12}\.css)"')
COVER = re.compile(r'src="([^"]+/covers/[^"]+\.svg)"')

kept: dict[str, str] = {}  # what one test leaves for the next


def test_one_command_opens_the_shop(rehearsal: Rehearsal) -> None:
    assert rehearsal.infra("deploy", "--yes") == 0
    said = rehearsal.said[-1]
    assert "is made: " in said
    assert re.search(
        r"It costs about \$\d+ a month standing idle, and \$\d+ more for each 100,000 visitors", said
    )
    assert f"The shop is open: {rehearsal.origin}/" in said


def test_books_come_from_a_file_in_s3_by_a_task(rehearsal: Rehearsal) -> None:
    rehearsal.manage("load_sample")
    bucket = rehearsal.output("data", "PackagesBucket")
    rehearsal.client("s3").put_object(Bucket=bucket, Key="imports/books.csv", Body=BOOKS.encode())
    command = f"import_books s3://{bucket}/imports/books.csv --mapping seed"
    assert rehearsal.infra("task", "--command", command) == 0
    assert "added: 1" in rehearsal.said[-1]
    deadline = time.monotonic() + 90
    while "/books/1001/" not in rehearsal.get("/search/?q=rehearsal").text:
        assert time.monotonic() < deadline, "the projector carries imported books into search"
        time.sleep(1)


def test_style_sheets_and_covers_come_from_their_buckets(rehearsal: Rehearsal) -> None:
    deadline = time.monotonic() + 90  # a function remembers for a minute that there were no categories
    while not (cover := COVER.search((page := rehearsal.get("/categories/plays/")).text)):
        assert time.monotonic() < deadline, page.text
        time.sleep(2)
    sheet = STYLE_SHEET.search(page.text)
    assert sheet
    kept["style sheet"] = sheet[1]
    style, picture = rehearsal.get(sheet[1]), rehearsal.get(cover[1])
    assert style.status == picture.status == HTTPStatus.OK
    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in picture.headers["content-security-policy"]


def test_every_public_page_has_its_address_at_the_edge(rehearsal: Rehearsal) -> None:
    pages = {"/", "/categories/", "/categories/plays/?sort=price", "/authors/william-shakespeare/"}
    pages |= {"/search/?q=macbeth", "/search/suggest/?q=mac", "/bestsellers/?period=week", "/top-rated/"}
    pages |= {"/sitemap.xml", "/robots.txt", "/healthz", "/cart/"}
    assert {path: status for path in pages if (status := rehearsal.get(path).status) != HTTPStatus.OK} == {}
    for path in ("/no-such-page/", "/categories/no-such-shelf/", "/books/no-such-book/"):
        answer = rehearsal.get(path)
        assert answer.status == HTTPStatus.NOT_FOUND, path
        assert "We have looked on every shelf" in answer.text, path


def copies_sold(page: Page, origin: str, title: str) -> int:
    page.goto(f"{origin}/bestsellers/")
    row = page.get_by_role("main").get_by_role("listitem").filter(has_text=title)
    if row.count() == 0:
        return 0
    found = re.search(r"(\d+)\s+cop", row.first.inner_text())
    assert found, row.first.inner_text()
    return int(found[1])


def test_a_customer_buys_a_book_and_the_bestsellers_move(
    rehearsal: Rehearsal, customer: BrowserContext
) -> None:
    pool = rehearsal.output("sign-in", "UserPoolId")
    cognito = rehearsal.client("cognito-idp")
    cognito.admin_create_user(
        UserPoolId=pool,
        Username=EMAIL,
        UserAttributes=[{"Name": "email", "Value": EMAIL}, {"Name": "email_verified", "Value": "true"}],
        MessageAction="SUPPRESS",
    )
    cognito.admin_set_user_password(UserPoolId=pool, Username=EMAIL, Password=PASSWORD, Permanent=True)
    origin = rehearsal.origin
    page = customer.new_page()
    before = copies_sold(page, origin, "Macbeth")
    page.goto(f"{origin}/search/?q=macbeth")
    page.get_by_role("main").get_by_role("link", name="Macbeth", exact=True).first.click()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_text("in your cart").first).to_be_visible()
    page.goto(f"{origin}/checkout/")
    page.locator("input[name=username]").fill(EMAIL)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("button[type=submit], input[type=submit]").first.click()
    expect(page).to_have_url(re.compile("/checkout/"))
    for name, value in {
        "name": "Ada Reader",
        "line1": "1 Library Lane",
        "city": "York",
        "postcode": "YO1 7HH",
    }.items():
        page.locator(f"[name={name}]").fill(value)
    page.get_by_role("button", name=re.compile("Order and pay")).click()
    page.locator("[name=card_number]").fill("4242 4242 4242 4242")
    page.locator("[name=expiry]").fill("12/34")
    page.locator("[name=cvc]").fill("123")
    page.locator("form:has([name=card_number]) button[type=submit]").first.click()
    expect(page).to_have_url(re.compile(r"/orders/[0-9a-f-]{36}/"))
    deadline = time.monotonic() + 60
    while copies_sold(page, origin, "Macbeth") != before + 1:
        assert time.monotonic() < deadline, "the sale goes through stream and projector to the bestsellers"
        time.sleep(0.5)
    page.close()


def test_staff_send_a_cover_to_the_bucket_and_the_tasks_function_makes_it(
    rehearsal: Rehearsal, browser: Browser, tmp_path: Path
) -> None:
    pool = rehearsal.output("sign-in", "UserPoolId")
    cognito = rehearsal.client("cognito-idp")
    cognito.admin_create_user(
        UserPoolId=pool,
        Username=OWNER,
        UserAttributes=[{"Name": "email", "Value": OWNER}, {"Name": "email_verified", "Value": "true"}],
        MessageAction="SUPPRESS",
    )
    cognito.admin_set_user_password(UserPoolId=pool, Username=OWNER, Password=PASSWORD, Permanent=True)
    for group in ("staff", "owner"):
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=OWNER, GroupName=group)
    picture = tmp_path / "cover.png"
    Image.new("RGB", (900, 1350), "teal").save(picture)
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(45_000)
    page = context.new_page()
    page.goto(f"{rehearsal.origin}/admin/catalog/book/1001/cover/")
    page.locator("input[name=username]").fill(OWNER)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("button[type=submit], input[type=submit]").first.click()
    page.locator("#file").set_input_files(picture)
    page.get_by_role("button", name="Send the picture").click()
    expect(page.locator("#cover-state")).to_contain_text("The new cover is in the shop", timeout=90_000)
    cover = page.locator("#cover-state img")
    assert re.search(r"/covers/1001-[0-9a-f]{12}-w800\.webp$", cover.get_attribute("src") or "")
    assert cover.evaluate("image => image.decode().then(() => image.naturalWidth)") == 800
    context.close()


def test_a_new_version_keeps_carts_sessions_and_old_files(
    rehearsal: Rehearsal, customer: BrowserContext
) -> None:
    origin = rehearsal.origin
    page = customer.new_page()
    page.goto(f"{origin}/search/?q=hamlet")
    page.get_by_role("main").get_by_role("link", name="Hamlet", exact=True).first.click()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_text("in your cart").first).to_be_visible()

    rehearsal.edit("templates/robots.txt", "User-agent", "# the second version\nUser-agent")
    rehearsal.edit("static/css/shop.css", "\n", "\n/* the second version */\n")
    assert rehearsal.infra("deploy", "--yes") == 0

    assert rehearsal.origin == origin
    assert "the second version" in rehearsal.get("/robots.txt").text
    sheet = STYLE_SHEET.search(rehearsal.get("/categories/plays/").text)
    assert sheet
    assert sheet[1] != kept["style sheet"]
    assert rehearsal.get(sheet[1]).status == rehearsal.get(kept["style sheet"]).status == HTTPStatus.OK
    page.goto(f"{origin}/cart/")
    expect(page.get_by_role("main")).to_contain_text("Hamlet")
    page.goto(f"{origin}/account/")
    expect(page.get_by_role("main")).to_contain_text(EMAIL)
    page.close()


def test_a_version_that_does_not_work_is_taken_back(rehearsal: Rehearsal, customer: BrowserContext) -> None:
    rehearsal.edit(
        "bookstore/urls.py", "urlpatterns:", 'raise RuntimeError("broken on purpose")\n\nurlpatterns:'
    )
    assert rehearsal.infra("deploy", "--yes") == 1
    said = rehearsal.said[-1]
    assert "The version before serves again" in said
    assert "Traceback" not in said
    assert "the second version" in rehearsal.get("/robots.txt").text
    page = customer.new_page()
    page.goto(f"{rehearsal.origin}/account/")
    expect(page.get_by_role("main")).to_contain_text(EMAIL)
    page.close()


def test_closing_the_shop_leaves_its_data(rehearsal: Rehearsal) -> None:
    origin = rehearsal.origin
    assert rehearsal.infra("undeploy", "--yes") == 0
    assert "Its data stays" in rehearsal.said[-1]
    with pytest.raises(ClientError, match="ResourceNotFound"):
        rehearsal.client("lambda").get_function(FunctionName=f"bookstore-{STAGE}")
    assert rehearsal.get(f"{origin}/healthz").status != HTTPStatus.OK
    names = {stack["StackName"] for stack in rehearsal.client("cloudformation").describe_stacks()["Stacks"]}
    assert names == {f"bookstore-{STAGE}-data", f"bookstore-{STAGE}-sign-in"}
    books = rehearsal.client("dynamodb").get_item(
        TableName=f"bookstore-{STAGE}-Books", Key={"id": {"S": "1001"}}
    )
    assert books["Item"]["name"]["S"] == "A Rehearsal"
    assert rehearsal.infra("undeploy", "--yes") == 0
