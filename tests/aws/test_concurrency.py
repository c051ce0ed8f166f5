"""Reserved concurrency of Lambda functions: of those named and no other, with tries that come to an end."""

from typing import Any

import pytest

from burgee.adapters.aws.concurrency import TOTAL_SECONDS, TRIES, LimiterInvocation, ReservedConcurrency
from burgee.adapters.aws.session import aws_client
from burgee.errors import ConfigurationError
from burgee.model.budget import RequestBudget
from burgee.testing.aws.emulators import black_hole
from burgee.testing.aws.failing_calls import FailingCalls
from burgee.testing.aws.functions import concurrency_of, create_functions
from burgee.testing.builders import THE_DAY
from burgee.testing.workshop import HandClock

boto3 = pytest.importorskip("boto3")
pytestmark = pytest.mark.aws

NAMES = ("manage", "evaluate")


@pytest.fixture
def client(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    create_functions(moto_url, *NAMES, "limiter", "somebody-elses")
    return aws_client("lambda", attempts=1)


def of(client: Any, **options: Any) -> ReservedConcurrency:
    return ReservedConcurrency(client, NAMES, own_name="limiter", **{"sleep": lambda _: None, **options})


@pytest.mark.parametrize("limit", [0, 1, 500])
def test_the_functions_are_limited_and_let_go_and_no_other_is_touched(client: Any, limit: int) -> None:
    concurrency = of(client)
    assert concurrency.limit(dict.fromkeys(NAMES, limit)) == {}
    assert [concurrency_of(client, name) for name in (*NAMES, "limiter", "somebody-elses")] == [
        limit,
        limit,
        None,
        None,
    ]
    assert concurrency.limit({"manage": None, "evaluate": limit}) == {}
    assert [concurrency_of(client, name) for name in NAMES] == [None, limit]
    assert concurrency.limit({"manage": None}) == {}


def test_a_function_that_is_not_named_is_never_touched(client: Any) -> None:
    failed = of(client).limit({"manage": 0, "somebody-elses": 0})
    assert set(failed) == {"somebody-elses"}
    assert concurrency_of(client, "somebody-elses") is None


@pytest.mark.parametrize("names", [("limiter",), ("manage", "limiter")])
def test_the_limiter_is_refused_at_the_start(names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="limiter cannot limit itself"):
        ReservedConcurrency(object(), names, own_name="limiter")
    ReservedConcurrency(object(), names, own_name="")


def test_row_87_of_functions_that_fail_each_is_named_and_the_others_are_limited(client: Any) -> None:
    client.delete_function(FunctionName="manage")
    assert of(client).limit(dict.fromkeys(NAMES, 0)) == {"manage": "ResourceNotFoundException"}
    assert concurrency_of(client, "evaluate") == 0


@pytest.mark.parametrize(("failures", "fails"), [(0, False), (TRIES - 1, False), (TRIES, True)])
def test_a_call_that_fails_is_made_three_times(client: Any, failures: int, fails: bool) -> None:
    failing = FailingCalls(client, "lambda.PutFunctionConcurrency", only="/manage/")
    failing.left = failures
    pauses = list[float]()
    failed = of(client, sleep=pauses.append).limit(dict.fromkeys(NAMES, 0))
    assert (set(failed) == {"manage"}) is fails
    assert concurrency_of(client, "manage") == (None if fails else 0)
    assert concurrency_of(client, "evaluate") == 0
    assert len(pauses) == min(failures, TRIES - 1)
    assert pauses == sorted(pauses)


def test_no_try_begins_after_five_seconds(client: Any) -> None:
    clock = HandClock()
    failing = FailingCalls(client, "lambda.PutFunctionConcurrency")
    failing.left = 100

    def sleep(_: float) -> None:
        clock.now += TOTAL_SECONDS

    of(client, sleep=sleep, monotonic=clock).limit({"manage": 0})
    assert 100 - failing.left == 2


ROW = RequestBudget(limit_type="pendingLimit", limit_value=0, limit=5, epoch=4)


def test_the_limiter_is_invoked_without_waiting_for_it(client: Any) -> None:
    calls = list[dict[str, Any]]()

    def answer(params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        calls.append(params)
        response = type("Response", (), {"status_code": 202, "headers": {}})()
        return response, {"ResponseMetadata": {"HTTPStatusCode": 202}}

    client.meta.events.register("before-call.lambda.Invoke", answer)
    LimiterInvocation(client, "limiter")(ROW)
    (call,) = calls
    assert call["body"] == b'{"intValue":0,"cause":"tripped","epoch":4}'
    assert call["headers"]["X-Amz-Invocation-Type"] == "Event"
    assert "/limiter/" in call["url_path"]


def test_a_budget_that_a_window_fills_again_needs_no_limiter() -> None:
    row = RequestBudget(limit_type="pendingLimit", limit_value=0, limit=5, window_ends_at=THE_DAY)
    LimiterInvocation(object(), "limiter")(row)


def test_a_limiter_that_cannot_be_invoked_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with black_hole() as nowhere:
        monkeypatch.setenv("AWS_ENDPOINT_URL", nowhere)
        LimiterInvocation(aws_client("lambda", read_seconds=0.1), "limiter")(ROW)
