"""What belongs to others stays theirs: other subjects' data, and what other flag sets do, page by page."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from burgee.bootstrap import open_application
from burgee.service.access import Role
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app
from burgee.testing.token_workshop import public_pem_of, signed

NOW = 1_800_000_000
BODY = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
PINNED = {"status": "ENABLED", "reason": "asked"}


@pytest.fixture(params=["memory", "sqlite"])
def services(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Services]:
    data = ":memory:" if request.param == "memory" else str(tmp_path / "data")
    with open_application(
        Settings(data=data, public_key=public_pem_of("other").decode()), clock=lambda: float(NOW)
    ) as opened:
        yield opened


def people(services: Services, token: str) -> TestClient:
    headers = {"authorization": f"Bearer {token}"}
    return TestClient(build_app(services), headers=headers, raise_server_exceptions=False)


@pytest.fixture
def admin(services: Services) -> TestClient:
    return people(services, services.access.issue_token("root", Role.ADMIN, 600))


@pytest.fixture
def bound(services: Services) -> TestClient:
    """A reader of the flag sets `m` and `q`."""
    return people(services, services.access.issue_token("rita", Role.READER, 600, flag_sets=("m", "q")))


@pytest.fixture
def ada(services: Services) -> TestClient:
    """Somebody of whom another issuer says only who it is."""
    return people(services, signed({"userId": "ada", "exp": NOW + 60}, key="other"))


def pages(client: TestClient, path: str, *, limit: int) -> Iterator[dict[str, Any]]:
    """Every page of a list, to its end."""
    cursor = ""
    while True:
        sep = "&" if "?" in path else "?"
        answer = client.get(f"{path}{sep}limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield page
        cursor = page["nextCursor"]
        if cursor is None:
            break


def told(page: dict[str, Any]) -> str:
    """What a cursor says to whoever decodes it."""
    cursor = page["nextCursor"] or ""
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[9:].decode()


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_the_pages_of_the_audit_list_are_full_of_what_is_in_reach(
    admin: TestClient, bound: TestClient, limit: int
) -> None:
    for number in range(4):
        for flag_set in ("m", "secret", "q", "secret", "secret"):
            admin.put(f"/api/v1/flag-sets/{flag_set}/flags/flag-{number}", json=BODY)
    found = list(pages(bound, "/api/v1/audit", limit=limit))
    assert {event["flagSet"] for page in found for event in page["items"]} == {"m", "q"}
    assert sum(len(page["items"]) for page in found) == 8
    # A page that is not full would say how much goes on elsewhere, and where.
    assert all(len(page["items"]) == limit for page in found[: 8 // limit])
    for page in found:
        assert told(page) in {"", str(page["items"][-1]["sequence"]) if page["items"] else ""}


def test_events_of_no_flag_set_are_for_those_who_reach_all(admin: TestClient, bound: TestClient) -> None:
    admin.post("/api/v1/keys", json={"name": "shop", "kind": "server"})
    assert "key.created" in admin.get("/api/v1/audit").text
    assert bound.get("/api/v1/audit").json() == {"items": [], "nextCursor": None}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_the_pages_of_a_subjects_overrides_are_full_of_what_is_in_reach(
    admin: TestClient, bound: TestClient, limit: int
) -> None:
    for flag_set in ("a-secret", "m", "n-secret", "q", "z-secret"):
        for key in ("hush", "loud"):
            flag = f"/api/v1/flag-sets/{flag_set}/flags/{key}"
            admin.put(flag, json=BODY)
            admin.put(f"{flag}/overrides/ada", json=PINNED)
    found = list(pages(bound, "/api/v1/subjects/ada/overrides", limit=limit))
    listed = [(each["flagSet"], each["flagKey"]) for page in found for each in page["items"]]
    assert listed == [("m", "hush"), ("m", "loud"), ("q", "hush"), ("q", "loud")]
    assert all(len(page["items"]) == limit for page in found[:-1])
    assert all("secret" not in told(page) for page in found)
    everything = [
        each["flagSet"]
        for page in pages(admin, "/api/v1/subjects/ada/overrides", limit=limit)
        for each in page["items"]
    ]
    assert len(everything) == 10


def test_a_cursor_of_a_set_out_of_reach_opens_nothing(admin: TestClient, bound: TestClient) -> None:
    for flag_set in ("m", "n-secret"):
        flag = f"/api/v1/flag-sets/{flag_set}/flags/hush"
        admin.put(flag, json=BODY)
        admin.put(f"{flag}/overrides/ada", json=PINNED)
    path = "/api/v1/subjects/ada/overrides"
    (first, *_) = pages(admin, path, limit=1)
    answer = bound.get(f"{path}?limit=1&cursor={first['nextCursor']}")
    assert answer.json() == {"items": [], "nextCursor": None}


@pytest.fixture
def pinned(admin: TestClient) -> TestClient:
    admin.put("/api/v1/flags/banner", json=BODY)
    for subject in ("ada", "bob", "root"):
        admin.put(f"/api/v1/flags/banner/overrides/{subject}", json=PINNED)
    return admin


OWN = [
    "/api/v1/flags/banner/overrides/{0}",
    "/api/v1/flag-sets/default/flags/banner/overrides/{0}",
    "/api/v1/subjects/{0}/overrides",
    "/users/{0}/feature-flags",
    "/users/{0}/feature-flags/evaluation",
]


@pytest.mark.parametrize("path", OWN)
def test_who_is_only_known_by_name_reads_its_own_and_nobody_elses(
    pinned: TestClient, ada: TestClient, path: str
) -> None:
    assert ada.get(path.format("ada")).status_code == 200
    for other in ("bob", "root", "nobody", "ADA", "ada%20", "ada%2F"):
        answer = ada.get(path.format(other))
        assert answer.status_code in ({403, 404} if other == "ada%2F" else {403}), (other, answer.text)
        assert "asked" not in answer.text
    assert pinned.get(path.format("bob")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/flags/banner/overrides",
        "/api/v1/flag-sets/default/flags/banner/overrides",
        "/api/v1/audit",
        "/api/v1/audit/dead-letters",
    ],
)
def test_lists_that_tell_of_everybody_are_not_for_who_is_only_known_by_name(
    pinned: TestClient, ada: TestClient, path: str
) -> None:
    refused = ada.get(path)
    assert refused.status_code == 403
    assert "bob" not in refused.text
    assert pinned.get(path).status_code == 200


@pytest.mark.parametrize("role", [Role.READER, Role.EDITOR])
def test_a_role_of_ours_reads_of_everybody(pinned: TestClient, services: Services, role: Role) -> None:
    client = people(services, services.access.issue_token("rita", role, 600))
    for path in ("/api/v1/flags/banner/overrides", "/api/v1/subjects/bob/overrides", "/api/v1/audit"):
        assert client.get(path).status_code == 200


def test_an_admin_of_some_sets_makes_no_token_and_no_key(services: Services, admin: TestClient) -> None:
    made: Callable[..., str] = services.access.issue_token
    client = people(services, made("half", Role.ADMIN, 600, flag_sets=("m",)))
    token = {"subject": "x", "role": "admin", "ttlSeconds": 60}
    for sent in (token, {**token, "flagSets": ["m"]}):
        assert client.post("/api/v1/tokens", json=sent).status_code == 403
    for kind in ("server", "client"):
        draft = {"name": "x", "kind": kind, "flagSets": ["m"]}
        assert client.post("/api/v1/keys", json=draft).status_code == 403
    key = admin.post("/api/v1/keys", json={"name": "x", "kind": "server"}).json()
    assert client.delete(f"/api/v1/keys/{key['id']}").status_code == 403
    assert client.get("/api/v1/keys").status_code == 403
    assert client.post("/api/v1/budget/stop", json={"reason": "x"}).status_code == 403
    assert client.patch("/mark-concurrency-zero", json={}).status_code == 403
