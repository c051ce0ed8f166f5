"""The evaluation function: what it answers, what it asks of AWS, and what it does when AWS is away."""

import base64
import gzip
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec
import pytest

from burgee.model.flag import FlagStatus
from burgee.model.override import Override
from burgee.service.snapshot_following import LOOK_SECONDS
from burgee.surfaces.http.evaluation_only import EvaluationOnly
from burgee.testing.aws.emulators import black_hole, full_house
from burgee.testing.aws.evaluation_cloud import CLIENT_KEY, OBJECT, SERVER_KEY, WEB_KEY, Cloud
from burgee.testing.token_workshop import public_pem_of, signed

BULK = "/ofrep/v1/evaluate/flags"
EVALUATION = "/users/ada/feature-flags/evaluation"


@pytest.fixture
def filled(cloud: Cloud) -> Cloud:
    cloud.put(cloud.content.publish("default", "a", "b"), cloud.content.publish("web", "w"))
    return cloud


@pytest.mark.parametrize("flags", [1, 2_000])
def test_a_cold_start_is_one_call_and_a_thousand_evaluations_are_none(cloud: Cloud, flags: int) -> None:
    keys = [f"f{number}" for number in range(flags)]
    cloud.put(cloud.content.publish("default", *keys))
    cloud.start()
    assert cloud.calls() == ["s3.GET"]
    cloud.service.reset()
    for number in range(1_000):
        assert cloud.evaluate(keys[number % flags], f"user-{number}")["value"] is True
    assert cloud.calls() == []


def test_each_interval_costs_one_conditional_call(filled: Cloud) -> None:
    filled.start()
    filled.service.reset()
    for _ in range(3):
        filled.now += 5
        for _ in range(100):
            filled.evaluate("a")
    assert filled.calls() == ["s3.GET"] * 3
    assert {each.headers["if-none-match"] for each in filled.service.asked} == {filled.s3.objects[OBJECT][1]}


def test_only_a_subject_that_the_filter_names_costs_a_read_and_gets_its_override(cloud: Cloud) -> None:
    cloud.put(cloud.content.publish("default", "a", "b"), subjects=("ada",))
    cloud.overrides["ada", "id-a"] = Override(
        flag_key="a", targeting_key="ada", status=FlagStatus.DISABLED, updated_at=5
    )
    cloud.start()
    cloud.service.reset()
    for number in range(500):
        cloud.evaluate("a", f"user-{number}")
    assert len(cloud.calls()) <= 10  # the filter's own errors: under 1 in 100
    cloud.service.reset()
    assert cloud.evaluate("a", "ada")["variant"] == "off"
    assert cloud.calls() == ["dynamodb.GetItem"]
    cloud.service.reset()
    bulk = json.loads(cloud.ask("POST", BULK, {"context": {"targetingKey": "ada"}})["body"])
    assert [each["variant"] for each in bulk["flags"]] == ["off", "on"]
    assert cloud.calls() == ["dynamodb.Query"]
    cloud.service.reset()
    listed = json.loads(cloud.ask("GET", EVALUATION)["body"])
    assert [(each["name"], each["status"], each["override"]) for each in listed] == [
        ("a", "DISABLED", True),
        ("b", "ENABLED", False),
    ]
    assert cloud.calls() == ["dynamodb.Query"]


def test_f10_what_an_override_that_cannot_be_read_might_change_is_marked_and_kept_by_nobody(
    cloud: Cloud,
) -> None:
    cloud.put(cloud.content.publish("default", "a"), subjects=("ada",))
    cloud.overrides["ada", "id-a"] = Override(
        flag_key="a", targeting_key="ada", status=FlagStatus.DISABLED, updated_at=5
    )
    context = {"context": {"targetingKey": "ada"}}
    overridden = cloud.ask("POST", BULK, context)
    cloud.is_down = True
    one = cloud.evaluate("a", "ada")
    assert (one["variant"], one["metadata"]["stale"]) == ("on", True)
    assert one["metadata"]["staleReason"] == "the overrides cannot be read now"
    assert "stale" not in cloud.evaluate("a", "bob").get("metadata", {})
    tag = overridden["headers"]["etag"]
    bulk = cloud.ask("POST", BULK, context, if_none_match=tag)
    body = json.loads(bulk["body"])
    assert (bulk["statusCode"], body["metadata"]["stale"]) == (200, True)
    assert [each["variant"] for each in body["flags"]] == ["on"]
    assert "etag" not in bulk["headers"]
    for path in (EVALUATION, "/users/ada/feature-flags/id-a/evaluation"):
        assert cloud.ask("GET", path)["headers"]["burgee-stale"] == "overrides"
        assert "burgee-stale" not in cloud.ask("GET", path.replace("ada", "bob"))["headers"]
    cloud.is_down = False
    cloud.start()  # another sandbox, which has not seen the outage
    again = cloud.ask("POST", BULK, context, if_none_match=tag)
    assert again["statusCode"] == 304


@pytest.mark.parametrize("hole", [black_hole, full_house], ids=["never answers", "never accepts"])
def test_f10_a_black_hole_instead_of_the_overrides_costs_one_evaluation_a_moment(
    cloud: Cloud, hole: Callable[[], AbstractContextManager[str]]
) -> None:
    cloud.put(cloud.content.publish("default", "a"), subjects=("ada",))
    with hole() as url:
        cloud.environment["AWS_ENDPOINT_URL_DYNAMODB"] = url
        cloud.start()
        times = []
        for _ in range(200):
            began = time.perf_counter()
            assert cloud.evaluate("a", "ada")["metadata"]["stale"] is True
            assert cloud.evaluate("a", "bob")["value"] is True
            times.append(time.perf_counter() - began)
    assert max(times) < 0.25 + 0.25
    assert sorted(times)[-3] < 0.05  # the others do not wait at all
    assert cloud.calls() == ["s3.GET"]


def test_bulk_has_an_etag_and_no_streams(filled: Cloud) -> None:
    answer = filled.ask("POST", BULK, {"context": {"targetingKey": "bob"}})
    body = json.loads(answer["body"])
    assert [each["key"] for each in body["flags"]] == ["a", "b", "w"]
    assert "eventStreams" not in body
    again = filled.ask(
        "POST", BULK, {"context": {"targetingKey": "bob"}}, if_none_match=answer["headers"]["etag"]
    )
    assert (again["statusCode"], again["body"]) == (304, "")


def test_long_answers_are_compressed_for_who_takes_it(cloud: Cloud) -> None:
    cloud.put(cloud.content.publish("default", *[f"f{number}" for number in range(100)]))
    answer = cloud.ask("POST", BULK, {"context": {}}, accept_encoding="gzip")
    assert answer["isBase64Encoded"]
    assert len(json.loads(gzip.decompress(base64.b64decode(answer["body"])))["flags"]) == 100


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("POST", BULK, "", 401),
        ("POST", BULK, SERVER_KEY[:-1] + "x", 401),
        ("POST", BULK, "not.a.token", 401),
        ("POST", BULK + "/a", CLIENT_KEY, 200),
        ("POST", BULK + "/none", SERVER_KEY, 404),
        ("GET", BULK, SERVER_KEY, 405),
        ("POST", "/v1/flags", SERVER_KEY, 405),
        ("GET", "/v1/flags", "", 401),
        ("GET", "/v1/flags", CLIENT_KEY, 403),
        ("GET", "/v1/flags", SERVER_KEY, 200),
        ("HEAD", "/v1/flags", SERVER_KEY, 200),
        ("GET", EVALUATION, "", 401),
        ("GET", EVALUATION, "x", 401),
        ("GET", EVALUATION, WEB_KEY, 403),
        ("GET", EVALUATION, CLIENT_KEY, 200),
        ("GET", "/users/ada/feature-flags/id-a/evaluation", SERVER_KEY, 200),
        ("GET", "/users/ada/feature-flags/none/evaluation", SERVER_KEY, 404),
        ("GET", "/users//feature-flags/evaluation", SERVER_KEY, 404),
        ("GET", "/users/ada/other/evaluation", SERVER_KEY, 404),
        ("GET", "/ofrep/v1/sse", SERVER_KEY, 404),
        ("GET", "/", SERVER_KEY, 404),
        ("OPTIONS", BULK, "", 405),
    ],
)
def test_every_route_says_what_it_is_asked_with(
    filled: Cloud, method: str, path: str, token: str, status: int
) -> None:
    assert (
        filled.ask(method, path, {"context": {}} if method == "POST" else None, token=token)["statusCode"]
        == status
    )


def test_a_key_for_one_set_sees_that_set(filled: Cloud) -> None:
    body = json.loads(filled.ask("POST", BULK, {"context": {}}, token=WEB_KEY)["body"])
    assert [each["key"] for each in body["flags"]] == ["w"]


def test_definitions_are_those_of_the_selector_with_their_hash(filled: Cloud) -> None:
    answer = filled.ask("GET", "/v1/flags", flagd_selector="flagSetId=web")
    assert list(json.loads(answer["body"])["flags"]) == ["w"]
    assert answer["headers"]["vary"] == "flagd-selector"
    assert answer["headers"]["last-modified"] == "Thu, 01 Jan 1970 00:00:01 GMT"
    tag = answer["headers"]["etag"]
    known = filled.ask("GET", "/v1/flags", flagd_selector="flagSetId=web", if_none_match=tag)
    assert (known["statusCode"], known["headers"]["etag"]) == (304, tag)
    dated = filled.ask(
        "GET",
        "/v1/flags",
        flagd_selector="flagSetId=web",
        if_modified_since=answer["headers"]["last-modified"],
    )
    assert dated["statusCode"] == 304


def test_definitions_of_everything_say_of_each_flag_which_set_it_is_of(filled: Cloud) -> None:
    flags = json.loads(filled.ask("GET", "/v1/flags")["body"])["flags"]
    assert {key: each.get("metadata") for key, each in flags.items()} == {
        "a": None,
        "b": None,
        "w": {"flagSetId": "web"},
    }


def test_definitions_of_nothing_are_an_empty_document_and_a_bad_selector_is_refused(filled: Cloud) -> None:
    assert filled.ask("GET", "/v1/flags", flagd_selector="flagSetId=none")["body"] == '{"flags":{}}'
    assert filled.ask("GET", "/v1/flags", flagd_selector="x=y")["statusCode"] == 400


def test_a_stop_answers_429_in_the_words_of_each_route(filled: Cloud) -> None:
    filled.start()
    filled.put(*filled.content.sets.values(), stopped=True)
    filled.now += 5
    for method, path in (("POST", BULK), ("POST", BULK + "/a"), ("GET", "/v1/flags"), ("GET", EVALUATION)):
        answer = filled.ask(method, path, {"context": {}} if method == "POST" else None)
        assert (answer["statusCode"], answer["headers"]["retry-after"]) == (429, "60")
    filled.put(*filled.content.sets.values())
    filled.now += 5
    assert filled.evaluate("a")["value"] is True


def test_a_cold_start_under_a_stop_is_stopped_at_once(filled: Cloud) -> None:
    filled.put(*filled.content.sets.values(), stopped=True)
    assert filled.ask("POST", BULK, {"context": {}})["statusCode"] == 429


def test_f17_s3_that_is_away_changes_no_answer(filled: Cloud) -> None:
    before = filled.evaluate("a")
    filled.is_down = True
    slow = 0
    for _ in range(1_000):
        filled.now += 0.1
        began = time.perf_counter()
        assert filled.evaluate("a") == before
        slow += time.perf_counter() - began > 0.05
    assert slow < 10  # one in a hundred: the 99th percentile is as it was


def test_f10_a_black_hole_holds_up_one_call_for_a_moment(filled: Cloud) -> None:
    filled.evaluate("a")
    with black_hole() as url:
        filled.environment["AWS_ENDPOINT_URL"] = url
        began = time.perf_counter()
        filled.start()  # has what was kept
        took = time.perf_counter() - began
    assert took < 1
    filled.now += 5
    with black_hole() as url:
        filled.environment["AWS_ENDPOINT_URL"] = url
        began = time.perf_counter()
        filled.start()
        assert time.perf_counter() - began < LOOK_SECONDS + 0.5
    assert filled.evaluate("a")["value"] is True


def test_a_process_that_starts_anew_on_the_same_machine_reads_nothing(filled: Cloud) -> None:
    filled.start()
    filled.service.reset()
    filled.now = time.time()
    filled.start()
    assert filled.calls() == []
    assert filled.evaluate("a")["value"] is True
    filled.now += 60
    filled.start()
    assert filled.calls() == ["s3.GET"]
    assert "if-none-match" in filled.service.asked[0].headers


def test_without_any_snapshot_it_is_unavailable_and_recovers(filled: Cloud) -> None:
    filled.is_down = True
    answer = filled.ask("POST", BULK, {"context": {}})
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")
    filled.is_down = False
    filled.now += 5
    assert filled.evaluate("a")["value"] is True


def test_where_nothing_was_published_no_flag_is_found(cloud: Cloud) -> None:
    assert cloud.ask("POST", BULK + "/a", {"context": {}})["statusCode"] == 401  # nor is any key


def test_pages_of_allowed_origins_may_call_and_others_learn_nothing(filled: Cloud) -> None:
    filled.environment["BURGEE_CORS_ORIGINS"] = "https://app.example.com"
    answer = filled.ask("POST", BULK + "/a", {"context": {}}, origin="https://app.example.com")
    assert answer["headers"]["access-control-allow-origin"] == "https://app.example.com"
    other = filled.ask("POST", BULK + "/a", {"context": {}}, origin="https://evil.example")
    assert "access-control-allow-origin" not in other["headers"]
    preflight = filled.ask("OPTIONS", BULK, token="", origin="https://app.example.com")
    assert (preflight["statusCode"], preflight["headers"]["access-control-max-age"]) == (200, "600")


def test_an_invocation_that_is_no_request_says_how_sure_it_is(filled: Cloud) -> None:
    state = filled.start().handle({"warm": True})
    assert (state["stale"], state["generation"], state["ageSeconds"]) == (False, 1, 0.0)


def test_an_event_that_is_broken_is_refused(filled: Cloud) -> None:
    event = {"requestContext": {"http": {"method": "POST"}}, "body": "not base64!", "isBase64Encoded": True}
    assert filled.start().handle(event)["statusCode"] == 400
    assert filled.start().handle({"requestContext": {"http": {}}})["statusCode"] == 400


def test_what_the_gateway_let_through_is_held_to_the_same_limits_as_on_a_server(filled: Cloud) -> None:
    long = filled.ask("POST", BULK + "/" + "k" * 4_096, {})
    assert (long["statusCode"], long["headers"]["content-type"]) == (414, "application/problem+json")
    assert filled.ask("POST", BULK, {}, x_a="v" * 16_384)["statusCode"] == 431


def test_an_error_of_ours_is_said_in_json_and_counted_and_quotes_nothing(
    filled: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    filled.environment["BURGEE_CORS_ORIGINS"] = "https://app.example.com"
    filled.evaluate("a")

    def fail(*_: object) -> None:
        raise RuntimeError("of ada@example.com")

    monkeypatch.setattr(EvaluationOnly, "answer", fail)
    answer = filled.ask("POST", BULK, {"context": {}}, origin="https://app.example.com")
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (500, "application/json")
    assert answer["headers"]["access-control-allow-origin"] == "https://app.example.com"
    assert [each["Errors"] for each in filled.reports if "Errors" in each] == [1]
    assert "RuntimeError at test_evaluate.py" in caplog.text
    assert "ada" not in caplog.text + json.dumps(filled.reports) + answer["body"]


def test_an_answer_that_is_too_long_says_so_and_gzip_helps(cloud: Cloud) -> None:
    program = cloud.content.publish("default", *[f"{'f' * 100}{number}" for number in range(9_000)])
    flags = tuple(
        msgspec.structs.replace(flag, variants={"on": "v" * 700, "off": ""}) for flag in program.flags
    )
    cloud.put(msgspec.structs.replace(program, flags=flags))
    answer = cloud.ask("POST", BULK, {"context": {}})
    assert answer["statusCode"] == 413
    assert "gzip" in json.loads(answer["body"])["errorDetails"]
    shorter = cloud.ask("POST", BULK, {"context": {}}, accept_encoding="gzip")
    assert (shorter["statusCode"], shorter["headers"]["content-encoding"]) == (200, "gzip")


def test_a_503_is_counted_as_an_error(filled: Cloud) -> None:
    filled.is_down = True
    assert filled.ask("POST", BULK, {"context": {}})["statusCode"] == 503
    assert [each["Errors"] for each in filled.reports if "Errors" in each] == [1]


@pytest.mark.parametrize(("size", "status"), [(256 * 1024, 400), (256 * 1024 + 1, 413)])
def test_a_body_over_the_limit_is_refused(filled: Cloud, size: int, status: int) -> None:
    body = "x" * (size - 2)  # with its quotes
    assert filled.ask("POST", BULK, body)["statusCode"] == status


def test_metrics_are_written_once_a_minute_and_when_flags_turn_stale(filled: Cloud) -> None:
    for _ in range(121):
        filled.evaluate("a")
        filled.now += 1
    lines = [each for each in filled.reports if "_aws" in each]
    assert [each["Admitted"] for each in lines] == [60, 60]
    assert lines[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Burgee"
    filled.is_down = True
    filled.now += 5
    filled.evaluate("a")
    assert filled.reports[-1]["SnapshotAge"] == 6.0


def test_counts_are_written_at_the_first_evaluation_and_then_once_a_minute(filled: Cloud) -> None:
    filled.ask("POST", BULK, "not json")
    for _ in range(61):
        filled.evaluate("a")
        filled.now += 1
    lines = [each["counts"] for each in filled.reports if each.get("counts")]
    assert [sum(count["count"] for count in counts) for counts in lines] == [1, 60]
    assert lines[0][0]["flagKey"] == "a"


def limited(cloud: Cloud, **settings: str) -> None:
    """Start anew with a limit of two evaluations a minute."""
    cloud.environment |= {"BURGEE_EVALUATION_LIMIT": "2", **settings}
    cloud.start()


def test_over_its_limit_a_sandbox_answers_429_in_the_words_of_each_route(filled: Cloud) -> None:
    limited(filled)
    assert [filled.ask("POST", BULK, {"context": {}})["statusCode"] for _ in range(2)] == [200, 200]
    filled.now += 20
    bulk = filled.ask("POST", BULK, {"context": {}})
    assert (bulk["statusCode"], bulk["headers"]["retry-after"]) == (429, "40")
    assert (bulk["headers"]["ratelimit-limit"], bulk["headers"]["ratelimit-remaining"]) == ("2", "0")
    assert json.loads(bulk["body"]) == {"errorDetails": "the request budget is used up"}
    single = filled.ask("POST", BULK + "/a", {"context": {}})
    assert (single["statusCode"], single["body"]) == (429, bulk["body"])
    simple = filled.ask("GET", EVALUATION)
    assert (simple["statusCode"], simple["headers"]["retry-after"]) == (429, "40")
    assert json.loads(simple["body"]) == {"message": "the request budget is used up"}
    filled.now += 40
    assert filled.evaluate("a")["value"] is True


def test_who_may_not_evaluate_and_who_reads_definitions_cost_nothing_of_the_limit(filled: Cloud) -> None:
    limited(filled)
    for _ in range(5):
        assert filled.ask("POST", BULK, {"context": {}}, token="wrong")["statusCode"] == 401
        assert filled.ask("GET", EVALUATION, token=WEB_KEY)["statusCode"] == 403
        assert filled.ask("GET", "/v1/flags")["statusCode"] == 200
    assert [filled.ask("GET", EVALUATION)["statusCode"] for _ in range(3)] == [200, 200, 429]


def test_what_would_be_refused_passes_while_it_is_only_observed(filled: Cloud) -> None:
    limited(filled, BURGEE_BUDGET_MODE="observe")
    assert {filled.ask("POST", BULK, {"context": {}})["statusCode"] for _ in range(5)} == {200}


def test_evaluations_of_the_simple_routes_are_counted_too(filled: Cloud) -> None:
    filled.ask("GET", EVALUATION)
    filled.now += 60
    filled.ask("GET", "/users/ada/feature-flags/id-b/evaluation")
    counts = [
        [(one["flagKey"], one["count"]) for one in each["counts"]]
        for each in filled.reports
        if each.get("counts")
    ]
    assert [sorted(each) for each in counts] == [[("a", 1), ("b", 1)], [("b", 1)]]


def test_when_keys_were_used_is_written_at_the_first_use_and_then_once_a_minute(filled: Cloud) -> None:
    began = filled.now
    for _ in range(61):
        filled.evaluate("a")
        filled.ask("GET", "/v1/flags", token=WEB_KEY)
        filled.ask("POST", BULK, {"context": {}}, token="bgs_" + "0" * 16 + "_" + "x" * 43)
        filled.now += 1
    lines = [each["keys"] for each in filled.reports if each.get("keys")]
    assert lines[0] == {"0" * 16: began}
    assert lines[1] == {"0" * 16: began + 60, "2" * 16: began + 59}
    assert SERVER_KEY not in json.dumps(filled.reports)


def test_the_cookie_of_the_source_carries_a_token_as_it_does_in_management(filled: Cloud) -> None:
    now = int(filled.now)
    token = signed({"userId": "ada", "exp": now + 60, "iat": now}, key="one")
    filled.environment["BURGEE_PUBLIC_KEY"] = public_pem_of("one").decode()
    for environment, cookie in (("", "rds-session-development"), ("PRODUCTION", "rds-session")):
        filled.environment["ENVIRONMENT"] = environment
        filled.start()
        assert filled.ask("GET", EVALUATION, token="", cookie=f"{cookie}={token}")["statusCode"] == 200
        assert filled.ask("GET", EVALUATION, token="", cookie=f"other={token}")["statusCode"] == 401
