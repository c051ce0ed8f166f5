"""`burgee budget`."""

import json
from typing import Any

import httpx
import pytest

from burgee.model.budget import MAX_LIMIT, BudgetScope
from burgee.surfaces.cli import budget

SHOWN: dict[str, Any] = {
    "mode": "enforce",
    "window": "minute",
    "management": {
        "state": "OPEN",
        "scope": "all",
        "remaining": 990,
        "limit": 1000,
        "windowEndsAt": 1_800_000_000,
        "by": "ann",
        "reason": "because",
    },
    "evaluation": None,
}


def run(burgee: Any, *arguments: str, shown: dict[str, Any] = SHOWN) -> Any:
    burgee.answers(httpx.Response(200, json=shown))
    return burgee("budget", *arguments)


def test_show_prints_what_is_left(burgee: Any) -> None:
    ran = run(burgee, "show")
    assert (ran.code, burgee.sent) == (0, ["GET /api/v1/budget"])
    for text in ("management", "OPEN", "990", "1000", "2027-01-15 08:00:00Z", "ann", "because"):
        assert text in ran.out
    assert "evaluation" not in ran.out
    assert ran.err == "mode enforce, a new window every minute\n"


def test_show_prints_the_budget_of_evaluation_where_there_is_one(burgee: Any) -> None:
    evaluation = {**SHOWN["management"], "remaining": 7}
    ran = run(burgee, "show", shown={**SHOWN, "evaluation": evaluation})
    assert "evaluation" in ran.out


def test_a_stop_is_shown_with_what_it_stops(burgee: Any) -> None:
    stopped = {**SHOWN["management"], "state": "FORCED", "scope": "management"}
    assert "FORCED (management)" in run(burgee, "show", shown={**SHOWN, "management": stopped}).out


def test_programs_get_the_document(burgee: Any) -> None:
    assert run(burgee, "show", "--json").document == SHOWN


@pytest.mark.parametrize("limit", [1, MAX_LIMIT])
def test_reset_sends_limit_and_reason(burgee: Any, limit: int) -> None:
    assert run(burgee, "reset", "--limit", str(limit), "--reason", "why").code == 0
    assert burgee.sent == ["POST /api/v1/budget/reset"]
    assert json.loads(burgee.requests[0].content) == {"limit": limit, "reason": "why"}


def test_reset_of_evaluation_says_so(burgee: Any) -> None:
    run(burgee, "reset", "--limit", "5", "--reason", "why", "--evaluation")
    assert json.loads(burgee.requests[0].content)["budget"] == "evaluation"


@pytest.mark.parametrize(("options", "scope"), [((), "all"), (("--scope", "management"), "management")])
def test_stop_sends_reason_and_scope(burgee: Any, options: tuple[str, ...], scope: str) -> None:
    assert run(burgee, "stop", "--reason", "drill", *options).code == 0
    assert burgee.sent == ["POST /api/v1/budget/stop"]
    assert json.loads(burgee.requests[0].content) == {"reason": "drill", "scope": scope}


@pytest.mark.parametrize(
    "arguments",
    [
        ("reset", "--limit", "5"),
        ("reset", "--reason", "x"),
        ("reset", "--limit", "0", "--reason", "x"),
        ("reset", "--limit", str(MAX_LIMIT + 1), "--reason", "x"),
        ("stop",),
        ("stop", "--reason", "x", "--scope", "evaluation"),
    ],
)
def test_wrong_usage_reaches_no_server(burgee: Any, arguments: tuple[str, ...]) -> None:
    assert burgee("budget", *arguments).code == 2
    assert burgee.requests == []


def test_a_used_up_budget_is_unavailable(burgee: Any) -> None:
    burgee.answers(httpx.Response(429, json={"detail": "the request budget is used up"}))
    ran = burgee("flags", "list")
    assert (ran.code, "used up" in ran.err) == (6, True)


def test_limits_and_scopes_are_those_of_the_model() -> None:
    scopes = next(each for each in budget.stop.params if each.name == "scope").type
    assert list(scopes.choices) == [scope.value for scope in BudgetScope]  # type: ignore[attr-defined]
    assert budget.MAX_LIMIT == MAX_LIMIT
