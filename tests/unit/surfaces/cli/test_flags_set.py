"""`burgee flags set`: read, change what is named, write on condition."""

import json
from pathlib import Path
from typing import Any

import click
import httpx
import pytest

from burgee.surfaces.cli.flags_set import ATTEMPTS, Changes, assignments, edited, precondition

STORED: dict[str, Any] = {
    "key": "banner",
    "version": 3,
    "status": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "on",
    "targeting": {"if": [{"var": "x"}, "on"]},
    "metadata": {"team": "a"},
    "tags": ["web"],
}
NOT_THERE = httpx.Response(404, json={"detail": "no such flag"})
WRITTEN = httpx.Response(200, json={**STORED, "version": 4})
CONFLICT = {"detail": "changed meanwhile", "currentVersion": 4}


def stored() -> httpx.Response:
    return httpx.Response(200, json=STORED, headers={"ETag": '"3"'})


def body(request: httpx.Request) -> Any:
    return json.loads(request.content)


def test_a_new_flag_is_boolean_and_only_created(burgee: Any) -> None:
    burgee.answers(NOT_THERE, httpx.Response(201, json={**STORED, "version": 1}))
    ran = burgee("flags", "set", "banner")
    assert (ran.code, ran.out) == (0, "banner is at version 1\n")
    put = burgee.requests[1]
    assert (put.method, put.headers["if-none-match"]) == ("PUT", "*")
    assert body(put) == {"variants": {"on": True, "off": False}, "defaultVariant": "on"}


def test_a_new_flag_with_variants_has_only_those(burgee: Any) -> None:
    burgee.answers(NOT_THERE, WRITTEN)
    burgee("flags", "set", "banner", "--variant", "a=1", "--variant", "b=2.0", "--default", "a")
    assert burgee.requests[1].content == b'{"variants":{"a":1,"b":2.0},"defaultVariant":"a"}'


def test_what_is_not_named_stays(burgee: Any) -> None:
    burgee.answers(stored(), WRITTEN)
    burgee("flags", "set", "banner", "--description", "Shows the banner")
    put = burgee.requests[1]
    assert put.headers["if-match"] == '"3"'
    assert body(put) == {**STORED, "description": "Shows the banner"}


def test_what_looks_like_a_mistake_is_said_on_stderr(burgee: Any) -> None:
    warning = {
        "flagKey": "banner",
        "pointer": "/variants/off",
        "code": "unreachable-variant",
        "message": "no",
    }
    burgee.answers(stored(), httpx.Response(200, json={**STORED, "warnings": [warning]}))
    ran = burgee("flags", "set", "banner", "--tag", "x")
    assert ran.err == "warning: banner/variants/off: no [unreachable-variant]\n"


def test_who_lost_a_race_reads_again_and_writes_again(burgee: Any) -> None:
    burgee.answers(stored(), httpx.Response(412, json=CONFLICT), stored(), WRITTEN)
    assert burgee("flags", "set", "banner", "--tag", "new").code == 0
    assert len(burgee.requests) == 4


def test_who_loses_every_race_is_told(burgee: Any) -> None:
    lost = [
        stored() if number % 2 == 0 else httpx.Response(412, json=CONFLICT) for number in range(2 * ATTEMPTS)
    ]
    burgee.answers(*lost)
    assert burgee("flags", "set", "banner", "--tag", "new").code == 4


def test_a_version_that_was_named_is_not_tried_again(burgee: Any) -> None:
    burgee.answers(stored(), httpx.Response(412, json=CONFLICT))
    ran = burgee("flags", "set", "banner", "--tag", "new", "--if-version", "2")
    assert ran.code == 4
    assert burgee.requests[1].headers["if-match"] == '"2"'


def test_version_zero_makes_and_never_changes(burgee: Any) -> None:
    burgee.answers(WRITTEN)
    burgee("flags", "set", "banner", "--if-version", "0")
    assert burgee.requests[0].headers["if-none-match"] == "*"


def test_a_file_replaces_the_whole_flag(burgee: Any, tmp_path: Path) -> None:
    file = tmp_path / "flag.json"
    file.write_text('{"variants": {"a": 10.0}, "defaultVariant": "a"}')
    burgee.answers(WRITTEN)
    assert burgee("flags", "set", "banner", "--file", str(file), "--force", "--json").document["version"] == 4
    assert burgee.sent == ["PUT /api/v1/flag-sets/default/flags/banner?force=true"]
    assert burgee.requests[0].content == b'{"variants":{"a":10.0},"defaultVariant":"a"}'


def test_a_file_and_content_at_once_are_wrong_usage(burgee: Any, tmp_path: Path) -> None:
    file = tmp_path / "flag.json"
    file.write_text("{}")
    assert burgee("flags", "set", "banner", "--file", str(file), "--tag", "x").code == 2
    assert burgee.requests == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=true", True),
        ("a=10", 10),
        ("a=10.0", 10.0),
        ('a="10"', "10"),
        ("a=hello", "hello"),
        ("a=", ""),
        ("a=b=c", "b=c"),
        ('a={"x": [1]}', {"x": [1]}),
        ("a=null", None),
    ],
)
def test_a_value_is_json_or_else_text(text: str, value: Any) -> None:
    read = assignments([text], name="--variant")
    assert read == {"a": value}
    assert type(read["a"]) is type(value)


@pytest.mark.parametrize("text", ["", "a", "=1", "="])
def test_an_assignment_needs_a_name_and_a_sign(text: str) -> None:
    with pytest.raises(click.BadParameter):
        assignments([text], name="--variant")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (Changes(), {}),
        (Changes(variants=("on=1",)), {"variants": {"on": 1, "off": False}}),
        (Changes(removed=("off",)), {"variants": {"on": True}}),
        (Changes(removed=("off",), variants=("off=1",)), {"variants": {"on": True, "off": 1}}),
        (Changes(default=""), {"defaultVariant": None}),
        (Changes(targeting="{}"), {"targeting": None}),
        (Changes(targeting='{"var": "a"}'), {"targeting": {"var": "a"}}),
        (Changes(status="DISABLED", name=""), {"status": "DISABLED", "name": ""}),
        (Changes(tags=("b", "a")), {"tags": ["b", "a"]}),
        (Changes(metadata=("n=1",)), {"metadata": {"team": "a", "n": 1}}),
    ],
)
def test_each_change_touches_its_own_part(changes: Changes, expected: dict[str, Any]) -> None:
    before = json.dumps(STORED)
    assert edited(dict(STORED), changes) == {**STORED, **expected}
    assert json.dumps(STORED) == before


@pytest.mark.parametrize("removed", [("zz",), ("off", "zz"), ("OFF",), ("",)])
def test_a_variant_that_is_not_there_cannot_be_removed(burgee: Any, removed: tuple[str, ...]) -> None:
    burgee.answers(stored())
    ran = burgee("flags", "set", "banner", *(f"--remove-variant={name}" for name in removed))
    assert (ran.code, ran.out) == (3, "")
    assert f"no variant {removed[-1]!r}" in ran.err
    assert [request.method for request in burgee.requests] == ["GET"]


def test_a_new_flag_has_no_variant_to_remove_but_those_it_is_made_with(burgee: Any) -> None:
    burgee.answers(NOT_THERE)
    assert burgee("flags", "set", "banner", "--variant", "a=1", "--remove-variant", "b").code == 3
    burgee.answers(NOT_THERE, WRITTEN)
    assert burgee("flags", "set", "banner", "--remove-variant", "off").code == 0
    assert body(burgee.requests[-1])["variants"] == {"on": True}


@pytest.mark.parametrize(
    ("version", "headers"), [(None, {}), (0, {"If-None-Match": "*"}), (1, {"If-Match": '"1"'})]
)
def test_a_version_is_a_condition(version: int | None, headers: dict[str, str]) -> None:
    assert precondition(version) == headers
