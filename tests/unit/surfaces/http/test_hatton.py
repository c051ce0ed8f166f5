"""The Hatton dialect in one process: what its answers say of flags of every kind, and its strict form."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from burgee.service.services import Services
from burgee.surfaces.http.app import build_app

NATIVE = "/api/v1/flags/banner"
BOOLEAN = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}


@pytest.fixture
def strict(services: Services, token: Callable[..., str]) -> TestClient:
    """An administrator of a server with the strict form."""
    app = build_app(msgspec.structs.replace(services, hatton_strict_compat=True))
    return TestClient(
        app, headers={"authorization": f"Bearer {token('admin')}"}, raise_server_exceptions=False
    )


def create(client: TestClient, name: str, value: bool = True) -> None:
    response = client.post("/feature-flag", json={"flagName": name, "currentVariation": value})
    assert response.status_code == 200, response.text


def value(client: TestClient, name: str) -> bool:
    read = client.get(f"/feature-flag/{name}")
    assert read.status_code == 200, read.text
    return bool(read.json()["currentVariation"])


def test_a_flag_made_here_is_an_ordinary_one_of_the_default_set(admin: TestClient) -> None:
    create(admin, "New banner", False)
    flag = admin.get("/api/v1/flag-sets/default/flags/new-banner").json()
    assert flag["variants"] == {"on": True, "off": False}
    assert (flag["name"], flag["defaultVariant"], flag["status"]) == ("New banner", "off", "ENABLED")
    assert flag["createdBy"] == "admin@example.com"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BOOLEAN, True),
        (BOOLEAN | {"defaultVariant": "off"}, False),
        (BOOLEAN | {"status": "DISABLED"}, False),
        (BOOLEAN | {"defaultVariant": None}, False),
        ({"variants": {"yes": True, "no": False}, "defaultVariant": "yes"}, True),
        (BOOLEAN | {"targeting": {"if": [True, "off"]}}, True),
    ],
)
def test_a_boolean_flag_made_elsewhere_is_read_by_its_key(
    admin: TestClient, content: dict[str, Any], said: bool
) -> None:
    admin.put(NATIVE, json=content)
    assert value(admin, "banner") is said


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("before", [{}, {"status": "DISABLED"}, {"defaultVariant": "off"}])
def test_what_was_put_is_what_is_read(admin: TestClient, wanted: bool, before: dict[str, Any]) -> None:
    admin.put(NATIVE, json=BOOLEAN | before | {"description": "kept"})
    body = {"flagName": "banner", "currentVariation": wanted}
    answer = admin.put("/feature-flag/banner", json=body)
    assert answer.json() == {"success": True, **body, "lastAccessed": None}
    assert value(admin, "banner") is wanted
    assert admin.get(NATIVE).json()["description"] == "kept"


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_flag_that_is_not_boolean_is_a_conflict_and_stays_as_it_is(admin: TestClient, method: str) -> None:
    admin.put(NATIVE, json={"variants": {"a": "x"}, "defaultVariant": "a"})
    body = {"flagName": "banner", "currentVariation": True}
    answer = admin.request(method, "/feature-flag/banner", json=body)
    assert answer.status_code == 409
    assert "not boolean" in answer.json()["message"]
    assert admin.get(NATIVE).json()["version"] == 1


def test_a_value_that_the_flag_has_no_variant_for_is_a_conflict(admin: TestClient) -> None:
    admin.put(NATIVE, json={"variants": {"on": True}, "defaultVariant": "on"})
    answer = admin.put("/feature-flag/banner", json={"flagName": "banner", "currentVariation": False})
    assert (answer.status_code, value(admin, "banner")) == (409, True)


@pytest.mark.parametrize(
    "name", ["größe", "日本 🚩", "a b", "a+b", "a?b#c", "a&b;c", '"quoted"', "back\\slash", "{x}"]
)
def test_any_printable_name_is_kept_and_found(admin: TestClient, strict: TestClient, name: str) -> None:
    quoted = "/feature-flag/" + "".join(f"%{byte:02X}" for byte in name.encode())
    create(admin, name)
    found = admin.get(quoted)
    assert (found.status_code, found.json()["flagName"]) == (200, name)
    assert json.loads(strict.get(quoted).json())["FlagName"] == name


def test_the_strict_form_escapes_as_the_source_did(strict: TestClient) -> None:
    create(strict, "é<\"\\&'+>`\U0001f6a9~")
    body = strict.get("/feature-flag/%C3%A9%3C%22%5C%26%27%2B%3E%60%F0%9F%9A%A9~").content
    name = rb"\\u00E9\\u003C\\u0022\\\\\\u0026\\u0027\\u002B\\u003E\\u0060\\uD83D\\uDEA9~"
    assert body == (
        rb'"{\u0022Success\u0022:true,\u0022ErrorMessage\u0022:null,\u0022FlagName\u0022:\u0022'
        + name
        + rb'\u0022,\u0022CurrentVariation\u0022:true}"'
    )


def test_errors_of_everywhere_are_a_message_in_both_forms(
    client: TestClient, as_role: Callable[..., TestClient], admin: TestClient, strict: TestClient
) -> None:
    body = {"flagName": "x", "currentVariation": True}
    text = {"content-type": "text/plain"}
    answers = [
        (client.get("/feature-flag/x"), 401),
        (client.post("/feature-flag", json=body), 401),
        (as_role("reader").post("/feature-flag", json=body), 403),
        (as_role("editor", "shop").post("/feature-flag", json=body), 403),
        (as_role("sdk-client", "shop").get("/feature-flag/x"), 403),
        (admin.post("/feature-flag", content=b"{}", headers=text), 415),
        (strict.post("/feature-flag", content=b"{}", headers=text), 415),
        (admin.post("/feature-flag", content=b" " * 300_000), 415),
        (admin.patch("/feature-flag/x", json=body), 405),
        (admin.get("/feature-flag"), 405),
        (admin.get("/feature-flag/" + "x" * 257), 400),
    ]
    for answer, status in answers:
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("application/json")
        assert list(answer.json()) == ["message"]
        assert answer.json()["message"]
    assert answers[0][0].headers["www-authenticate"] == "Bearer"
    assert answers[8][0].headers["allow"] == "DELETE, GET, HEAD, PUT"


def test_a_deletion_that_nobody_allowed_is_refused(
    admin: TestClient, as_role: Callable[..., TestClient]
) -> None:
    create(admin, "x")
    assert as_role("reader").delete("/feature-flag/x").json()["message"] != "Deleting Flags is disabled"
    assert admin.delete("/feature-flag/x").json() == {"message": "Deleting Flags is disabled"}
    assert value(admin, "x") is True


def test_a_deletion_that_the_environment_allows_is_done(
    admin: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURGEE_PARAMETER_ALLOW_FLAG_DELETION", "True")
    create(admin, "x")
    done = admin.delete("/feature-flag/x")
    assert (done.status_code, done.json()["flagName"]) == (200, "x")
    assert admin.get("/feature-flag/x").status_code == 404


def test_a_flag_made_again_starts_unread(admin: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURGEE_PARAMETER_ALLOW_FLAG_DELETION", "true")
    create(admin, "x")
    value(admin, "x")
    body = {"flagName": "x", "currentVariation": True}
    assert admin.put("/feature-flag/x", json=body).json()["lastAccessed"] is not None
    admin.delete("/feature-flag/x")
    assert admin.post("/feature-flag", json=body).json()["lastAccessed"] is None
