"""Flag sets over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from burgee.service.services import Services

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
    assert bound.patch(SHOP, json={"metadata": {"team": "web"}}).status_code == 200


STANDING: dict[str, Any] = {"priority": 3, "source": "shop.json", "metadata": {"flagSetId": "shop/1", "a": 1}}


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"priority": 4}, ["priority"]),
        ({"priority": 2}, ["priority"]),
        ({"source": "other.json"}, ["source"]),
        ({"source": ""}, ["source"]),
        ({"metadata": {"flagSetId": "default"}}, ["metadata.flagSetId"]),
        ({"metadata": {"flagSetId": "shop"}}, ["metadata.flagSetId"]),
        ({"metadata": {"flagSetId": 7}}, ["metadata.flagSetId"]),
        ({"metadata": {"flagSetId": None}}, ["metadata.flagSetId"]),
        (
            {"priority": 4, "metadata": {"flagSetId": "x"}, "source": "x"},
            ["priority", "source", "metadata.flagSetId"],
        ),
        ({"priority": 3, "source": "shop.json", "metadata": {"flagSetId": "shop/1", "a": 2}}, []),
        ({"fractional": "v3", "evaluators": {"e": {"==": [1, 1]}}}, []),
    ],
)
def test_a_bound_token_does_not_move_its_set_before_others(
    admin: TestClient, as_role: Callable[..., TestClient], change: dict[str, Any], fields: list[str]
) -> None:
    admin.put(SHOP, json=STANDING)
    response = as_role("editor", "shop").patch(SHOP, json=change)
    assert response.status_code == (403 if fields else 200), response.text
    if fields:
        named = response.json()["detail"].partition("may not change ")[2].partition(" of ")[0]
        assert named.split(", ") == fields
    assert admin.get(SHOP).json()["revision"] == (1 if fields else 2)
    assert admin.patch(SHOP, json=change).status_code == 200


@pytest.mark.parametrize(
    ("draft", "status"),
    [
        ({}, 201),
        ({"metadata": {"flagSetId": "shop"}}, 201),
        ({"priority": 1}, 403),
        ({"priority": -1}, 403),
        ({"source": "default.json"}, 403),
        ({"metadata": {"flagSetId": "default"}}, 403),
    ],
)
def test_a_bound_token_makes_its_set_without_a_place_before_others(
    admin: TestClient, as_role: Callable[..., TestClient], draft: dict[str, Any], status: int
) -> None:
    assert as_role("editor", "shop").put(SHOP, json=draft).status_code == status
    assert admin.get(SHOP).status_code == (200 if status == 201 else 404)


def test_a_bound_token_does_not_answer_for_flags_of_the_default_set(
    admin: TestClient, as_role: Callable[..., TestClient], services: Services
) -> None:
    admin.put("/api/v1/flags/a", json={"variants": {"ours": "ours"}, "defaultVariant": "ours"})
    theirs = {"variants": {"theirs": "theirs"}, "defaultVariant": "theirs"}
    assert as_role("editor", "shop").put(f"{SHOP}/flags/a", json=theirs).status_code == 201
    assert services.live.current.select(None).flags["a"].evaluate({}).value == "ours"
