"""An ASGI application behind a synchronous client."""

import asyncio
import threading
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from burgee.surfaces.cli.asgi_transport import AsgiTransport


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse(
        {
            "method": request.method,
            "path": request.scope["path"],
            "raw": request.scope["raw_path"].decode(),
            "query": request.scope["query_string"].decode(),
            "type": request.headers.get("content-type"),
            "host": request.headers.get("host"),
            "body": body.decode(),
        },
        status_code=207,
        headers={"ETag": '"7"'},
    )


def in_thread(request: Request) -> Response:
    return JSONResponse(threading.current_thread() is not threading.main_thread())


async def in_parts(request: Request) -> Response:
    async def parts() -> Any:
        for part in (b"a", b"", b"b"):
            await asyncio.sleep(0)
            yield part

    return StreamingResponse(parts())


async def crash(request: Request) -> Response:
    raise LookupError("inside")


@pytest.fixture
def client() -> Any:
    routes = [
        Route("/x/{p:path}", echo, methods=["GET", "PUT"]),
        Route("/thread", in_thread),
        Route("/parts", in_parts),
        Route("/crash", crash),
    ]
    application = Starlette(routes=routes)
    with httpx.Client(transport=AsgiTransport(application), base_url="http://in-process") as client:
        yield client


def test_the_application_sees_the_request_whole(client: httpx.Client) -> None:
    answer = client.put("/x/a%2Fb", params={"q": "ü&"}, content=b"body", headers={"Content-Type": "text/x"})
    assert answer.status_code == 207
    assert answer.headers["etag"] == '"7"'
    assert answer.json() == {
        "method": "PUT",
        "path": "/x/a/b",
        "raw": "/x/a%2Fb",
        "query": "q=%C3%BC%26",
        "type": "text/x",
        "host": "in-process",
        "body": "body",
    }


def test_the_client_is_used_again_and_again(client: httpx.Client) -> None:
    assert [client.get("/x/y").status_code for _ in range(3)] == [207, 207, 207]


def test_a_synchronous_endpoint_runs_in_a_thread(client: httpx.Client) -> None:
    assert client.get("/thread").json() is True


def test_an_answer_in_parts_is_read_whole(client: httpx.Client) -> None:
    assert client.get("/parts").content == b"ab"


def test_what_the_application_raises_is_raised(client: httpx.Client) -> None:
    with pytest.raises(LookupError, match="inside"):
        client.get("/crash")
