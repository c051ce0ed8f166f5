"""The checklist of errors, records and races (reliability.md 3.2, items 57, 58 and 60), each by its number.

Item 59, the hash chain, is in `adapters/sqlite/test_audit_verify.py`.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from starlette.testclient import TestClient

from burgee.bootstrap import open_application
from burgee.errors import BurgeeError
from burgee.ports import AuditQuery
from burgee.service.access import Role
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.routes import OPERATIONS
from burgee.testing.builders import a_change_set
from burgee.testing.publishing import publish
from burgee.testing.role_matrix import concrete

Found = TypeVar("Found")
FLAG = "/api/v1/flags/banner"
BODY = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
INSIDE = re.compile(
    r"traceback|\bfile \"|\.py\b|site-packages|/home|/usr|/tmp|burgee/|sqlite|apsw|select |insert |where "
    r"|0x[0-9a-f]{6}|msgspec|starlette|uvicorn|error at |exception",
    re.IGNORECASE,
)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Services]:
    with open_application(Settings(data=str(tmp_path / "data"))) as opened:
        yield opened


def signed_in(services: Services, *, role: Role = Role.ADMIN, subject: str = "root") -> TestClient:
    headers = {"authorization": f"Bearer {services.access.issue_token(subject, role, 600)}"}
    app = build_app(services)
    return TestClient(app, headers=headers, raise_server_exceptions=False, client=("192.0.2.7", 4711))


# -- 57: an error tells nothing of the inside


class Broken(Exception):
    """An error that nobody foresaw, with words that nobody may see."""


def test_item_57_no_refusal_tells_of_the_inside(kept: Services) -> None:
    admin = signed_in(kept)
    json_type = {"content-type": "application/json"}
    refused = 0
    for operation in OPERATIONS:
        path = concrete(operation.path, {"flagSet": "default"})
        bodies = (b"{", b'{"a":1}', b"\xff\xfe", b"[" * 200) if operation.payload else (b"",)
        for content in bodies:
            for query in ("", "?limit=x&%00=%ff", "?cursor=AAAAAAAAAAAAAAAAAAAA"):
                answer = admin.request(operation.method, path + query, content=content, headers=json_type)
                if answer.status_code >= 400:
                    refused += 1
                    assert not INSIDE.search(answer.text), (operation.name, content, answer.text)
    assert refused > len(OPERATIONS)


def test_item_57_an_error_that_nobody_foresaw_is_a_bare_500_and_the_next_request_is_answered(
    kept: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    admin = signed_in(kept)
    admin.put(FLAG, json=BODY)
    words = 'File "/usr/lib/x.py", SELECT secret FROM keys; password=hunter2'

    def broken(*_: object, **__: object) -> None:
        raise Broken(words)

    with monkeypatch.context() as patch:
        patch.setattr(type(kept.browser), "flag", broken)
        for path in (FLAG, "/api/v1/flag-sets/default/flags/banner", f"{FLAG}/usage"):
            answer = admin.get(path)
            assert answer.status_code == 500
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == 500
            assert not INSIDE.search(answer.text)
            assert "hunter2" not in answer.text
    assert "hunter2" not in caplog.text
    assert "hunter2" not in str([vars(record) for record in caplog.records])
    assert any(record.getMessage() == "request.failed" for record in caplog.records)
    assert admin.get(FLAG).status_code == 200


# -- 58: who did what, from where


def events(services: Services) -> list[dict[str, Any]]:
    services.refusals.flush()
    found = services.audit_log.list(AuditQuery(limit=1000))
    return list(msgspec.json.decode(msgspec.json.encode(found)))


def mutations(client: TestClient) -> dict[str, Callable[[], Any]]:
    """What each audited action is done by."""
    reason = {"reason": "drill"}
    return {
        "flag.created": lambda: client.put(FLAG, json=BODY),
        "flag.updated": lambda: client.patch(FLAG, json={"description": "new"}),
        "flag.restored": lambda: client.post(f"{FLAG}/restore", json={"revision": 1}),
        "override.created": lambda: client.put(f"{FLAG}/overrides/ada", json={"status": "ENABLED", **reason}),
        "override.updated": lambda: client.put(
            f"{FLAG}/overrides/ada", json={"status": "DISABLED", **reason}
        ),
        "override.deleted": lambda: client.delete(f"{FLAG}/overrides/ada"),
        "flag_set.updated": lambda: client.patch("/api/v1/flag-sets/default", json={"metadata": {"a": "b"}}),
        "token.issued": lambda: client.post(
            "/api/v1/tokens", json={"subject": "ci", "role": "reader", "ttlSeconds": 60}
        ),
        "key.created": lambda: client.post("/api/v1/keys", json={"name": "shop", "kind": "server"}),
        "key.revoked": lambda: client.delete(
            f"/api/v1/keys/{client.get('/api/v1/keys').json()['items'][0]['id']}"
        ),
        "budget.stopped": lambda: client.post("/api/v1/budget/stop", json=reason),
        "budget.reset": lambda: client.post("/api/v1/budget/reset", json={"limit": 1000, **reason}),
        "flag.deleted": lambda: client.delete(FLAG),
    }


def test_item_58_every_change_says_who_from_where_and_what_it_was_before(kept: Services) -> None:
    admin = signed_in(kept)
    for number, (action, act) in enumerate(mutations(admin).items()):
        admin.headers["x-request-id"] = f"request-{number}"
        assert act().status_code < 300, action
        found = [event for event in events(kept) if event["requestId"] == f"request-{number}"]
        assert [event["action"] for event in found] == [action]
        assert found[0]["actor"] == "root"
        assert found[0]["client"] == "192.0.2.7"
        assert found[0]["at"] > 1_600_000_000
        assert found[0]["hash"] != found[0]["previousHash"]
        assert found[0]["before"] is not None or action.endswith(
            (".created", ".issued", ".revoked", ".stopped")
        )
        assert found[0]["after"] is not None or action.endswith(".deleted")
    assert kept.audit_log.verify().ok


def test_item_58_a_dialects_changes_say_so_too(kept: Services) -> None:
    admin = signed_in(kept)
    made = admin.post("/feature-flags", json={"name": "dark mode", "description": "x"}).json()
    admin.post("/feature-flag", json={"flagName": "plain", "currentVariation": True})
    admin.delete("/feature-flag/plain")
    admin.patch("/mark-concurrency-zero", json={})
    admin.post("/reset-limit", json={"pendingLimit": 10})
    found = {event["action"]: event for event in events(kept) if event["actor"] == "root"}
    assert {"flag.created", "flag.deletion_refused", "budget.reset"} <= set(found), made
    del found["token.issued"]  # by this test, not by a request
    assert {event.get("client") or event["after"]["client"] for event in found.values()} == {"192.0.2.7"}


def test_item_58_failed_sign_ins_and_denials_say_from_where(kept: Services) -> None:
    reader = signed_in(kept, role=Role.READER, subject="rita")
    reader.put(FLAG, json=BODY)
    reader.get("/api/v1/flags", headers={"authorization": "Bearer forged"})
    found = {event["action"]: event for event in events(kept) if event["action"] not in ("token.issued",)}
    denied, failed = found["access.denied"], found["sign_in.failed"]
    assert (denied["actor"], failed["actor"]) == ("rita", "anonymous")
    assert {denied["after"]["client"], failed["after"]["client"]} == {"192.0.2.7"}
    assert all(event["requestId"] for event in (denied, failed))
    assert "forged" not in str(found)


def test_item_58_what_a_client_says_of_its_address_is_not_recorded(kept: Services) -> None:
    admin = signed_in(kept)
    admin.put(FLAG, json=BODY, headers={"x-forwarded-for": "203.0.113.9", "forwarded": "for=203.0.113.9"})
    assert "203.0.113.9" not in str(events(kept))


def present(found: Found | None) -> Found:
    assert found is not None
    return found


# -- 60: between the look and the write


def test_item_60_of_many_writers_of_one_version_exactly_one_succeeds(kept: Services) -> None:
    admin = signed_in(kept)
    tag = admin.put(FLAG, json=BODY).headers["etag"]
    clients = [signed_in(kept, subject=f"writer-{number}") for number in range(8)]
    start, statuses = threading.Barrier(len(clients)), list[int]()

    def write(number: int) -> None:
        start.wait()
        answer = clients[number].put(
            FLAG, json={**BODY, "description": str(number)}, headers={"if-match": tag}
        )
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(statuses) == {200: 1, 412: len(clients) - 1}
    assert admin.get(FLAG).json()["version"] == 2


@pytest.mark.parametrize("condition", [{}, {"if-match": ...}])
def test_item_60_a_change_between_look_and_write_is_never_lost(
    kept: Services, monkeypatch: pytest.MonkeyPatch, condition: dict[str, Any]
) -> None:
    admin = signed_in(kept)
    tag = admin.put(FLAG, json=BODY).headers["etag"]
    store = kept.publisher._store
    commit = type(store).commit
    overtaken = False

    def overtaking(self: Any, changes: Any) -> Any:
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            theirs = msgspec.structs.replace(present(store.flag("default", "banner")), tags=("theirs",))
            publish(store, theirs, flag_set="default")
        return commit(self, changes)

    monkeypatch.setattr(type(store), "commit", overtaking)
    headers = {"if-match": tag} if condition else {}
    answer = admin.patch(FLAG, json={"description": "mine"}, headers=headers)
    after = admin.get(FLAG).json()
    assert overtaken
    assert after["tags"] == ["theirs"]
    assert (answer.status_code, after["description"]) == ((412, "") if condition else (200, "mine"))


def test_item_60_what_a_bound_writer_may_not_change_is_judged_on_what_is_there_when_it_writes(
    kept: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A set that appears, or changes, after the look must not turn a refusal into a write."""
    signed_in(kept).put("/api/v1/flag-sets/m", json={"priority": 3})
    token = kept.access.issue_token("half", Role.EDITOR, 600, flag_sets=("m",))
    half = TestClient(build_app(kept), headers={"authorization": f"Bearer {token}"})
    store = kept.publisher._store
    commit = type(store).commit
    overtaken = False

    def overtaking(self: Any, changes: Any) -> Any:
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            there = present(store.flag_set("m"))
            raised = msgspec.structs.replace(there, priority=5, revision=there.revision + 1)
            commit(self, [a_change_set((), (), flag_set=raised)])
        return commit(self, changes)

    monkeypatch.setattr(type(store), "commit", overtaking)
    # It writes what it has read: the priority that was right a moment ago, and is another by now.
    answer = half.put("/api/v1/flag-sets/m", json={"priority": 3, "metadata": {"a": "b"}})
    assert overtaken
    assert answer.status_code in {403, 409, 412}
    assert signed_in(kept).get("/api/v1/flag-sets/m").json()["priority"] == 5


def test_item_60_a_token_that_ended_before_the_write_writes_nothing(tmp_path: Path) -> None:
    now = [1_800_000_000.0]
    with open_application(Settings(data=str(tmp_path / "data")), clock=lambda: now[0]) as services:
        token = services.access.issue_token("root", Role.ADMIN, 60)
        client = TestClient(build_app(services), headers={"authorization": f"Bearer {token}"})
        assert client.put(FLAG, json=BODY).status_code == 201
        now[0] += 60
        assert client.put(FLAG, json={**BODY, "description": "late"}).status_code == 401
        with pytest.raises(BurgeeError):
            services.access.authenticate(token)
