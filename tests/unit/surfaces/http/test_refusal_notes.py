"""Refusals reach the audit log from every surface, once each, and without secrets."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from burgee.model.audit import AuditEvent
from burgee.ports import AuditQuery
from burgee.service.refusals import RefusalKind
from burgee.service.services import Services
from burgee.surfaces.http.refusal_notes import has_credentials, refusal_kind
from burgee.testing.listening import Listening, listening

FLAG = {"variants": {"on": True}, "defaultVariant": "on"}
Noted = Callable[[], list[AuditEvent]]


@pytest.fixture
def noted(services: Services) -> Noted:
    """The refusals in the log, oldest first."""

    def read() -> list[AuditEvent]:
        services.refusals.flush()
        events = services.audit_log.list(AuditQuery(limit=1000))
        kinds = {kind.value for kind in RefusalKind}
        return [event for event in reversed(events) if event.action in kinds]

    return read


@pytest.mark.parametrize(
    ("method", "status", "signs_in", "kind"),
    [
        ("GET", 401, True, RefusalKind.SIGN_IN),
        ("GET", 401, False, None),
        ("DELETE", 401, True, RefusalKind.SIGN_IN),
        ("PUT", 403, False, RefusalKind.ACCESS),
        ("DELETE", 403, True, RefusalKind.DELETION),
        ("DELETE", 409, True, RefusalKind.DELETION),
        ("DELETE", 412, True, RefusalKind.DELETION),
        ("DELETE", 428, True, RefusalKind.DELETION),
        ("PUT", 412, True, None),
        ("PUT", 409, True, None),
    ],
)
def test_the_answer_decides_what_a_refusal_is(
    method: str, status: int, signs_in: bool, kind: RefusalKind | None
) -> None:
    assert refusal_kind(method, status, signs_in=signs_in) is kind


@pytest.mark.parametrize(
    ("headers", "tried"),
    [
        ({}, False),
        ({"authorization": "Bearer x"}, True),
        ({"x-api-key": "x"}, True),
        ({"cookie": "theme=dark"}, False),
        ({"cookie": "theme=dark; rds-session=x"}, True),
        ({"cookie": "burgee-session=x"}, True),
    ],
)
def test_who_brings_credentials_tried_to_sign_in(headers: dict[str, str], tried: bool) -> None:
    assert has_credentials(Headers(headers)) is tried


def test_a_wrong_token_is_a_failed_sign_in_without_the_token(client: TestClient, noted: Noted) -> None:
    secret = "canary-secret-5f3a"
    client.get("/api/v1/flags", headers={"authorization": f"Bearer {secret}", "x-request-id": "r7"})
    (event,) = noted()
    assert (event.action, event.actor, event.request_id) == ("sign_in.failed", "anonymous", "r7")
    assert event.entity == "operations/listFlags"
    assert event.after == {"method": "GET", "status": 401, "client": "testclient"}
    assert secret not in repr(event)


def test_a_used_up_link_is_a_failed_sign_in(client: TestClient, noted: Noted) -> None:
    client.post("/sign-in", data={"code": "canary-secret-5f3a"})
    (event,) = noted()
    assert (event.action, event.entity) == ("sign_in.failed", "operations/signIn")
    assert "canary" not in repr(event)


def test_nobody_in_particular_is_not_a_failure(client: TestClient, noted: Noted) -> None:
    assert client.get("/api/v1/flags").status_code == 401
    assert client.get("/nowhere").status_code == 404
    assert noted() == []


def test_a_denial_names_who_and_what(as_role: Callable[..., TestClient], noted: Noted) -> None:
    as_role("reader").put("/api/v1/flags/banner", json=FLAG)
    (event,) = noted()
    assert (event.action, event.actor) == ("access.denied", "reader@example.com")
    assert event.entity == "operations/putDefaultFlag/banner"
    assert "reader" in event.reason


def test_a_token_outside_its_flag_sets_is_denied(as_role: Callable[..., TestClient], noted: Noted) -> None:
    as_role("admin", "shop").get("/api/v1/flag-sets/checkout/flags/banner")
    (event,) = noted()
    assert (event.action, event.flag_set, event.flag_key) == ("access.denied", "checkout", "banner")


def test_refused_deletions_are_events_of_their_own(
    as_role: Callable[..., TestClient], admin: TestClient, noted: Noted
) -> None:
    admin.put("/api/v1/flags/banner", json=FLAG)
    as_role("reader").delete("/api/v1/flags/banner")
    admin.delete("/api/v1/flags/banner", headers={"if-match": '"7"'})
    assert admin.delete("/api/v1/flags/banner").status_code == 204
    denied, conflict = noted()
    assert (denied.action, denied.actor) == ("deletion.refused", "reader@example.com")
    assert (conflict.action, conflict.actor) == ("deletion.refused", "admin@example.com")
    assert conflict.after is not None
    assert conflict.flag_key == "banner"


def test_a_flood_is_counted_and_the_chain_still_verifies(
    client: TestClient, services: Services, noted: Noted
) -> None:
    for _ in range(100):
        client.get("/api/v1/flags", headers={"authorization": "Bearer x"})
    services.refusals.close()
    assert len(noted()) == 20
    (rest,) = services.audit_log.list(AuditQuery(action="refusals.suppressed"))
    assert isinstance(rest.after, dict)
    assert rest.after["count"] == 80
    assert services.audit_log.verify().ok


@pytest.mark.parametrize(
    ("method", "path", "role", "action"),
    [
        ("GET", "/feature-flags", "", "sign_in.failed"),
        ("GET", "/users/ada/feature-flags", "", "sign_in.failed"),
        ("GET", "/feature-flag/banner", "", "sign_in.failed"),
        ("POST", "/feature-flags", "reader", "access.denied"),
        ("POST", "/reset-limit", "reader", "access.denied"),
        ("PATCH", "/mark-concurrency-zero", "reader", "access.denied"),
        ("PUT", "/feature-flag/banner", "reader", "access.denied"),
        ("DELETE", "/feature-flags/123e4567-e89b-42d3-a456-426614174000", "reader", "deletion.refused"),
        ("DELETE", "/feature-flag/banner", "reader", "deletion.refused"),
    ],
)
def test_dialects_cannot_forget_to(
    client: TestClient,
    as_role: Callable[..., TestClient],
    noted: Noted,
    method: str,
    path: str,
    role: str,
    action: str,
) -> None:
    if role:
        as_role(role).request(method, path, json={})
    else:
        client.request(method, path, headers={"cookie": "rds-session=forged"})
    (event,) = noted()
    assert (event.action, event.actor) == (action, f"{role}@example.com" if role else "anonymous")


@pytest.fixture(params=[True, False], ids=["inline", "asgi"])
def closed_server(services: Services, request: pytest.FixtureRequest) -> Iterator[Listening]:
    with listening(services, open_to_all=False, inline=bool(request.param)) as server:
        yield server


@pytest.mark.parametrize("path", ["evaluate/flags/banner", "evaluate/flags"])
def test_evaluation_takes_note_of_refused_tokens_once(
    closed_server: Listening, path: str, token: Callable[..., str], noted: Noted
) -> None:
    url = f"{closed_server.url}/ofrep/v1/{path}"
    assert httpx.post(url, json={}).status_code == 401
    assert noted() == []
    assert httpx.post(url, json={}, headers={"authorization": "Bearer wrong"}).status_code == 401
    assert httpx.post(url, json={}, headers={"x-api-key": "wrong"}).status_code == 401
    limited = {"authorization": f"Bearer {token('sdk-server', 'shop')}", "flagd-selector": "flagSetId=other"}
    assert httpx.post(url, json={}, headers=limited).status_code == 403
    assert [event.action for event in noted()] == ["sign_in.failed", "sign_in.failed", "access.denied"]


def test_streams_take_note_too(closed_server: Listening, noted: Noted) -> None:
    url = f"{closed_server.url}/ofrep/v1/sse"
    assert httpx.get(url, headers={"authorization": "Bearer wrong"}).status_code == 401
    assert [event.action for event in noted()] == ["sign_in.failed"]
