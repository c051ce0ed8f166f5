"""A real browser: pages of an allowed origin work with `credentials: include`, those of another do not."""

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from burgee.testing.rds import Issuer
from burgee.testing.server import Server, running_server, token

pytestmark = [pytest.mark.clients, pytest.mark.timeout(180)]

PAGE = Path(__file__).with_name("cross_origin.html")
SOURCE_PAGE = Path(__file__).with_name("source_page.html")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_SECONDS = 60.0
EVERY_CALL = {
    "whoami",
    "create",
    "change",
    "simple",
    "missing",
    "invalid",
    "tooLarge",
    "tooLong",
    "one",
    "again",
    "all",
    "stream",
}


class Site(NamedTuple):
    """A site with one page; `cookie` is what the page sets, for every port of this host."""

    origin: str
    reports: "queue.Queue[dict[str, Any]]"
    cookies: list[str]


@contextmanager
def site(page: Path = PAGE) -> Iterator[Site]:
    reports: queue.Queue[dict[str, Any]] = queue.Queue()
    cookies: list[str] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            for cookie in cookies:
                self.send_header("Set-Cookie", cookie)
            self.end_headers()
            self.wfile.write(page.read_bytes())

        def do_POST(self) -> None:
            reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Site(f"http://127.0.0.1:{server.server_port}", reports, cookies)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed (Debian: apt install chromium)")
    return found


class World(NamedTuple):
    """A running server, one site that it allows and one that it does not; both have the session cookie."""

    server: Server
    ours: Site
    theirs: Site


@pytest.fixture(scope="module", params=[1, 2], ids=["one worker", "two workers"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data = tmp_path_factory.mktemp("browser") / "data"
    with site() as ours, site() as theirs:
        origins = {"BURGEE_CORS_ORIGINS": f"https://app.example.com, {ours.origin}"}
        with running_server(data, workers=request.param, environment=origins) as server:
            for each in (ours, theirs):
                cookie = f"burgee-session={token(data, role='editor')}; Path=/; HttpOnly; SameSite=Strict"
                each.cookies.append(cookie)
            yield World(server, ours, theirs)


def visit(browser: str, page: Site, server: Server, flag: str, profile: Path) -> dict[str, Any]:
    """What a page found out that a browser of its own was sent to."""
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--no-proxy-server",
        "--disable-background-networking",
        "--remote-debugging-port=0",  # keeps it open until it is told to end
        f"--user-data-dir={profile}",
        f"{page.origin}/?api={server.url}&flag={flag}",
    ]
    log = profile.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        return page.reports.get(timeout=PATIENCE_SECONDS)
    except queue.Empty:
        pytest.fail(f"the page did not report:\n{log.read_text(errors='replace')[-2000:]}")
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its own session: nobody else's processes
        process.wait(10)


def test_a_page_of_an_allowed_origin_works_with_the_cookies_of_its_user(
    world: World, browser: str, tmp_path: Path
) -> None:
    found = visit(browser, world.ours, world.server, "ours", tmp_path / "profile")
    assert found.keys() == EVERY_CALL
    statuses = {name: call["status"] for name, call in found.items() if name != "stream"}
    assert statuses == {
        "whoami": 200,
        "create": 201,
        "change": 200,
        "simple": 415,
        "missing": 404,
        "invalid": 400,
        "tooLarge": 413,
        "tooLong": 414,
        "one": 200,
        "again": 200,
        "all": 200,
    }
    assert found["whoami"]["body"]["subject"] == "test"
    assert (found["create"]["etag"], found["change"]["etag"]) == ('"1"', '"2"')
    assert found["missing"]["body"]["title"] == "Not found"
    assert found["missing"]["requestId"]
    assert found["one"]["body"]["value"] is True
    assert found["again"]["body"] == found["one"]["body"]
    assert found["all"]["etag"]
    assert found["stream"] == "open"


def test_a_page_of_another_origin_reads_nothing_and_changes_nothing(
    world: World, browser: str, tmp_path: Path
) -> None:
    found = visit(browser, world.theirs, world.server, "theirs", tmp_path / "profile")
    assert found.keys() == EVERY_CALL
    assert found.pop("stream") == "failed"
    assert set(map(str, found.values())) == {str({"failed": "TypeError"})}
    with world.server.client() as client:
        assert client.get("/api/v1/flags/theirs").status_code == 404
        assert client.get("/api/v1/flags/simple").status_code == 404


@pytest.fixture(scope="module")
def source_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server for pages of the source's frontend, whose sessions are those of the source's issuer."""
    issuer = Issuer()
    with site(SOURCE_PAGE) as ours, site(SOURCE_PAGE) as theirs:
        settings = {
            "BURGEE_PUBLIC_KEY": issuer.public_pem,
            "BURGEE_CORS_ORIGINS": ours.origin,
            "ENVIRONMENT": "PRODUCTION",
        }
        data = tmp_path_factory.mktemp("source") / "data"
        with running_server(data, environment=settings, command=("burgee", "serve")) as server:
            for each in (ours, theirs):
                each.cookies.append(f"rds-session={issuer.token()}; Path=/; HttpOnly")
            yield World(server, ours, theirs)


def test_a_page_of_the_sources_frontend_works_as_it_is(
    source_world: World, browser: str, tmp_path: Path
) -> None:
    found = visit(browser, source_world.ours, source_world.server, "ours", tmp_path / "profile")
    assert {name: call["status"] for name, call in found.items()} == {
        "empty": 200,
        "create": 201,
        "incomplete": 400,
        "list": 200,
        "change": 200,
        "pin": 200,
        "pinAgain": 409,
        "evaluate": 200,
        "missing": 404,
        "createSimple": 200,
        "readSimple": 200,
        "plain": 201,
    }
    assert (found["empty"]["body"], len(found["list"]["body"])) == ([], 1)
    assert found["create"]["body"]["data"]["createdBy"] == "ada"
    assert found["incomplete"]["body"]["message"].startswith("Check the request body")
    assert (found["change"]["body"]["status"], found["pin"]["body"]["status"]) == ("DISABLED", "ENABLED")
    assert found["evaluate"]["body"]["value"] is True
    assert found["missing"]["body"] == {"message": "Feature flag not found"}
    assert found["readSimple"]["body"]["currentVariation"] is True


def test_a_page_of_another_site_does_nothing_with_the_sources_sessions(
    source_world: World, browser: str, tmp_path: Path
) -> None:
    server = source_world.server
    with server.client() as client:
        before = client.get("/feature-flags").json()
        found = visit(browser, source_world.theirs, server, "theirs", tmp_path / "profile")
        assert set(map(str, found.values())) == {str({"failed": "TypeError"})}
        assert client.get("/feature-flags").json() == before
