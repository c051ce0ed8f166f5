"""Another issuer, set up by settings: its published keys, its cookie, and what is said while it is away."""

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from starlette.testclient import TestClient

from burgee.bootstrap import open_application
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.counters import Counters, SharedCounters
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.http.ofrep_routes import ofrep_routes, stream_routes
from burgee.surfaces.http.streams import StreamHub
from burgee.testing.token_workshop import HEADER, jwks, public_pem_of, signed


class KeyServer:
    """An issuer's key set on this machine; None is one that fails."""

    def __init__(self) -> None:
        self.document: bytes | None = jwks("one")
        self.fetched = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.fetched += 1
                self.send_response(200 if outer.document is not None else 500)
                self.end_headers()
                self.wfile.write(outer.document or b"")

            def log_message(self, *_: Any) -> None:
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


@pytest.fixture
def issuer() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.close()


@pytest.fixture
def opened() -> Iterator[Callable[..., Services]]:
    """Opens applications by their settings, as the environment would have them."""
    with ExitStack() as stack:

        def make(**env: str) -> Services:
            settings = Settings.from_mapping({"BURGEE_DATA": ":memory:", **env})
            return stack.enter_context(open_application(settings))

        yield make


def client_of(services: Services) -> TestClient:
    ofrep = Ofrep(services.live, services.access, Counters(SharedCounters.create(1), 0), open_to_all=False)
    hub = StreamHub(ofrep, ofrep.counters, dice=lambda: 0.5)
    routes = [*ofrep_routes(ofrep), *stream_routes(ofrep, hub)]
    return TestClient(build_app(services, evaluation_routes=routes), raise_server_exceptions=False)


def token(key: str, **claims: Any) -> str:
    payload = {"userId": "u-1", "exp": int(time.time()) + 600, **claims}
    return signed(payload, key=key, header={**HEADER, "kid": key})


def bearer(key: str, **claims: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {token(key, **claims)}"}


def test_the_first_request_waits_for_the_keys_and_a_rotated_key_needs_no_restart(
    issuer: KeyServer, opened: Callable[..., Services]
) -> None:
    client = client_of(opened(BURGEE_JWKS_URL=issuer.url))
    assert client.get("/api/v1/whoami", headers=bearer("one", role="DEVELOPER")).json()["role"] == "editor"
    issuer.document = jwks("one", "two")
    assert client.get("/api/v1/whoami", headers=bearer("two")).json()["subject"] == "u-1"
    for number in range(20):
        headers = {"authorization": f"Bearer {signed({}, key='x', header={**HEADER, 'kid': str(number)})}"}
        assert client.get("/api/v1/whoami", headers=headers).status_code == 401
    assert issuer.fetched == 2


def test_an_issuer_that_is_away_is_503_for_its_tokens_and_nothing_for_ours(
    issuer: KeyServer, opened: Callable[..., Services]
) -> None:
    issuer.document = None
    services = opened(BURGEE_JWKS_URL=issuer.url)
    services.access.await_keys()
    client = client_of(services)
    answer = client.get("/api/v1/whoami", headers=bearer("one"))
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("keys-unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert client.get("/api/v1/whoami", headers={"authorization": "Bearer a.b.c"}).status_code == 401
    for method, path in (
        ("POST", "/ofrep/v1/evaluate/flags"),
        ("POST", "/ofrep/v1/evaluate/flags/x"),
        ("GET", "/ofrep/v1/sse"),
    ):
        answer = client.request(method, path, headers=bearer("one"))
        assert (answer.status_code, int(answer.headers["retry-after"]) >= 1) == (503, True)


@pytest.mark.parametrize(
    ("env", "cookie"),
    [
        ({"ENVIRONMENT": "PRODUCTION"}, "rds-session"),
        ({"ENVIRONMENT": "DEVELOPMENT"}, "rds-session-staging"),
        ({"ENVIRONMENT": "TESTING"}, "rds-session-development"),
        ({}, "rds-session-development"),
        ({"SESSION_COOKIE_NAME": "mine", "ENVIRONMENT": "PRODUCTION"}, "mine"),
    ],
)
def test_a_session_of_the_source_system_goes_on(
    opened: Callable[..., Services], env: dict[str, str], cookie: str
) -> None:
    client = client_of(opened(BURGEE_PUBLIC_KEY=public_pem_of("one").decode(), **env))
    for name in ("rds-session", "rds-session-staging", "rds-session-development", "mine"):
        headers = {"cookie": f"a=1;  {name}={token('one')} ; b=2"}
        status = client.get("/api/v1/whoami", headers=headers).status_code
        assert status == (200 if name == cookie else 401), name


@pytest.mark.parametrize(
    ("env", "claims", "status"),
    [
        ({}, {}, 200),
        ({"BURGEE_TOKEN_ISSUER": "me"}, {}, 401),
        ({"BURGEE_TOKEN_ISSUER": "me"}, {"iss": "me"}, 200),
        ({"BURGEE_TOKEN_AUDIENCE": "us"}, {}, 401),
        ({"BURGEE_TOKEN_AUDIENCE": "us"}, {"aud": ["us"]}, 200),
        ({"BURGEE_TOKEN_IDENTITY": "sub"}, {}, 401),
        ({"BURGEE_TOKEN_IDENTITY": "sub"}, {"sub": "s"}, 200),
        ({"BURGEE_TOKEN_ALGORITHMS": "RS512"}, {}, 401),
        ({"BURGEE_TOKEN_LEEWAY_SECONDS": "60"}, {"exp": int(time.time()) - 5}, 200),
        ({}, {"exp": int(time.time()) - 5}, 401),
    ],
)
def test_every_setting_of_the_other_issuer_reaches_its_tokens(
    opened: Callable[..., Services], env: dict[str, str], claims: dict[str, Any], status: int
) -> None:
    client = client_of(opened(BURGEE_PUBLIC_KEY=public_pem_of("one").decode(), **env))
    assert client.get("/api/v1/whoami", headers=bearer("one", **claims)).status_code == status


def test_a_pem_and_published_keys_stand_side_by_side(
    issuer: KeyServer, opened: Callable[..., Services]
) -> None:
    client = client_of(opened(BURGEE_JWKS_URL=issuer.url, BURGEE_PUBLIC_KEY=public_pem_of("two").decode()))
    for key, status in (("one", 200), ("two", 200), ("three", 401)):
        assert client.get("/api/v1/whoami", headers=bearer(key)).status_code == status


def test_closing_the_application_ends_its_threads(issuer: KeyServer) -> None:
    with open_application(Settings(data=":memory:", jwks_url=issuer.url)) as services:
        services.access.await_keys()
        assert {"burgee-jwks", "burgee-key-uses"} <= {thread.name for thread in threading.enumerate()}
    give_up = time.monotonic() + 5
    while time.monotonic() < give_up and any(t.name.startswith("burgee-j") for t in threading.enumerate()):
        time.sleep(0.01)
    assert not {"burgee-jwks", "burgee-key-uses"} & {thread.name for thread in threading.enumerate()}
