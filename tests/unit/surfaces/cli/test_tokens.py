"""`burgee token create`."""

import json
from typing import Any

import httpx
import pytest

from burgee.service.access import Role
from burgee.surfaces.cli.tokens import ROLES


def create(burgee: Any, *options: str) -> Any:
    burgee.answers(httpx.Response(201, json={"token": "t.o.k", "expiresAt": 5}))
    return burgee("token", "create", "--role", "admin", "--subject", "ann", *options)


def test_only_the_token_is_printed(burgee: Any) -> None:
    ran = create(burgee)
    assert (ran.code, ran.out, ran.err) == (0, "t.o.k\n", "")
    assert json.loads(burgee.requests[0].content) == {"subject": "ann", "role": "admin", "ttlSeconds": 3600}


def test_a_token_can_be_confined_to_flag_sets(burgee: Any) -> None:
    create(burgee, "--flag-set", "a", "--flag-set", "b")
    assert json.loads(burgee.requests[0].content)["flagSets"] == ["a", "b"]


def test_programs_get_the_expiry_too(burgee: Any) -> None:
    assert create(burgee, "--json").document == {"token": "t.o.k", "expiresAt": 5}


@pytest.mark.parametrize(
    ("ttl", "seconds"), [("1", 1), ("90", 90), ("90s", 90), ("15m", 900), ("1h", 3600), ("30d", 2_592_000)]
)
def test_durations_have_units(burgee: Any, ttl: str, seconds: int) -> None:
    create(burgee, "--ttl", ttl)
    assert json.loads(burgee.requests[0].content)["ttlSeconds"] == seconds


@pytest.mark.parametrize("ttl", ["", "0", "0h", "-1", "1w", "h", "1.5h", "1 h", "१h", "9999999999"])
def test_what_is_no_duration_is_wrong_usage(burgee: Any, ttl: str) -> None:
    assert create(burgee, "--ttl", ttl).code == 2
    assert burgee.requests == []


def test_the_roles_are_those_of_the_service() -> None:
    assert set(ROLES) == {role.value for role in Role}


def test_an_unknown_role_is_wrong_usage(burgee: Any) -> None:
    assert burgee("token", "create", "--role", "root", "--subject", "ann").code == 2
