"""Tokens and identities over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

GOOD: dict[str, Any] = {"subject": "ci", "role": "editor", "ttlSeconds": 60}


def test_a_token_works_and_says_who_it_is(admin: TestClient, client: TestClient) -> None:
    response = admin.post("/api/v1/tokens", json=GOOD | {"flagSets": ["shop"]})
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    who = client.get("/api/v1/whoami", headers={"authorization": f"Bearer {body['token']}"}).json()
    assert who == {"subject": "ci", "role": "editor", "expiresAt": body["expiresAt"], "flagSets": ["shop"]}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"subject": ""}, "/subject"),
        ({"subject": "a\nb"}, "/subject"),
        ({"role": "root"}, "/role"),
        ({"ttlSeconds": 0}, "/ttlSeconds"),
        ({"ttlSeconds": 10**12}, "/ttlSeconds"),
        ({"ttlSeconds": "60"}, "/ttlSeconds"),
        ({"flagSets": ["a/b"]}, "/flagSets/0"),
        ({"flagSets": [f"set-{number}" for number in range(101)]}, "/flagSets"),
        ({"flagSets": [f"{number:0>128}" for number in range(100)]}, "/flagSets"),
        ({"exp": 1}, "/exp"),
    ],
)
def test_faults_are_named(admin: TestClient, change: dict[str, Any], pointer: str) -> None:
    response = admin.post("/api/v1/tokens", json=GOOD | change)
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == pointer
    events = admin.get("/api/v1/audit", params={"action": "token.issued"}).json()["items"]
    assert [event["entity"] for event in events] == ["tokens/admin@example.com"]


def test_a_bound_admin_cannot_make_tokens(as_role: Callable[..., TestClient]) -> None:
    assert as_role("admin", "shop").post("/api/v1/tokens", json=GOOD).status_code == 403


def test_making_a_token_is_audited_without_the_token(admin: TestClient) -> None:
    token = admin.post("/api/v1/tokens", json=GOOD).json()["token"]
    response = admin.get("/api/v1/audit", params={"action": "token.issued", "limit": "1"})
    assert response.json()["items"][0]["actor"] == "admin@example.com"
    assert token not in response.text


def test_status_names_what_is_served(admin: TestClient, as_role: Callable[..., TestClient]) -> None:
    admin.put("/api/v1/flag-sets/shop", json={"priority": 1})
    body = admin.get("/api/v1/status").json()
    assert body["revisions"]["shop"] == 1
    assert (body["readOnly"], body["stale"]) == (False, False)
    assert body["hash"]
    admin.put("/api/v1/flag-sets/other", json={"priority": 1})
    assert set(as_role("reader", "shop").get("/api/v1/status").json()["revisions"]) == {"shop"}
