"""History and going back."""

import base64
import hashlib
import json

import pytest
from starlette.testclient import TestClient

BOOLEAN = {"variants": {"on": True, "off": False}, "defaultVariant": "off"}
FLAG = "/api/v1/flag-sets/shop/flags/banner"


@pytest.fixture
def aged(admin: TestClient) -> TestClient:
    """A client in whose server the flag was made, changed, deleted."""
    admin.put(FLAG, json=BOOLEAN)
    admin.patch(FLAG, json={"defaultVariant": "on"})
    admin.delete(FLAG)
    return admin


def test_history_is_newest_first_and_outlives_the_flag(aged: TestClient) -> None:
    body = aged.get(f"{FLAG}/history").json()
    assert [(step["version"], step["revision"], step["action"]) for step in body["items"]] == [
        (3, 3, "flag.deleted"),
        (2, 2, "flag.updated"),
        (1, 1, "flag.created"),
    ]
    assert body["items"][0]["flag"] is None
    assert body["items"][2]["flag"]["defaultVariant"] == "off"
    assert body["items"][0]["actor"] == "admin@example.com"
    assert body["nextCursor"] is None


def test_history_is_paged(aged: TestClient) -> None:
    first = aged.get(f"{FLAG}/history", params={"limit": 2}).json()
    second = aged.get(f"{FLAG}/history", params={"limit": 2, "cursor": first["nextCursor"]}).json()
    assert [step["version"] for step in first["items"] + second["items"]] == [3, 2, 1]
    assert second["nextCursor"] is None


def test_a_flag_that_never_was_has_no_history(admin: TestClient) -> None:
    assert admin.get(f"{FLAG}/history").status_code == 404
    assert admin.post(f"{FLAG}/restore", json={"revision": 1}).status_code == 404


def test_restoring_makes_a_new_version_with_the_old_content(aged: TestClient) -> None:
    response = aged.post(f"{FLAG}/restore", json={"revision": 1})
    assert response.status_code == 201
    assert (response.json()["version"], response.json()["defaultVariant"]) == (4, "off")
    again = aged.post(f"{FLAG}/restore", json={"revision": 2}, headers={"if-match": '"4"'})
    assert (again.status_code, again.json()["version"], again.json()["defaultVariant"]) == (200, 5, "on")


def test_a_revision_that_never_was_is_404(aged: TestClient) -> None:
    aged.post(f"{FLAG}/restore", json={"revision": 1})
    response = aged.post(f"{FLAG}/restore", json={"revision": 99})
    assert (response.status_code, aged.get(FLAG).json()["version"]) == (404, 4)


def test_a_stale_restore_is_412(aged: TestClient) -> None:
    aged.post(f"{FLAG}/restore", json={"revision": 2})
    response = aged.post(f"{FLAG}/restore", json={"revision": 1}, headers={"if-match": '"1"'})
    assert response.status_code == 412
    assert {
        "pointer": "/defaultVariant",
        "before": "off",
        "yours": "off",
        "current": "on",
    } in response.json()["diff"]


@pytest.mark.parametrize(
    "body", [{}, {"revision": 0}, {"revision": -1}, {"revision": "1"}, {"revision": 1, "x": 2}]
)
def test_a_restore_names_one_revision(aged: TestClient, body: dict[str, object]) -> None:
    response = aged.post(f"{FLAG}/restore", json=body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] in ("/revision", "/x")


def test_a_restore_repeats_by_its_key(aged: TestClient) -> None:
    headers = {"idempotency-key": "back"}
    first = aged.post(f"{FLAG}/restore", json={"revision": 1}, headers=headers)
    again = aged.post(f"{FLAG}/restore", json={"revision": 1}, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)


@pytest.mark.parametrize("digits", [1, 18, 19, 400])
def test_a_made_up_cursor_never_breaks_the_store(aged: TestClient, digits: int) -> None:
    # The seal is no secret: whoever reads the source can make one around any number.
    place = base64.urlsafe_b64encode(b"9" * digits).rstrip(b"=")
    filters = [["flagSet", "shop"], ["key", "banner"]]
    seal = hashlib.sha256(json.dumps([f"{FLAG}/history", filters]).encode() + place).digest()[:9]
    cursor = base64.urlsafe_b64encode(seal + place).rstrip(b"=").decode()
    assert aged.get(f"{FLAG}/history", params={"cursor": cursor}).status_code == (
        200 if digits <= 18 else 400
    )
