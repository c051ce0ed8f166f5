"""`burgee overrides list|set|delete`."""

import json
import re
from typing import Any

import httpx
import pytest

OVERRIDE = {
    "flagKey": "banner",
    "targetingKey": "u/1",
    "flagSet": "default",
    "status": None,
    "variant": "on",
    "reason": "beta",
    "expiresAt": 1_800_000_000.5,
    "version": 3,
    "updatedBy": "ann",
}
ONE = "/api/v1/flag-sets/default/flags/banner/overrides/u%2F1"


def page(*subjects: str, following: str | None = None) -> httpx.Response:
    items = [{**OVERRIDE, "targetingKey": subject} for subject in subjects]
    return httpx.Response(200, json={"items": items, "nextCursor": following})


def test_all_pages_of_a_flag_are_listed(burgee: Any) -> None:
    burgee.answers(page("a", "b", following="more"), page("c"))
    ran = burgee("overrides", "list", "banner", "--flag-set", "s", "--json")
    assert [each["targetingKey"] for each in ran.document] == ["a", "b", "c"]
    path = "GET /api/v1/flag-sets/s/flags/banner/overrides?limit=500"
    assert burgee.sent == [path, f"{path}&cursor=more"]


@pytest.mark.parametrize(("options", "query"), [((), ""), (("--flag-set", "s"), "flagSet=s&")])
def test_those_of_a_subject_are_listed(burgee: Any, options: tuple[str, ...], query: str) -> None:
    burgee.answers(page("u/1"))
    burgee("overrides", "list", "--subject", "u/1", *options)
    assert burgee.sent == [f"GET /api/v1/subjects/u%2F1/overrides?{query}limit=500"]


@pytest.mark.parametrize("arguments", [(), ("banner", "--subject", "u")])
def test_a_list_is_of_a_flag_or_of_a_subject(burgee: Any, arguments: tuple[str, ...]) -> None:
    assert burgee("overrides", "list", *arguments).code == 2
    assert burgee.requests == []


def test_people_get_a_table(burgee: Any) -> None:
    burgee.answers(page("u/1"), page())
    header, _, row = burgee("overrides", "list", "banner").out.strip().splitlines()
    assert re.split(" {2,}", header.strip())[:4] == ["flag set", "flag", "subject", "gives"]
    assert re.split(" {2,}", row.strip()) == [
        *("default", "banner", "u/1", "on", "beta", "2027-01-15 08:00:00Z", "3", "ann")
    ]
    assert burgee("overrides", "list", "banner").err == "no overrides\n"


@pytest.mark.parametrize(
    ("options", "sent", "said"),
    [
        (("--variant", "on"), {"variant": "on"}, "on"),
        (("--status", "enabled"), {"status": "ENABLED"}, "ENABLED"),
        (
            ("--variant", "on", "--reason", "why", "--expires", "2027-01-15T08:00:00Z"),
            {"variant": "on", "reason": "why", "expiresAt": 1_800_000_000},
            "on",
        ),
    ],
)
def test_an_override_is_put(burgee: Any, options: tuple[str, ...], sent: dict[str, Any], said: str) -> None:
    whole = {"status": None, "variant": None, "reason": "", "expiresAt": None, **sent}
    burgee.answers(httpx.Response(201, json={**OVERRIDE, **whole}))
    ran = burgee("overrides", "set", "banner", "u/1", *options)
    assert ran.out == f"banner is {said} for u/1, version 3\n"
    assert burgee.sent == [f"PUT {ONE}"]
    assert json.loads(burgee.requests[0].content) == whole


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--variant", "on", "--status", "ENABLED"),
        ("--status", "on"),
        ("--variant", "on", "--expires", "soon"),
    ],
)
def test_what_is_no_override_is_wrong_usage(burgee: Any, options: tuple[str, ...]) -> None:
    assert burgee("overrides", "set", "banner", "u", *options).code == 2
    assert burgee.requests == []


def test_an_override_is_deleted(burgee: Any) -> None:
    burgee.answers(httpx.Response(204), httpx.Response(204))
    assert burgee("overrides", "delete", "banner", "u/1").out == "banner has no override for u/1 any more\n"
    assert burgee("overrides", "delete", "banner", "u/1", "--json").document["deleted"] is True
    assert burgee.sent == [f"DELETE {ONE}"] * 2


@pytest.mark.parametrize(("status", "code"), [(404, 3), (400, 1), (403, 5), (503, 6)])
def test_refusals_have_their_exit_codes(burgee: Any, status: int, code: int) -> None:
    burgee.answers(httpx.Response(status, json={"detail": "no"}), httpx.Response(status, json={}))
    assert burgee("overrides", "delete", "banner", "u").code == code
    assert burgee("overrides", "set", "banner", "u", "--variant", "x").code == code


def test_programs_get_the_override(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, json=OVERRIDE))
    assert burgee("overrides", "set", "banner", "u/1", "--variant", "on", "--json").document == OVERRIDE
