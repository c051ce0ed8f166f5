"""F33: an evaluation sandbox that was frozen for minutes refreshes, or says that it is stale."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from burgee.testing.aws.evaluation_cloud import Cloud
from burgee.testing.aws.lambda_function import LambdaFunction
from burgee.testing.aws.moved_clock import MovedClock, await_stop
from burgee.testing.aws.stub_service import stub_service

pytestmark = pytest.mark.aws
pytest.importorskip("awslambdaric")

MINUTES = 300.0


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with stub_service(lambda _: (500, {}, b"")) as service:
        yield Cloud(service, tmp_path)


class Sandbox:
    """A real process, stopped between two events, whose clock a test sets while it stands still."""

    def __init__(self, cloud: Cloud, function: LambdaFunction, clock: MovedClock) -> None:
        self.cloud, self.function, self.clock = cloud, function, clock

    def sleep(self, seconds: float = MINUTES) -> None:
        (sandbox,) = self.function.sandboxes()
        await_stop(sandbox.pid)
        self.clock.move(seconds)

    def evaluate(self, key: str) -> Any:
        path = f"/ofrep/v1/evaluate/flags/{key}"
        event = self.cloud.event("POST", path, {"context": {"targetingKey": "bob"}})
        answered = self.function.invoke(event)
        assert isinstance(answered.payload, dict), answered
        return answered.payload["statusCode"], json.loads(str(answered.payload["body"]))

    def state(self) -> Any:
        return self.function.invoke({"how": "sure"}).payload


@pytest.fixture
def sandbox(cloud: Cloud, tmp_path: Path) -> Iterator[Sandbox]:
    cloud.put(cloud.content.publish("default", "a"))
    clock = MovedClock(tmp_path / "clock", os.environ.get("PYTHONPATH", ""))
    environment = {**cloud.environment, **clock.environment}
    with LambdaFunction("burgee.entrypoints.lambdas.evaluate.handler", environment) as function:
        made = Sandbox(cloud, function, clock)
        assert made.evaluate("a")[1]["value"] is True
        yield made


def test_f33_what_was_published_meanwhile_is_evaluated_by_the_first_call_after_the_thaw(
    sandbox: Sandbox,
) -> None:
    sandbox.cloud.put(sandbox.cloud.content.publish("default", "a", "b"))
    assert sandbox.evaluate("b")[0] == 404  # not five seconds ago it looked
    sandbox.sleep()
    sandbox.cloud.service.reset()
    assert sandbox.evaluate("b")[1]["value"] is True
    assert sandbox.cloud.calls() == ["s3.GET"]
    assert sandbox.state()["stale"] is False
    assert sandbox.function.cold_starts == 1


def test_f33_without_s3_it_answers_as_before_and_says_how_old_that_is(sandbox: Sandbox) -> None:
    sandbox.cloud.is_down = True
    sandbox.sleep()
    assert sandbox.evaluate("a")[1]["value"] is True
    state = sandbox.state()
    assert state["stale"] is True
    assert MINUTES <= state["ageSeconds"] < MINUTES + 60
    assert '"SnapshotAge"' in sandbox.function.log
    sandbox.cloud.is_down = False
    sandbox.sleep()
    assert sandbox.state()["stale"] is False
