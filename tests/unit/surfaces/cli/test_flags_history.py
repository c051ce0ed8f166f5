"""`burgee flags history|restore`."""

import json
from typing import Any

import httpx

STEP = {
    "version": 2,
    "revision": 9,
    "at": 1_800_000_000,
    "actor": "ann",
    "action": "flag.updated",
    "flag": {"status": "DISABLED", "defaultVariant": "on"},
}
DELETED = {**STEP, "version": 3, "revision": 12, "action": "flag.deleted", "flag": None}


def test_every_step_is_a_row_also_a_deletion(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, json={"items": [DELETED, STEP], "nextCursor": None}))
    rows = burgee("flags", "history", "banner").out.strip().splitlines()[2:]
    assert rows[0].split() == ["12", "3", "2027-01-15", "08:00:00Z", "ann", "flag.deleted"]
    assert rows[1].split() == ["9", "2", "2027-01-15", "08:00:00Z", "ann", "flag.updated", "DISABLED", "on"]


def test_a_limit_asks_for_no_more_pages_than_it_needs(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, json={"items": [DELETED, STEP], "nextCursor": "more"}))
    assert burgee("flags", "history", "banner", "--limit", "2", "--json").document == [DELETED, STEP]
    assert burgee.sent == ["GET /api/v1/flag-sets/default/flags/banner/history"]


def test_restoring_names_the_revision(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, json={"key": "banner", "version": 4}))
    ran = burgee("flags", "restore", "banner", "--revision", "9")
    assert ran.out == "banner is as at revision 9, now version 4\n"
    assert burgee.sent == ["POST /api/v1/flag-sets/default/flags/banner/restore"]
    assert json.loads(burgee.requests[0].content) == {"revision": 9}


def test_restoring_needs_a_revision_of_at_least_one(burgee: Any) -> None:
    assert burgee("flags", "restore", "banner").code == 2
    assert burgee("flags", "restore", "banner", "--revision", "0").code == 2
