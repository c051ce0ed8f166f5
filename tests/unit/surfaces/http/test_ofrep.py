"""OFREP single and bulk evaluation: every status and field, the same over the inline and the ASGI path."""

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from burgee.bootstrap import open_application
from burgee.model.limits import DEFAULT_LIMITS
from burgee.service.access import Role
from burgee.service.drafts import FlagDraft, FlagSetDraft
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.testing.flag_fixtures import AUTHOR, VALUES, publish_samples
from burgee.testing.listening import Listening, listening

ONE = "/ofrep/v1/evaluate/flags"
NOW = [1_800_000_000.0]


@pytest.fixture
def services() -> Iterator[Services]:
    with open_application(Settings(data=":memory:"), clock=lambda: NOW[0]) as services:
        publish_samples(services)
        yield services


@pytest.fixture(params=[True, False], ids=["inline", "asgi"])
def inline(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def server(services: Services, inline: bool) -> Iterator[Listening]:
    with listening(services, inline=inline) as server:
        yield server


@pytest.fixture
def client(server: Listening) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"Accept-Encoding": "identity"}) as client:
        yield client


# -- the published schema


def published_schema() -> dict[str, Any]:
    folder = Path(
        os.environ.get("BURGEE_CONFORMANCE_DIR", Path(__file__).parents[5] / "shared" / "conformance")
    )
    path = folder / "ofrep" / "openapi.yaml"
    if not path.exists():
        pytest.skip(f"no {path}: set BURGEE_CONFORMANCE_DIR")
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


DEVIATIONS = (
    "the reason DEFAULT, as flagd sends it, is not in the schema's list of reasons",
    "oneOf over flag types cannot hold: every value also matches codeDefaultFlag, and an integer floatFlag",
)
"""All that our answers do not take from openapi.yaml; `respects` takes nothing else away."""


def respects(body: object, name: str, *, strict: bool = False) -> None:
    """Check `body` against a schema of the OpenAPI document, with the deviations allowed unless `strict`."""
    document = published_schema()
    schemas = document["components"]["schemas"]
    if not strict:
        success = schemas["evaluationSuccess"]["allOf"]
        success[0]["properties"]["reason"]["enum"].append("DEFAULT")
        success[1] = {"anyOf": success[1]["oneOf"]}
        schemas["bulkEvaluationSuccess"]["properties"]["flags"]["items"] = {
            "anyOf": schemas["bulkEvaluationSuccess"]["properties"]["flags"]["items"]["oneOf"]
        }
        # For the second oneOf: what is a failure must not pass as a success.
        assert "errorCode" in body or "reason" in body or "flags" in body  # type: ignore[operator]
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.validators.Draft202012Validator(schema).validate(body)


@pytest.mark.conformance
def test_the_schema_itself_still_has_the_faults_that_we_deviate_for() -> None:
    with pytest.raises(jsonschema.ValidationError):
        respects({"key": "a", "reason": "DEFAULT", "variant": ""}, "evaluationSuccess", strict=True)
    with pytest.raises(jsonschema.ValidationError):
        respects(
            {"key": "a", "reason": "STATIC", "variant": "on", "value": True}, "evaluationSuccess", strict=True
        )
    respects({"key": "a", "reason": "DISABLED", "variant": ""}, "evaluationSuccess", strict=True)
    assert len(DEVIATIONS) == 2


@pytest.mark.conformance
@pytest.mark.parametrize("key", [*VALUES, "disabled", "code-default", "targeted"])
def test_every_success_respects_the_schema(client: httpx.Client, key: str) -> None:
    answer = client.post(f"{ONE}/{key}", json={"context": {"targetingKey": "u"}})
    assert answer.status_code == 200
    respects(answer.json(), "serverEvaluationSuccess")


@pytest.mark.conformance
def test_every_failure_and_the_bulk_answer_respect_the_schema(client: httpx.Client) -> None:
    respects(client.post(f"{ONE}/nope", json={}).json(), "flagNotFound")
    respects(client.post(f"{ONE}/boolean", content=b"[]").json(), "evaluationFailure")
    respects(client.post(ONE, content=b"{").json(), "bulkEvaluationFailure")
    respects(client.post(ONE, json={}).json(), "bulkEvaluationSuccess")


# -- one flag


@pytest.mark.parametrize("key", [key for key in VALUES if key != "boolean"])
def test_a_static_flag_answers_with_its_value_in_its_written_form(client: httpx.Client, key: str) -> None:
    answer = client.post(f"{ONE}/{key}", json={"context": {"targetingKey": "u"}})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "key": key,
        "reason": "STATIC",
        "variant": "on",
        "value": VALUES[key],
        "metadata": {},
    }
    assert type(answer.json()["value"]) is type(VALUES[key])


def test_the_same_answer_comes_twice_and_for_every_context(client: httpx.Client) -> None:
    gold = {"context": {"plan": "gold"}}
    expected = [("on", True, "TARGETING_MATCH"), ("off", False, "TARGETING_MATCH")] * 2
    for variant, value, reason in expected:
        body = client.post(f"{ONE}/targeted", json=gold if value else {}).json()
        assert (body["variant"], body["value"], body["reason"]) == (variant, value, reason)
        assert body["metadata"] == {"owner": "us"}


@pytest.mark.parametrize(("key", "reason"), [("disabled", "DISABLED"), ("code-default", "DEFAULT")])
def test_a_code_default_has_an_empty_variant_and_no_value(
    client: httpx.Client, key: str, reason: str
) -> None:
    answer = client.post(f"{ONE}/{key}", json={"context": {}})
    assert answer.status_code == 200
    assert answer.json() == {"key": key, "reason": reason, "variant": "", "metadata": {}}


@pytest.mark.parametrize("key", ["nope", "no/pe", "no%20pe", "%00", "x" * 200, "..", "boolean?x=%zz"])
def test_an_unknown_flag_is_not_found_whatever_it_is_called(client: httpx.Client, key: str) -> None:
    answer = client.post(f"{ONE}/{key}", json={})
    if key.startswith("boolean"):
        assert answer.status_code == 200
        return
    if key == "..":
        assert answer.status_code in {404, 405}
        return
    body = answer.json()
    assert (answer.status_code, body["errorCode"]) == (404, "FLAG_NOT_FOUND")
    assert body["errorDetails"] == f"flag `{body['key']}` does not exist"


@pytest.mark.parametrize("content", [b"", b"{}", b'{"context":{}}', b'{"other":1}'])
def test_a_missing_context_is_an_empty_one(client: httpx.Client, content: bytes) -> None:
    assert client.post(f"{ONE}/targeted", content=content).json()["variant"] == "off"


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"null",
        b"1",
        b"{",
        b'{"context":[]}',
        b'{"context":null}',
        b'{"context":"x"}',
        b'{"context":{"a":1,"a":2}}',
        b'{"context":{"a":NaN}}',
        b'{"context":{"a":"\xff"}}',
        b'{"context":' + b'{"a":' * 40 + b"1" + b"}" * 41,
    ],
)
def test_a_body_that_is_no_request_is_an_invalid_context_with_details(
    client: httpx.Client, content: bytes
) -> None:
    for path, key in ((f"{ONE}/boolean", "boolean"), (ONE, None), (f"{ONE}/", None)):
        answer = client.post(path, content=content)
        body = answer.json()
        assert (answer.status_code, body["errorCode"]) == (400, "INVALID_CONTEXT")
        assert body["errorDetails"]
        assert body.get("key") == key


@pytest.mark.parametrize(("over", "status"), [(-1, 200), (0, 200), (1, 400)])
def test_a_context_may_be_as_long_as_the_limit(client: httpx.Client, over: int, status: int) -> None:
    empty = len(b'{"a":""}')
    context = b'{"a":"' + b"x" * (DEFAULT_LIMITS.context_bytes - empty + over) + b'"}'
    answer = client.post(f"{ONE}/boolean", content=b'{"context":' + context + b"}")
    assert answer.status_code == status


def test_only_post_evaluates(client: httpx.Client) -> None:
    for path in (ONE, f"{ONE}/", f"{ONE}/boolean"):
        answer = client.get(path)
        assert answer.status_code == 405
        assert "POST" in answer.headers["allow"]


# -- selectors


@pytest.mark.parametrize(
    ("selector", "value", "metadata"),
    [
        (None, False, {"flagSetId": "shop"}),
        ("flagSetId=shop", False, {"flagSetId": "shop"}),
        ("source=shop.json", False, {"source": "shop.json", "flagSetId": "shop"}),
        ("shop.json", False, {"source": "shop.json", "flagSetId": "shop"}),
        ("flagSetId=", True, {}),
        ("flagSetId=default", True, {"flagSetId": "default"}),
    ],
)
def test_a_selector_chooses_the_flag_set(
    client: httpx.Client, selector: str | None, value: bool, metadata: dict[str, str]
) -> None:
    headers = {"Flagd-Selector": selector} if selector is not None else {}
    for _ in range(2):  # the second time from prebuilt bytes
        body = client.post(f"{ONE}/boolean", json={"context": {}}, headers=headers).json()
        assert (body["value"], body["metadata"]) == (value, metadata)


def test_a_selector_that_finds_nothing_finds_no_flag(client: httpx.Client) -> None:
    answer = client.post(f"{ONE}/boolean", json={}, headers={"Flagd-Selector": "flagSetId=none"})
    assert (answer.status_code, answer.json()["metadata"]) == (404, {"flagSetId": "none"})
    assert client.post(ONE, json={}, headers={"Flagd-Selector": "flagSetId=none"}).json()["flags"] == []


@pytest.mark.parametrize("selector", ["colour=red", b"source=\xff"])
def test_a_selector_that_cannot_be_read_is_a_general_error(
    client: httpx.Client, selector: str | bytes
) -> None:
    value = selector if isinstance(selector, bytes) else selector.encode()
    headers = {b"Flagd-Selector": value}
    for path in (f"{ONE}/boolean", ONE):
        answer = client.post(path, json={}, headers=headers)
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "GENERAL")
        assert "invalid selector" in answer.json()["errorDetails"]


# -- all flags


def test_bulk_lists_every_flag_of_every_set_in_order(client: httpx.Client) -> None:
    body = client.post(ONE, json={"context": {"targetingKey": "u"}}).json()
    keys = [flag["key"] for flag in body["flags"]]
    default = sorted([*VALUES, "disabled", "code-default", "targeted"])
    assert keys == [*default, "boolean", "only-shop"]
    assert body["metadata"] == {}
    assert body["eventStreams"] == [
        {"type": "sse", "inactivityDelaySec": 120, "endpoint": {"requestUri": "/ofrep/v1/sse"}}
    ]


def test_bulk_with_a_selector_announces_the_stream_of_that_selector(client: httpx.Client) -> None:
    body = client.post(ONE, json={}, headers={"Flagd-Selector": "flagSetId=shop"}).json()
    assert body["metadata"] == {"flagSetId": "shop"}
    assert body["eventStreams"][0]["endpoint"] == {"requestUri": "/ofrep/v1/sse/flagSetId=shop"}
    assert [flag["key"] for flag in body["flags"]] == ["boolean", "only-shop"]


def test_an_unchanged_bulk_answer_is_not_sent_again(client: httpx.Client) -> None:
    first = client.post(ONE, json={"context": {"a": 1, "b": 2}})
    etag = first.headers["etag"]
    assert etag.startswith('"')
    same = client.post(ONE, content=b'{"context":{"b":2,"a":1}}', headers={"If-None-Match": etag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    listed = client.post(ONE, json={"context": {"a": 1, "b": 2}}, headers={"If-None-Match": f'"x", W/{etag}'})
    assert listed.status_code == 304


def test_the_tag_is_never_right_for_another_context_selector_or_revision(
    client: httpx.Client, services: Services
) -> None:
    etag = client.post(ONE, json={"context": {"n": 10}}).headers["etag"]
    headers = {"If-None-Match": etag}
    for context in ({"n": 10.5}, {"n": "10"}, {"n": 10, "m": None}, {}):
        assert client.post(ONE, json={"context": context}, headers=headers).status_code == 200
    with_selector = {**headers, "Flagd-Selector": "flagSetId="}
    assert client.post(ONE, json={"context": {"n": 10}}, headers=with_selector).status_code == 200
    services.publisher.patch_flag("default", "text", {"description": "new"}, author=AUTHOR)
    answer = client.post(ONE, json={"context": {"n": 10}}, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["etag"] != etag


def test_a_304_evaluates_nothing(client: httpx.Client, server: Listening) -> None:
    etag = client.post(ONE, json={"context": {}}).headers["etag"]
    selected = server.listener.edge.ofrep._select(server.listener.edge.ofrep.audience.scope({}))

    def fails(_: object) -> None:
        raise AssertionError("evaluated")

    assert selected.answers.uses_clock is False  # the functions are there
    selected.answers._evaluators = [fails]  # type: ignore[list-item]
    assert client.post(ONE, json={"context": {}}, headers={"If-None-Match": etag}).status_code == 304


def test_a_304_that_is_known_by_heart_is_the_one_that_was_worked_out(
    client: httpx.Client, services: Services
) -> None:
    body = {"context": {"a": 1}}
    etag = client.post(ONE, json=body).headers["etag"]
    worked_out = client.post(ONE, json=body, headers={"If-None-Match": f"W/{etag}"})
    for tag in (etag, etag[:-1] + '-gzip"', etag):
        known = client.post(ONE, json=body, headers={"If-None-Match": tag})
        assert (known.status_code, known.content) == (304, b"")
        assert known.headers == worked_out.headers
    for selector in ("flagSetId=", "flagSetId=none"):
        other = {"If-None-Match": etag, "Flagd-Selector": selector}
        assert client.post(ONE, json=body, headers=other).status_code == 200
    assert client.post(ONE, json=body, headers={"If-None-Match": '"other"'}).status_code == 200
    services.publisher.patch_flag("default", "text", {"description": "new"}, author=AUTHOR)
    assert client.post(ONE, json=body, headers={"If-None-Match": etag}).status_code == 200


def test_a_client_that_heard_of_another_revision_gets_no_304(client: httpx.Client, server: Listening) -> None:
    etag = client.post(ONE, json={}).headers["etag"]
    ofrep = server.listener.edge.ofrep
    current = ofrep.mark(ofrep.audience.scope({}))[1]
    headers = {"If-None-Match": etag}
    assert client.post(f"{ONE}?flagConfigEtag={current}", json={}, headers=headers).status_code == 304
    assert client.post(f"{ONE}?flagConfigEtag=%22{current}%22", json={}, headers=headers).status_code == 304
    assert client.post(f"{ONE}?flagConfigEtag=another", json={}, headers=headers).status_code == 200
    assert client.post(f"{ONE}?flagConfigLastModified=7", json={}, headers=headers).status_code == 304


def test_where_a_rule_reads_the_clock_the_tag_is_that_of_the_answer(
    client: httpx.Client, services: Services
) -> None:
    rule: Any = {"if": [{">": [{"var": "$flagd.timestamp"}, NOW[0] + 10]}, "on", "off"]}
    draft = FlagDraft(variants={"on": True, "off": False}, default_variant="off", targeting=rule)
    services.publisher.put_flag("default", "timed", draft, author=AUTHOR)
    etag = client.post(ONE, json={}).headers["etag"]
    headers = {"If-None-Match": etag}
    assert client.post(ONE, json={}, headers=headers).status_code == 304
    NOW[0] += 60
    later = client.post(ONE, json={}, headers=headers)
    assert later.status_code == 200
    assert next(flag for flag in later.json()["flags"] if flag["key"] == "timed")["value"] is True


def test_a_long_answer_is_compressed_for_who_accepts_it(client: httpx.Client, services: Services) -> None:
    draft = FlagDraft(variants={"on": "x" * 5000}, default_variant="on")
    services.publisher.put_flag("default", "long", draft, author=AUTHOR)
    for path in (ONE, f"{ONE}/long"):
        plain = client.post(path, json={"context": {}})
        packed = client.post(path, json={"context": {}}, headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"
        assert packed.content == plain.content
        assert int(packed.headers["content-length"]) < len(plain.content) // 4
    plain, packed = (client.post(ONE, json={}, headers={"Accept-Encoding": e}) for e in ("identity", "gzip"))
    assert packed.headers["etag"] == plain.headers["etag"][:-1] + '-gzip"'
    assert client.post(ONE, json={}, headers={"If-None-Match": packed.headers["etag"]}).status_code == 304


def test_what_is_compressed_is_real_gzip(server: Listening, services: Services) -> None:
    draft = FlagDraft(variants={"on": "x" * 5000}, default_variant="on")
    services.publisher.put_flag("default", "long", draft, author=AUTHOR)
    request = b"POST /ofrep/v1/evaluate/flags/long HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n"
    raw = server.exchange(request + b"connection: close\r\ncontent-length: 2\r\n\r\n{}")
    body = raw.partition(b"\r\n\r\n")[2]
    assert json.loads(gzip.decompress(body))["value"] == "x" * 5000
    assert zlib.decompress(body, 31).startswith(b'{"key":"long"')


def test_a_publish_is_evaluated_at_once(client: httpx.Client, services: Services) -> None:
    assert client.post(f"{ONE}/text", json={"context": {}}).json()["value"] == "yes"
    services.publisher.patch_flag("default", "text", {"variants": {"on": "no"}}, author=AUTHOR)
    assert client.post(f"{ONE}/text", json={"context": {}}).json()["value"] == "no"
    services.publisher.delete_flag("default", "text", author=AUTHOR)
    assert client.post(f"{ONE}/text", json={"context": {}}).status_code == 404


# -- where a token is needed


@pytest.fixture
def guarded(services: Services, inline: bool) -> Iterator[httpx.Client]:
    with (
        listening(services, inline=inline, open_to_all=False) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        yield client


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x.y.z"}, {"X-API-Key": "nope"}])
def test_without_a_good_token_nothing_is_evaluated(guarded: httpx.Client, headers: dict[str, str]) -> None:
    for path in (ONE, f"{ONE}/boolean", f"{ONE}/nope"):
        answer = guarded.post(path, json={"context": {}}, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert guarded.get("/ofrep/v1/sse", headers=headers).status_code == 401


def test_a_token_of_any_role_evaluates(guarded: httpx.Client, services: Services) -> None:
    for role in Role:
        token = services.access.issue_token("me", role, 60)
        for headers in ({"Authorization": f"Bearer {token}"}, {"X-API-Key": token}):
            answer = guarded.post(f"{ONE}/text", json={"context": {}}, headers=headers)
            assert answer.json()["value"] == "yes"


def test_a_token_for_one_flag_set_sees_no_other(guarded: httpx.Client, services: Services) -> None:
    services.publisher.put_flag_set("third", FlagSetDraft(), author=AUTHOR)
    token = services.access.issue_token("me", Role.SDK_SERVER, 60, flag_sets=("shop",))
    headers = {"Authorization": f"Bearer {token}"}
    assert guarded.post(f"{ONE}/only-shop", json={"context": {}}, headers=headers).status_code == 200
    assert guarded.post(f"{ONE}/text", json={"context": {}}, headers=headers).status_code == 404
    keys = [flag["key"] for flag in guarded.post(ONE, json={}, headers=headers).json()["flags"]]
    assert keys == ["boolean", "only-shop"]
    elsewhere = {**headers, "Flagd-Selector": "flagSetId=default"}
    assert guarded.post(f"{ONE}/text", json={}, headers=elsewhere).status_code == 403
    by_source = {**headers, "Flagd-Selector": "source=shop.json"}
    assert guarded.post(f"{ONE}/boolean", json={}, headers=by_source).json()["value"] is False


def test_the_tag_of_one_token_is_not_that_of_another(guarded: httpx.Client, services: Services) -> None:
    tokens = [
        services.access.issue_token("me", Role.SDK_SERVER, 60, flag_sets=sets)
        for sets in (("shop",), ("default",))
    ]
    first, second = (
        guarded.post(ONE, json={}, headers={"Authorization": f"Bearer {token}"}).headers["etag"]
        for token in tokens
    )
    assert first != second
