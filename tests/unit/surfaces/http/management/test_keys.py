"""SDK keys over HTTP: made by administrators, shown once, good for evaluation alone."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from burgee.service.drafts import FlagDraft
from burgee.service.services import Services
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.counters import Counters, SharedCounters
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.http.ofrep_routes import ofrep_routes
from burgee.surfaces.http.streams import StreamHub
from burgee.testing.workshop import ADA

GOOD: dict[str, Any] = {"name": "checkout", "kind": "server"}
BULK = "/ofrep/v1/evaluate/flags"


@pytest.fixture
def evaluation(services: Services) -> TestClient:
    """A client that is nobody, of a server whose evaluation asks for a token; three sets have a flag."""
    for flag_set in ("default", "shop", "web"):
        draft = FlagDraft(variants={"v": flag_set}, default_variant="v", targeting={"if": [True, "v"]})
        services.publisher.put_flag(flag_set, f"in-{flag_set}", draft, author=ADA)
    ofrep = Ofrep(services.live, services.access, Counters(SharedCounters.create(1), 0), open_to_all=False)
    return TestClient(build_app(services, evaluation_routes=ofrep_routes(ofrep)))


def make(admin: TestClient, **changes: Any) -> dict[str, Any]:
    response = admin.post("/api/v1/keys", json=GOOD | changes)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def seen(client: TestClient, **headers: str) -> set[str] | int:
    """The flags that these headers let see, or the status that says none."""
    response = client.post(
        BULK, json={}, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )
    if response.status_code != 200:
        return int(response.status_code)
    return {flag["key"] for flag in response.json()["flags"]}


def test_a_key_is_shown_once_and_says_what_it_is(admin: TestClient) -> None:
    made = make(admin, flagSets=["shop"], ttlSeconds=3600)
    assert made["key"].startswith(made["prefix"] + "_")
    assert made["prefix"] == f"bgs_{made['id']}"
    assert made["active"] is True
    assert made["expiresAt"] == made["createdAt"] + 3600
    (listed,) = admin.get("/api/v1/keys").json()["items"]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert made["createdBy"] == "admin@example.com"


def test_neither_list_nor_audit_holds_a_secret_or_its_hash(admin: TestClient, services: Services) -> None:
    made = make(admin)
    digest = services.sdk_keys.list()[0].digest
    for path in ("/api/v1/keys", "/api/v1/audit"):
        text = admin.get(path).text
        assert made["key"] not in text
        assert made["key"][-43:] not in text
        assert digest not in text


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": 1}, "/name"),
        ({"kind": "both"}, "/kind"),
        ({"flagSets": ["a/b"]}, "/flagSets/0"),
        ({"flagSets": "a"}, "/flagSets"),
        ({"ttlSeconds": 0}, "/ttlSeconds"),
        ({"ttlSeconds": "60"}, "/ttlSeconds"),
        ({"digest": "x"}, "/digest"),
        ({"id": "x"}, "/id"),
        ({"createdBy": "x"}, "/createdBy"),
        ({"role": "admin"}, "/role"),
    ],
)
def test_faults_are_named(admin: TestClient, change: dict[str, Any], pointer: str) -> None:
    response = admin.post("/api/v1/keys", json=GOOD | change)
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("headers", [{"authorization": "Bearer {}"}, {"x_api_key": "{}"}])
@pytest.mark.parametrize("kind", ["server", "client"])
def test_a_key_evaluates_as_bearer_and_as_api_key(
    admin: TestClient, evaluation: TestClient, headers: dict[str, str], kind: str
) -> None:
    text = make(admin, kind=kind)["key"]
    sent = {name: form.format(text) for name, form in headers.items()}
    assert seen(evaluation, **sent) == {"in-default", "in-shop", "in-web"}
    single = evaluation.post(f"{BULK}/in-shop", json={}, headers={"x-api-key": text})
    assert single.json()["value"] == "shop"


def test_a_key_for_some_sets_sees_those_and_no_other(admin: TestClient, evaluation: TestClient) -> None:
    text = make(admin, flagSets=["shop", "web"])["key"]
    assert seen(evaluation, x_api_key=text) == {"in-shop", "in-web"}
    assert seen(evaluation, x_api_key=text, flagd_selector="flagSetId=web") == {"in-web"}
    assert seen(evaluation, x_api_key=text, flagd_selector="flagSetId=default") == 403
    assert evaluation.post(f"{BULK}/in-default", json={}, headers={"x-api-key": text}).status_code == 404


def test_a_key_that_is_not_one_of_ours_sees_nothing(admin: TestClient, evaluation: TestClient) -> None:
    text = make(admin)["key"]
    for wrong in (text[:-1], text + "A", text.replace("bgs", "bgc"), text[:21] + "A" * 43, "x", "bgs__"):
        assert seen(evaluation, x_api_key=wrong) == 401
        assert seen(evaluation, authorization=f"Bearer {wrong}") == 401


def test_a_revoked_key_is_refused_by_the_very_next_second(
    admin: TestClient, evaluation: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(admin)
    assert seen(evaluation, x_api_key=made["key"]) != 401
    assert admin.delete(f"/api/v1/keys/{made['id']}").status_code == 204
    monkeypatch.setattr(services.access._verifier, "_look_again_at", 0.0)  # as if half a second had gone by
    assert seen(evaluation, x_api_key=made["key"]) == 401
    assert admin.delete(f"/api/v1/keys/{made['id']}").status_code == 204
    (listed,) = admin.get("/api/v1/keys").json()["items"]
    assert (listed["active"], listed["revokedAt"] > 0) == (False, True)


@pytest.mark.parametrize(
    ("key_id", "status"), [("0" * 16, 404), ("x", 400), ("0" * 15, 400), ("A" * 16, 400)]
)
def test_a_key_that_is_not_there_cannot_be_revoked(admin: TestClient, key_id: str, status: int) -> None:
    assert admin.delete(f"/api/v1/keys/{key_id}").status_code == status


def test_a_third_key_of_a_name_is_a_conflict(admin: TestClient) -> None:
    make(admin)
    make(admin)
    assert admin.post("/api/v1/keys", json=GOOD).status_code == 409
    make(admin, name="other")


def test_a_key_manages_nothing(admin: TestClient, client: TestClient) -> None:
    for kind in ("server", "client"):
        headers = {"authorization": f"Bearer {make(admin, kind=kind, name=kind)['key']}"}
        for path in ("/api/v1/flags", "/api/v1/flag-sets", "/api/v1/audit", "/api/v1/keys", "/api/v1/export"):
            assert client.get(path, headers=headers).status_code == 403
        assert client.post("/api/v1/tokens", json={}, headers=headers).status_code == 403
        assert client.get("/api/v1/whoami", headers=headers).json()["role"] == f"sdk-{kind}"
        # Management knows no API keys.
        assert (
            client.get("/api/v1/whoami", headers={"x-api-key": headers["authorization"][7:]}).status_code
            == 401
        )


def test_an_administrator_of_some_sets_makes_no_keys(as_role: Callable[..., TestClient]) -> None:
    bound = as_role("admin", "shop")
    assert bound.post("/api/v1/keys", json=GOOD | {"flagSets": ["shop"]}).status_code == 403
    assert bound.get("/api/v1/keys").status_code == 403


def test_keys_come_in_pages(admin: TestClient) -> None:
    made = sorted(make(admin, name=f"k{number}")["id"] for number in range(5))
    found, cursor = list[str](), None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = admin.get("/api/v1/keys", params=query).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert found == made


def test_the_last_use_shows_once_it_was_flushed(
    admin: TestClient, evaluation: TestClient, services: Services
) -> None:
    made = make(admin)
    commits = services.publisher._store.change_token()
    for _ in range(200):
        seen(evaluation, x_api_key=made["key"])
    assert services.publisher._store.change_token() == commits
    assert admin.get("/api/v1/keys").json()["items"][0]["lastUsedAt"] is None
    services.access._note_key_use.__self__.flush()  # type: ignore[union-attr]
    assert admin.get("/api/v1/keys").json()["items"][0]["lastUsedAt"] >= made["createdAt"]


class Sink:
    """A stream that notes how it ended."""

    ended = False

    def offer(self, data: bytes) -> bool:
        return True

    def end(self, last: bytes) -> None:
        self.ended = True


def test_item_27_open_streams_end_within_five_seconds_of_a_revocation(
    admin: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    ofrep = Ofrep(services.live, services.access, Counters(SharedCounters.create(1), 0), open_to_all=False)
    hub = StreamHub(ofrep, ofrep.counters, dice=lambda: 0.5)
    made = [make(admin, name=name) for name in ("ends", "stays")]
    sinks = [Sink(), Sink()]
    for sink, key in zip(sinks, made, strict=True):
        headers = {b"x-api-key": key["key"].encode()}
        hub.join(sink, ofrep.audience.scope(headers), credential=ofrep.audience.credential(headers))
    for _ in range(10):
        hub.tick()
    assert [sink.ended for sink in sinks] == [False, False]
    admin.delete(f"/api/v1/keys/{made[0]['id']}")
    monkeypatch.setattr(services.access._verifier, "_look_again_at", 0.0)
    for _ in range(4):
        hub.tick()
    assert [sink.ended for sink in sinks] == [True, False]
    assert len(hub) == 1
    hub.leave(sinks[1])
    assert hub._rested == {}
    assert hub._credentials == {}
