"""A one-time link: opening it changes nothing, its button signs in, once."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from burgee.service.services import Services
from burgee.surfaces.http.app import build_app


def test_opening_the_link_changes_nothing(client: TestClient, services: Services) -> None:
    code = services.access.create_sign_in_code()
    for _ in range(3):
        page = client.get("/sign-in", params={"code": code})
        assert page.status_code == 200
        assert "set-cookie" not in page.headers
        assert f'value="{code}"' in page.text
        assert page.text.count("<button") == 1
    assert client.post("/sign-in", data={"code": code}).status_code == 303


def test_the_button_signs_in_and_leads_to_the_documentation(client: TestClient, services: Services) -> None:
    code = services.access.create_sign_in_code()
    response = client.post("/sign-in", data={"code": code}, headers={"origin": "http://testserver"})
    assert (response.status_code, response.headers["location"]) == (303, "/docs")
    cookie = response.headers["set-cookie"]
    for part in ("burgee-session=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="):
        assert part in cookie
    assert "Secure" not in cookie
    session = cookie.partition(";")[0]
    assert client.get("/api/v1/whoami", headers={"cookie": session}).json()["role"] == "admin"


def test_a_code_works_once(client: TestClient, services: Services) -> None:
    code = services.access.create_sign_in_code()
    client.post("/sign-in", data={"code": code})
    again = client.post("/sign-in", data={"code": code})
    assert again.status_code == 401
    assert again.headers["content-type"].startswith("text/html")
    assert "set-cookie" not in again.headers


@pytest.mark.parametrize("body", [b"", b"code=", b"code=wrong", b"code=%ff", b"\xff", b"code=" + b"x" * 9000])
def test_any_other_code_is_401(client: TestClient, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/sign-in", content=body, headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_another_site_cannot_press_the_button(
    client: TestClient, services: Services, path: str, headers: dict[str, str]
) -> None:
    code = services.access.create_sign_in_code()
    assert client.post(path, data={"code": code}, headers=headers).status_code == 403
    assert client.post("/sign-in", data={"code": code}).status_code == 303


def test_the_cookie_is_secure_behind_https(services: Services) -> None:
    client = TestClient(build_app(services, public_url="https://flags.example/x"), follow_redirects=False)
    code = services.access.create_sign_in_code()
    response = client.post("/sign-in", data={"code": code}, headers={"origin": "https://flags.example"})
    assert response.headers["set-cookie"].endswith("; Secure")


def test_signing_out_forgets_the_session(client: TestClient) -> None:
    response = client.post("/sign-out", headers={"sec-fetch-site": "same-origin"})
    assert response.status_code == 303
    assert "burgee-session=;" in response.headers["set-cookie"]
    assert "Max-Age=0" in response.headers["set-cookie"]


@pytest.mark.parametrize("code", ["<script>", '"x', "a b", "x" * 257, "é"])
def test_a_code_that_cannot_be_is_not_shown(client: TestClient, code: str) -> None:
    response = client.get("/sign-in", params={"code": code})
    assert response.status_code == 400
    assert "<script>" not in response.text


def test_the_page_asks_for_a_code_where_the_link_has_none(client: TestClient) -> None:
    assert 'type="text"' in client.get("/sign-in").text


def test_the_form_can_tell_its_origin(client: TestClient, as_role: Callable[..., TestClient]) -> None:
    # With no-referrer browsers send Origin: null, and the form would refuse its own page.
    assert client.get("/sign-in").headers["referrer-policy"] == "same-origin"
    assert as_role("admin").get("/docs").headers["referrer-policy"] == "same-origin"
