"""`burgee flags list|get|enable|disable`."""

import json
import re
from typing import Any

import httpx
import pytest

FLAG = {
    "id": "0",
    "key": "banner",
    "flagSet": "default",
    "status": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "on",
    "targeting": {"if": [True, "on"]},
    "tags": ["web", "sale"],
    "version": 3,
    "updatedAt": 1_800_000_000,
}


def page(*keys: str, following: str | None = None) -> httpx.Response:
    return httpx.Response(
        200, json={"items": [{**FLAG, "key": key} for key in keys], "nextCursor": following}
    )


def test_all_pages_are_listed(burgee: Any) -> None:
    burgee.answers(page("a", "b", following="more"), page("c"))
    ran = burgee("flags", "list", "--json")
    assert [flag["key"] for flag in ran.document] == ["a", "b", "c"]
    assert burgee.sent == ["GET /api/v1/flags?limit=500", "GET /api/v1/flags?limit=500&cursor=more"]


def test_filters_go_to_the_server(burgee: Any) -> None:
    burgee.answers(page())
    burgee("flags", "list", "--flag-set", "s", "--status", "disabled", "--tag", "t", "--search", "a b")
    assert burgee.sent == ["GET /api/v1/flags?flagSet=s&status=DISABLED&tag=t&search=a+b&limit=500"]


def test_people_get_a_table(burgee: Any) -> None:
    burgee.answers(page("banner"))
    header, _, row = burgee("flags", "list").out.strip().splitlines()
    assert re.split(" {2,}", header.strip())[:4] == ["flag set", "key", "status", "default"]
    assert re.split(" {2,}", row.strip()) == [
        *("default", "banner", "ENABLED", "on", "on, off", "yes", "web, sale", "3"),
        "2027-01-15 08:00:00Z",
    ]


def test_no_flags_are_a_remark_and_an_empty_document(burgee: Any) -> None:
    burgee.answers(page(), page())
    assert burgee("flags", "list").err == "no flags\n"
    assert burgee("flags", "list", "--json").document == []


def test_one_flag_is_shown_line_by_line(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, json=FLAG))
    out = burgee("flags", "get", "banner").out
    assert "key             banner\n" in out
    assert 'variants        {"on":true,"off":false}\n' in out
    assert "updatedAt       2027-01-15 08:00:00Z\n" in out


def test_a_flag_is_shown_as_it_was(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, json=FLAG))
    assert burgee("flags", "get", "a/b", "--flag-set", "s", "--revision", "1", "--json").document == FLAG
    assert burgee.sent == ["GET /api/v1/flag-sets/s/flags/a%2Fb?revision=1"]


@pytest.mark.parametrize(("command", "status"), [("enable", "ENABLED"), ("disable", "DISABLED")])
def test_a_switch_is_a_merge_patch(burgee: Any, command: str, status: str) -> None:
    burgee.answers(httpx.Response(200, json={**FLAG, "status": status, "version": 4}))
    ran = burgee("flags", command, "banner")
    assert ran.out == f"banner is {status}, version 4\n"
    assert burgee.sent == ["PATCH /api/v1/flag-sets/default/flags/banner"]
    assert burgee.requests[0].headers["content-type"] == "application/merge-patch+json"
    assert json.loads(burgee.requests[0].content) == {"status": status}


def test_a_revision_below_one_is_wrong_usage(burgee: Any) -> None:
    assert burgee("flags", "get", "banner", "--revision", "0").code == 2


def test_the_list_shows_when_a_flag_was_last_evaluated(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, json={"items": [{**FLAG, "lastEvaluatedAt": 1_800_000_060}]}))
    header, _, row = burgee("flags", "list").out.strip().splitlines()
    assert header.strip().endswith("evaluated")
    assert row.strip().endswith("2027-01-15 08:01:00Z")


def test_stale_flags_are_asked_for_by_days(burgee: Any) -> None:
    burgee.answers(page())
    burgee("flags", "list", "--stale", "30")
    assert burgee.sent == ["GET /api/v1/flags?staleDays=30&limit=500"]
    assert burgee("flags", "list", "--stale", "0").code == 2
