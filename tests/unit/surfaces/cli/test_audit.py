"""`burgee audit list|verify`."""

from typing import Any

import httpx
import pytest

EVENT = {
    "sequence": 7,
    "at": 1_800_000_000,
    "actor": "ann",
    "action": "flag.updated",
    "entity": "flags/default/a",
    "revision": 3,
    "reason": "sale",
}


def events(*sequences: int, following: str | None = None) -> httpx.Response:
    items = [{**EVENT, "sequence": sequence} for sequence in sequences]
    return httpx.Response(200, json={"items": items, "nextCursor": following})


def test_filters_go_to_the_server(burgee: Any) -> None:
    burgee.answers(events())
    options = "--actor ann --flag-set s --key a --action flag.updated --since 1970-01-01T00:01 --until 90.5"
    burgee("audit", "list", *options.split())
    assert dict(burgee.requests[0].url.params) == {
        "actor": "ann",
        "flagSet": "s",
        "key": "a",
        "action": "flag.updated",
        "since": "60.0",
        "until": "90.5",
        "limit": "100",
    }


@pytest.mark.parametrize(("limit", "expected"), [(2, [3, 2]), (3, [3, 2, 1]), (4, [3, 2, 1])])
def test_the_limit_counts_over_pages(burgee: Any, limit: int, expected: list[int]) -> None:
    burgee.answers(events(3, 2, following="c"), events(1))
    listed = burgee("audit", "list", "--limit", str(limit), "--json").document
    assert [event["sequence"] for event in listed] == expected
    assert len(burgee.requests) == (1 if limit == 2 else 2)


def test_people_get_a_row_per_event(burgee: Any) -> None:
    burgee.answers(events(7))
    row = burgee("audit", "list").out.strip().splitlines()[-1]
    assert " ".join(row.split()) == "7 2027-01-15 08:00:00Z ann flag.updated flags/default/a 3 sale"


@pytest.mark.parametrize("time", ["yesterday", "", "2026-13-01", "1.2.3"])
def test_what_is_no_time_is_wrong_usage(burgee: Any, time: str) -> None:
    assert burgee("audit", "list", "--since", time).code == 2


@pytest.mark.parametrize(
    ("answer", "code", "out"),
    [
        ({"ok": True, "checked": 5, "firstBroken": None}, 0, "the audit log is whole: 5 events\n"),
        ({"ok": False, "checked": 2, "firstBroken": 3}, 1, "the audit log is broken at sequence 3\n"),
    ],
)
def test_a_broken_chain_is_exit_code_1(burgee: Any, answer: dict[str, Any], code: int, out: str) -> None:
    burgee.answers(httpx.Response(200, json=answer), httpx.Response(200, json=answer))
    ran = burgee("audit", "verify")
    assert (ran.code, ran.out) == (code, out)
    assert burgee("audit", "verify", "--json").document == answer


LETTER = {
    "number": 1,
    "sink": "webhook",
    "sequence": 7,
    "eventId": "audit_7_0123456789abcdef",
    "action": "flag.updated",
    "attempts": 107,
    "failingSince": 1_800_000_000,
    "givenUpAt": 1_800_086_400,
    "problem": "the receiver answered with 500",
}


def test_dead_letters_are_a_table_for_people(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, json={"items": [LETTER], "nextCursor": None}))
    out = burgee("audit", "dead-letters").out
    assert "the receiver answered with 500" in out
    assert "2027-01-16 08:00:00Z" in out
    assert burgee.sent == ["GET /api/v1/audit/dead-letters?limit=100"]


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (2, 2), (3, 2)])
def test_dead_letters_are_limited_over_pages(burgee: Any, limit: int, expected: int) -> None:
    burgee.answers(
        httpx.Response(200, json={"items": [LETTER], "nextCursor": "more"}),
        httpx.Response(200, json={"items": [LETTER], "nextCursor": None}),
    )
    assert len(burgee("audit", "dead-letters", "--json", "--limit", str(limit)).document) == expected


def test_no_dead_letters_are_a_remark(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, json={"items": [], "nextCursor": None}))
    assert burgee("audit", "dead-letters").err == "no dead letters\n"
