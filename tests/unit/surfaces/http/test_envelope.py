"""Request ids, security headers, the last resort, and logs that tell nothing about people."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from burgee.errors import StoreDamagedError, StoreFullError
from burgee.service.services import Services
from burgee.surfaces.http.app import build_app


def client_of(services: Services, fail: Exception | None = None, **options: Any) -> TestClient:
    """An application with one more route, which raises `fail` or reads its whole body."""

    async def answer(request: Request) -> Response:
        if fail is not None:
            raise fail
        return Response(str(len(await request.body())))

    routes = [Route("/extra", answer, methods=["GET", "POST"])]
    app: Starlette = build_app(services, evaluation_routes=routes, **options)
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize("sent", ["abc", "A-1_b.c:d", "x" * 64])
def test_a_well_formed_request_id_comes_back(client: TestClient, sent: str) -> None:
    assert client.get("/api/v1/flags", headers={"x-request-id": sent}).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, "é", "<script>", 'a"b'])
def test_any_other_request_id_is_replaced(services: Services, sent: str) -> None:
    client = client_of(services, new_request_id=lambda: "ours")
    response = client.get("/api/v1/flags", headers={b"x-request-id": sent.encode()})
    assert response.headers["x-request-id"] == "ours"
    assert response.json()["requestId"] == "ours"


@pytest.mark.parametrize(
    "path", ["/api/v1/flags", "/nowhere", "/docs", "/openapi.json", "/sign-in", "/extra"]
)
def test_every_answer_wears_the_security_headers(services: Services, path: str) -> None:
    headers = client_of(services).get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in ("no-referrer", "same-origin")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    if path.startswith("/api"):
        assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_an_error_of_ours_is_500_and_tells_nothing(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "SELECT * FROM /var/lib/burgee"
    response = client_of(services, ValueError(secret)).get("/extra", headers={"x-request-id": "r1"})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["requestId"] == "r1"
    assert "SELECT" not in response.text
    assert "Traceback" not in response.text
    (record,) = [each for each in caplog.records if each.message == "request.failed"]
    assert record.__dict__["fields"]["error"] == "ValueError"
    assert secret not in str(record.__dict__)


@pytest.mark.parametrize(
    ("error", "status"), [(StoreFullError("/disk/x is full"), 507), (StoreDamagedError("row 7 of /x"), 503)]
)
def test_what_the_store_says_stays_with_us(services: Services, error: Exception, status: int) -> None:
    response = client_of(services, error).get("/extra")
    assert response.status_code == status
    assert response.headers["retry-after"] == "1"
    assert "/x" not in response.text
    assert "/disk" not in response.text


@pytest.mark.parametrize(("size", "status"), [(256 * 1024, 200), (256 * 1024 + 1, 413)])
def test_routes_of_others_have_a_ceiling_too_chunked_or_not(
    services: Services, size: int, status: int
) -> None:
    client = client_of(services)
    assert client.post("/extra", content=b"x" * size).status_code == status
    assert client.post("/extra", content=iter([b"x" * 1000, b"x" * (size - 1000)])).status_code == status


def test_no_secret_reaches_the_log(
    services: Services, token: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = client_of(services, log_requests=True)
    bearer = token("admin")
    headers = {
        "authorization": f"Bearer {bearer}",
        "cookie": "theme=canary-cookie",
        "x-other": "canary-header",
    }
    body = {"variants": {"on": "canary-value"}, "defaultVariant": "canary-missing", "nope": "canary-field"}
    client.put("/api/v1/flags/banner?force=canary-query", json=body, headers=headers)
    client.put("/api/v1/flags/banner", json=body, headers=headers)
    client.post("/api/v1/tokens", json={"subject": "ci", "role": "reader", "ttlSeconds": 60}, headers=headers)
    client.get("/sign-in?code=canary-code")
    client.post("/sign-in", data={"code": "canary-code"})
    client_of(services, RuntimeError("canary-error"), log_requests=True).get("/extra", headers=headers)
    logged = "\n".join(str(record.__dict__) for record in caplog.records if record.name.startswith("burgee"))
    assert "request.completed" in logged
    assert "canary" not in logged
    assert bearer not in logged
