"""The RDS dialect in memory: bodies, words, views, and what several settings and flag sets make of it."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from burgee.errors import (
    BurgeeError,
    Fault,
    ForbiddenError,
    InvalidInputError,
    NoCredentialsError,
    OriginRefusedError,
    ReadOnlyError,
    StoreFullError,
    UnauthenticatedError,
    UnavailableError,
    UnidentifiedError,
    VersionConflictError,
)
from burgee.model.flag import Flag, FlagStatus
from burgee.model.override import Override
from burgee.model.resolution import Reason
from burgee.service.overrides import OverrideDraft
from burgee.service.publish import Author
from burgee.service.services import Services
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.cors import Cors
from burgee.surfaces.http.problems import BodyTooLargeError, MethodNotAllowedError
from burgee.surfaces.http.rds_errors import FAILURE, RdsError, error_answer
from burgee.surfaces.http.rds_views import flag_view, mapping_view

FLAG = Flag(
    id="b7c1",
    key="dark-mode",
    name="Dark mode",
    description="The dark colours",
    status=FlagStatus.DISABLED,
    variants={"on": True, "off": False, "blue": "x", "none": None},
    default_variant="on",
    created_at=1_700_000_000.999,
    created_by="ada",
    updated_at=1_700_000_001.0,
    updated_by="grace",
)
AUTHOR = Author(subject="ada")
CORS = Cors.from_text("https://app.example.com")


def made(client: TestClient, **fields: Any) -> dict[str, Any]:
    answer = client.post("/feature-flags", json={"name": "Dark mode", "description": "d", **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["data"])


# --- words ---


@pytest.mark.parametrize(
    ("error", "status", "message", "old_status"),
    [
        (RdsError(409, "There is one", old_status=404), 409, "There is one", 404),
        (RdsError(404, "None"), 404, "None", 404),
        (NoCredentialsError("x"), 401, "Unauthenticated", 401),
        (UnidentifiedError("x"), 401, "Unauthorized", 401),
        (UnauthenticatedError("x"), 401, "Invalid token", 401),
        (ForbiddenError("the role reader"), 403, "Insufficient permissions", 403),
        (OriginRefusedError("x"), 403, "CORS policy: No origin header found.", 403),
        (MethodNotAllowedError(("GET", "POST")), 405, "this path answers GET, POST", 405),
        (BodyTooLargeError(5), 413, "/: the body is larger than 5 bytes", 413),
        (InvalidInputError([Fault("/name", "bad", "it is bad")]), 400, "/name: it is bad", 400),
        (VersionConflictError("overtaken", current=3), 409, "overtaken", 409),
        (UnavailableError("the disk at /var/lib"), 500, FAILURE, 500),
        (ReadOnlyError("damaged"), 500, FAILURE, 500),
        (StoreFullError("full"), 500, FAILURE, 500),
        (BurgeeError("of no known kind"), 500, FAILURE, 500),
        (ZeroDivisionError("secret"), 500, FAILURE, 500),
    ],
)
def test_an_error_is_said_in_the_sources_words(
    services: Services, error: Exception, status: int, message: str, old_status: int
) -> None:
    answer = error_answer(error, services, Headers())
    assert (answer.status, msgspec.json.decode(answer.body)) == (status, {"message": message})
    assert answer.header("content-type") == "application/json; charset=utf-8"
    old = error_answer(error, msgspec.structs.replace(services, rds_strict_compat=True), Headers())
    assert (old.status, old.body.decode()) == (old_status, message)
    assert old.header("content-type") == "application/json"


def test_what_stands_beside_a_body_elsewhere_stands_beside_a_message(services: Services) -> None:
    def header(error: Exception, name: str) -> str | None:
        return error_answer(error, services, Headers()).header(name)

    assert header(MethodNotAllowedError(("GET",)), "allow") == "GET"
    assert header(UnauthenticatedError("x"), "www-authenticate") == "Bearer"
    assert header(UnavailableError("x", retry_after=7), "retry-after") == "7"


def test_a_refused_origin_is_told_apart_from_none(services: Services) -> None:
    answer = error_answer(OriginRefusedError("x"), services, Headers({"origin": "https://evil.example"}))
    assert b"CORS policy does not allow access from this origin." in answer.body


# --- views ---


def test_times_are_cut_to_whole_seconds_and_a_flag_without_a_name_goes_by_its_key() -> None:
    view = flag_view(FLAG)
    assert (view.created_at, view.updated_at, view.name) == (1_700_000_000, 1_700_000_001, "Dark mode")
    assert flag_view(msgspec.structs.replace(FLAG, name="")).name == "dark-mode"


@pytest.mark.parametrize(
    ("pinned", "status"),
    [
        ({"status": FlagStatus.ENABLED}, FlagStatus.ENABLED),
        ({"status": FlagStatus.DISABLED}, FlagStatus.DISABLED),
        ({"variant": "on"}, FlagStatus.ENABLED),
        ({"variant": "off"}, FlagStatus.DISABLED),
        ({"variant": "blue"}, FlagStatus.ENABLED),
        ({"variant": "none"}, FlagStatus.DISABLED),
        ({"variant": "gone"}, FlagStatus.DISABLED),
    ],
)
def test_a_pinned_variant_has_the_status_of_its_value(pinned: dict[str, Any], status: FlagStatus) -> None:
    override = Override(flag_key="dark-mode", targeting_key="bob", created_at=1.9, **pinned)
    view = mapping_view(override, FLAG)
    assert (view.status, view.flag_id, view.user_id, view.created_at) == (status, "b7c1", "bob", 1)


# --- flags of the whole server ---


def test_only_the_default_flag_set_is_seen(admin: TestClient) -> None:
    body = {"variants": {"on": True}, "defaultVariant": "on"}
    other = admin.put("/api/v1/flag-sets/shop/flags/banner", json=body).json()
    mine = admin.put("/api/v1/flags/banner", json=body).json()
    assert [flag["id"] for flag in admin.get("/feature-flags").json()] == [mine["id"]]
    for method, path in (("GET", ""), ("DELETE", ""), ("PATCH", "")):
        answer = admin.request(method, f"/feature-flags/{other['id']}{path}", json={"status": "ENABLED"})
        assert answer.status_code == 404, method


def test_a_token_for_another_flag_set_reaches_nothing(as_role: Callable[..., TestClient]) -> None:
    elsewhere = as_role("admin", "shop")
    for path in ("/feature-flags", "/users/u/feature-flags", "/users/u/feature-flags/evaluation"):
        answer = elsewhere.get(path)
        assert (answer.status_code, answer.json()["message"]) == (403, "Insufficient permissions")


def test_a_token_for_the_default_set_does_not_stop_the_server(
    as_role: Callable[..., TestClient],
) -> None:
    bound = as_role("admin", "default")
    assert bound.get("/feature-flags").status_code == 200
    assert bound.patch("/mark-concurrency-zero").status_code == 403
    assert bound.post("/reset-limit", json={"pendingLimit": 5}).status_code == 403


@pytest.mark.parametrize(
    "key_of_first", ["dark-mode", pytest.param("reserved", id="a key that is still reserved")]
)
def test_a_slug_that_is_taken_is_told_apart_by_the_id(admin: TestClient, key_of_first: str) -> None:
    first = made(admin)
    if key_of_first == "reserved":
        admin.delete(f"/feature-flags/{first['id']}")
    second = made(admin)
    keys = {flag["id"]: flag["key"] for flag in admin.get("/api/v1/flags").json()["items"]}
    assert keys[second["id"]] == f"Dark-mode-{second['id'][:8]}".lower()


def test_a_flag_made_here_is_boolean_on_and_audited(admin: TestClient) -> None:
    made(admin)
    flag = admin.get("/api/v1/flags/dark-mode").json()
    assert (flag["variants"], flag["defaultVariant"]) == ({"on": True, "off": False}, "on")
    event = admin.get("/api/v1/audit?key=dark-mode").json()["items"][0]
    assert (event["action"], event["actor"]) == ("flag.created", "admin@example.com")


def test_a_flag_that_is_made_again_under_its_key_has_another_id(admin: TestClient) -> None:
    first = made(admin)
    assert admin.get(f"/feature-flags/{first['id']}").status_code == 200
    admin.delete("/api/v1/flags/dark-mode")
    body = {"variants": {"on": True}, "defaultVariant": "on"}
    again = admin.put("/api/v1/flags/dark-mode?force=true", json=body).json()
    assert admin.get(f"/feature-flags/{first['id']}").status_code == 404
    assert admin.get(f"/feature-flags/{again['id']}").json()["name"] == "dark-mode"


def test_a_patch_that_changes_nothing_publishes_nothing(admin: TestClient) -> None:
    flag = made(admin)
    before = admin.get("/api/v1/flag-sets/default").json()["revision"]
    assert admin.patch(f"/feature-flags/{flag['id']}", json={"status": "enabled"}).json() == flag | {
        "status": "ENABLED"
    }
    assert admin.get("/api/v1/flag-sets/default").json()["revision"] == before


# --- requests ---


@pytest.mark.parametrize(
    "media_type", ["application/json", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", ""]
)
def test_a_body_is_read_whatever_its_type_is_called(admin: TestClient, media_type: str) -> None:
    headers = {"content-type": media_type} if media_type else {}
    body = b'{"name": "n", "description": "d"}'
    assert admin.post("/feature-flags", content=body, headers=headers).status_code == 201


def test_a_compressed_body_is_refused_in_the_dialects_form(admin: TestClient) -> None:
    answer = admin.post("/feature-flags", content=b"x", headers={"content-encoding": "gzip"})
    assert (answer.status_code, list(answer.json())) == (415, ["message"])


@pytest.mark.parametrize(
    ("query", "status"),
    [("?_=1", 200), ("?x=1&x=2", 200), ("?limit=1", 200), ("?limit=0", 400), ("?limit=1001", 400)],
)
def test_unknown_query_parameters_are_passed_over_and_known_ones_are_read(
    admin: TestClient, query: str, status: int
) -> None:
    assert admin.get("/feature-flags" + query).status_code == status


def test_head_is_get_without_a_body(admin: TestClient) -> None:
    made(admin)
    answer = admin.head("/feature-flags/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == len(admin.get("/feature-flags").content)


@pytest.mark.parametrize(
    ("method", "path", "origin", "status"),
    [
        ("GET", "/feature-flags", "https://app.example.com", 200),
        ("GET", "/feature-flags", "http://testserver", 200),
        ("GET", "/feature-flags", "", 200),
        ("GET", "/feature-flags", "https://evil.example", 403),
        ("GET", "/feature-flags/", "null", 403),
        ("DELETE", "/users/u/feature-flags/f", "https://evil.example", 403),
        ("PUT", "/feature-flags", "https://evil.example", 403),
        ("OPTIONS", "/reset-limit", "https://evil.example", 403),
        ("GET", "/health-check", "https://evil.example", 200),
        ("GET", "/feature-flag/absent", "https://evil.example", 403),
        ("GET", "/api/v1/flags", "https://evil.example", 200),
    ],
)
def test_a_page_of_another_site_is_refused_where_some_are_allowed(
    services: Services, token: Callable[..., str], method: str, path: str, origin: str, status: int
) -> None:
    headers = {"authorization": f"Bearer {token('admin')}"} | ({"origin": origin} if origin else {})
    answer = TestClient(build_app(services, cors=CORS)).request(method, path, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 403 and path != "/feature-flag/absent":
        assert answer.json() == {"message": "CORS policy does not allow access from this origin."}


def test_without_allowed_origins_an_origin_says_nothing(admin: TestClient) -> None:
    assert admin.get("/feature-flags", headers={"origin": "https://evil.example"}).status_code == 200


# --- evaluation ---


def test_what_the_dialect_evaluates_is_counted(services: Services, admin: TestClient) -> None:
    flag = made(admin)
    admin.post(f"/users/bob/feature-flags/{flag['id']}", json={"status": "DISABLED"})
    for user, times in (("eve", 2), ("bob", 3)):
        for _ in range(times):
            admin.get(f"/users/{user}/feature-flags/{flag['id']}/evaluation")
        admin.get(f"/users/{user}/feature-flags/evaluation")
    services.usage.flush()
    counts = services.usage.of_flag(services.browser.flag("default", "dark-mode"), hours=1).counts
    assert {(each.variant, each.reason, each.count) for each in counts} == {
        ("on", Reason.STATIC, 3),
        ("off", Reason.TARGETING_MATCH, 4),
    }


def test_an_override_of_another_flag_set_decides_nothing_here(services: Services, admin: TestClient) -> None:
    made(admin)
    body = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
    admin.put("/api/v1/flag-sets/shop/flags/dark-mode", json=body)
    draft = OverrideDraft(flag_set="shop", flag_key="dark-mode", targeting_key="bob", variant="off")
    services.overrides.put(draft, author=AUTHOR)
    (found,) = admin.get("/users/bob/feature-flags/evaluation").json()
    assert (found["value"], found["override"]) == (True, False)


def test_flags_are_evaluated_while_the_store_is_away(
    services: Services, admin: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = made(admin)
    one = f"/users/bob/feature-flags/{flag['id']}/evaluation"
    before = admin.get(one).json()

    def away(*_: object, **__: object) -> None:
        raise UnavailableError("away")

    for name in ("flag_by_id", "flag", "snapshot"):
        monkeypatch.setattr(services.browser, name, away)
    assert admin.get(one).json() == before
    assert admin.get("/users/bob/feature-flags/evaluation").json() == [before]
    assert admin.get("/users/bob/feature-flags/none/evaluation").status_code == 404
    assert admin.get(f"/feature-flags/{flag['id']}").status_code == 500


# --- mappings over overrides ---


def test_a_patch_keeps_the_reason_and_the_end_of_an_override(services: Services, admin: TestClient) -> None:
    flag = made(admin)
    end = services.clock() + 1_000
    draft = OverrideDraft(
        flag_key="dark-mode", targeting_key="bob", variant="off", reason="a trial", expires_at=end
    )
    services.overrides.put(draft, author=AUTHOR)
    path = f"/users/bob/feature-flags/{flag['id']}"
    assert admin.get(path).json()["status"] == "DISABLED"
    assert admin.patch(path, json={"status": "ENABLED"}).json()["status"] == "ENABLED"
    after = services.overrides.get("default", "dark-mode", "bob")
    assert after is not None
    assert (after.status, after.variant) == (FlagStatus.ENABLED, None)
    assert (after.reason, after.expires_at) == ("a trial", end)


def test_an_override_that_has_expired_is_no_mapping(services: Services, admin: TestClient) -> None:
    flag, end = made(admin), services.clock() + 0.2
    path = f"/users/bob/feature-flags/{flag['id']}"
    draft = OverrideDraft(
        flag_key="dark-mode", targeting_key="bob", status=FlagStatus.DISABLED, expires_at=end
    )
    services.overrides.put(draft, author=AUTHOR)
    while services.clock() < end:
        time.sleep(0.05)
    assert admin.get(path).status_code == 404
    assert admin.get("/users/bob/feature-flags").json() == []
    assert admin.get(path + "/evaluation").json()["override"] is False
    assert admin.post(path, json={"status": "ENABLED"}).status_code == 200


def test_the_old_answers_of_the_lists(services: Services, token: Callable[..., str]) -> None:
    strict = TestClient(
        build_app(msgspec.structs.replace(services, rds_strict_compat=True)),
        headers={"authorization": f"Bearer {token('admin')}"},
    )
    assert strict.get("/feature-flags").status_code == 404
    flag = made(strict)
    assert len(strict.get("/feature-flags").json()) == 1
    assert strict.get("/users/bob/feature-flags").status_code == 404
    strict.post(f"/users/bob/feature-flags/{flag['id']}", json={"status": "ENABLED"})
    assert len(strict.get("/users/bob/feature-flags").json()) == 1
