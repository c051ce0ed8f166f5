"""The checklist of tokens, sessions and roles (reliability.md 3.2, items 1 to 34), each by its number.

Items 13 to 15 (published keys) are in `adapters/test_jwks.py`, 20 in `test_path_tricks.py`, 21 in
`test_role_matrix.py`, 27 in `management/test_keys.py`, 35 to 37 are about CORS.
"""

import hashlib
import hmac
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from starlette.testclient import TestClient

from burgee.adapters.rsa_keys import key_id
from burgee.adapters.token_claims import MAX_LIFETIME_SECONDS
from burgee.bootstrap import open_application
from burgee.errors import ConfigurationError, UnauthenticatedError
from burgee.model.json import JsonObject
from burgee.service.access import Permission, Role
from burgee.service.drafts import FlagDraft
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.routes import OPERATIONS
from burgee.testing.role_matrix import concrete
from burgee.testing.token_workshop import HEADER, base64url, jwk, private_key, public_pem_of, signed
from burgee.testing.workshop import ADA

NOW = 1_800_000_000
ISSUER, COOKIE = "https://issuer.example", "rds-session"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "flags",
    "userId": "u-1",
    "role": "ADMIN",
    "iat": NOW - 10,
    "exp": NOW + 60,
}
FLAG = "/api/v1/flags/banner"
BODY = {"variants": {"on": True}, "defaultVariant": "on"}
ORIGIN = {"origin": "http://testserver"}


@pytest.fixture(scope="module")
def trusting() -> Iterator[Services]:
    """An application that believes the key `other` with these claims; its clock stands still."""
    settings = Settings(
        data=":memory:",
        public_key=public_pem_of("other").decode(),
        token_issuer=ISSUER,
        token_audience="flags",
        environment="PRODUCTION",
        token_leeway_seconds=30,
    )
    with open_application(settings, clock=lambda: float(NOW)) as services:
        yield services


@pytest.fixture(scope="module")
def nobody(trusting: Services) -> TestClient:
    return TestClient(build_app(trusting), raise_server_exceptions=False, follow_redirects=False)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def claims(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}


def token(header: dict[str, Any] | None = None, *, key: str = "other", **changes: Any) -> str:
    return signed(claims(**changes), key=key, header={**HEADER, **(header or {})})


def admin_of(services: Services) -> dict[str, str]:
    return bearer(services.access.issue_token("root", Role.ADMIN, 600))


def hmac_with_the_public_key(alg: str) -> str:
    text = f"{base64url(json.dumps({'alg': alg}).encode())}.{base64url(json.dumps(CLAIMS).encode())}"
    digest = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}[alg]
    return f"{text}.{base64url(hmac.new(public_pem_of('other'), text.encode(), digest).digest())}"


def with_signature(make: Callable[[bytes], bytes]) -> str:
    text = token().rpartition(".")[0]
    return f"{text}.{base64url(make(text.encode()))}"


def raw(block: int) -> bytes:
    """The RSA operation on any block: what a signature is before its padding is looked at."""
    numbers = private_key("other").private_numbers()
    return pow(block, numbers.d, numbers.public_numbers.n).to_bytes(256)


def padded(digest_info: bytes, *, tail: bytes = b"", first: bytes = b"\x00\x01") -> int:
    fill = 256 - len(first) - 1 - len(digest_info) - len(tail)
    return int.from_bytes(first + b"\xff" * fill + b"\x00" + digest_info + tail)


def sha256_info(message: bytes, *, prefix: str = "3031300d060960864801650304020105000420") -> bytes:
    return bytes.fromhex(prefix) + hashlib.sha256(message).digest()


def plus_modulus(message: bytes) -> bytes:
    key = private_key("other")
    number = int.from_bytes(key.sign(message, padding.PKCS1v15(), hashes.SHA256()))
    return (number + key.private_numbers().public_numbers.n).to_bytes(257)


def forged() -> Iterator[tuple[int, str, str]]:
    """Item, what is wrong, and the token."""
    for alg in ("none", "NoNe", "NONE", "", "RS512", "RS384", "PS256", "ES256", "HS256", "rs256", "RS256 "):
        yield 1, f"alg {alg!r}", token({"alg": alg})
    for alg in ("HS256", "HS512"):
        yield 1, f"{alg} with the public key", hmac_with_the_public_key(alg)
    for alg in ("RS384", "RS512", "PS256", "PS512"):
        yield 1, f"truly {alg}", jwt.encode(CLAIMS, private_key("other"), algorithm=alg)
    yield (
        1,
        "truly ES256",
        jwt.encode(CLAIMS, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256"),
    )
    yield 2, "no signature", token().rpartition(".")[0] + "."
    yield 2, "half a signature", token()[:-170]
    yield 2, "padding", token() + "=="
    yield 2, "one more letter", token() + "A"
    yield 2, "other last bits", token()[:-1] + chr(ord(token()[-1]) + 1)
    yield 2, "standard alphabet", re.sub("[-_]", "+", token()) + "+"
    yield 2, "another's signature", token(key="stranger")
    yield 2, "claims changed", ".".join([*token(role="VIEWER").split(".")[:2], token().split(".")[2]])
    for name in ("jku", "x5u"):
        yield 3, name, token({name: "https://127.0.0.1:1/keys"}, key="stranger")
        yield 3, f"{name}, right key", token({name: "https://127.0.0.1:1/keys"})
    yield 3, "jwk", token({"jwk": jwk("stranger")}, key="stranger")
    yield 3, "x5c", token({"x5c": ["AA=="]}, key="stranger")
    for kid in ("../../etc/hosts", "' OR 1=1 --", "\0", "k" * 5000, "https://127.0.0.1:1/k", "|id"):
        yield 4, f"kid {kid[:16]!r}", token({"kid": kid}, key="stranger")
    for odd in (1, None, ["a"], {"a": 1}, True):
        yield (
            4,
            f"kid {odd!r}",
            token({"kid": odd}, key="stranger" if odd is None else "other"),
        )
    for name, value in {"crit": ["exp"], "b64": False, "zip": "DEF"}.items():
        yield 5, name, token({name: value})
    for value in (..., None, str(NOW + 60), True, [NOW], {}):
        yield 6, f"exp {value!r}", token(exp=value)
    yield 7, "expired", token(exp=NOW - 30)
    yield 7, "nbf to come", token(nbf=NOW + 31)
    yield 7, "iat to come", token(iat=NOW + 31)
    for value in (
        ...,
        ISSUER + "/",
        ISSUER[:-1],
        "https://issuer.example.evil.example",
        [ISSUER],
        ISSUER.upper(),
    ):
        yield 8, f"iss {value!r}", token(iss=value)
    for value in (..., None, "flag", "flags2", ["x"], [], {"flags": 1}, ""):
        yield 9, f"aud {value!r}", token(aud=value)
    yield 10, "two years", token(exp=NOW + 2 * 366 * 86_400)
    yield 10, "a second too long", token(iat=NOW, exp=NOW + MAX_LIFETIME_SECONDS + 1)
    for name in ("nonce", "at_hash", "c_hash", "events"):
        yield 11, f"a token with {name}", signed({**CLAIMS, name: "x"}, key="other")
    for kind in ("logout+jwt", "secevent+jwt", "JWE", "id_token"):
        yield 11, f"typ {kind}", token({"typ": kind})
    twice = json.dumps(CLAIMS)[:-1].encode() + b',"role":"ADMIN"}'
    yield 16, "role twice", signed(twice, key="other")
    yield 16, "alg twice", signed(CLAIMS, key="other", header=b'{"alg":"none","alg":"RS256"}')
    yield 17, "over 8 KiB", token(padding="x" * 8192)
    yield 17, "a good token and a flood of dots", token() + "." * 9000
    yield 18, "nothing but zeros", with_signature(lambda _: bytes(256))
    yield 18, "one", with_signature(lambda _: (1).to_bytes(256))
    yield 18, "the signature plus the modulus", with_signature(plus_modulus)
    yield 18, "a zero before it", with_signature(lambda m: b"\0" + raw(padded(sha256_info(m))))
    yield 18, "a byte too short", with_signature(lambda m: raw(padded(sha256_info(m)))[:-1])
    yield (
        18,
        "garbage behind the hash",
        with_signature(lambda m: raw(padded(sha256_info(m), tail=b"\x00" * 8))),
    )
    yield (
        18,
        "padding of encryption",
        with_signature(lambda m: raw(padded(sha256_info(m), first=b"\x00\x02"))),
    )
    yield (
        18,
        "the name of SHA-1",
        with_signature(lambda m: raw(padded(sha256_info(m, prefix="302d300906052b0e03021a05000420")))),
    )
    yield (
        18,
        "the name of SHA-512",
        with_signature(
            lambda m: raw(padded(sha256_info(m, prefix="3031300d060960864801650304020305000420")))
        ),
    )
    yield 18, "no name of a hash", with_signature(lambda m: raw(padded(sha256_info(m, prefix=""))))


FORGED = list(forged())


@pytest.mark.parametrize(
    "text", [text for _, _, text in FORGED], ids=[f"item_{item:02}_{what[:40]}" for item, what, _ in FORGED]
)
def test_no_forged_token_is_let_in(text: str, nobody: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = bearer(text)
    connected = list[object]()
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: connected.append(address))
    for method, path in (("GET", "/api/v1/whoami"), ("GET", "/api/v1/flags"), ("PUT", FLAG)):
        assert nobody.request(method, path, json=BODY, headers=headers).status_code == 401
    assert connected == []


def test_there_are_at_least_sixty_forged_tokens_and_the_good_one_is_let_in(nobody: TestClient) -> None:
    assert len(FORGED) >= 60
    good = with_signature(lambda m: raw(padded(sha256_info(m))))
    assert good == token()
    who = nobody.get("/api/v1/whoami", headers=bearer(good)).json()
    assert who == {"subject": "u-1", "role": "admin", "expiresAt": NOW + 90, "flagSets": []}


@pytest.mark.parametrize(
    ("change", "let_in"),
    [
        ({"exp": NOW - 29}, True),
        ({"exp": NOW - 29.5}, True),
        ({"exp": NOW - 30}, False),
        ({"nbf": NOW + 30}, True),
        ({"nbf": NOW + 30.5}, False),
        ({"iat": NOW + 30}, True),
        ({"iat": NOW + 30.5}, False),
    ],
)
def test_item_07_time_is_exact_to_the_leeway(
    nobody: TestClient, change: dict[str, Any], let_in: bool
) -> None:
    status = nobody.get("/api/v1/whoami", headers=bearer(token(**change))).status_code
    assert status == (200 if let_in else 401)


@pytest.mark.parametrize("leeway", ["-1", "61", "3600"])
def test_item_07_a_leeway_over_a_minute_is_refused(leeway: str) -> None:
    with pytest.raises(ConfigurationError):
        Settings.from_mapping({"BURGEE_TOKEN_LEEWAY_SECONDS": leeway})


def weak_public_pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def private_pem() -> str:
    return (
        private_key("other")
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode()
    )


@pytest.mark.parametrize("make", [weak_public_pem, private_pem])
def test_item_12_a_weak_key_and_a_private_key_stop_the_start(make: Callable[[], str]) -> None:
    settings = Settings(data=":memory:", public_key=make())
    with pytest.raises(ConfigurationError), open_application(settings):
        pass


@pytest.mark.parametrize("text", ["." * 1_000_000, "a" * 1_000_000, "a." * 500_000])
def test_item_17_a_flood_is_refused_before_anything_is_decoded(trusting: Services, text: str) -> None:
    started = time.perf_counter()
    with pytest.raises(UnauthenticatedError):
        trusting.access.authenticate(text)
    assert time.perf_counter() - started < 0.05


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_item_19_every_route_names_its_permission_and_denies_nobody_else(
    operation: Any, nobody: TestClient
) -> None:
    if operation.permission is None:
        assert operation.path in {
            "/docs",
            "/docs/style.css",
            "/docs/try.js",
            "/openapi.json",
            "/sign-in",
            "/sign-out",
            "/health-check",
        }
    else:
        assert nobody.request(operation.method, concrete(operation.path, {})).status_code == 401


def test_item_19_the_router_has_no_route_that_the_table_has_not(trusting: Services) -> None:
    paths = {getattr(route, "path", "") for route in build_app(trusting).router.routes}
    served = {path.replace(":path}", "}") for path in paths}
    assert served == {operation.path for operation in OPERATIONS}


def test_item_22_a_token_of_some_sets_finds_out_nothing_about_others(
    services: Services, as_role: Callable[..., TestClient], admin: TestClient
) -> None:
    for flag_set in ("mine", "theirs"):
        admin.put(f"/api/v1/flag-sets/{flag_set}/flags/banner", json=BODY)
    bound = as_role("editor", "mine")
    answers = set()
    for flag_set in ("theirs", "nobodys"):  # one exists, one does not: both get the same answer
        for method, path in (
            ("GET", f"/api/v1/flag-sets/{flag_set}/flags/banner"),
            ("GET", f"/api/v1/flag-sets/{flag_set}"),
            ("DELETE", f"/api/v1/flag-sets/{flag_set}/flags/banner"),
            ("GET", f"/api/v1/export?flagSet={flag_set}"),
            ("GET", f"/api/v1/audit?flagSet={flag_set}"),
        ):
            answers.add(bound.request(method, path).status_code)
    assert answers == {403}
    assert {flag["flagSet"] for flag in bound.get("/api/v1/flags").json()["items"]} == {"mine"}
    assert {event["flagSet"] for event in bound.get("/api/v1/audit").json()["items"]} == {"mine"}


@pytest.mark.parametrize("field", ["id", "createdAt", "createdBy", "updatedBy", "version", "role"])
def test_item_23_what_only_the_server_writes_cannot_be_sent(admin: TestClient, field: str) -> None:
    before = admin.put(FLAG, json=BODY).json()
    response = admin.put(FLAG, json=BODY | {"description": "new", field: "forged"})
    if response.status_code == 400:
        assert field in response.text
    else:
        assert response.json().get(field) != "forged"
    assert admin.get(FLAG).json()["id"] == before["id"]


def test_item_24_a_client_key_never_gets_a_rule(
    services: Services, admin: TestClient, client: TestClient
) -> None:
    rule: JsonObject = {"if": [{"==": [{"var": "email"}, "secret-rule@example.com"]}, "on", "off"]}
    flag = FlagDraft(variants={"on": True, "off": False}, default_variant="off", targeting=rule)
    services.publisher.put_flag("default", "banner", flag, author=ADA)
    text = admin.post("/api/v1/keys", json={"name": "page", "kind": "client"}).json()["key"]
    for operation in OPERATIONS:
        if operation.permission is not None:
            headers = {"authorization": f"Bearer {text}", "content-type": "application/json"}
            path = concrete(operation.path, {"flagSet": "default"})
            answer = client.request(operation.method, path, content=b"{}", headers=headers)
            if operation.permission is Permission.EVALUATE:
                assert answer.status_code in (200, 404)
            else:
                assert answer.status_code == (200 if operation.name == "whoAmI" else 403)
            assert "secret-rule" not in answer.text


@pytest.mark.parametrize("name", ["x-http-method-override", "x-http-method", "x-method-override", "_method"])
def test_item_25_no_header_changes_the_method(
    as_role: Callable[..., TestClient], admin: TestClient, name: str
) -> None:
    admin.put(FLAG, json=BODY)
    assert as_role("reader").get(FLAG, headers={name: "DELETE"}).status_code == 200
    assert as_role("reader").post(FLAG, headers={name: "GET"}).status_code == 405
    assert as_role("reader").request("TRACE", FLAG).status_code == 405
    assert admin.get(FLAG).status_code == 200


def test_item_26_a_key_is_shown_once_and_kept_as_a_hash(admin: TestClient, services: Services) -> None:
    text = admin.post("/api/v1/keys", json={"name": "n", "kind": "server"}).json()["key"]
    assert text[-43:] not in admin.get("/api/v1/keys").text
    (key,) = services.sdk_keys.list()
    assert len(key.digest) == 64
    assert key.digest not in text


def test_item_28_two_keys_of_a_name_are_active_and_not_three(admin: TestClient) -> None:
    draft = {"name": "n", "kind": "server"}
    statuses = [admin.post("/api/v1/keys", json=draft).status_code for _ in range(3)]
    assert statuses == [201, 201, 409]


def test_item_29_every_refusal_looks_the_same(nobody: TestClient, trusting: Services) -> None:
    made = nobody.post(
        "/api/v1/keys", json={"name": "n", "kind": "server"}, headers=admin_of(trusting)
    ).json()
    wrong = [
        {},
        bearer("x"),
        bearer(token(exp=NOW - 99)),
        bearer(token(userId=...)),
        bearer(token(key="stranger")),
        bearer(made["key"][:-1] + ("A" if made["key"][-1] != "A" else "B")),
        bearer(f"bgs_{'0' * 16}_{'A' * 43}"),
        {"authorization": "Basic eDp5"},
        {"cookie": f"{COOKIE}=x"},
        {"cookie": f"{COOKIE}={token(exp=NOW - 99)}"},
    ]
    answers = {
        (answer.status_code, answer.content, answer.headers["www-authenticate"])
        for headers in wrong
        for answer in [nobody.get("/api/v1/flags", headers={**headers, "x-request-id": "same"})]
    }
    assert len(answers) == 1
    assert answers.pop()[0] == 401


def test_item_30_our_cookie_is_for_us_alone(services: Services) -> None:
    code = services.access.create_sign_in_code()
    https = TestClient(build_app(services, public_url="https://flags.example"), follow_redirects=False)
    cookie = https.post("/sign-in", data={"code": code}).headers["set-cookie"]
    assert cookie.startswith("__Host-burgee-session=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (ORIGIN, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
    ],
)
def test_item_31_a_cookie_writes_only_from_our_own_pages(
    nobody: TestClient, headers: dict[str, str], status: int
) -> None:
    sent = {**headers, "cookie": f"{COOKIE}={token()}"}
    assert nobody.put(FLAG, json=BODY, headers=sent).status_code in (
        {200, 201} if status == 200 else {status}
    )


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""]
)
def test_item_31_a_form_of_another_page_is_415(nobody: TestClient, content_type: str) -> None:
    sent = {**ORIGIN, "cookie": f"{COOKIE}={token()}", "content-type": content_type}
    assert nobody.put(FLAG, content=json.dumps(BODY), headers=sent).status_code == 415


def test_item_32_a_cookie_without_an_origin_writes_nothing_and_a_bearer_does(nobody: TestClient) -> None:
    cookie = {"cookie": f"{COOKIE}={token()}"}
    assert nobody.put(FLAG, json=BODY, headers=cookie).status_code == 403
    assert nobody.put(FLAG, json=BODY, headers=bearer(token())).status_code in {200, 201}
    assert nobody.get(FLAG, headers=cookie).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {**bearer(token()), "cookie": f"{COOKIE}={token(role='VIEWER')}"},
        {**bearer(token()), "cookie": f"{COOKIE}=x"},
        {"cookie": f"{COOKIE}={token()}; {COOKIE}={token()}"},
        {"cookie": f"{COOKIE}={token()}; a=b; {COOKIE}=x"},
    ],
)
def test_item_33_two_answers_to_who_is_calling_are_none(nobody: TestClient, headers: dict[str, str]) -> None:
    assert nobody.get("/api/v1/whoami", headers=headers).status_code == 401


def test_item_33_the_same_token_twice_is_one_answer(nobody: TestClient) -> None:
    headers = {**bearer(token()), "cookie": f"{COOKIE}={token()}"}
    assert nobody.get("/api/v1/whoami", headers=headers).status_code == 200


def test_item_34_no_get_changes_anything(services: Services, admin: TestClient) -> None:
    admin.put(FLAG, json=BODY)
    store = services.publisher._store
    before = (store.audit_head(), store.change_token())
    for operation in OPERATIONS:
        if operation.method == "GET":
            admin.get(concrete(operation.path, {"flagSet": "default"}))
            admin.head(concrete(operation.path, {"flagSet": "default"}))
    assert (store.audit_head(), store.change_token()) == before


def test_a_caller_without_a_role_reads_but_not_about_everybody(nobody: TestClient) -> None:
    headers = bearer(token(role=...))
    assert nobody.get("/api/v1/whoami", headers=headers).json()["role"] == "reader"
    assert nobody.get("/api/v1/flags", headers=headers).status_code == 200
    assert nobody.get("/api/v1/audit", headers=headers).status_code == 403
    assert nobody.get("/api/v1/audit", headers=bearer(token(role="VIEWER"))).status_code == 200
    assert nobody.put(FLAG, json=BODY, headers=headers).status_code == 403


def test_a_key_of_ours_has_the_name_that_its_tokens_give(trusting: Services) -> None:
    ours = trusting.access.issue_token("root", Role.ADMIN, 60)
    assert re.fullmatch("[0-9a-f]{16}", jwt.get_unverified_header(ours)["kid"])
    assert jwt.get_unverified_header(ours)["kid"] != key_id(private_key("other").public_key())


def test_every_item_of_the_checklist_has_a_test_with_its_number() -> None:
    folder = Path(__file__).parents[2]
    text = "".join(path.read_text() for path in folder.rglob("test_*.py"))
    found = {int(number) for number in re.findall(r"def test_item_(\d\d)_", text)} | {
        item for item, _, _ in FORGED
    }
    assert found >= set(range(1, 35))
