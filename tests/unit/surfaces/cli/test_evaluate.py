"""`burgee evaluate`: OFREP from a terminal."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

ANSWER = {"key": "banner", "reason": "TARGETING_MATCH", "variant": "on", "value": True, "metadata": {}}


def test_value_variant_and_reason_are_printed(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, json=ANSWER))
    ran = burgee("evaluate", "banner", "--context", '{"targetingKey": "u1"}')
    assert (ran.code, ran.out) == (0, "value    true\nvariant  on\nreason   TARGETING_MATCH\n")
    assert burgee.sent == ["POST /ofrep/v1/evaluate/flags/banner"]
    assert json.loads(burgee.requests[0].content) == {"context": {"targetingKey": "u1"}}


def test_the_subject_can_be_given_alone(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, json=ANSWER))
    burgee("evaluate", "banner", "--context", '{"a": 10.0}', "--targeting-key", "u2", "--flag-set", "shop")
    assert burgee.requests[0].content == b'{"context":{"a":10.0,"targetingKey":"u2"}}'
    assert burgee.requests[0].headers["flagd-selector"] == "flagSetId=shop"


def test_the_context_can_stand_in_a_file(burgee: Any, tmp_path: Path) -> None:
    (tmp_path / "context.json").write_text('{"email": "a@b"}')
    burgee.answers(httpx.Response(200, json=ANSWER))
    assert burgee("evaluate", "a/b", "--context", str(tmp_path / "context.json"), "--json").document == ANSWER
    assert burgee.sent == ["POST /ofrep/v1/evaluate/flags/a%2Fb"]
    assert json.loads(burgee.requests[0].content) == {"context": {"email": "a@b"}}


def test_no_value_is_the_callers_own_default(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, json={"key": "banner", "reason": "DISABLED"}))
    out = burgee("evaluate", "banner").out
    assert out == "value    (the default in the caller's code)\nvariant  (none)\nreason   DISABLED\n"


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [(404, "FLAG_NOT_FOUND", 3), (400, "PARSE_ERROR", 1), (400, "GENERAL", 1)],
)
def test_an_error_is_an_answer_with_its_exit_code(burgee: Any, status: int, error: str, code: int) -> None:
    answer = {"key": "banner", "errorCode": error, "errorDetails": "why"}
    burgee.answers(httpx.Response(status, json=answer), httpx.Response(status, json=answer))
    ran = burgee("evaluate", "banner")
    assert (ran.code, ran.out) == (code, f"error    {error}\ndetail   why\n")
    assert burgee("evaluate", "banner", "--json").document == answer


@pytest.mark.parametrize("context", ["[]", "nowhere.json", "5"])
def test_a_context_that_is_no_object_is_wrong_usage(burgee: Any, context: str) -> None:
    assert burgee("evaluate", "banner", "--context", context).code == 2


def test_a_context_that_is_no_strict_json_is_refused(burgee: Any) -> None:
    assert burgee("evaluate", "banner", "--context", '{"a": 1, "a": 2}').code == 1
    assert burgee.requests == []
