"""The behaviour checklist of source-systems.md, section 6: rows 45 to 69, browsers, tokens and roles."""

import base64
import hmac
import itertools
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from burgee.testing.rds import ORIGIN, ORIGINS, Issuer, RdsClient
from burgee.testing.server import Server, running_server

CORS = pytest.mark.skip(reason="slice C (CORS): BURGEE_CORS_ORIGINS")
SIGN_IN = pytest.mark.skip(reason="slice B (sign-in): tokens of another issuer, and its cookie")

FLAGS = "/feature-flags"
REFUSED = "CORS policy does not allow access from this origin."
NO_ORIGIN = "CORS policy: No origin header found."
ALLOWED = [
    "https://realdevsquad.com",
    "http://realdevsquad.com",
    "https://www.realdevsquad.com",
    "https://staging-my.realdevsquad.com",
    "https://a.b.c.realdevsquad.com",
    "http://x1.realdevsquad.com",
]
DISALLOWED = [
    "https://evilrealdevsquad.com",
    "https://realdevsquad.com.evil.io",
    "https://realdevsquad.com:8443",
    "https://under_score.realdevsquad.com",
    "https://.realdevsquad.com",
    "ftp://realdevsquad.com",
    "https://realdevsquad.comx",
    "null",
]
PATHS = [
    "/health-check",
    FLAGS,
    f"{FLAGS}/{uuid.UUID(int=1)}",
    f"/users/u/feature-flags/{uuid.UUID(int=1)}",
    "/users/u/feature-flags",
    f"/users/u/feature-flags/{uuid.UUID(int=1)}/evaluation",
    "/users/u/feature-flags/evaluation",
    "/reset-limit",
    "/mark-concurrency-zero",
]

Get = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Server]:
    """A server that believes the tokens of another issuer, in its cookie, as the source did."""
    with running_server(tmp_path_factory.mktemp("foreign") / "data", environment=_settings(issuer)) as server:
        yield server


@pytest.fixture
def get(foreign: Server) -> Get:
    """A GET of the flags with the cookies or headers given."""

    def call(cookie: str = "", **headers: str) -> httpx.Response:
        sent = {"Origin": ORIGIN, **({"Cookie": cookie} if cookie else {}), **headers}
        return httpx.get(foreign.url + FLAGS, headers=sent)

    return call


def _settings(issuer: Issuer, **more: str) -> Mapping[str, str]:
    return {
        "BURGEE_PUBLIC_KEY": issuer.public_pem,
        "BURGEE_CORS_ORIGINS": ORIGINS,
        "ENVIRONMENT": "PRODUCTION",
        **more,
    }


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


# --- CORS ---


@CORS
@pytest.mark.parametrize("origin", ALLOWED)
def test_row_45_the_origins_of_the_source_are_allowed(rds: RdsClient, origin: str) -> None:
    answer = rds.call("GET", FLAGS, headers={"Origin": origin})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin


@CORS
@pytest.mark.parametrize("origin", DISALLOWED)
def test_row_46_what_only_looks_like_them_is_refused(rds: RdsClient, origin: str) -> None:
    answer = rds.call("GET", FLAGS, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@CORS
def test_row_47_a_disallowed_origin_is_403(rds: RdsClient) -> None:
    for path in PATHS[1:]:
        answer = rds.call("GET", path, headers={"Origin": "https://evil.example"})
        assert refusal(answer) == (403, REFUSED) or answer.status_code == 405


def test_row_48_a_server_needs_no_origin(rds: RdsClient) -> None:
    with httpx.Client(base_url=rds.server.url, headers=rds.server.headers) as client:
        assert client.get(FLAGS).status_code == 200
        assert client.post(FLAGS, json={"name": "n", "description": "d"}).status_code == 201


def test_row_48_a_cookie_needs_an_origin_to_write(rds: RdsClient) -> None:
    headers = {"Cookie": f"burgee-session={rds.token}", "Content-Type": "application/json"}
    body = {"name": "n", "description": "d"}
    answer = httpx.post(rds.server.url + FLAGS, json=body, headers=headers)
    assert refusal(answer) == (403, NO_ORIGIN)
    evil = {**headers, "Origin": "https://evil.example"}
    assert refusal(httpx.post(rds.server.url + FLAGS, json=body, headers=evil)) == (403, REFUSED)
    assert httpx.get(rds.server.url + FLAGS, headers=headers).status_code == 200


@CORS
@pytest.mark.parametrize("name", ["Origin", "origin", "ORIGIN"])
def test_row_49_the_name_of_the_header_counts_in_any_case(rds: RdsClient, name: str) -> None:
    with httpx.Client(headers=rds.server.headers) as client:
        answer = client.get(rds.server.url + FLAGS, headers={name: ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN


@CORS
def test_row_50_an_allowed_origin_is_echoed_and_credentials_are_allowed(rds: RdsClient) -> None:
    headers = rds.call("GET", FLAGS).headers
    assert headers["access-control-allow-origin"] == ORIGIN
    assert headers["access-control-allow-credentials"] == "true"
    assert "set-cookie" in headers["access-control-expose-headers"].lower()
    assert "origin" in headers["vary"].lower()


@CORS
def test_row_51_a_preflight_names_methods_and_headers(rds: RdsClient) -> None:
    headers = _preflight(rds, FLAGS).headers
    methods = set(headers["access-control-allow-methods"].split(", "))
    names = {name.lower() for name in headers["access-control-allow-headers"].split(", ")}
    assert {"GET", "POST", "OPTIONS", "PATCH"} <= methods
    assert {"authorization", "content-type", "cache-control", "cookie"} <= names


@CORS
@pytest.mark.parametrize("path", PATHS)
def test_row_52_a_preflight_is_200_and_empty_without_a_cookie(rds: RdsClient, path: str) -> None:
    answer = _preflight(rds, path)
    assert (answer.status_code, answer.content) == (200, b"")


@CORS
@pytest.mark.parametrize("path", PATHS)
def test_row_53_a_preflight_works_on_every_route_and_with_a_slash(rds: RdsClient, path: str) -> None:
    answer = _preflight(rds, path + "/")
    assert answer.headers["access-control-allow-origin"] == ORIGIN


def _preflight(api: RdsClient, path: str) -> httpx.Response:
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}
    return httpx.options(api.server.url + path, headers=headers)


# --- tokens ---


def test_row_54_without_a_cookie_it_is_401(get: Get) -> None:
    assert refusal(get()) == (401, "Unauthenticated")


def test_row_55_without_the_cookie_that_counts_it_is_401(get: Get) -> None:
    for cookie in ("other=1", "rds-session=", "xrds-session=a.b.c", "rds-session-x=a.b.c"):
        assert refusal(get(cookie)) == (401, "Unauthenticated"), cookie


@SIGN_IN
def test_row_56_a_token_that_does_not_hold_is_401(get: Get, issuer: Issuer) -> None:
    now = int(time.time())
    good = issuer.token()
    forged = [
        Issuer().token(),
        issuer.token(exp=now - 120),
        issuer.token(nbf=now + 300),
        good[:-4] + "AAAA",
        good.rpartition(".")[0] + ".",
        "a.b.c",
    ]
    for token in forged:
        assert refusal(get(f"rds-session={token}")) == (401, "Invalid token")


def test_row_56_a_bearer_token_that_does_not_hold_is_401(get: Get) -> None:
    for value in ("Bearer x", "Bearer a.b.c", "Basic eDp4"):
        assert refusal(get(Authorization=value)) == (401, "Invalid token")


@SIGN_IN
def test_row_57_other_algorithms_are_401(get: Get, issuer: Issuer) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    secret = issuer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    forged = [
        confused(issuer, secret),
        issuer.token(algorithm="none", key=""),
        issuer.token(algorithm="ES256", key=curve),
        issuer.token(algorithm="PS256"),
    ]
    for token in forged:
        assert refusal(get(f"rds-session={token}")) == (401, "Invalid token")


def confused(issuer: Issuer, secret: bytes) -> str:
    """The issuer's token with HS256 and its public key as the secret: no library makes one any more."""
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
    signed = header + b"." + issuer.token().encode().split(b".")[1]
    seal = base64.urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")
    return (signed + b"." + seal).decode()


@SIGN_IN
def test_row_58_rs256_is_accepted(get: Get, issuer: Issuer) -> None:
    assert get(f"rds-session={issuer.token()}").status_code == 200


@SIGN_IN
def test_row_58_rs384_and_rs512_are_accepted_where_they_are_set(tmp_path: Path, issuer: Issuer) -> None:
    settings = _settings(issuer, BURGEE_TOKEN_ALGORITHMS="RS256,RS384,RS512")
    with running_server(tmp_path / "data", environment=settings) as server:
        for algorithm in ("RS256", "RS384", "RS512"):
            cookie = f"rds-session={issuer.token(algorithm=algorithm)}"
            assert httpx.get(server.url + FLAGS, headers={"Cookie": cookie}).status_code == 200


@SIGN_IN
@pytest.mark.parametrize("user", [None, "", 5, ["ada"]])
def test_row_59_a_token_that_names_nobody_is_401(get: Get, issuer: Issuer, user: Any) -> None:
    assert refusal(get(f"rds-session={issuer.token(userId=user)}")) == (401, "Unauthorized")


@SIGN_IN
def test_row_60_a_token_without_an_end_is_401(get: Get, issuer: Issuer) -> None:
    assert refusal(get(f"rds-session={issuer.token(exp=None)}")) == (401, "Invalid token")


@SIGN_IN
@pytest.mark.parametrize(
    ("settings", "cookie"),
    [
        ({"ENVIRONMENT": "PRODUCTION"}, "rds-session"),
        ({"ENVIRONMENT": "DEVELOPMENT"}, "rds-session-staging"),
        ({"ENVIRONMENT": "TESTING"}, "rds-session-development"),
        ({"ENVIRONMENT": "PRODUCTION", "SESSION_COOKIE_NAME": "mine"}, "mine"),
    ],
)
def test_row_61_the_environment_names_the_cookie(
    tmp_path: Path, issuer: Issuer, settings: dict[str, str], cookie: str
) -> None:
    with running_server(tmp_path / "data", environment={**_settings(issuer), **settings}) as server:
        for name in ("rds-session", "rds-session-staging", "rds-session-development", "mine"):
            answer = httpx.get(server.url + FLAGS, headers={"Cookie": f"{name}={issuer.token()}"})
            assert answer.status_code == (200 if name == cookie else 401), name


@SIGN_IN
def test_row_62_the_cookie_is_found_among_others(get: Get, issuer: Issuer) -> None:
    token = issuer.token()
    for cookie in (
        f"a=1;  rds-session={token}; b=2",
        f"rds-session={token};b=2",
        f"a=1; rds-session={token}",
    ):
        assert get(cookie).status_code == 200


@SIGN_IN
@pytest.mark.timeout(150)
def test_row_64_a_key_server_that_failed_once_is_asked_again(tmp_path: Path, issuer: Issuer) -> None:
    keys = KeyServer(("127.0.0.1", 0), KeyHandler)
    threading.Thread(target=keys.serve_forever, daemon=True).start()
    settings = {"BURGEE_JWKS_URL": f"http://127.0.0.1:{keys.server_address[1]}/keys"}
    headers = {"Authorization": f"Bearer {issuer.token()}"}
    try:
        with running_server(tmp_path / "data", environment=settings) as server:
            assert httpx.get(server.url + FLAGS, headers=headers, timeout=30).status_code >= 400
            keys.document = json.dumps({"keys": [issuer.jwk()]}).encode()
            give_up = time.monotonic() + 90
            while httpx.get(server.url + FLAGS, headers=headers, timeout=30).status_code != 200:
                assert time.monotonic() < give_up, "the keys were never asked for again"
                time.sleep(1)
    finally:
        keys.shutdown()


class KeyServer(ThreadingHTTPServer):
    """Answers 503 until it has a document."""

    document = b""


class KeyHandler(BaseHTTPRequestHandler):
    """Serves the document."""

    server: KeyServer

    def do_GET(self) -> None:
        self.send_response(200 if self.server.document else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.document)))
        self.end_headers()
        self.wfile.write(self.server.document)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_row_65_a_bearer_token_is_accepted_too(rds: RdsClient) -> None:
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {rds.token}"}
        assert httpx.get(rds.server.url + FLAGS, headers=headers).status_code == 200


def test_row_66_no_token_or_cookie_or_body_is_logged(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with running_server(tmp_path / "data", log=log) as server:
        api = RdsClient(server)
        api.flag(description="canary-in-a-body")
        api.http.headers["Cookie"] = "rds-session=canary-in-a-cookie"
        api.call("GET", FLAGS)
        api.call("GET", FLAGS, headers={"Authorization": "Bearer canary-in-a-token"})
        api.call("POST", FLAGS, b"canary-in-a-broken-body")
        token = api.token
    text = log.read_text(encoding="utf-8")
    assert "canary" not in text
    assert token.rpartition(".")[2] not in text


# --- roles ---

WHO = ("admin", "editor", "reader")
# For each route, on one's own user: who may. The source's words for them: ADMIN, DEVELOPER, VIEWER.
MATRIX = [
    ("POST", "/feature-flags", "yyn"),
    ("GET", "/feature-flags", "yyy"),
    ("GET", "/feature-flags/{flag}", "yyy"),
    ("PATCH", "/feature-flags/{flag}", "yyn"),
    ("DELETE", "/feature-flags/{flag}", "yyn"),
    ("POST", "/users/{user}/feature-flags/{flag}", "yyn"),
    ("PATCH", "/users/{user}/feature-flags/{flag}", "yyn"),
    ("GET", "/users/{user}/feature-flags/{flag}", "yyy"),
    ("DELETE", "/users/{user}/feature-flags/{flag}", "yyn"),
    ("GET", "/users/{user}/feature-flags", "yyy"),
    ("GET", "/users/{user}/feature-flags/{flag}/evaluation", "yyy"),
    ("GET", "/users/{user}/feature-flags/evaluation", "yyy"),
    ("POST", "/reset-limit", "ynn"),
    ("PATCH", "/mark-concurrency-zero", "ynn"),
]


@pytest.mark.parametrize(("method", "path", "expected"), MATRIX)
def test_row_67_a_role_may_what_the_matrix_says(
    fresh: RdsClient, method: str, path: str, expected: str
) -> None:
    for role, may in zip(WHO, expected, strict=True):
        flag = fresh.flag()
        user = fresh.as_user(role, role)
        own = path.format(flag=flag["id"], user=role)
        body = {"name": "n", "description": "d", "status": "ENABLED", "pendingLimit": 10}
        answer = user.call(method, own, body if method in ("POST", "PATCH") else None)
        if may == "n":
            assert refusal(answer) == (403, "Insufficient permissions")
        else:
            assert answer.status_code in (200, 201, 204, 404), answer.text
        fresh.call("POST", "/reset-limit", {"pendingLimit": 1000})


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("POST", "", "You can only manage your own feature flag mappings"),
        ("PATCH", "", "You can only manage your own feature flag mappings"),
        ("DELETE", "", "You can only manage your own feature flag mappings"),
        ("GET", "", "You can only access your own feature flag mappings"),
        ("GET", "/evaluation", "You can only access your own feature flag mappings"),
    ],
)
def test_row_68_only_administrators_reach_what_is_another_users(
    rds: RdsClient, method: str, path: str, words: str
) -> None:
    flag = rds.flag()
    editor = rds.as_user("bob", "editor")
    body = {"status": "ENABLED"} if method in ("POST", "PATCH") else None
    editor.refused(403, words, method, f"/users/eve/feature-flags/{flag['id']}{path}", body)
    editor.refused(403, words, method, f"/users/Bob/feature-flags/{flag['id']}{path}", body)
    own = editor.call(method, f"/users/bob/feature-flags/{flag['id']}{path}", body)
    assert own.status_code in (200, 204, 404)
    assert rds.call(method, f"/users/eve/feature-flags/{flag['id']}{path}", body).status_code != 403


@pytest.mark.parametrize("path", ["", "/evaluation"])
def test_row_68_nor_do_others_see_another_users_list(rds: RdsClient, path: str) -> None:
    words = "You can only access your own feature flag mappings"
    for role in ("editor", "reader"):
        rds.as_user("bob", role).refused(403, words, "GET", f"/users/eve/feature-flags{path}")


def test_row_68_a_server_evaluates_for_all_its_users(rds: RdsClient) -> None:
    flag = rds.flag()
    for role in ("sdk-server", "sdk-client"):
        server = rds.as_user("shop", role)
        assert server.read(f"/users/eve/feature-flags/{flag['id']}/evaluation")["value"] is True
        server.refused(403, "Insufficient permissions", "GET", f"/users/eve/feature-flags/{flag['id']}")


def test_row_69_nobody_can_register(rds: RdsClient) -> None:
    body = {"email": "eve@example.com", "password": "long enough", "role": "ADMIN"}
    for method, path in itertools.product(("POST", "PUT"), ("/users/register", "/users/login", "/users/eve")):
        answer = httpx.request(method, rds.server.url + path, json=body)
        assert answer.status_code in (404, 405), (method, path)


def test_no_setting_of_the_source_reaches_these_tests_from_outside() -> None:
    assert not {"SESSION_COOKIE_NAME", "RDS_BACKEND_PUBLIC_KEY_NAME"} & os.environ.keys()
