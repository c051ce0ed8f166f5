"""`burgee keys`."""

import json
from typing import Any

import httpx
import pytest

from burgee.model.sdk_key import SdkKind
from burgee.surfaces.cli.keys import KINDS

KEY = {
    "id": "0123456789abcdef",
    "prefix": "bgs_0123456789abcdef",
    "name": "checkout",
    "kind": "server",
    "flagSets": ["shop", "web"],
    "active": True,
    "createdAt": 1_800_000_000,
    "createdBy": "ada",
    "expiresAt": None,
    "revokedAt": None,
    "lastUsedAt": 1_800_000_060,
}
SECRET = "bgs_0123456789abcdef_abc_def"


def create(burgee: Any, *options: str) -> Any:
    burgee.answers(httpx.Response(201, json=KEY | {"key": SECRET}))
    return burgee("keys", "create", "--name", "checkout", *options)


def test_only_the_key_is_printed(burgee: Any) -> None:
    ran = create(burgee)
    assert (ran.code, ran.out, ran.err) == (0, f"{SECRET}\n", "")
    assert burgee.sent == ["POST /api/v1/keys"]
    assert json.loads(burgee.requests[0].content) == {"name": "checkout", "kind": "server"}


def test_every_option_is_sent(burgee: Any) -> None:
    ran = create(burgee, "--kind", "client", "--ttl", "2d", "--flag-set", "a", "--flag-set", "b", "--json")
    assert json.loads(burgee.requests[0].content) == {
        "name": "checkout",
        "kind": "client",
        "ttlSeconds": 172_800,
        "flagSets": ["a", "b"],
    }
    assert ran.document["key"] == SECRET


@pytest.mark.parametrize("options", [["--kind", "both"], ["--ttl", "0"], ["--ttl", "soon"]])
def test_what_cannot_be_is_wrong_usage(burgee: Any, options: list[str]) -> None:
    assert create(burgee, *options).code == 2
    assert burgee.requests == []


def test_the_kinds_are_those_of_the_model() -> None:
    assert set(KINDS) == {kind.value for kind in SdkKind}


def test_a_third_key_of_a_name_is_a_conflict(burgee: Any) -> None:
    burgee.answers(httpx.Response(409, json={"detail": "revoke one of them first"}))
    ran = burgee("keys", "create", "--name", "checkout")
    assert (ran.code, "revoke one" in ran.err) == (4, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ["0123456789abcdef", "checkout", "server", "shop web", "active", "2027-01-15 08:01:00Z"]),
        ({"active": False, "revokedAt": 5}, ["revoked"]),
        ({"active": False, "expiresAt": 5}, ["expired", "1970-01-01 00:00:05Z"]),
        ({"flagSets": []}, ["all"]),
    ],
)
def test_the_list_says_what_each_key_is(burgee: Any, change: dict[str, Any], words: list[str]) -> None:
    burgee.answers(httpx.Response(200, json={"items": [KEY | change], "nextCursor": None}))
    out = burgee("keys", "list").out
    for word in words:
        assert word in out


def test_all_pages_are_one_document(burgee: Any) -> None:
    burgee.answers(
        httpx.Response(200, json={"items": [KEY], "nextCursor": "c"}),
        httpx.Response(200, json={"items": [KEY], "nextCursor": None}),
    )
    assert burgee("keys", "list", "--json").document == [KEY, KEY]


def test_no_keys_is_said_beside_the_result(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, json={"items": [], "nextCursor": None}))
    ran = burgee("keys", "list")
    assert (ran.code, ran.out, ran.err) == (0, "", "no keys\n")


@pytest.mark.parametrize("named", ["0123456789abcdef", "bgs_0123456789abcdef", SECRET])
def test_a_key_is_revoked_by_its_id_its_prefix_or_itself(burgee: Any, named: str) -> None:
    burgee.answers(httpx.Response(204))
    ran = burgee("keys", "revoke", named)
    assert (ran.code, ran.out, ran.err) == (0, "", "revoked 0123456789abcdef\n")
    assert burgee.sent == ["DELETE /api/v1/keys/0123456789abcdef"]


def test_revoking_tells_programs_too_and_an_unknown_key_is_not_found(burgee: Any) -> None:
    burgee.answers(httpx.Response(204), httpx.Response(404, json={"detail": "there is no key x"}))
    assert burgee("keys", "revoke", "x", "--json").document == {"id": "x", "revoked": True}
    assert burgee("keys", "revoke", "../flags/a").code == 3
    assert burgee.sent[1] == "DELETE /api/v1/keys/..%2Fflags%2Fa"
