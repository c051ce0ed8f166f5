"""CORS on the wire: every answer of both ways, refusals included, and every route's preflight."""

import re
from collections.abc import Callable, Iterator

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from burgee.bootstrap import open_application
from burgee.model.limits import DEFAULT_LIMITS
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.cors import KNOWN_ORIGINS, NO_CORS, Cors, CorsLayer, sent_origin, unparsed_origin
from burgee.surfaces.http.counters import Counters, SharedCounters
from burgee.surfaces.http.edge import Deadlines
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.http.ofrep_routes import ofrep_routes, stream_routes
from burgee.surfaces.http.routes import OPERATIONS
from burgee.surfaces.http.streams import StreamHub
from burgee.testing.flag_fixtures import publish_samples
from burgee.testing.listening import Listening, listening

OURS = "https://app.example.com"
THEIRS = "https://evil.example"
CORS = Cors.from_text(f"{OURS}, http://localhost:3000")
SINGLE = b"/ofrep/v1/evaluate/flags/text"
BULK = b"/ofrep/v1/evaluate/flags"
BODY = b'{"context":{}}'
QUICK = Deadlines(head=0.3, body=0.3, idle=5, write=5, linger=0.2)
OFREP_PATHS = [
    "/ofrep/v1/evaluate/flags",
    "/ofrep/v1/evaluate/flags/text",
    "/ofrep/v1/sse",
    "/ofrep/v1/sse/a",
]
PATHS = sorted({re.sub(r"\{\w+\}", "default", operation.path) for operation in OPERATIONS} | set(OFREP_PATHS))


# -- the value


def test_the_headers_of_an_allowed_origin() -> None:
    assert CORS.is_on
    assert CORS.is_allowed(OURS)
    headers = dict(CORS.headers(OURS))
    assert headers[b"access-control-allow-origin"] == OURS.encode()
    assert headers[b"access-control-allow-credentials"] == b"true"
    assert {b"Set-Cookie", b"ETag", b"Location", b"Retry-After"} <= set(
        headers[b"access-control-expose-headers"].split(b", ")
    )
    assert headers[b"vary"] == b"origin"
    assert len(headers) == len(CORS.headers(OURS)) == 4


@pytest.mark.parametrize(
    "origin",
    ["null", "*", "", THEIRS, OURS + "\n", OURS + "/", OURS.upper(), "https://app.example.com:443", "\xff"],
)
def test_the_headers_of_any_other(origin: str) -> None:
    assert not CORS.is_allowed(origin)
    assert CORS.headers(origin) == CORS.headers(None) == ((b"vary", b"origin"),)
    assert CORS.fields(origin.encode("latin-1")) == CORS.fields(None) == b""


def test_without_origins_nothing_is_said() -> None:
    assert not NO_CORS.is_on
    assert NO_CORS.headers(OURS) == NO_CORS.headers(None) == ()
    assert (NO_CORS.fields(OURS.encode()), NO_CORS.always) == (b"", b"")
    assert not NO_CORS.is_allowed(OURS)
    assert not NO_CORS.is_allowed("")


def test_the_lines_say_what_the_pairs_say() -> None:
    lines = (CORS.always + CORS.fields(OURS.encode())).split(b"\r\n")
    assert lines.pop() == b""
    assert [tuple(line.split(b": ", 1)) for line in lines] == list(CORS.headers(OURS))


def test_what_is_known_of_origins_is_bounded() -> None:
    cors = Cors.from_text(OURS)
    for number in range(3 * KNOWN_ORIGINS):
        assert not cors.is_allowed(f"https://{number}.example")
    assert len(cors._known) <= KNOWN_ORIGINS
    assert cors.is_allowed(OURS)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        ([(b"host", b"x")], None),
        ([(b"origin", b"https://a")], b"https://a"),
        ([(b"origin", b"https://a"), (b"origin", b"https://a")], None),
    ],
)
def test_two_origins_are_none(headers: list[tuple[bytes, bytes]], expected: bytes | None) -> None:
    assert sent_origin(headers) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"GET /long HTTP/1.1\r\nORIGIN:https://a \r\nhost: x\r\n\r\n", [b"https://a"]),
        (b"GET /long HTTP/1.1\r\nx-origin: https://a\r\n\r\n", []),
        (b"GET /long HTTP/1.1\r\n\r\n\r\norigin: https://a\r\n\r\n", []),
        (b"GET / HTTP/1.1\r\norigin: https://a\r\n\r\nGET /long HTTP/1.1\r\nhost: x\r\n\r\n", []),
        (b"xt HTTP/1.1\r\norigin: https://a\r\norigin: https://b\r\n\r\n", [b"https://a", b"https://b"]),
        (b"GET /long HTTP/1.1\r\norigin: https://a", [b"https://a"]),
        (b"GET /long HTTP/1.1\r\norigin: https://a\r\n\r\nGET /long HTTP/1.1\r\nx: y", []),
    ],
)
def test_the_origin_behind_an_address_that_is_too_long(data: bytes, expected: list[bytes]) -> None:
    assert [value for _, value in unparsed_origin(data, b"/long")] == expected


# -- the layer


def whole_app(services: Services, cors: Cors) -> TestClient:
    """The application as a node serves it, with all of its routes."""
    counters = Counters(SharedCounters.create(1), 0)
    ofrep = Ofrep(services.live, services.access, counters, open_to_all=True)
    hub = StreamHub(ofrep, counters, dice=lambda: 0.5)
    routes = [*ofrep_routes(ofrep), *stream_routes(ofrep, hub)]
    app = CorsLayer(build_app(services, evaluation_routes=routes, cors=cors), cors)
    return TestClient(app, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def across(services: Services) -> TestClient:
    return whole_app(services, CORS)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_every_route_answers_a_preflight(across: TestClient, path: str, method: str) -> None:
    asked = {"origin": OURS, "access-control-request-method": method}
    answer = across.options(path, headers=asked | {"access-control-request-headers": "authorization"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == OURS
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert method in answer.headers["access-control-allow-methods"].split(", ")
    assert {
        "Authorization",
        "Content-Type",
        "Cache-Control",
        "Cookie",
        "If-Match",
        "If-None-Match",
        "Idempotency-Key",
        "Flagd-Selector",
        "X-API-Key",
    } <= set(answer.headers["access-control-allow-headers"].split(", "))
    assert int(answer.headers["access-control-max-age"]) > 0
    assert answer.headers["vary"] == "origin"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", [THEIRS, "null", None])
def test_a_preflight_of_another_origin_gets_no_permission(
    across: TestClient, path: str, origin: str | None
) -> None:
    headers = {"access-control-request-method": "PUT"} | ({"origin": origin} if origin else {})
    answer = across.options(path, headers=headers)
    assert answer.status_code == 405
    assert [name for name in answer.headers if name.startswith("access-control-")] == []
    assert answer.headers["vary"] == "origin"


def test_declared_headers_may_be_sent_and_read(across: TestClient) -> None:
    asked = {"origin": OURS, "access-control-request-method": "PUT"}
    headers = across.options("/api/v1/flags", headers=asked).headers
    allowed = {name.strip().lower() for name in headers["access-control-allow-headers"].split(",")}
    exposed = {name.strip().lower() for name in headers["access-control-expose-headers"].split(",")}
    for operation in OPERATIONS:
        sent = {each.name.lower() for each in operation.parameters if each.place.value == "header"}
        assert sent <= allowed, operation.name
        assert {name.lower() for reply in operation.replies for name in reply.headers} <= exposed, (
            operation.name
        )


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/docs", {}, 200),
        ("HEAD", "/docs", {}, 200),
        ("GET", "/api/v1/flags", {}, 401),
        ("GET", "/api/v1/flags", {"authorization": "Bearer nonsense"}, 401),
        ("GET", "/nowhere", {}, 404),
        ("PUT", "/docs", {}, 405),
        ("POST", "/ofrep/v1/evaluate/flags/none", {}, 404),
        ("GET", "/ofrep/v1/evaluate/flags", {}, 405),
    ],
)
@pytest.mark.parametrize("origin", [OURS, THEIRS, None])
def test_every_answer_is_dressed(
    across: TestClient, method: str, path: str, headers: dict[str, str], status: int, origin: str | None
) -> None:
    answer = across.request(method, path, headers=headers | ({"origin": origin} if origin else {}))
    assert answer.status_code == status
    assert answer.headers.get("access-control-allow-origin") == (OURS if origin == OURS else None)
    assert answer.headers.get("access-control-allow-credentials") == ("true" if origin == OURS else None)
    assert answer.headers["vary"] == "origin"


def test_an_error_of_ours_is_dressed_too(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(type(services.access), "authenticate", broken)
    answer = whole_app(services, CORS).get(
        "/api/v1/flags", headers={"origin": OURS, "authorization": "Bearer x"}
    )
    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] == OURS


def test_without_origins_options_is_a_method_like_others(services: Services) -> None:
    client = whole_app(services, NO_CORS)
    answer = client.options("/api/v1/flags", headers={"origin": OURS, "access-control-request-method": "PUT"})
    assert answer.status_code == 405
    assert "vary" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


def test_a_dialect_that_sends_such_headers_itself_does_not_double_them() -> None:
    async def dialect(scope: Scope, receive: Receive, send: Send) -> None:
        own = {"Access-Control-Allow-Origin": "null", "Vary": "Origin", "access-control-max-age": "5"}
        response = PlainTextResponse("x", status_code=403, headers=own)
        response.headers.append("vary", "accept-encoding")
        await response(scope, receive, send)

    client = TestClient(CorsLayer(dialect, CORS))
    ours = client.get("/", headers={"origin": OURS}).headers
    assert ours.get_list("access-control-allow-origin") == [OURS]
    assert ours.get_list("vary") == ["accept-encoding", "origin"]
    theirs = client.options("/", headers={"origin": THEIRS})
    assert theirs.status_code == 403
    assert "access-control-allow-origin" not in theirs.headers


def test_what_is_not_http_passes() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])
        for _ in range(2):
            await send({"type": f"{(await receive())['type']}.complete"})

    with TestClient(CorsLayer(app, CORS)):
        pass
    assert seen == ["lifespan"]


def test_the_dressing_leaves_the_answer_as_it_was() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response: Response = PlainTextResponse(await request.body(), status_code=201, headers={"etag": '"1"'})
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        await response(scope, receive, send)

    answer = TestClient(CorsLayer(app, CORS)).post("/", content=b"text", headers={"origin": OURS})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (201, b"text", '"1"')
    assert len(answer.headers.get_list("set-cookie")) == 2


# -- who may write


@pytest.mark.parametrize(
    ("credential", "sent", "status"),
    [
        ("cookie", {"origin": OURS}, 201),
        ("cookie", {"origin": OURS, "sec-fetch-site": "cross-site"}, 201),
        ("cookie", {"origin": OURS, "sec-fetch-site": "same-site"}, 201),
        ("cookie", {"origin": "http://testserver"}, 201),
        ("cookie", {}, 403),
        ("cookie", {"origin": THEIRS}, 403),
        ("cookie", {"origin": THEIRS, "sec-fetch-site": "same-site"}, 403),
        ("cookie", {"origin": "null"}, 403),
        ("cookie", {"origin": OURS + ".evil.example"}, 403),
        ("cookie", {"origin": OURS, "content-type": "text/plain"}, 415),
        ("bearer", {}, 201),
        ("bearer", {"origin": OURS}, 201),
        ("bearer", {"origin": THEIRS}, 201),
    ],
)
def test_a_missing_origin_is_allowed_for_bearer_and_refused_for_cookie_writes(
    across: TestClient, token: Callable[..., str], credential: str, sent: dict[str, str], status: int
) -> None:
    value = token("editor")
    who = (
        {"cookie": f"burgee-session={value}"}
        if credential == "cookie"
        else {"authorization": f"Bearer {value}"}
    )
    content = b'{"variants": {"on": true, "off": false}, "defaultVariant": "on"}'
    headers = {"content-type": "application/json"} | who | sent
    assert across.put("/api/v1/flags/one", content=content, headers=headers).status_code == status


def test_a_cookie_reads_without_an_origin(across: TestClient, token: Callable[..., str]) -> None:
    cookie = {"cookie": f"burgee-session={token('reader')}"}
    assert across.get("/api/v1/flags", headers=cookie).status_code == 200


def test_two_origins_with_a_cookie_are_refused(across: TestClient, token: Callable[..., str]) -> None:
    headers = [
        ("cookie", f"burgee-session={token('editor')}"),
        ("origin", OURS),
        ("origin", THEIRS),
        ("content-type", "application/json"),
    ]
    assert across.put("/api/v1/flags/one", content=b"{}", headers=headers).status_code == 403


def test_signing_in_stays_for_our_own_pages(across: TestClient) -> None:
    for path in ("/sign-in", "/sign-out"):
        assert across.post(path, data={"code": "x"}, headers={"origin": OURS}).status_code == 403


# -- the protocol, on sockets


@pytest.fixture(scope="module")
def published() -> Iterator[Services]:
    with open_application(Settings(data=":memory:")) as services:
        publish_samples(services)
        yield services


@pytest.fixture(params=[True, False], ids=["inline", "asgi"])
def server(request: pytest.FixtureRequest, published: Services) -> Iterator[Listening]:
    with listening(published, inline=request.param, deadlines=QUICK, cors=CORS) as server:
        yield server


def request(path: bytes, *fields: bytes, body: bytes = BODY, method: bytes = b"POST") -> bytes:
    lines = [method + b" " + path + b" HTTP/1.1", b"host: x", *fields, b"content-length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def heads(received: bytes) -> list[tuple[int, dict[str, list[str]]]]:
    """Status and headers of every answer."""
    found = []
    for match in re.finditer(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n(.*?)\r\n\r\n", received, re.DOTALL):
        headers: dict[str, list[str]] = {}
        for line in match[2].decode("latin-1").split("\r\n"):
            name, _, value = line.partition(": ")
            headers.setdefault(name.lower(), []).append(value)
        found.append((int(match[1]), headers))
    return found


def from_origin(origin: str | None) -> tuple[bytes, ...]:
    return (b"Origin: " + origin.encode(),) if origin is not None else ()


CLOSE = b"connection: close"


@pytest.mark.parametrize("origin", [OURS, THEIRS, "null", None])
@pytest.mark.parametrize(
    ("path", "body", "fields", "status"),
    [
        (SINGLE, BODY, (), 200),
        (SINGLE, b"{", (), 400),
        (b"/ofrep/v1/evaluate/flags/none", BODY, (), 404),
        (BULK, BODY, (), 200),
        (BULK, BODY, (b"if-none-match: *",), 304),
        (BULK, BODY, (b"accept-encoding: gzip",), 200),
        (b"/ofrep/v1/evaluate/flagsx", BODY, (), 404),
        (b"/echo", BODY, (), 200),
        (b"/nowhere", BODY, (), 404),
        (SINGLE, b"x" * (DEFAULT_LIMITS.body_bytes + 1), (), 413),
        (b"/echo", b"x" * (DEFAULT_LIMITS.body_bytes + 1), (), 413),
        (b"/" + b"x" * (DEFAULT_LIMITS.url_bytes + 1), BODY, (), 414),
        (SINGLE, BODY, (b"x: " + b"y" * DEFAULT_LIMITS.header_bytes,), 431),
        (SINGLE, BODY, (b"x: y",) * DEFAULT_LIMITS.header_fields, 431),
    ],
)
def test_every_answer_of_the_protocol_is_dressed(
    server: Listening, path: bytes, body: bytes, fields: tuple[bytes, ...], status: int, origin: str | None
) -> None:
    data = request(path, *from_origin(origin), *fields, CLOSE, body=body)
    [(found, headers)] = heads(server.exchange(data))
    assert found == status
    assert headers.get("access-control-allow-origin") == ([OURS] if origin == OURS else None)
    assert headers.get("access-control-allow-credentials") == (["true"] if origin == OURS else None)
    assert "origin" in headers["vary"]
    assert len(headers.get("access-control-expose-headers", [])) == (origin == OURS)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request(SINGLE, b"origin: " + OURS.encode())[:-4], 408),
        (request(b"/echo", b"origin: " + OURS.encode())[:-4], 408),
        (b"POST / HTTP/1.1\r\norigin: " + OURS.encode() + b"\r\nhost", 408),
        (b"POST / HTTP/1.1\r\norigin: " + OURS.encode() + b"\r\nbad header\r\n\r\n", 400),
    ],
)
def test_a_request_that_stops_or_goes_wrong_is_refused_in_its_origin(
    server: Listening, data: bytes, status: int
) -> None:
    for before in (b"", request(SINGLE, b"origin: http://localhost:3000")):
        with server.connect() as connection:
            answers = b""
            if before:
                connection.sendall(before)
                answers = connection.recv(65536)
            connection.sendall(data)
            while part := connection.recv(65536):
                answers += part
        found, headers = heads(answers)[-1]
        assert found == status
        assert headers["access-control-allow-origin"] == [OURS]


@pytest.mark.parametrize("broken", [b"nonsense\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"GET", b"\r\n"])
def test_a_refusal_does_not_inherit_the_origin_of_the_request_before_it(
    server: Listening, broken: bytes
) -> None:
    with server.connect() as connection:
        for _ in range(2):  # the second is known by heart
            connection.sendall(request(SINGLE, b"origin: " + OURS.encode()))
            assert heads(connection.recv(65536))[0][1]["access-control-allow-origin"] == [OURS]
        connection.sendall(broken)
        answers = b""
        while part := connection.recv(65536):
            answers += part
    [(status, headers)] = heads(answers)
    assert status in (400, 408)
    assert "access-control-allow-origin" not in headers


def test_an_answer_known_by_heart_is_for_its_own_origin(server: Listening) -> None:
    origins = [OURS, None, "http://localhost:3000", THEIRS]
    with server.connect() as connection:
        for origin in origins * 3:
            connection.sendall(request(SINGLE, *from_origin(origin)))
            [(status, headers)] = heads(connection.recv(65536))
            allowed = None if origin in (None, THEIRS) else [origin]
            assert (status, headers.get("access-control-allow-origin")) == (200, allowed)


def test_two_origins_in_one_request_are_none(server: Listening) -> None:
    both = request(SINGLE, b"origin: " + OURS.encode(), b"origin: " + OURS.encode(), CLOSE)
    [(status, headers)] = heads(server.exchange(both))
    assert status == 200
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("origin", [OURS, THEIRS])
def test_a_stream_is_dressed(server: Listening, origin: str) -> None:
    with server.connect() as connection:
        connection.sendall(request(b"/ofrep/v1/sse", *from_origin(origin), body=b"", method=b"GET"))
        received = b""
        while b"retry:" not in received:
            received += connection.recv(65536)
    [(status, headers)] = heads(received)
    assert (status, headers["content-type"]) == (200, ["text/event-stream"])
    assert headers.get("access-control-allow-origin") == ([OURS] if origin == OURS else None)
    assert "origin" in headers["vary"]


def test_a_stream_that_is_turned_away_says_so(published: Services) -> None:
    limits = msgspec.structs.replace(DEFAULT_LIMITS, streams=0)
    with listening(published, limits=limits, cors=CORS) as server:
        data = request(b"/ofrep/v1/sse", *from_origin(OURS), CLOSE, body=b"", method=b"GET")
        [(status, headers)] = heads(server.exchange(data))
    assert (status, headers["access-control-allow-origin"]) == (503, [OURS])


@pytest.mark.parametrize("inline", [True, False])
def test_without_origins_the_bytes_are_those_of_before(published: Services, inline: bool) -> None:
    with listening(published, inline=inline) as server:
        for path in (SINGLE, BULK, b"/nowhere", b"/" + b"x" * 5_000):
            received = server.exchange(request(path, *from_origin(OURS), CLOSE))
            assert b"vary: origin" not in received.lower()
            assert b"access-control" not in received.lower()
