"""`/api/v1/budget`: show it, reset it, stop everything."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient


def reset(admin: TestClient, **body: Any) -> Any:
    return admin.post("/api/v1/budget/reset", json={"limit": 50, "reason": "test", **body})


def test_a_new_budget_is_open_with_a_thousand_calls_a_minute(admin: TestClient) -> None:
    answer = admin.get("/api/v1/budget").json()
    assert (answer["mode"], answer["window"], answer["evaluation"]) == ("enforce", "minute", None)
    shown = answer["management"]
    assert {name: shown[name] for name in ("limitType", "limitValue", "remaining", "limit", "state")} == {
        "limitType": "pendingLimit",
        "limitValue": 1000,
        "remaining": 1000,
        "limit": 1000,
        "state": "OPEN",
    }
    assert 0 < shown["windowEndsAt"] - shown["changedAt"] <= 60.001


def test_calls_are_seen_although_they_are_leased(admin: TestClient) -> None:
    for _ in range(3):
        admin.get("/api/v1/flags")
    shown = admin.get("/api/v1/budget").json()["management"]
    assert shown["remaining"] == 997
    assert shown["limitValue"] < 997


def test_a_reset_answers_what_is_there_now(admin: TestClient) -> None:
    answer = reset(admin, limit=5)
    shown = answer.json()["management"]
    assert answer.status_code == 200
    assert (shown["limit"], shown["remaining"], shown["epoch"]) == (5, 5, 2)
    assert (shown["by"], shown["reason"]) == ("admin@example.com", "test")


@pytest.mark.parametrize("scope", ["all", "management"])
def test_a_stop_is_shown_with_its_scope(admin: TestClient, scope: str) -> None:
    answer = admin.post("/api/v1/budget/stop", json={"reason": "drill", "scope": scope})
    shown = answer.json()["management"]
    assert (shown["state"], shown["scope"], shown["reason"]) == ("FORCED", scope, "drill")
    assert admin.get("/api/v1/budget").json()["management"]["state"] == "FORCED"
    assert reset(admin).json()["management"]["state"] == "OPEN"


def test_a_stop_without_a_scope_stops_everything(admin: TestClient) -> None:
    answer = admin.post("/api/v1/budget/stop", json={"reason": "drill"})
    assert answer.json()["management"]["scope"] == "all"


def test_resets_and_stops_are_audited_with_their_reasons(admin: TestClient) -> None:
    admin.post("/api/v1/budget/stop", json={"reason": "drill"})
    reset(admin, reason="the drill is over")
    events = admin.get("/api/v1/audit").json()["items"]
    found = [(event["action"], event["actor"], event["reason"]) for event in events]
    assert found[:2] == [
        ("budget.reset", "admin@example.com", "the drill is over"),
        ("budget.stopped", "admin@example.com", "drill"),
    ]
    assert all(event["requestId"] for event in events[:2])


@pytest.mark.parametrize("limit", [1, 32_768, 10**9])
def test_limits_are_accepted_up_to_a_thousand_million(admin: TestClient, limit: int) -> None:
    assert reset(admin, limit=limit).json()["management"]["limit"] == limit


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"limit": 0}, "/limit"),
        ({"limit": -1}, "/limit"),
        ({"limit": 10**9 + 1}, "/limit"),
        ({"limit": 1.5}, "/limit"),
        ({"limit": True}, "/limit"),
        ({"limit": "5"}, "/limit"),
        ({"limit": None}, "/limit"),
        ({"reason": ""}, "/reason"),
        ({"reason": "  "}, "/reason"),
        ({"reason": "x" * 501}, "/reason"),
        ({"reason": "a\nb"}, "/reason"),
        ({"reason": None}, "/reason"),
        ({"budget": "other"}, "/budget"),
        ({"budget": "evaluation"}, "/budget"),
        ({"more": 1}, "/more"),
    ],
)
def test_a_reset_that_cannot_be_meant_changes_nothing(
    admin: TestClient, body: dict[str, Any], pointer: str
) -> None:
    answer = reset(admin, **body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert admin.get("/api/v1/budget").json()["management"]["epoch"] == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/reason"),
        ({"reason": " "}, "/reason"),
        ({"reason": "x", "scope": "none"}, "/scope"),
        ({"reason": "x", "more": 1}, "/more"),
    ],
)
def test_a_stop_that_cannot_be_meant_stops_nothing(
    admin: TestClient, body: dict[str, Any], pointer: str
) -> None:
    answer = admin.post("/api/v1/budget/stop", json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert admin.get("/api/v1/flags").status_code == 200


def test_a_reason_may_be_as_long_as_500_characters(admin: TestClient) -> None:
    assert reset(admin, reason="\u00e9" * 500).status_code == 200


def test_an_administrator_of_some_flag_sets_may_not_stop_all(as_role: Callable[..., TestClient]) -> None:
    bound = as_role("admin", "shop")
    assert bound.get("/api/v1/budget").status_code == 403
    assert bound.post("/api/v1/budget/stop", json={"reason": "x"}).status_code == 403
