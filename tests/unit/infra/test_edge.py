"""What CloudFront keeps, forwards and says, read from its templates and held against the shop's own addresses."""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from infra import static_files, templates

ROOT = Path(__file__).resolve().parents[3]
DISTRIBUTION = templates.resources("edge")["Distribution"]["Properties"]["DistributionConfig"]
PUBLIC, BEHAVIORS = DISTRIBUTION["DefaultCacheBehavior"], DISTRIBUTION["CacheBehaviors"]


def policy(name: str, config: str) -> dict[str, Any]:
    found: dict[str, Any] = templates.resources("edge")[name]["Properties"][config]
    return found


def behavior_of(path: str) -> dict[str, Any]:
    return next((each for each in BEHAVIORS if fnmatchcase(path, each["PathPattern"])), PUBLIC)


def views(resolver: URLResolver, prefix: str = "/") -> Iterator[tuple[str, Callable[..., Any]]]:
    for each in resolver.url_patterns:
        path = prefix + re.sub(r"<[^>]+>", "x", str(each.pattern))
        if isinstance(each, URLPattern):
            yield path, each.callback
        else:
            yield from views(each, path)


def is_public(view: Callable[..., Any] | None) -> bool:
    while view is not None:
        if getattr(view, "__code__", None) and view.__code__.co_qualname.startswith("public_page."):
            return True
        view = getattr(view, "__wrapped__", None)
    return False


NO_COOKIES_NEEDED = {"/healthz", "/readyz", "/books/x/cover.svg"}


ADDRESSES = dict(views(get_resolver("bookstore.urls")))


@pytest.mark.parametrize("path", sorted(ADDRESSES))
def test_every_address_is_public_here_and_there_or_private_here_and_there(path: str) -> None:
    """A private page that CloudFront takes for a public one gets neither cookies nor forms."""
    treated_as_public = behavior_of(path) is PUBLIC
    assert treated_as_public == (is_public(ADDRESSES[path]) or path in NO_COOKIES_NEEDED)


def test_no_static_file_or_cover_is_asked_of_the_shop() -> None:
    assert behavior_of("/static/css/x.css")["TargetOriginId"] == "static"
    assert behavior_of("/covers/x.svg")["TargetOriginId"] == "covers"
    assert behavior_of("/sitemap-1.xml")["TargetOriginId"] == "api"


def test_public_pages_get_no_cookie_and_only_the_fields_by_which_they_are_kept() -> None:
    key = policy("PublicPages", "CachePolicyConfig")["ParametersInCacheKeyAndForwardedToOrigin"]
    forwarded = policy("PublicRequest", "OriginRequestPolicyConfig")
    assert key["CookiesConfig"]["CookieBehavior"] == forwarded["CookiesConfig"]["CookieBehavior"] == "none"
    assert key["QueryStringsConfig"]["QueryStringBehavior"] == "whitelist"
    assert forwarded["QueryStringsConfig"]["QueryStringBehavior"] == "none"
    assert PUBLIC["AllowedMethods"] == ["GET", "HEAD"]


def test_the_fields_of_public_pages_are_those_that_their_views_read() -> None:
    key = policy("PublicPages", "CachePolicyConfig")["ParametersInCacheKeyAndForwardedToOrigin"]
    sources = [ROOT / file for file in ("catalog/views.py", "catalog/forms.py", "leaderboard/views.py")]
    read = {
        name
        for file in sources
        for name in re.findall(r"(?:request\.GET|asked)\.get\(\"(\w+)\"", file.read_text())
    }
    assert set(key["QueryStringsConfig"]["QueryStrings"]) == read


def test_public_pages_do_not_depend_on_headers_which_they_are_not_kept_by() -> None:
    """htmx gets the same public page as a browser: HX- headers are not in the key."""
    for file in ("catalog/views.py", "leaderboard/views.py"):
        assert "request.headers" not in (ROOT / file).read_text()
        assert "htmx" not in (ROOT / file).read_text()


@pytest.mark.parametrize("name", ["PublicPages", "PrivatePages"])
def test_a_page_is_kept_only_when_it_says_so(name: str) -> None:
    config = policy(name, "CachePolicyConfig")
    assert config["MinTTL"] == config["DefaultTTL"] == 0


def test_private_pages_are_compressed_and_never_shared() -> None:
    config = policy("PrivatePages", "CachePolicyConfig")
    key = config["ParametersInCacheKeyAndForwardedToOrigin"]
    assert config["MaxTTL"] == 1  # with 0, CloudFront compresses nothing; the pages say no-store
    assert key["EnableAcceptEncodingGzip"]
    assert key["EnableAcceptEncodingBrotli"]
    assert key["CookiesConfig"]["CookieBehavior"] == "all"
    for each in BEHAVIORS:
        if each["TargetOriginId"] == "api":
            assert each["CachePolicyId"] == {"Ref": "PrivatePages"}
            assert "POST" in each["AllowedMethods"]


@pytest.mark.parametrize("name", ["PublicRequest", "PrivateRequest"])
def test_every_header_but_host_reaches_the_shop(name: str) -> None:
    """Sec-Fetch-Site and Origin refuse other sites' forms; by Host, API Gateway would look for another API."""
    headers = policy(name, "OriginRequestPolicyConfig")["HeadersConfig"]
    assert headers == {"HeaderBehavior": "allExcept", "Headers": ["host"]}


def test_covers_run_nothing() -> None:
    headers = policy("CoverHeaders", "ResponseHeadersPolicyConfig")["SecurityHeadersConfig"]
    csp = headers["ContentSecurityPolicy"]
    assert csp["ContentSecurityPolicy"].endswith("sandbox")
    assert csp["Override"] is True
    assert behavior_of("/covers/x.svg")["ResponseHeadersPolicyId"] == {"Ref": "CoverHeaders"}


def test_the_shops_own_security_headers_are_not_overwritten() -> None:
    headers = policy("PageHeaders", "ResponseHeadersPolicyConfig")["SecurityHeadersConfig"]
    assert headers["ContentSecurityPolicy"]["Override"] is False
    assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 31536000


def test_everything_is_compressed_over_http_3_and_https_alone() -> None:
    assert DISTRIBUTION["HttpVersion"] == "http2and3"
    for each in [PUBLIC, *BEHAVIORS]:
        assert each["Compress"] is True
        assert each["ViewerProtocolPolicy"] == {"Ref": "ViewerProtocol"}
    assert templates.parameters("edge")["ViewerProtocol"]["Default"] == "redirect-to-https"
    assert templates.parameters("edge")["ApiProtocol"]["Default"] == "https-only"


def test_the_page_for_a_shop_that_is_away_is_uploaded_and_needs_no_other_file() -> None:
    pages = {
        each["ResponsePagePath"]
        for each in DISTRIBUTION["CustomErrorResponses"]
        if "ResponsePagePath" in each
    }
    assert pages == {f"/static/{name}" for name in static_files.PLAIN}
    for name in static_files.PLAIN:
        assert not re.search(r"(?:src|href)=\"(?!/\")", (ROOT / "static" / name).read_text())


def test_the_shops_own_error_pages_reach_the_reader() -> None:
    replaced = {
        each["ErrorCode"] for each in DISTRIBUTION["CustomErrorResponses"] if "ResponsePagePath" in each
    }
    assert replaced == {502, 504}  # which the shop itself never answers


def test_only_this_distribution_reads_the_buckets_and_only_their_public_part() -> None:
    for name, folder in {"Static": "static", "Covers": "covers"}.items():
        document = templates.resources("edge")[f"{name}BucketPolicy"]["Properties"]["PolicyDocument"]
        allowed = {each["Action"]: each for each in document["Statement"] if each["Effect"] == "Allow"}
        assert allowed.keys() == {"s3:GetObject", "s3:ListBucket"}
        for each in allowed.values():
            assert each["Principal"] == {"Service": "cloudfront.amazonaws.com"}
            assert "${Distribution}" in str(each["Condition"])
        assert allowed["s3:GetObject"]["Resource"]["Fn::Sub"].endswith(f"${{{name}Bucket}}/{folder}/*")


def test_a_file_that_is_missing_is_missing_and_not_forbidden() -> None:
    """To whoever may not list a bucket S3 answers 403; the list itself stands where no path leads."""
    for name in ("Static", "Covers"):
        document = templates.resources("edge")[f"{name}BucketPolicy"]["Properties"]["PolicyDocument"]
        (told,) = [each for each in document["Statement"] if each["Action"] == "s3:ListBucket"]
        assert told["Resource"]["Fn::Sub"].endswith(f":::${{{name}Bucket}}")
    buckets = {"static", "covers"}
    for each in BEHAVIORS:
        if each["TargetOriginId"] in buckets:
            assert re.fullmatch(r"/\w+/\*", each["PathPattern"])
            assert "OriginRequestPolicyId" not in each  # no query reaches S3, so no list is asked for
    assert all(not origin.get("OriginPath") for origin in DISTRIBUTION["Origins"] if origin["Id"] in buckets)


def test_the_api_gets_the_secret_header_from_secrets_manager() -> None:
    (api,) = [each for each in DISTRIBUTION["Origins"] if each["Id"] == "api"]
    (header,) = api["OriginCustomHeaders"]
    assert header["HeaderName"] == "X-Edge-Secret"
    assert header["HeaderValue"]["Fn::Sub"].startswith("{{resolve:secretsmanager:${EdgeSecret}:")


def test_the_firewall_limits_addresses_and_knows_bad_ones() -> None:
    acl = templates.resources("firewall")["WebAcl"]["Properties"]
    assert acl["Scope"] == "CLOUDFRONT"
    rules = {rule["Name"]: rule["Statement"] for rule in acl["Rules"]}
    assert "RateBasedStatement" in rules["too-many-requests"]
    managed = {
        each["ManagedRuleGroupStatement"]["Name"]
        for each in rules.values()
        if "ManagedRuleGroupStatement" in each
    }
    assert managed == {
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
    }


def test_an_own_domain_needs_its_certificate() -> None:
    (rule,) = templates.load("edge")["Rules"].values()
    assert "CertificateArn" in rule["Assertions"][0]["AssertDescription"]
