"""Bearer and cookie: one caller, never two, and a browser only from our own pages."""

from collections.abc import Callable

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from burgee.errors import ForbiddenError, UnauthenticatedError
from burgee.surfaces.http.authentication import read_credentials, require_same_origin, session_cookie

OURS = "http://testserver"
FLAG = "/api/v1/flags/banner"
BODY = b'{"variants":{"on":true},"defaultVariant":"on"}'


def headers(*pairs: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.encode(), value.encode()) for name, value in pairs])


def test_no_credentials_are_nobody() -> None:
    assert read_credentials(headers(("cookie", "other=1; theme=dark"))) is None


def test_a_bearer_token_is_not_ambient() -> None:
    found = read_credentials(headers(("authorization", "bearer abc")))
    assert found is not None
    assert (found.token, found.is_ambient) == ("abc", False)


def test_a_session_cookie_is_ambient() -> None:
    found = read_credentials(headers(("cookie", "theme=dark; burgee-session=abc")))
    assert found is not None
    assert (found.token, found.is_ambient) == ("abc", True)


@pytest.mark.parametrize(
    "pairs",
    [
        [("authorization", "Bearer a"), ("cookie", "burgee-session=b")],
        [("cookie", "burgee-session=a; burgee-session=a")],
        [("cookie", "burgee-session=a"), ("cookie", "burgee-session=b")],
        [("authorization", "Bearer a"), ("authorization", "Bearer a")],
        [("authorization", "Basic a")],
        [("authorization", "Bearer")],
        [("authorization", "")],
        [("authorization", "Bearer "), ("cookie", "burgee-session=a")],
    ],
)
def test_two_answers_to_who_is_calling_are_none(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(UnauthenticatedError):
        read_credentials(headers(*pairs))


@pytest.mark.parametrize(
    ("pairs", "allowed"),
    [
        ([("origin", OURS)], True),
        ([("sec-fetch-site", "same-origin")], True),
        ([("sec-fetch-site", "same-origin"), ("origin", "null")], True),
        ([], False),
        ([("origin", "null")], False),
        ([("origin", "https://testserver")], False),
        ([("origin", "http://testserver:81")], False),
        ([("origin", "http://testserver.evil.example")], False),
        ([("sec-fetch-site", "same-site")], False),
        ([("sec-fetch-site", "cross-site"), ("origin", OURS)], False),
        ([("sec-fetch-site", "none")], False),
        ([("sec-fetch-site", "same-origin"), ("origin", "http://evil.example")], False),
    ],
)
def test_a_browser_must_come_from_our_own_pages(pairs: list[tuple[str, str]], allowed: bool) -> None:
    if allowed:
        require_same_origin(headers(*pairs), origin=OURS)
    else:
        with pytest.raises(ForbiddenError):
            require_same_origin(headers(*pairs), origin=OURS)


@pytest.mark.parametrize(
    ("pairs", "allowed"),
    [
        ([("origin", "https://app.example.com")], True),
        ([("origin", "https://app.example.com"), ("sec-fetch-site", "cross-site")], True),
        ([("origin", "https://app.example.com"), ("origin", "https://app.example.com")], False),
        ([("origin", "https://evil.example"), ("origin", "https://app.example.com")], False),
        ([("origin", "https://evil.example")], False),
        ([("sec-fetch-site", "cross-site")], False),
        ([], False),
    ],
)
def test_a_browser_may_also_come_from_an_allowed_origin(pairs: list[tuple[str, str]], allowed: bool) -> None:
    may = {"https://app.example.com"}.__contains__
    if allowed:
        require_same_origin(headers(*pairs), origin=OURS, is_allowed=may)
    else:
        with pytest.raises(ForbiddenError):
            require_same_origin(headers(*pairs), origin=OURS, is_allowed=may)


SHARED = "rds-session"


@pytest.mark.parametrize(
    ("cookies", "token"),
    [
        (["rds-session=abc"], "abc"),
        (["a=1;  rds-session=abc; b=2"], "abc"),
        (["a=1;rds-session=abc;b=2"], "abc"),
        (["a=1; rds-session = abc ; b=2"], "abc"),
        (["a=1", "rds-session=abc"], "abc"),
        (["rds-session=a.b=c"], "a.b=c"),
        (["x-rds-session=abc; rds-session-staging=abc; RDS-SESSION=abc"], None),
        (["rds-session"], None),
        (["rds-session="], None),
        (["rds-session=  "], None),
        (["a=rds-session=abc"], None),
        (["burgee-session=own; rds-session=abc"], "own"),
        (["rds-session=abc; burgee-session="], "abc"),
        ([], None),
    ],
)
def test_the_cookie_of_another_issuer_is_found_among_many(cookies: list[str], token: str | None) -> None:
    found = read_credentials(headers(*[("cookie", each) for each in cookies]), shared_cookie=SHARED)
    assert (None if found is None else found.token) == token
    assert found is None or found.is_ambient


def test_the_cookie_of_another_issuer_is_nothing_where_none_is_set_up() -> None:
    assert read_credentials(headers(("cookie", "rds-session=abc; =abc"))) is None


@pytest.mark.parametrize(
    "pairs",
    [
        [("cookie", "rds-session=a; rds-session=a")],
        [("cookie", "rds-session=a"), ("cookie", "rds-session=b")],
        [("authorization", "Bearer a"), ("cookie", "rds-session=b")],
    ],
)
def test_two_answers_are_none_with_another_issuer_too(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(UnauthenticatedError):
        read_credentials(headers(*pairs), shared_cookie=SHARED)


@pytest.mark.parametrize(
    ("name", "is_https", "token"),
    [
        ("burgee-session", False, "abc"),
        ("__Host-burgee-session", True, "abc"),
        ("burgee-session", True, None),
        ("__Host-burgee-session", False, None),
    ],
)
def test_over_https_only_the_cookie_that_no_other_host_can_set_counts(
    name: str, is_https: bool, token: str | None
) -> None:
    found = read_credentials(headers(("cookie", f"{name}=abc")), is_https=is_https)
    assert (None if found is None else found.token) == token


def test_the_cookie_is_secure_only_over_https() -> None:
    assert session_cookie("t", max_age=5, is_https=False) == (
        "burgee-session=t; Path=/; Max-Age=5; HttpOnly; SameSite=Strict"
    )
    assert session_cookie("t", max_age=5, is_https=True) == (
        "__Host-burgee-session=t; Path=/; Max-Age=5; HttpOnly; SameSite=Strict; Secure"
    )


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ({"origin": OURS, "content-type": "application/json"}, 201),
        ({"sec-fetch-site": "same-origin", "content-type": "application/json"}, 201),
        ({"content-type": "application/json"}, 403),
        ({"origin": "http://evil.example", "content-type": "application/json"}, 403),
        ({"origin": OURS, "content-type": "text/plain"}, 415),
        ({"origin": OURS, "content-type": "application/x-www-form-urlencoded"}, 415),
        ({"origin": OURS}, 415),
    ],
)
def test_a_cookie_writes_only_with_proof(
    client: TestClient, token: Callable[..., str], extra: dict[str, str], status: int
) -> None:
    sent = {"cookie": f"burgee-session={token('editor')}"} | extra
    assert client.put(FLAG, content=BODY, headers=sent).status_code == status


def test_a_cookie_deletes_only_as_json_and_reads_freely(
    client: TestClient, token: Callable[..., str]
) -> None:
    cookie = {"cookie": f"burgee-session={token('editor')}"}
    ours = cookie | {"origin": OURS}
    client.put(FLAG, content=BODY, headers=ours | {"content-type": "application/json"})
    assert client.get(FLAG, headers=cookie).status_code == 200
    assert client.delete(FLAG, headers=ours).status_code == 415
    assert client.delete(FLAG, headers=ours | {"content-type": "application/json"}).status_code == 204


def test_a_bearer_token_needs_no_origin(as_role: Callable[..., TestClient]) -> None:
    sent = {"content-type": "application/json", "origin": "http://elsewhere.example"}
    assert as_role("editor").put(FLAG, content=BODY, headers=sent).status_code == 201


def test_a_cookie_beside_another_token_is_401(client: TestClient, token: Callable[..., str]) -> None:
    sent = {"authorization": f"Bearer {token('admin')}", "cookie": f"burgee-session={token('reader')}"}
    assert client.get("/api/v1/whoami", headers=sent).status_code == 401
