"""Flags over HTTP: every verb, its refusals, paging, and what a stale writer is told."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

BOOLEAN = {"variants": {"on": True, "off": False}, "defaultVariant": "off"}
BANNER = "/api/v1/flag-sets/shop/flags/banner"


def put(client: TestClient, path: str = BANNER, **changes: Any) -> dict[str, Any]:
    response = client.put(path, json=BOOLEAN | changes)
    assert response.status_code in (200, 201), response.text
    body: dict[str, Any] = response.json()
    return body


def test_a_new_flag_is_201_with_its_address_and_version_1(admin: TestClient) -> None:
    response = admin.put(BANNER, json=BOOLEAN | {"name": "Banner", "tags": ["web"]})
    assert response.status_code == 201
    assert response.headers["location"] == BANNER
    assert response.headers["etag"] == '"1"'
    body = response.json()
    assert (body["key"], body["flagSet"], body["version"], body["name"]) == ("banner", "shop", 1, "Banner")
    assert body["createdBy"] == "admin@example.com"
    assert admin.get(BANNER).json() == body


def test_a_replaced_flag_is_200_with_the_next_version(admin: TestClient) -> None:
    put(admin)
    response = admin.put(BANNER, json=BOOLEAN | {"defaultVariant": "on"})
    assert (response.status_code, response.headers["etag"]) == (200, '"2"')
    assert "location" not in response.headers


def test_the_short_path_is_the_default_flag_set(admin: TestClient) -> None:
    put(admin, "/api/v1/flags/banner")
    assert admin.get("/api/v1/flag-sets/default/flags/banner").json()["flagSet"] == "default"


def test_what_was_read_can_be_sent_back(admin: TestClient) -> None:
    read = put(admin)
    response = admin.put(BANNER, json=read | {"defaultVariant": "on"}, headers={"if-match": '"1"'})
    assert (response.status_code, response.json()["version"]) == (200, 2)


def test_a_key_that_differs_from_the_path_is_refused(admin: TestClient) -> None:
    response = admin.put(BANNER, json=BOOLEAN | {"key": "other", "flagSet": "elsewhere"})
    assert response.status_code == 400
    assert {fault["pointer"] for fault in response.json()["errors"]} == {"/key", "/flagSet"}


@pytest.mark.parametrize("member", ["version", "id", "createdAt", "createdBy", "updatedBy"])
def test_what_only_the_server_writes_is_ignored(admin: TestClient, member: str) -> None:
    before = put(admin)
    forged: dict[str, Any] = {member: 999 if member == "version" else "mallory"}
    after = put(admin, **forged, defaultVariant="on")
    assert after["version"] == 2
    assert after["id"] == before["id"]
    assert after["createdBy"] == "admin@example.com"


def test_all_faults_are_named_at_once(admin: TestClient) -> None:
    response = admin.put(BANNER, json={"nme": "x", "status": "ON", "tags": [1], "metadata": {"a/b": []}})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    pointers = {fault["pointer"] for fault in response.json()["errors"]}
    assert pointers >= {"/nme", "/status", "/metadata/a~1b"}
    assert any(pointer.startswith("/tags") for pointer in pointers)
    assert {fault["in"] for fault in response.json()["errors"]} == {"body"}


def test_a_patch_changes_only_what_it_names(admin: TestClient) -> None:
    put(admin, name="Banner")
    patch = b'{"defaultVariant":"on","name":null}'
    headers = {"content-type": "application/merge-patch+json"}
    response = admin.patch(BANNER, content=patch, headers=headers)
    assert response.status_code == 200
    assert (response.json()["defaultVariant"], response.json()["name"]) == ("on", "")


def test_a_patch_of_nothing_is_404(admin: TestClient) -> None:
    assert admin.patch(BANNER, json={"name": "x"}).status_code == 404


def test_a_deleted_flag_is_gone_and_its_key_reserved(admin: TestClient) -> None:
    put(admin)
    gone = admin.delete(BANNER)
    assert (gone.status_code, gone.content) == (204, b"")
    assert admin.get(BANNER).status_code == 404
    refused = admin.put(BANNER, json=BOOLEAN)
    assert refused.status_code == 409
    assert refused.json()["reservedUntil"] > 0
    assert admin.put(f"{BANNER}?force=true", json=BOOLEAN).status_code == 201


def test_a_flag_reads_as_of_a_revision(admin: TestClient) -> None:
    put(admin)
    put(admin, defaultVariant="on")
    admin.delete(BANNER)
    old = admin.get(BANNER, params={"revision": 1})
    assert (old.json()["defaultVariant"], old.headers["etag"]) == ("off", '"1"')
    assert admin.get(BANNER, params={"revision": 2}).json()["defaultVariant"] == "on"
    assert admin.get(BANNER, params={"revision": 3}).status_code == 404
    put(admin, f"{BANNER}-2")
    assert admin.get(f"{BANNER}-2", params={"revision": 4}).status_code == 200
    assert admin.get(f"{BANNER}-2", params={"revision": 5}).status_code == 404


@pytest.mark.parametrize("revision", ["0", "-1", "1.0", "x", "", "9" * 30, "01"])
def test_a_revision_that_cannot_be_is_400(admin: TestClient, revision: str) -> None:
    response = admin.get(BANNER, params={"revision": revision})
    assert response.status_code == 400
    fault = response.json()["errors"][0]
    assert (fault["in"], fault["pointer"]) == ("query", "/revision")


def test_the_list_is_paged_in_order_without_gaps(admin: TestClient) -> None:
    for number in range(5):
        put(admin, f"/api/v1/flags/flag-{number}")
    put(admin)
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = admin.get("/api/v1/flags", params=params).json()
        seen += [(flag["flagSet"], flag["key"]) for flag in page["items"]]
        cursor, pages = page["nextCursor"], pages + 1
    assert seen == [("default", f"flag-{number}") for number in range(5)] + [("shop", "banner")]
    assert pages == 3


@pytest.mark.parametrize(("limit", "status"), [("0", 400), ("1", 200), ("1000", 200), ("1001", 400)])
def test_the_page_size_is_1_to_1000(admin: TestClient, limit: str, status: int) -> None:
    assert admin.get("/api/v1/flags", params={"limit": limit}).status_code == status


def test_the_list_filters(admin: TestClient) -> None:
    put(admin, "/api/v1/flags/one", name="Spring", tags=["web"])
    put(admin, "/api/v1/flags/two", status="DISABLED")
    put(admin)

    def keys(**params: str) -> list[str]:
        return [flag["key"] for flag in admin.get("/api/v1/flags", params=params).json()["items"]]

    assert keys(flagSet="shop") == ["banner"]
    assert keys(status="DISABLED") == ["two"]
    assert keys(tag="web") == ["one"]
    assert keys(search="SPRING") == ["one"]
    assert keys(search="nothing") == []


def test_a_cursor_that_is_not_ours_or_of_another_query_is_400(admin: TestClient) -> None:
    for number in range(3):
        put(admin, f"/api/v1/flags/flag-{number}")
    cursor = admin.get("/api/v1/flags", params={"limit": "1"}).json()["nextCursor"]
    damaged = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for params in (
        {"cursor": damaged},
        {"cursor": "A" * 40},
        {"cursor": cursor, "search": "x"},
        {"cursor": ""},
    ):
        response = admin.get("/api/v1/flags", params=params)
        assert response.status_code == 400, params
        assert response.json()["errors"][0]["pointer"] == "/cursor"


def test_a_bound_token_sees_only_its_sets(admin: TestClient, as_role: Callable[..., TestClient]) -> None:
    put(admin)
    put(admin, "/api/v1/flags/one")
    bound = as_role("editor", "shop")
    assert [flag["key"] for flag in bound.get("/api/v1/flags").json()["items"]] == ["banner"]
    assert bound.get(BANNER).status_code == 200
    for path in ("/api/v1/flags/one", "/api/v1/flag-sets/other/flags/x", "/api/v1/flags?flagSet=default"):
        assert bound.get(path).status_code == 403, path
    assert bound.put("/api/v1/flags/one", json=BOOLEAN).status_code == 403


@pytest.mark.parametrize("limit", ["1", "2", "100"])
def test_the_pages_of_a_bound_token_tell_nothing_of_other_sets(
    admin: TestClient, as_role: Callable[..., TestClient], limit: str
) -> None:
    for path in ("/api/v1/flags/a", "/api/v1/flag-sets/tea/flags/x", "/api/v1/flag-sets/zoo/flags/x"):
        put(admin, path)
    bound = as_role("reader", "shop", "tea")
    none = as_role("reader", "shop").get("/api/v1/flags", params={"limit": limit}).json()
    assert none == {"items": [], "nextCursor": None}
    page = bound.get("/api/v1/flags", params={"limit": limit}).json()
    assert ([flag["flagSet"] for flag in page["items"]], page["nextCursor"]) == (["tea"], None)
