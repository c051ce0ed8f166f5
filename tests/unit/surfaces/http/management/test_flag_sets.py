"""Flag sets over HTTP."""

from collections.abc import Callable

from starlette.testclient import TestClient

SHOP = "/api/v1/flag-sets/shop"


def test_the_default_set_is_always_there(admin: TestClient) -> None:
    assert [each["key"] for each in admin.get("/api/v1/flag-sets").json()["items"]] == ["default"]
    assert admin.get("/api/v1/flag-sets/default").json()["revision"] == 0
    assert admin.get(SHOP).status_code == 404


def test_a_set_is_made_read_and_sent_back(admin: TestClient) -> None:
    made = admin.put(
        SHOP, json={"source": "shop", "priority": 3, "metadata": {"team": "web"}, "fractional": "v3"}
    )
    assert (made.status_code, made.headers["location"], made.headers["etag"]) == (201, SHOP, '"1"')
    read = admin.get(SHOP).json()
    assert (read["source"], read["priority"], read["fractional"]) == ("shop", 3, "v3")
    assert admin.put(SHOP, json=read | {"priority": 4}, headers={"if-match": '"1"'}).json()["revision"] == 2


def test_a_patch_changes_only_what_it_names(admin: TestClient) -> None:
    admin.put(SHOP, json={"source": "shop", "metadata": {"a": 1, "b": 2}})
    body = admin.patch(SHOP, json={"metadata": {"a": None}}).json()
    assert (body["source"], body["metadata"]) == ("shop", {"b": 2})
    assert admin.patch("/api/v1/flag-sets/other", json={}).status_code == 404


def test_only_create_creates(admin: TestClient) -> None:
    headers = {"if-none-match": "*"}
    assert admin.put(SHOP, json={}, headers=headers).status_code == 201
    assert admin.put(SHOP, json={"priority": 1}, headers=headers).status_code == 412


def test_a_repeated_put_is_replayed(admin: TestClient) -> None:
    headers = {"idempotency-key": "set"}
    first = admin.put(SHOP, json={"priority": 1}, headers=headers)
    again = admin.put(SHOP, json={"priority": 1}, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)


def test_faults_are_named(admin: TestClient) -> None:
    response = admin.put(SHOP, json={"priority": "high", "fractional": "v9", "key": "other", "x": 1})
    assert response.status_code == 400
    response = admin.put(SHOP, json={"priority": "high", "fractional": "v9", "x": 1})
    assert {fault["pointer"] for fault in response.json()["errors"]} == {"/priority", "/fractional", "/x"}


def test_a_bound_token_sees_its_own_sets(admin: TestClient, as_role: Callable[..., TestClient]) -> None:
    admin.put(SHOP, json={})
    bound = as_role("editor", "shop")
    assert [each["key"] for each in bound.get("/api/v1/flag-sets").json()["items"]] == ["shop"]
    assert bound.get("/api/v1/flag-sets/default").status_code == 403
    assert bound.put("/api/v1/flag-sets/other", json={}).status_code == 403
    assert bound.patch(SHOP, json={"priority": 1}).status_code == 200
