"""ETags: strong, stable, and a 304 that is never wrong."""

import pytest
from starlette.testclient import TestClient

BOOLEAN = {"variants": {"on": True, "off": False}, "defaultVariant": "off"}
FLAG = "/api/v1/flags/banner"

READS = [
    FLAG,
    "/api/v1/flags",
    "/api/v1/flag-sets",
    "/api/v1/flag-sets/default",
    f"{FLAG}/history",
    "/api/v1/export",
    "/api/v1/audit",
    "/openapi.json",
    "/docs",
    "/docs/style.css",
]


@pytest.mark.parametrize("path", READS)
def test_what_did_not_change_is_304_without_a_body(admin: TestClient, path: str) -> None:
    admin.put(FLAG, json=BOOLEAN)
    first = admin.get(path)
    assert first.status_code == 200
    tag = first.headers["etag"]
    assert tag.startswith('"')
    assert not tag.startswith("W/")
    for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        second = admin.get(path, headers={"if-none-match": condition})
        assert (second.status_code, second.content, second.headers["etag"]) == (304, b"", tag), condition
        assert "content-type" not in second.headers


@pytest.mark.parametrize("path", [path for path in READS if path.startswith("/api")])
def test_what_changed_is_sent_again(admin: TestClient, path: str) -> None:
    admin.put(FLAG, json=BOOLEAN)
    tag = admin.get(path).headers["etag"]
    admin.patch(FLAG, json={"defaultVariant": "on", "metadata": {"n": 1}})
    second = admin.get(path, headers={"if-none-match": tag})
    assert second.status_code == 200
    assert second.headers["etag"] != tag


@pytest.mark.parametrize("condition", ["x", '"open', "W/x", "", ",", '"a" "b"'])
def test_a_condition_that_cannot_be_read_is_400(admin: TestClient, condition: str) -> None:
    response = admin.get("/api/v1/flags", headers={"if-none-match": condition})
    assert response.status_code == 400
    assert response.json()["errors"][0]["in"] == "header"


@pytest.mark.parametrize("path", READS)
def test_head_answers_as_get_without_the_body(admin: TestClient, path: str) -> None:
    admin.put(FLAG, json=BOOLEAN)
    got, head = admin.get(path), admin.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == got.headers["etag"]
    assert head.headers["content-length"] == str(len(got.content))


def test_a_set_has_its_revision_as_etag_and_takes_it_back(admin: TestClient) -> None:
    path = "/api/v1/flag-sets/shop"
    assert admin.put(path, json={"priority": 1}).headers["etag"] == '"1"'
    assert admin.patch(path, json={"priority": 2}, headers={"if-match": '"1"'}).headers["etag"] == '"2"'
    stale = admin.patch(path, json={"priority": 3}, headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["currentVersion"]) == (412, 2)
    assert stale.json()["diff"] == [{"pointer": "/priority", "yours": 3, "current": 2}]
