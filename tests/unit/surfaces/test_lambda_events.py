"""Events of every sender are one kind of request, and each gets its answer in its own form."""

import base64
import os
import random
from typing import Any

import pytest

from burgee.surfaces.lambda_answers import write_answer
from burgee.surfaces.lambda_events import EventKind, NoRequestError, is_http, read_event


def rest(**changes: Any) -> dict[str, Any]:
    event = {
        "resource": "/{proxy+}",
        "path": "/ofrep/v1/evaluate/flags",
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json", "X-A": "last"},
        "multiValueHeaders": {"Content-Type": ["application/json"], "X-A": ["first", "last"]},
        "queryStringParameters": {"a": "2"},
        "multiValueQueryStringParameters": {"a": ["1 x", "2"]},
        "requestContext": {"httpMethod": "POST", "stage": "prod", "path": "/prod/ofrep", "requestId": "r-1"},
        "body": '{"context":{}}',
        "isBase64Encoded": False,
    }
    return {**event, **changes}


def http(**changes: Any) -> dict[str, Any]:
    event = {
        "version": "2.0",
        "rawPath": "/v1/flags",
        "rawQueryString": "a=1%20x&a=2",
        "cookies": ["one=1", "two=2"],
        "headers": {"content-type": "application/json", "x-a": "first,last"},
        "requestContext": {
            "http": {"method": "GET", "path": "/v1/flags"},
            "stage": "$default",
            "requestId": "r-2",
        },
        "isBase64Encoded": False,
    }
    return {**event, **changes}


def alb(**changes: Any) -> dict[str, Any]:
    event = {
        "requestContext": {"elb": {"targetGroupArn": "arn"}},
        "httpMethod": "GET",
        "path": "/users/a%20b/feature-flags/evaluation",
        "queryStringParameters": {"a": "1%20x"},
        "headers": {"x-a": "v", "host": "h"},
        "body": "",
        "isBase64Encoded": False,
    }
    return {**event, **changes}


def alb_multi(**changes: Any) -> dict[str, Any]:
    event = alb(
        multiValueHeaders={"x-a": ["v", "w"], "cookie": ["a=1", "b=2"]},
        multiValueQueryStringParameters={"a": ["1%20x", "2"]},
        **changes,
    )
    del event["headers"]
    del event["queryStringParameters"]
    return event


@pytest.mark.parametrize(
    ("event", "kind", "method", "path", "query", "header"),
    [
        (rest(), EventKind.REST, "POST", "/ofrep/v1/evaluate/flags", b"a=1%20x&a=2", b"first, last"),
        (
            rest(multiValueHeaders=None),
            EventKind.REST,
            "POST",
            "/ofrep/v1/evaluate/flags",
            b"a=1%20x&a=2",
            b"last",
        ),
        (http(), EventKind.HTTP, "GET", "/v1/flags", b"a=1%20x&a=2", b"first,last"),
        (alb(), EventKind.ALB, "GET", "/users/a b/feature-flags/evaluation", b"a=1%20x", b"v"),
        (
            alb_multi(),
            EventKind.ALB_MULTI,
            "GET",
            "/users/a b/feature-flags/evaluation",
            b"a=1%20x&a=2",
            b"v, w",
        ),
    ],
    ids=["rest", "payload 1.0", "http", "alb", "alb multi"],
)
def test_every_event_is_read(
    event: dict[str, Any], kind: EventKind, method: str, path: str, query: bytes, header: bytes
) -> None:
    request = read_event(event)
    assert is_http(event)
    assert (request.kind, request.method, request.path, request.query) == (kind, method, path, query)
    assert request.headers[b"x-a"] == header


def test_a_function_url_is_read_as_http() -> None:
    context = {**http()["requestContext"], "domainName": "abc.lambda-url.eu-west-1.on.aws"}
    event = http(rawPath="/users/a%20b/feature-flags/evaluation", requestContext=context)
    assert read_event(event).path == "/users/a b/feature-flags/evaluation"


def test_what_a_gateway_has_decoded_is_not_decoded_again() -> None:
    of_url = {**http()["requestContext"], "domainName": "abc.lambda-url.eu-west-1.on.aws"}
    of_api = {**http()["requestContext"], "domainName": "abc.execute-api.eu-west-1.amazonaws.com"}
    assert read_event(http(rawPath="/users/50%25/x", requestContext=of_url)).path == "/users/50%/x"
    assert read_event(http(rawPath="/users/50%25/x", requestContext=of_api)).path == "/users/50%25/x"
    assert read_event(rest(path="/users/a%20b/x")).path == "/users/a b/x"


@pytest.mark.parametrize(
    ("raw", "path"), [("/prod/v1/flags", "/v1/flags"), ("/prod", "/"), ("/product", "/product")]
)
def test_a_named_stage_is_no_part_of_the_path(raw: str, path: str) -> None:
    context = {"http": {"method": "GET"}, "stage": "prod"}
    assert read_event(http(rawPath=raw, requestContext=context)).path == path


def test_cookies_are_one_header() -> None:
    assert read_event(http()).headers[b"cookie"] == b"one=1; two=2"
    assert read_event(alb_multi()).headers[b"cookie"] == b"a=1; b=2"


@pytest.mark.parametrize("event", [rest(), http(), alb(), alb_multi()], ids=["rest", "http", "alb", "multi"])
@pytest.mark.parametrize("body", [b"", b'{"a":"\xc3\xa4"}', b"\x00\xff"], ids=["none", "text", "bytes"])
def test_base64_bodies_are_what_they_stand_for(event: dict[str, Any], body: bytes) -> None:
    encoded = {**event, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    assert read_event(encoded).body == body


def test_a_plain_body_is_its_text_and_none_is_none() -> None:
    assert read_event(rest(body='{"a":"ä"}')).body == '{"a":"ä"}'.encode()
    assert read_event(rest(body=None)).body == b""


def test_base64_that_is_none_is_refused() -> None:
    with pytest.raises(NoRequestError):
        read_event(http(body="not base64!", isBase64Encoded=True))


@pytest.mark.parametrize(
    "event", [None, [], "x", {}, {"requestContext": None}, {"requestContext": {}}, {"intValue": 3}]
)
def test_what_is_no_request_is_said_to_be_none(event: Any) -> None:
    assert not is_http(event)


def test_nothing_at_all_beside_the_method_is_enough() -> None:
    bare = read_event({"httpMethod": "get", "requestContext": {}})
    assert (bare.method, bare.path, bare.query, bare.headers, bare.body) == ("GET", "/", b"", {}, b"")


HEADERS = ((b"content-type", b"application/json"), (b"vary", b"a"), (b"vary", b"b"), (b"set-cookie", b"c=1"))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            EventKind.REST,
            {
                "multiValueHeaders": {
                    "content-type": ["application/json"],
                    "vary": ["a", "b"],
                    "set-cookie": ["c=1"],
                }
            },
        ),
        (
            EventKind.HTTP,
            {"headers": {"content-type": "application/json", "vary": "a, b"}, "cookies": ["c=1"]},
        ),
        (
            EventKind.ALB,
            {
                "headers": {"content-type": "application/json", "vary": "a, b", "set-cookie": "c=1"},
                "statusDescription": "200 OK",
            },
        ),
        (
            EventKind.ALB_MULTI,
            {
                "multiValueHeaders": {
                    "content-type": ["application/json"],
                    "vary": ["a", "b"],
                    "set-cookie": ["c=1"],
                },
                "statusDescription": "200 OK",
            },
        ),
    ],
)
def test_every_sender_gets_its_own_form(kind: EventKind, expected: dict[str, Any]) -> None:
    answer = write_answer(kind, 200, HEADERS, b"{}")
    assert answer == {"statusCode": 200, "body": "{}", "isBase64Encoded": False, **expected}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (((b"content-type", b"application/json"), (b"content-encoding", b"gzip")), b"\x1f\x8b"),
        (((b"content-type", b"application/octet-stream"),), b"abc"),
        (((b"content-type", b"application/json"),), b"\xff"),
    ],
    ids=["gzip", "bytes", "no text"],
)
def test_what_is_no_text_goes_as_base64(headers: tuple[tuple[bytes, bytes], ...], body: bytes) -> None:
    answer = write_answer(EventKind.HTTP, 200, headers, body)
    assert answer["isBase64Encoded"]
    assert base64.b64decode(answer["body"]) == body


def test_what_would_be_compressed_for_a_rest_api_is_not() -> None:
    """It hands base64 on as it stands, but where its owner has declared every media type binary."""
    headers = {"Accept-Encoding": "gzip", "X-A": "1"}
    event = rest(headers=headers, multiValueHeaders={name: [value] for name, value in headers.items()})
    assert read_event(event).headers == {b"x-a": b"1"}
    assert read_event(http(headers=headers)).headers[b"accept-encoding"] == b"gzip"
    assert read_event(alb(headers=headers)).headers[b"accept-encoding"] == b"gzip"


@pytest.mark.parametrize("event", [rest(), http(), alb(), alb_multi()], ids=["rest", "http", "alb", "multi"])
@pytest.mark.parametrize("flag", [False, None, "false", 1, "true"])
def test_only_true_means_base64(event: dict[str, Any], flag: object) -> None:
    assert read_event({**event, "body": "YQ==", "isBase64Encoded": flag}).body == b"YQ=="


@pytest.mark.parametrize("body", [None, "", 0, False])
def test_no_body_that_is_said_to_be_base64_is_none(body: object) -> None:
    assert read_event(http(body=body, isBase64Encoded=True)).body == b""


def test_half_a_character_is_no_utf_8_and_breaks_nothing() -> None:
    half = chr(0xD800)
    request = read_event(
        http(
            rawPath=f"/a{half}", rawQueryString=f"a={half}", headers={"x-a": half}, body=half, cookies=[half]
        )
    )
    assert (request.path, request.query, request.headers[b"x-a"]) == ("/a?", b"a=?", b"?")
    with pytest.raises(UnicodeDecodeError):
        request.body.decode()
    assert read_event(rest(path=f"/{half}", multiValueQueryStringParameters={"a": [half]})).query == b"a=%3F"


@pytest.mark.parametrize("method", [None, "", 5, "GET /", "G\u00c9T", ["GET"], "GET\r\n"])
def test_a_method_that_is_none_is_refused(method: object) -> None:
    for event in (rest(httpMethod=method), http(requestContext={"http": {"method": method}})):
        with pytest.raises(NoRequestError):
            read_event(event)


def test_an_event_of_any_shape_is_read_or_refused_and_never_breaks() -> None:
    dice = random.Random(4)
    odd = [
        None,
        True,
        0,
        -1.5,
        "",
        "x",
        "%",
        "%ff",
        chr(0xDFFF),
        [],
        [None],
        ["a", 1],
        {},
        {"a": None},
        {"a": [1]},
    ]
    refused = 0
    for _ in range(int(os.environ.get("LAMBDA_EVENT_EXAMPLES", "3000"))):
        event = dict(dice.choice([rest, http, alb, alb_multi])())
        for _ in range(dice.randrange(1, 4)):
            event[dice.choice(sorted(event))] = dice.choice(odd)
            context = event.get("requestContext")
            if isinstance(context, dict) and context and dice.random() < 0.5:
                event["requestContext"] = {**context, dice.choice(sorted(context)): dice.choice(odd)}
        try:
            request = read_event(event)
        except NoRequestError:
            refused += 1
            continue
        assert request.path
        assert all(type(part) is bytes for field in request.fields for part in field)
        assert request.raw_path.isascii()
        request.query.decode()
    assert refused  # and the others were read
