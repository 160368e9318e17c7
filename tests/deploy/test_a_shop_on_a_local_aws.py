"""The life of a deployed shop, in order: opened, shopped in, changed, changed badly, closed."""

import importlib
import re
import time
from http import HTTPStatus
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.deploy.conftest import ANSWER_MS, EMAIL, PASSWORD, STAGE, Rehearsal

OWNER = "owner@example.com"
BOOKS = "id,name,author,category,price,rating,stock\n1001,A Rehearsal,Ada Test,plays,7.99,4,5\n"
STYLE_SHEET = re.compile(r'href="([^"]+/css/shop\.[0-9a-f]{12}\.css)"')
COVER = re.compile(r'src="([^"]+/covers/[^"]+\.svg)"')

kept: dict[str, str] = {}  # what one test leaves for the next


def functions_there(rehearsal: Rehearsal) -> set[str]:
    return {each["FunctionName"] for each in rehearsal.client("lambda").list_functions()["Functions"]}


def variables(rehearsal: Rehearsal) -> dict[str, dict[str, str]]:
    found = rehearsal.client("lambda").list_functions()["Functions"]
    return {each["FunctionName"]: each["Environment"]["Variables"] for each in found}


def test_a_deployment_that_is_killed_leaves_nothing_that_the_next_one_cannot_mend(
    rehearsal: Rehearsal,
) -> None:
    """Once between the stacks, once while Zappa makes the functions: the test after this one opens the shop."""
    rehearsal.kill("deploy", "--yes", at="Static files")
    assert not functions_there(rehearsal)
    rehearsal.kill("deploy", "--yes", at="Functions", once=lambda: bool(functions_there(rehearsal)))


def test_one_command_opens_the_shop(rehearsal: Rehearsal) -> None:
    assert rehearsal.infra("deploy", "--yes") == 0
    said = rehearsal.said[-1]
    assert f"bookstore-{STAGE}-data: is there" in said
    assert f"bookstore-{STAGE}-site: is made: " in said
    assert re.search(
        r"It costs about \$\d+ a month standing idle, and \$\d+ more for each 100,000 visitors", said
    )
    assert f"The shop is open: {rehearsal.origin}/" in said
    told = rehearsal.client("lambda").get_function_recursion_config(FunctionName=f"bookstore-{STAGE}-tasks")
    assert told["RecursiveLoop"] == "Allow"  # long work calls itself on more than sixteen times


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


def test_style_sheets_and_covers_come_from_their_buckets(
    rehearsal: Rehearsal, customer: BrowserContext
) -> None:
    deadline = time.monotonic() + 90  # a function remembers for a minute that there were no categories
    while not (cover := COVER.search((page := rehearsal.get("/categories/plays/")).text)):
        assert time.monotonic() < deadline, page.text
        time.sleep(2)
    sheet = STYLE_SHEET.search(page.text)
    assert sheet
    kept["style sheet"] = sheet[1]
    style, picture = rehearsal.get(sheet[1]), rehearsal.get(cover[1])
    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in picture.headers["content-security-policy"]

    seen = customer.new_page()
    seen.goto(f"{rehearsal.origin}/categories/plays/")
    drawn = seen.locator(f'img[src="{cover[1]}"]').first
    drawn.scroll_into_view_if_needed()
    seen.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=drawn.element_handle())
    assert seen.locator(".cover").first.evaluate("cover => getComputedStyle(cover).aspectRatio") == "2 / 3"
    seen.close()


def copies_sold(page: Page, origin: str, title: str) -> int:
    page.goto(f"{origin}/bestsellers/")
    row = page.get_by_role("main").get_by_role("listitem").filter(has_text=title)
    if row.count() == 0:
        return 0
    found = re.search(r"(\d+)\s+cop", row.first.inner_text())
    assert found, row.first.inner_text()
    return int(found[1])


def wait_for_sale(page: Page, origin: str, title: str, copies: int) -> None:
    deadline = time.monotonic() + 60
    while copies_sold(page, origin, title) != copies:
        assert time.monotonic() < deadline, "the sale goes through stream and projector to the bestsellers"
        time.sleep(0.5)


def put_into_cart(page: Page, origin: str, title: str) -> None:
    page.goto(f"{origin}/search/?q={title.lower()}")
    page.get_by_role("main").get_by_role("link", name=title, exact=True).first.click()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_text("in your cart").first).to_be_visible()


def order_and_pay(page: Page) -> None:
    """Fill in both forms; the click upon the last leads back to the shop."""
    address = {"name": "Ada Reader", "line1": "1 Library Lane", "city": "York", "postcode": "YO1 7HH"}
    for name, value in address.items():
        page.locator(f"[name={name}]").fill(value)
    page.get_by_role("button", name=re.compile("Order and pay")).click()
    for name, value in {"card_number": "4242 4242 4242 4242", "expiry": "12/34", "cvc": "123"}.items():
        page.locator(f"[name={name}]").fill(value)
    page.locator("form:has([name=card_number]) button[type=submit]").first.click()


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
    put_into_cart(page, origin, "Macbeth")
    page.goto(f"{origin}/checkout/")
    page.locator("input[name=username]").fill(EMAIL)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("button[type=submit], input[type=submit]").first.click()
    expect(page).to_have_url(re.compile("/checkout/"))
    order_and_pay(page)
    expect(page).to_have_url(re.compile(r"/orders/[0-9a-f-]{36}/"))
    wait_for_sale(page, origin, "Macbeth", before + 1)
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
    context.set_default_timeout(ANSWER_MS)
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


def test_a_payment_is_told_through_cloudfront_when_the_buyer_never_comes_back(
    rehearsal: Rehearsal, customer: BrowserContext
) -> None:
    origin = rehearsal.origin
    page = customer.new_page()
    before = copies_sold(page, origin, "Macbeth")
    put_into_cart(page, origin, "Macbeth")
    page.goto(f"{origin}/checkout/")
    page.route("**/checkout/return/**", lambda route: route.abort())
    order_and_pay(page)
    wait_for_sale(customer.new_page(), origin, "Macbeth", before + 1)
    page.close()


def test_the_web_function_gets_events_as_they_were_recorded(rehearsal: Rehearsal) -> None:
    """What the unit tests hold for API Gateway's word has not gone stale."""
    record = importlib.import_module("tests.data.lambda.record")
    assert record.shape(record.play(rehearsal)) == record.shape(record.recorded())


def test_a_table_that_was_made_anew_is_noticed(rehearsal: Rehearsal) -> None:
    """The mapping of its old stream stays, enabled and silent; the next deployment leads it to the new one."""
    assert rehearsal.infra("task", "--command", "check_streams") == 0
    dynamodb, table = rehearsal.client("dynamodb"), f"bookstore-{STAGE}-Orders"
    told = dynamodb.describe_table(TableName=table)["Table"]
    dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=table)
    indexes = [
        {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
        for index in told["GlobalSecondaryIndexes"]
    ]
    same = {name: told[name] for name in ("KeySchema", "AttributeDefinitions", "StreamSpecification")}
    dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST", GlobalSecondaryIndexes=indexes, **same
    )
    assert rehearsal.infra("task", "--command", "check_streams") == 1
    assert "Nobody reads the stream of Orders" in rehearsal.said[-1]


def test_a_new_version_keeps_carts_sessions_and_old_files(
    rehearsal: Rehearsal, customer: BrowserContext
) -> None:
    origin = rehearsal.origin
    page = customer.new_page()
    put_into_cart(page, origin, "Hamlet")

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
    assert rehearsal.infra("task", "--command", "check_streams") == 0


def test_a_version_that_does_not_work_is_taken_back(rehearsal: Rehearsal, customer: BrowserContext) -> None:
    """Also where whoever shipped it was killed before anybody looked: it is no version to go back to."""
    before = variables(rehearsal)
    rehearsal.edit(
        "bookstore/urls.py", "urlpatterns:", 'raise RuntimeError("broken on purpose")\n\nurlpatterns:'
    )
    rehearsal.edit("infra/functions.py", '"OPENSEARCH_AUTH":', '"BROUGHT_ALONG": "1",\n"OPENSEARCH_AUTH":')
    rehearsal.kill("deploy", "--yes", at="Edge, with the API")
    assert all(told["BROUGHT_ALONG"] for told in variables(rehearsal).values())
    assert rehearsal.infra("deploy", "--yes") == 1
    said = rehearsal.said[-1]
    assert "The version before serves again" in said
    assert "Traceback" not in said
    assert variables(rehearsal) == before
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
