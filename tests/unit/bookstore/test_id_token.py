"""The id token: only a genuine, current one, made for this shop and this sign-in, lets anybody in."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from bookstore.accounts import oidc
from bookstore.accounts.errors import CognitoUnavailableError, SignInExpiredError, SignInRefusedError

COGNITO = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NONCE = "n-0S6_WzA2Mj"


@dataclass
class KeyEndpoint:
    """Cognito's public keys, as its endpoint answers, and how often it was asked."""

    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=lambda: {"key-1": COGNITO})
    asked: int = 0
    broken: bool = False

    def get(self, url: str, *, timeout: float, allow_redirects: bool) -> requests.Response:
        self.asked += 1
        assert url == settings.OIDC_OP_JWKS_ENDPOINT
        assert 0 < timeout <= 5
        assert not allow_redirects
        if self.broken:
            raise requests.ConnectTimeout("no answer")
        response = requests.Response()
        response.status_code = 200
        response._content = json.dumps({"keys": [jwk(name, key) for name, key in self.keys.items()]}).encode()
        return response


def jwk(name: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {**public, "kid": name, "alg": "RS256", "use": "sig"}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> KeyEndpoint:
    there = KeyEndpoint()
    monkeypatch.setattr(oidc.requests, "get", there.get)
    monkeypatch.setattr(oidc, "signing_keys", oidc.SigningKeys())
    return there


@pytest.fixture
def backend(endpoint: KeyEndpoint) -> oidc.CognitoBackend:
    return oidc.CognitoBackend()


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    told = {
        "sub": "0d9b5c6e-0000-4000-8000-000000000001",
        "aud": settings.COGNITO_CLIENT_ID,
        "iss": settings.COGNITO_ISSUER,
        "token_use": "id",
        "nonce": NONCE,
        "iat": now,
        "exp": now + 3600,
        "email": "reader@example.com",
        "email_verified": True,
    }
    return {name: value for name, value in {**told, **changes}.items() if value is not None}


def token(*, key: Any = COGNITO, algorithm: str = "RS256", kid: str = "key-1", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"kid": kid})


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def unsigned() -> str:
    header = {"alg": "none", "typ": "JWT", "kid": "key-1"}
    return f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims()).encode())}."


def signed_with_the_public_key() -> str:
    """Sign with HMAC under Cognito's public key, which a careless check takes for a secret."""
    public = COGNITO.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": "key-1"}
    signed = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims()).encode())}"
    return f"{signed}.{encoded(hmac.digest(public, signed.encode(), hashlib.sha256))}"


def altered() -> str:
    head, _, signature = token().split(".")
    return f"{head}.{encoded(json.dumps(claims(sub='somebody-else')).encode())}.{signature}"


def test_a_genuine_token_tells_who_signed_in(backend: oidc.CognitoBackend) -> None:
    assert backend.verify_token(token(), nonce=NONCE)["sub"] == "0d9b5c6e-0000-4000-8000-000000000001"


def test_clocks_may_differ_by_some_seconds(backend: oidc.CognitoBackend) -> None:
    now = int(time.time())
    assert backend.verify_token(token(iat=now + 20, exp=now - 20), nonce=NONCE)


FORGERIES: dict[str, Callable[[], str | None]] = {
    "no token": lambda: None,
    "empty": lambda: "",
    "no token at all": lambda: "three.blind.mice",
    "another shop's": lambda: token(aud="another-client"),
    "several shops'": lambda: token(aud=[settings.COGNITO_CLIENT_ID, "another-client"]),
    "nobody's": lambda: token(aud=None),
    "another pool's": lambda: token(iss="https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Evil"),
    "another issuer's": lambda: token(iss=settings.COGNITO_ISSUER + "/"),
    "no issuer's": lambda: token(iss=None),
    "an access token": lambda: token(token_use="access"),
    "of no use": lambda: token(token_use=None),
    "another sign-in's": lambda: token(nonce="another"),
    "without a nonce": lambda: token(nonce=None),
    "with a number as nonce": lambda: token(nonce=5),
    "expired": lambda: token(exp=int(time.time()) - 60),
    "without an end": lambda: token(exp=None),
    "from the future": lambda: token(iat=int(time.time()) + 600),
    "of nobody": lambda: token(sub=None),
    "signed by a stranger": lambda: token(key=STRANGER),
    "signed with an unknown key": lambda: token(key=STRANGER, kid="key-2"),
    "signed otherwise": lambda: token(algorithm="RS512"),
    "altered": altered,
    "unsigned": unsigned,
    "signed with the public key": signed_with_the_public_key,
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_any_other_token_is_refused(backend: oidc.CognitoBackend, forgery: str) -> None:
    with pytest.raises(SignInRefusedError):
        backend.verify_token(FORGERIES[forgery](), nonce=NONCE)


@pytest.mark.parametrize("nonce", [None, ""])
def test_a_sign_in_without_a_nonce_is_refused(backend: oidc.CognitoBackend, nonce: str | None) -> None:
    with pytest.raises(SignInRefusedError):
        backend.verify_token(token(nonce=nonce), nonce=nonce)


def test_a_refusal_says_in_the_log_what_was_wrong_and_no_more(
    backend: oidc.CognitoBackend, caplog: pytest.LogCaptureFixture
) -> None:
    forged = token(aud="another-client")
    with pytest.raises(SignInRefusedError):
        backend.verify_token(forged, nonce=NONCE)
    assert "InvalidAudienceError" in caplog.text
    assert forged not in caplog.text
    assert "reader@example.com" not in caplog.text


def test_the_keys_are_fetched_once(backend: oidc.CognitoBackend, endpoint: KeyEndpoint) -> None:
    for _ in range(5):
        backend.verify_token(token(), nonce=NONCE)
        oidc.CognitoBackend().verify_token(token(), nonce=NONCE)
    assert endpoint.asked == 1


def test_a_new_key_of_cognito_is_found(endpoint: KeyEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    monkeypatch.setattr(oidc, "signing_keys", oidc.SigningKeys(clock=lambda: clock))
    backend = oidc.CognitoBackend()
    backend.verify_token(token(), nonce=NONCE)
    endpoint.keys = {"key-2": STRANGER}
    clock += 61
    assert backend.verify_token(token(key=STRANGER, kid="key-2"), nonce=NONCE)
    assert endpoint.asked == 2
    with pytest.raises(SignInRefusedError):  # what Cognito has withdrawn is no longer good
        backend.verify_token(token(), nonce=NONCE)


def test_unknown_keys_do_not_make_cognito_be_asked_again_and_again(
    endpoint: KeyEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 100.0
    monkeypatch.setattr(oidc, "signing_keys", oidc.SigningKeys(clock=lambda: clock))
    backend = oidc.CognitoBackend()
    for number in range(20):
        with pytest.raises(SignInRefusedError):
            backend.verify_token(token(kid=f"made-up-{number}"), nonce=NONCE)
    assert endpoint.asked == 1
    clock += 61
    with pytest.raises(SignInRefusedError):
        backend.verify_token(token(kid="made-up"), nonce=NONCE)
    assert endpoint.asked == 2


def test_cognito_out_of_reach_is_told_apart_and_tried_again(
    backend: oidc.CognitoBackend, endpoint: KeyEndpoint
) -> None:
    endpoint.broken = True
    with pytest.raises(CognitoUnavailableError):
        backend.verify_token(token(), nonce=NONCE)
    endpoint.broken = False
    assert backend.verify_token(token(), nonce=NONCE)


@pytest.mark.parametrize(
    "listed", [[{"kty": "RSA"}], [{"kid": "key-1", "kty": "RSA", "n": "x"}], None, "keys"]
)
def test_keys_that_are_none_are_an_outage(
    backend: oidc.CognitoBackend, monkeypatch: pytest.MonkeyPatch, listed: object
) -> None:
    response = requests.Response()
    response.status_code = 200
    response._content = json.dumps({"keys": listed}).encode()
    monkeypatch.setattr(oidc.requests, "get", lambda *args, **kwargs: response)
    with pytest.raises(CognitoUnavailableError):
        backend.verify_token(token(), nonce=NONCE)


def answer(status: int, body: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = status, body
    response.url = "http://cognito/oauth2/token"
    return response


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b'{"error": "invalid_grant"}', SignInExpiredError),
        (400, b'{"error": "invalid_client"}', SignInRefusedError),
        (400, b"no json", SignInRefusedError),
        (400, b"[]", SignInRefusedError),
        (503, b"", CognitoUnavailableError),
        (200, b"no json", CognitoUnavailableError),
    ],
)
def test_what_the_token_endpoint_answers_is_told_apart(
    backend: oidc.CognitoBackend,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
    body: bytes,
    error: type[Exception],
) -> None:
    monkeypatch.setattr(
        "mozilla_django_oidc.auth.requests.post", lambda *args, **kwargs: answer(status, body)
    )
    with pytest.raises(error):
        backend.get_token({"code": "secret-code", "client_secret": settings.COGNITO_CLIENT_SECRET})
    assert "secret" not in caplog.text


def test_the_code_is_exchanged_for_the_address_it_was_made_for_in_bounded_time(
    backend: oidc.CognitoBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def post(url: str, **kwargs: Any) -> requests.Response:
        asked.update(kwargs)
        return answer(200, b'{"id_token": "x"}')

    monkeypatch.setattr("mozilla_django_oidc.auth.requests.post", post)
    backend.get_token({"code": "c", "redirect_uri": "http://evil.example/oidc/callback/"})
    assert asked["data"]["redirect_uri"] == "http://localhost:8000/oidc/callback/"
    assert 0 < asked["timeout"] <= 5
