"""Forwarding: a write reaches the writer as it was sent, its answer comes back, and nobody else's does."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.types import Message, Receive, Scope, Send

from burgee.surfaces.http import forwarding
from burgee.surfaces.http.forwarding import Forwarding, reachable

OK = b'HTTP/1.1 200 OK\r\ncontent-length: 4\r\nETag: "3"\r\n\r\ndone'
COOKIE = "burgee-session=secret; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"
SIGNED_IN = f"HTTP/1.1 303 See Other\r\nset-cookie: {COOKIE}\r\ncontent-length: 0\r\n\r\n".encode()


class Heard(NamedTuple):
    """A request as the writer got it."""

    line: str
    headers: dict[str, str]
    body: bytes


class Writer:
    """Answers every connection on a socket file with the same bytes, and keeps what it was sent."""

    def __init__(self, socket_file: Path, answer: bytes) -> None:
        self.socket_file, self.answer, self.heard = socket_file, answer, list[Heard]()

    async def start(self) -> None:
        await asyncio.start_unix_server(self._serve, str(self.socket_file))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if "transfer-encoding" in headers:
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
        self.heard.append(Heard(line, headers, body))
        writer.write(self.answer)
        writer.close()


def asked(method: str = "PUT", path: str = "/api/v1/flags/a", **changes: Any) -> Scope:
    """An HTTP scope; `changes` replace fields."""
    fields = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"flags.example")],
        "client": ("192.0.2.7", 5000),
        "scheme": "http",
    }
    return {**fields, **changes}


async def here(_: Scope, __: Receive, send: Send) -> None:
    """The application of this worker: what comes here was not forwarded."""
    await send({"type": "here"})


async def answer_of(app: Forwarding, scope: Scope, body: Sequence[bytes]) -> list[Message]:
    chunks, sent = list(body), list[Message]()

    async def receive() -> Message:
        if not chunks:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "writer.sock", OK)


def forward(writer: Writer, *scopes: Scope, body: Sequence[bytes] = (b"",)) -> list[list[Message]]:
    """What one worker sends back for each of `scopes`, in turn."""

    async def run() -> list[list[Message]]:
        await writer.start()
        app = Forwarding(here, writer.socket_file)
        return [await answer_of(app, scope, body) for scope in scopes]

    return asyncio.run(run())


WRITES = ["PUT /a", "PATCH /a", "DELETE /a", "BREW /a", "POST /sign-in", "POST /ofrep", "POST /a/ofrep/"]


@pytest.mark.parametrize("what", WRITES)
def test_what_may_write_goes_to_the_writer(writer: Writer, what: str) -> None:
    [answer] = forward(writer, asked(*what.split()))
    assert [heard.line for heard in writer.heard] == [f"{what} HTTP/1.1"]
    assert answer[0]["type"] == "http.response.start"


@pytest.mark.parametrize("what", ["GET /a", "HEAD /a", "OPTIONS /a", "POST /ofrep/v1/evaluate/flags", ""])
def test_what_only_reads_stays_in_this_worker(writer: Writer, what: str) -> None:
    assert forward(writer, asked(*what.split()) if what else {"type": "lifespan"}) == [[{"type": "here"}]]
    assert writer.heard == []


def test_the_answer_comes_back_whole(writer: Writer) -> None:
    [[start, *rest]] = forward(writer, asked())
    assert start["status"] == 200
    assert dict(start["headers"]) == {b"content-length": b"4", b"etag": b'"3"'}
    assert b"".join(part["body"] for part in rest) == b"done"
    assert [part["more_body"] for part in rest][-1] is False


def test_what_belongs_to_the_writers_connection_stays_there(writer: Writer) -> None:
    own = b"Date: now\r\nConnection: close\r\nKeep-Alive: timeout=5\r\nX-Request-Id: r\r\n"
    writer.answer = OK.replace(b"content-length", own + b"content-length")
    [[start, *_]] = forward(writer, asked())
    assert [name for name, _ in start["headers"]] == [b"x-request-id", b"content-length", b"etag"]


@pytest.mark.parametrize(
    ("headers", "chunks"),
    [
        ([(b"content-length", b"6")], [b"abcdef"]),
        ([(b"content-length", b"6")], [b"abc", b"def"]),
        ([], [b"a", b"b"]),
    ],
)
def test_a_body_arrives_as_it_was_sent(
    writer: Writer, headers: list[tuple[bytes, bytes]], chunks: list[bytes]
) -> None:
    forward(writer, asked(headers=headers), body=chunks)
    assert writer.heard[0].body == b"".join(chunks)


TARGETS = ["/a%2Fb", "/a%2e%2e/b", "//a//b", "/a;b=c,d", "/a%c3%a9%zz%", "/a?b=c%20d+e&&g", "/a?b=?/../c"]
TARGETS += ["/a/../b", "/a/./b"]


@pytest.mark.parametrize("target", TARGETS)
def test_the_address_arrives_as_it_was_sent(writer: Writer, target: str) -> None:
    path, _, query = target.partition("?")
    forward(writer, asked("POST", path, query_string=query.encode()))
    assert writer.heard[0].line == f"POST {target} HTTP/1.1"


def test_an_address_that_is_no_path_is_answered_all_the_same(writer: Writer) -> None:
    [answer] = forward(writer, asked("POST", "*"))
    assert answer[0]["type"] == "http.response.start"


def test_the_headers_of_the_client_arrive_but_for_its_connection_and_its_claims(writer: Writer) -> None:
    kept = {"host": "flags.example", "authorization": "Bearer t", "if-match": '"3"', "cookie": "a=1"}
    dropped = ["te", "upgrade", "expect", "forwarded", "x-forwarded-for", "x-forwarded-proto"]
    raw = [
        (name.encode(), value.encode())
        for name, value in [*kept.items(), *((name, "https") for name in dropped)]
    ]
    forward(writer, asked(headers=raw))
    heard = writer.heard[0].headers
    assert {name: heard.get(name) for name in [*kept, *dropped]} == kept | {
        **dict.fromkeys(dropped),
        "x-forwarded-for": "192.0.2.7",
        "x-forwarded-proto": "http",
    }


def test_a_client_without_an_address_is_one_of_this_machine(writer: Writer) -> None:
    forward(writer, asked(client=None, scheme="https"))
    heard = writer.heard[0].headers
    assert (heard["x-forwarded-for"], heard["x-forwarded-proto"]) == ("127.0.0.1", "https")


@pytest.mark.parametrize("name", ["accept-encoding", "user-agent", "accept"])
def test_no_header_is_made_up_for_the_client(writer: Writer, name: str) -> None:
    forward(writer, asked())
    assert name not in writer.heard[0].headers


def test_the_session_of_one_caller_is_never_sent_for_the_next(writer: Writer) -> None:
    writer.answer = SIGNED_IN
    forward(writer, asked("POST", "/sign-in"), asked("PUT"))
    assert "cookie" not in writer.heard[1].headers


def test_a_writer_that_is_away_for_a_moment_is_waited_for(writer: Writer) -> None:
    async def run() -> list[Message]:
        pending = asyncio.ensure_future(answer_of(Forwarding(here, writer.socket_file), asked(), [b"once"]))
        await asyncio.sleep(0.2)
        assert not pending.done()
        await writer.start()
        return await pending

    assert asyncio.run(run())[0]["status"] == 200
    assert [heard.body for heard in writer.heard] == [b"once"]


def test_a_writer_that_stays_away_is_told_as_503(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "PATIENCE_SECONDS", 0.1)
    start, body = asyncio.run(answer_of(Forwarding(here, writer.socket_file), asked(), [b""]))
    assert start["status"] == 503
    assert {(b"retry-after", b"1"), (b"content-type", b"application/problem+json")} <= set(start["headers"])
    assert b'"status":503' in body["body"]


def test_a_writer_that_dies_with_the_request_is_not_asked_again(writer: Writer) -> None:
    writer.answer = b""
    [[start, *_]] = forward(writer, asked("POST"))
    assert start["status"] == 503
    assert len(writer.heard) == 1


def test_an_answer_that_is_cut_short_does_not_look_whole(writer: Writer) -> None:
    writer.answer = OK.replace(b": 4", b": 100")
    [[start, *rest]] = forward(writer, asked())
    assert dict(start["headers"])[b"content-length"] == b"100"
    assert b"".join(part["body"] for part in rest) == b"done"


def test_a_client_that_goes_away_in_its_body_sends_no_write(writer: Writer) -> None:
    [[start, *_]] = forward(writer, asked(headers=[(b"content-length", b"9")]), body=[])
    assert start["status"] == 503
    assert writer.heard == []


@pytest.mark.parametrize("length", [1, 150])
def test_a_socket_is_reached_however_long_its_folder_is_called(tmp_path: Path, length: int) -> None:
    folder = tmp_path / ("d" * length)
    folder.mkdir()
    path = reachable(folder / "writer.sock")
    assert len(path) < 108
    Path(path).touch()
    assert (folder / "writer.sock").exists()
