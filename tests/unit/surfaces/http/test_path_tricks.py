"""However a path is written, it opens nothing that it does not open when written plainly (CVE-2026-0650)."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Scope

from burgee.service.access import Permission
from burgee.service.services import Services
from burgee.surfaces.http.operation import Operation
from burgee.surfaces.http.routes import OPERATIONS
from burgee.testing.listening import listening
from burgee.testing.role_matrix import concrete

NAMES = {"flagSet": "default", "keyId": "0" * 16}
PERMITTED = [operation for operation in OPERATIONS if operation.permission is not None]
SHUT = {400, 401, 404, 405}


def spellings(path: str) -> Iterator[str]:
    """Other ways to write `path`, and ways to reach it from an open one."""
    head, _, last = path.rpartition("/")
    yield f"/{path}"
    yield f"//{path}"
    yield f"{head}//{last}"
    yield path.replace("/", "//")
    yield f"{path}/"
    yield f"{path}//"
    yield f"{head}/./{last}"
    yield f"{head}/x/../{last}"
    yield f"{path}/."
    yield f"{path}/.."
    yield f"{head}/%2e/{last}"
    yield f"{head}/%2e%2e{path}"
    yield path.replace("/", "%2f")
    yield path.replace("/", "%2F", 2)
    yield f"{head}%2f{last}"
    yield path.replace("/", "\\")
    yield path.replace("/", "%5c")
    yield path.upper()
    yield path.replace("api", "Api")
    yield f"{path};x=1"
    yield f"{path};/docs"
    yield f"{head};/{last}"
    yield f"{path}."
    yield f"{path}%00"
    yield f"{path}%00.css"
    yield f"{path}%0a"
    yield f"{path}%0d%0aauthorization:x"
    yield f"{path}%20"
    yield f"{path}#/docs"
    yield f"{path}%23"
    yield f"{path}%3f"
    yield f"{path}?/docs"
    yield f"{path}?x=/docs/style.css"
    yield f"{path}.css"
    yield f"{path}/docs"
    for start in ("/docs", "/docs/style.css", "/openapi.json", "/sign-in", "/ofrep/v1/evaluate/flags"):
        yield f"{start}/..{path}"
        yield f"{start}/%2e%2e{path}"
        yield f"{start}/..%2f{path}"
        yield f"{start}/..;{path}"
    yield path.replace("a", "%61")
    yield path.replace("/v1", "/%761")
    yield path.replace("a", "%2561")
    yield path.replace("/", "%252f")
    yield path.replace("a", "%c1%a1")
    yield path.replace("/", "%c0%af")
    yield path.replace("a", "\uff41".encode().decode("latin-1"))
    yield f"http://testserver{path}"


def asked(client: TestClient, operation: Operation, paths: Iterable[str]) -> dict[str, int]:
    """The status of each path, which reaches the application as it is written: no client tidies it up."""

    async def ask(raw: str) -> int:
        path, _, query = raw.partition("?")
        sent = [(name.encode(), value.encode()) for name, value in client.headers.items()]
        scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": operation.method,
            "scheme": "http",
            "path": unquote(path, encoding="utf-8"),
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": [*sent, (b"host", b"testserver"), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
            "server": ("testserver", 80),
        }
        statuses = list[int]()

        async def receive() -> Message:
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await client.app(scope, receive, send)
        return statuses[0]

    async def ask_all() -> dict[str, int]:
        return {path: await ask(path) for path in paths}

    return asyncio.run(ask_all())


def opened(statuses: dict[str, int], shut: set[int]) -> dict[str, int]:
    """The spellings that got further than they may."""
    return {path: status for path, status in statuses.items() if status not in shut}


@pytest.mark.parametrize("operation", PERMITTED, ids=lambda operation: operation.name)
def test_item_20_no_spelling_opens_a_route_to_nobody(operation: Operation, client: TestClient) -> None:
    assert opened(asked(client, operation, spellings(concrete(operation.path, NAMES))), SHUT) == {}


@pytest.mark.parametrize(
    "operation",
    [each for each in PERMITTED if each.permission is not Permission.EVALUATE],
    ids=lambda operation: operation.name,
)
def test_item_20_no_spelling_opens_a_route_to_a_role_that_may_not(
    operation: Operation, as_role: Callable[..., TestClient]
) -> None:
    client = as_role("sdk-server" if operation.permission is Permission.READ else "reader")
    plain = concrete(operation.path, NAMES)
    statuses = asked(client, operation, [plain, *spellings(plain)])
    assert statuses[plain] == 403
    assert opened(statuses, SHUT | {403}) == {}


@pytest.mark.parametrize("operation", PERMITTED, ids=lambda operation: operation.name)
def test_item_20_a_letter_written_as_a_number_is_the_same_route(
    operation: Operation, client: TestClient
) -> None:
    path = concrete(operation.path, NAMES)
    assert set(asked(client, operation, [path, path.replace("a", "%61")]).values()) == {401}


@pytest.mark.parametrize("header", ["x-original-url", "x-rewrite-url", "x-forwarded-path", "x-forwarded-uri"])
def test_item_20_no_header_says_which_route_is_meant(client: TestClient, header: str) -> None:
    assert client.get("/api/v1/flags", headers={header: "/docs"}).status_code == 401
    assert (
        client.get("/docs", headers={header: "/api/v1/flags"}).headers["content-type"].startswith("text/html")
    )


@pytest.mark.parametrize("inline", [True, False])
def test_item_20_no_spelling_opens_evaluation_on_the_wire(services: Services, inline: bool) -> None:
    paths = [*spellings("/ofrep/v1/evaluate/flags/banner"), *spellings("/ofrep/v1/sse")]
    with listening(services, open_to_all=False, inline=inline) as server:
        for path in paths:
            for method in ("POST", "GET"):
                head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2"
                answer = server.exchange(head.encode("latin-1") + b"\r\n\r\n{}")
                assert int(answer.split(b" ", 2)[1]) in SHUT, (method, path)
