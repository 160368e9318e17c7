"""The sign-in stack: accounts that are hard to take over, and a client that returns to the shop alone."""

import re

from infra import templates


def properties(name: str) -> dict[str, object]:
    """Return the properties of one of the stack's resources."""
    found: dict[str, object] = templates.resources("sign-in")[name]["Properties"]
    return found


def test_accounts_are_well_guarded() -> None:
    pool = properties("UserPool")
    password = pool["Policies"]["PasswordPolicy"]  # type: ignore[index]
    assert password["MinimumLength"] >= 12
    assert password["RequireLowercase"]
    assert password["RequireUppercase"]
    assert password["RequireNumbers"]
    assert pool["MfaConfiguration"] == "OPTIONAL"
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
    assert pool["AccountRecoverySetting"] == {
        "RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]
    }
    assert pool["UserAttributeUpdateSettings"] == {"AttributesRequireVerificationBeforeUpdate": ["email"]}
    assert pool["DeletionProtection"] == {"Fn::If": ["IsDisposable", "INACTIVE", "ACTIVE"]}


def test_the_client_uses_the_code_flow_and_returns_to_exact_addresses() -> None:
    client = properties("Client")
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["GenerateSecret"] is True
    assert client["CallbackURLs"] == [{"Fn::Sub": "${Origin}/oidc/callback/"}]
    assert client["LogoutURLs"] == [{"Fn::Sub": "${Origin}/"}]
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]  # no password passes through the shop
    assert client["WriteAttributes"] == ["email", "name"]


def test_only_https_or_this_machine_can_be_the_shops_origin() -> None:
    pattern = templates.parameters("sign-in")["Origin"]["AllowedPattern"]
    for good in ("https://www.bookstore.example", "https://d1.cloudfront.net", "http://localhost:8000"):
        assert re.search(pattern, good), good
    assert re.search(pattern, "http://abc123.cloudfront.localhost:4570")
    for bad in (
        "http://www.bookstore.example",
        "https://shop.example/",
        "https://*.example",
        "https://a?b",
        "",
    ):
        assert not re.search(pattern, bad), bad


def test_staff_has_its_groups() -> None:
    groups = {
        resource["Properties"]["GroupName"]
        for resource in templates.resources("sign-in").values()
        if resource["Type"] == "AWS::Cognito::UserPoolGroup"
    }
    assert groups == {"staff", "catalogue", "orders", "support", "owner"}


def test_the_shop_finds_its_accounts() -> None:
    outputs = templates.load("sign-in")["Outputs"]
    assert outputs.keys() == {
        "UserPoolId",
        "UserPoolArn",
        "ClientId",
        "Issuer",
        "SignInOrigin",
        "SignInSecretArn",
    }
