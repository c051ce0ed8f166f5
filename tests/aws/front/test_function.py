"""Events of the four senders as requests, and answers in the form that each takes."""

import base64
from typing import Any

import pytest

pytest.importorskip("mangum")

from burgee.surfaces.http import function
from burgee.surfaces.lambda_answers import write_answer
from burgee.surfaces.lambda_events import NoRequestError, read_event
from burgee.testing.aws.front_events import KINDS, Request, event_of

pytestmark = pytest.mark.aws


def scope_of(event: dict[str, Any]) -> Any:
    """The ASGI scope of an event."""
    return function.scope_of(read_event(event))


def body_of(event: dict[str, Any]) -> bytes:
    """The body in an event."""
    return read_event(event).body


def answer_of(event: dict[str, Any], status: int, headers: Any, body: bytes) -> dict[str, Any]:
    """An answer as the sender of an event takes it."""
    request = read_event(event)
    return write_answer(request.kind, status, headers, body, prefix=request.prefix)


def sent(path: str = "/api/v1/flags", query: str = "", body: bytes = b"", **headers: str) -> Request:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request("PUT", path, query, [("Host", "x.example"), *pairs], body)


def header(scope: Any, name: bytes) -> list[bytes]:
    return [value for each, value in scope["headers"] if each == name]


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_arrives_as_it_was_sent(kind: str) -> None:
    event = event_of(kind, sent(query="limit=5&name=a%20b", body=b'{"a":1}', Content_Type="application/json"))
    scope = scope_of(event)
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("PUT", "/api/v1/flags", b"/api/v1/flags")
    assert scope["query_string"].replace(b"+", b"%20") == b"limit=5&name=a%20b"
    assert header(scope, b"content-type") == [b"application/json"]
    assert header(scope, b"host") == [b"x.example"]
    assert body_of(event) == b'{"a":1}'
    assert scope["client"] == ("198.51.100.7", 0)
    assert scope["scheme"] == "https"


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_are_no_text_arrive_as_they_were_sent(kind: str) -> None:
    event = event_of(kind, sent(body=b"\xff\x00\xfe", Content_Type="application/octet-stream"))
    assert event["isBase64Encoded"] is True
    assert body_of(event) == b"\xff\x00\xfe"


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_can_choose_the_address_that_rates_are_counted_by(kind: str) -> None:
    assert scope_of(event_of(kind, sent(X_Forwarded_For="203.0.113.1")))["client"] == ("198.51.100.7", 0)


@pytest.mark.parametrize(
    ("kind", "raw", "path"),
    [
        ("rest", b"/flags/a%2Fb%20c", "/flags/a/b c"),
        ("url", b"/flags/a%2Fb%20c", "/flags/a/b c"),
        ("balancer", b"/flags/a%2Fb%20c", "/flags/a/b c"),
        ("http", b"/flags/a/b%20c", "/flags/a/b c"),  # an HTTP API has decoded it: the slash is lost
    ],
)
def test_a_slash_that_was_encoded_stays_so_where_the_sender_says_it(kind: str, raw: bytes, path: str) -> None:
    scope = scope_of(event_of(kind, sent("/flags/a%2Fb%20c")))
    assert (scope["raw_path"], scope["path"]) == (raw, path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_percent_sign_is_decoded_once(kind: str) -> None:
    assert scope_of(event_of(kind, sent("/flags/100%2525")))["path"] == "/flags/100%25"


@pytest.mark.parametrize("kind", KINDS)
def test_letters_beyond_ascii_arrive(kind: str) -> None:
    assert scope_of(event_of(kind, sent("/flags/%C3%A9t%C3%A9")))["path"] == "/flags/été"


@pytest.mark.parametrize("kind", KINDS)
def test_cookies_arrive_as_one_line(kind: str) -> None:
    scope = scope_of(event_of(kind, sent(Cookie="a=1; b=2")))
    assert header(scope, b"cookie") == [b"a=1; b=2"]


@pytest.mark.parametrize("kind", ["rest", "balancer"])
def test_repeated_headers_and_parameters_are_all_there(kind: str) -> None:
    request = Request("GET", "/", "a=1&a=2", [("X-A", "1"), ("X-A", "2")], b"")
    scope = scope_of(event_of(kind, request))
    assert header(scope, b"x-a") == [b"1", b"2"]
    assert scope["query_string"] == b"a=1&a=2"


@pytest.mark.parametrize("kind", ["rest", "http"])
def test_the_stage_is_no_part_of_the_path_but_of_what_a_client_is_sent_to(kind: str) -> None:
    event = event_of(kind, sent("/api/v1/flags"), stage="prod")
    assert scope_of(event)["path"] == "/api/v1/flags"
    answer = answer_of(event, 201, [(b"location", b"/api/v1/flags/x")], b"")
    headers = answer.get("headers") or {name: each[0] for name, each in answer["multiValueHeaders"].items()}
    assert headers["location"] == "/prod/api/v1/flags/x"


@pytest.mark.parametrize("location", [b"https://elsewhere.example/x", b"//elsewhere.example/x"])
def test_an_address_elsewhere_gets_no_stage(location: bytes) -> None:
    answer = answer_of(event_of("rest", sent(), stage="prod"), 303, [(b"location", location)], b"")
    assert answer["multiValueHeaders"]["location"] == [location.decode()]


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("rest", "multiValueHeaders"),
        ("balancer", "multiValueHeaders"),
        ("http", "headers"),
        ("url", "headers"),
    ],
)
def test_an_answer_has_the_form_of_its_sender(kind: str, place: str) -> None:
    pairs = [
        (b"Content-Type", b"application/json"),
        (b"content-length", b"2"),
        (b"vary", b"a"),
        (b"vary", b"b"),
    ]
    cookies = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    answer = answer_of(event_of(kind, sent()), 200, [*pairs, *cookies], b"{}")
    assert (answer["statusCode"], answer["body"], answer["isBase64Encoded"]) == (200, "{}", False)
    if place == "headers":
        assert answer["headers"] == {"content-type": "application/json", "vary": "a, b"}
        assert answer["cookies"] == ["a=1", "b=2"]
    else:
        assert answer[place] == {
            "content-type": ["application/json"],
            "vary": ["a", "b"],
            "set-cookie": ["a=1", "b=2"],
        }


def test_a_load_balancer_with_single_values_still_gets_every_cookie() -> None:
    cookies = [(b"set-cookie", f"c{number}={number}".encode()) for number in range(4)]
    headers = answer_of(event_of("balancer-single", sent()), 200, cookies, b"")["headers"]
    assert sorted(value for name, value in headers.items() if name.lower() == "set-cookie") == [
        "c0=0",
        "c1=1",
        "c2=2",
        "c3=3",
    ]


@pytest.mark.parametrize(
    ("kind", "body", "encoded"),
    [
        (b"application/json", "é".encode(), False),
        (b"text/html", b"\xff", True),
        (b"application/gzip", b"\x1f\x8b", True),
        (b"image/png", b"plain", True),
    ],
)
def test_what_is_no_text_leaves_as_base64(kind: bytes, body: bytes, encoded: bool) -> None:
    answer = answer_of(event_of("rest", sent()), 200, [(b"content-type", kind)], body)
    assert answer["isBase64Encoded"] is encoded
    assert (base64.b64decode(answer["body"]) if encoded else answer["body"].encode()) == body


@pytest.mark.parametrize("event", [{}, {"Records": []}, {"version": "2.0"}, {"requestContext": None}])
def test_an_event_that_is_no_request_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(NoRequestError):
        scope_of(event)


def test_a_body_that_is_not_the_base64_it_claims_to_be_is_refused() -> None:
    with pytest.raises(NoRequestError):
        body_of({"httpMethod": "PUT", "body": "%%%", "isBase64Encoded": True})


def test_a_scheme_that_is_none_is_https() -> None:
    event = {"httpMethod": "GET", "path": "/", "headers": {"X-Forwarded-Proto": "javascript"}}
    assert scope_of(event)["scheme"] == "https"
