"""Conditions, remembered answers, and the diff that a stale writer gets."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

BOOLEAN: dict[str, Any] = {"variants": {"on": True, "off": False}, "defaultVariant": "off"}
FLAG = "/api/v1/flags/banner"


@pytest.fixture
def banner(admin: TestClient) -> TestClient:
    """A client in whose server the flag stands at version 2."""
    admin.put(FLAG, json=BOOLEAN)
    assert admin.put(FLAG, json=BOOLEAN | {"name": "two"}).headers["etag"] == '"2"'
    return admin


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-match": '"1"'}, 412),
        ({"if-match": '"2"'}, 200),
        ({"if-match": '"3"'}, 412),
        ({"if-match": "*"}, 200),
        ({"if-none-match": "*"}, 412),
        ({"if-match": "2"}, 400),
        ({"if-match": 'W/"2"'}, 400),
        ({"if-match": '"two"'}, 400),
        ({"if-match": '"2"', "if-none-match": "*"}, 400),
        ({"if-none-match": '"2"'}, 400),
        ({}, 200),
    ],
)
def test_a_put_holds_to_its_condition(banner: TestClient, headers: dict[str, str], status: int) -> None:
    response = banner.put(FLAG, json=BOOLEAN | {"name": "three"}, headers=headers)
    assert response.status_code == status
    assert banner.get(FLAG).json()["name"] == ("three" if status == 200 else "two")


@pytest.mark.parametrize("headers", [{"if-match": "*"}, {"if-match": '"1"'}])
def test_a_condition_on_something_that_is_not_there_fails(admin: TestClient, headers: dict[str, str]) -> None:
    response = admin.put(FLAG, json=BOOLEAN, headers=headers)
    assert (response.status_code, response.json()["currentVersion"]) == (412, 0)
    assert admin.get(FLAG).status_code == 404


def test_only_create_creates(admin: TestClient) -> None:
    assert admin.put(FLAG, json=BOOLEAN, headers={"if-none-match": "*"}).status_code == 201


def test_a_stale_writer_is_told_what_changed_and_what_it_wanted(banner: TestClient) -> None:
    response = banner.put(FLAG, json=BOOLEAN | {"defaultVariant": "on"}, headers={"if-match": '"1"'})
    assert response.status_code == 412
    assert response.headers["etag"] == '"2"'
    body = response.json()
    assert body["currentVersion"] == 2
    assert body["diff"] == [
        {"pointer": "/defaultVariant", "before": "off", "yours": "on", "current": "off"},
        {"pointer": "/name", "before": "", "yours": "", "current": "two"},
    ]


def test_a_stale_patch_shows_what_it_would_have_made(banner: TestClient) -> None:
    response = banner.patch(FLAG, json={"defaultVariant": "on"}, headers={"if-match": '"1"'})
    assert response.json()["diff"] == [
        {"pointer": "/defaultVariant", "before": "off", "yours": "on", "current": "off"},
        {"pointer": "/name", "before": "", "yours": "two", "current": "two"},
    ]


def test_a_stale_delete_deletes_nothing(banner: TestClient) -> None:
    response = banner.delete(FLAG, headers={"if-match": '"1"'})
    assert (response.status_code, response.json()["currentVersion"]) == (412, 2)
    assert banner.get(FLAG).status_code == 200


def test_a_repeated_request_gets_the_same_bytes_and_writes_nothing(admin: TestClient) -> None:
    headers = {"idempotency-key": "once-1"}
    first = admin.put(FLAG, json=BOOLEAN, headers=headers)
    admin.patch(FLAG, json={"name": "later"})
    again = admin.put(FLAG, json=BOOLEAN, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert admin.get(FLAG).json()["name"] == "later"


def test_a_delete_repeats_too(banner: TestClient) -> None:
    headers = {"idempotency-key": "gone-1"}
    assert banner.delete(FLAG, headers=headers).status_code == 204
    again = banner.delete(FLAG, headers=headers)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (204, "true")


def test_one_key_for_two_requests_is_422(admin: TestClient) -> None:
    headers = {"idempotency-key": "once-2"}
    admin.put(FLAG, json=BOOLEAN, headers=headers)
    assert admin.put(FLAG, json=BOOLEAN | {"name": "x"}, headers=headers).status_code == 422
    assert admin.put(f"{FLAG}-2", json=BOOLEAN, headers=headers).status_code == 422
    assert admin.put(FLAG, json=BOOLEAN, headers=headers | {"if-match": "*"}).status_code == 422


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 129, '"quoted"'])
def test_a_key_that_cannot_be_is_400(admin: TestClient, key: str) -> None:
    headers = {"idempotency-key": key.encode()}
    assert admin.put(FLAG, json=BOOLEAN, headers=headers).status_code == 400


def test_twins_at_the_same_time_are_applied_once(admin: TestClient) -> None:
    def create(_: int) -> tuple[int, bytes]:
        response = admin.put(FLAG, json=BOOLEAN, headers={"idempotency-key": "twin"})
        return response.status_code, response.content

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(create, range(16)))
    assert len(answers) == 1
    assert answers.pop()[0] == 201
    assert admin.get(FLAG).json()["version"] == 1


def test_writers_without_a_condition_lose_nothing(banner: TestClient) -> None:
    def tag(number: int) -> int:
        status: int = banner.patch(FLAG, json={"metadata": {f"n{number}": number}}).status_code
        return status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(tag, range(24))) == {200}
    assert len(banner.get(FLAG).json()["metadata"]) == 24


@pytest.mark.parametrize("path", [FLAG, "/api/v1/flag-sets/default"])
@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"metadata": {"a": {"b": None}}}, "/metadata/a"),
        ({"metadata": 1}, "/metadata"),
        ({"bogus": None}, "/bogus"),
        ({"bogus": 1, "metadata": None}, "/bogus"),
    ],
)
def test_a_patch_that_can_never_be_right_is_refused_before_its_condition(
    banner: TestClient, path: str, patch: dict[str, Any], pointer: str
) -> None:
    response = banner.patch(path, json=patch, headers={"if-match": '"99"'})
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
