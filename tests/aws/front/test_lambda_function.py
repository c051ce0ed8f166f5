"""Handlers in real processes of awslambdaric: cold, warm, frozen, broken, late, throttled."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from burgee.testing.aws.lambda_function import LambdaFunction, PayloadTooLargeError, ThrottledError

pytestmark = pytest.mark.aws
pytest.importorskip("awslambdaric")

HANDLER = """
import os, threading, time
calls = 0
beats = [0]

def beat():
    while True:
        time.sleep(0.01)
        beats[0] += 1

def handler(event, context):
    global calls
    calls += 1
    match event.get("do"):
        case "raise":
            raise ValueError("the secret of the handler")
        case "exit":
            os._exit(3)
        case "sleep":
            time.sleep(event["seconds"])
        case "beat":
            threading.Thread(target=beat, daemon=True).start()
        case "long":
            return "x" * event["bytes"]
        case "set":
            return {1, 2}
    print("handled", event.get("n"), flush=True)
    return {"calls": calls, "beats": beats[0], "name": context.function_name, "pid": os.getpid(),
            "variable": os.environ.get("VARIABLE"), "home": os.environ.get("HOME"),
            "left": context.get_remaining_time_in_millis()}
"""

Make = Callable[..., LambdaFunction]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    (tmp_path / "under_test.py").write_text(HANDLER)
    (tmp_path / "broken.py").write_text("raise RuntimeError('no settings')")
    (tmp_path / "slow.py").write_text("import time; time.sleep(60)")
    made: list[LambdaFunction] = []

    def function(handler: str = "under_test.handler", **options: object) -> LambdaFunction:
        path = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
        environment = {"PYTHONPATH": path, "VARIABLE": "given"}
        made.append(LambdaFunction(handler, environment, **options))  # type: ignore[arg-type]
        return made[-1]

    yield function
    for each in made:
        each.close()


def test_the_first_event_is_cold_and_the_next_finds_the_same_process(make: Make) -> None:
    function = make(name="flags")
    first, second = function.invoke({"n": 1}), function.invoke({"n": 2})
    assert (first.is_cold, second.is_cold, function.cold_starts) == (True, False, 1)
    assert isinstance(first.payload, dict)
    assert isinstance(second.payload, dict)
    assert second.payload["pid"] == first.payload["pid"]
    assert second.payload["calls"] == 2
    assert first.payload["name"] == "flags"
    assert first.payload["variable"] == "given"
    assert (first.log, second.log) == ("handled 1\n", "handled 2\n")


def test_a_process_sees_nothing_of_our_environment(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "somewhere")
    answered = make().invoke({})
    assert isinstance(answered.payload, dict)
    assert answered.payload["home"] is None


def test_an_error_of_a_handler_leaves_the_process_alive(make: Make) -> None:
    function = make()
    failed = function.invoke({"do": "raise"})
    assert failed.is_error
    assert isinstance(failed.payload, dict)
    assert failed.payload["errorType"] == "ValueError"
    assert not function.invoke({}).is_cold


def test_an_answer_that_is_no_json_is_an_error_of_the_function(make: Make) -> None:
    failed = make().invoke({"do": "set"})
    assert isinstance(failed.payload, dict)
    assert failed.payload["errorType"] == "Runtime.MarshalError"


def test_a_process_that_ends_is_replaced_by_a_cold_one(make: Make) -> None:
    function = make()
    function.invoke({})
    crashed = function.invoke({"do": "exit"})
    assert crashed.error == "Runtime.ExitError"
    assert "status 3" in str(crashed.payload)
    assert function.invoke({}).is_cold


def test_a_late_answer_is_a_timeout_and_ends_the_process(make: Make) -> None:
    function = make(timeout_seconds=0.5)
    late = function.invoke({"do": "sleep", "seconds": 5})
    assert late.error == "Sandbox.Timedout"
    assert "timed out after 0.50 seconds" in str(late.payload)
    assert function.invoke({}).is_cold


def test_the_time_that_is_left_is_told(make: Make) -> None:
    answered = make(timeout_seconds=5).invoke({})
    assert isinstance(answered.payload, dict)
    left = answered.payload["left"]
    assert isinstance(left, int)
    assert 3_000 < left <= 5_000


def test_a_function_that_cannot_start_reports_why_each_time(make: Make) -> None:
    function = make("broken.handler")
    for _ in range(2):
        failed = function.invoke({})
        assert failed.is_cold
        assert failed.is_error
        assert "no settings" in str(failed.payload)


def test_a_handler_that_is_not_there_is_an_error_of_initialisation(make: Make) -> None:
    failed = make("under_test.nothing").invoke({})
    assert failed.error == "Runtime.HandlerNotFound"


def test_initialisation_ends_after_its_time(make: Make) -> None:
    failed = make("slow.handler", init_seconds=0.5).invoke({})
    assert (failed.error, failed.is_cold) == ("Sandbox.Timedout", True)


@pytest.mark.parametrize(("freeze", "runs"), [(True, False), (False, True)])
def test_between_events_a_frozen_process_stands_still(make: Make, freeze: bool, runs: bool) -> None:
    function = make(freeze=freeze)
    function.invoke({"do": "beat"})
    time.sleep(0.5)
    answered = function.invoke({})
    assert isinstance(answered.payload, dict)
    beats = answered.payload["beats"]
    assert isinstance(beats, int)
    assert (beats > 20) is runs


def test_events_at_the_same_time_get_processes_of_their_own(make: Make) -> None:
    function = make()
    threads = [
        threading.Thread(target=function.invoke, args=({"do": "sleep", "seconds": 0.5},)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert function.cold_starts == 2
    assert len(function.sandboxes()) == 2


@pytest.mark.parametrize("reserved", [0, 1])
def test_more_than_the_reserved_concurrency_is_throttled(make: Make, reserved: int) -> None:
    function = make(reserved=lambda: reserved)
    busy = threading.Thread(target=lambda: function.invoke({"do": "sleep", "seconds": 1}))
    if reserved:
        busy.start()
        time.sleep(0.3)
    with pytest.raises(ThrottledError):
        function.invoke({})
    if reserved:
        busy.join()
        assert not function.invoke({}).is_error


@pytest.mark.parametrize(("size", "fits"), [(6 * 1024 * 1024 - 2, True), (6 * 1024 * 1024 - 1, False)])
def test_an_answer_has_at_most_6_mb(make: Make, size: int, fits: bool) -> None:
    answered = make().invoke({"do": "long", "bytes": size})
    assert answered.is_error is not fits
    assert fits or answered.error == "Function.ResponseSizeTooLarge"


def test_an_event_has_at_most_6_mb(make: Make) -> None:
    with pytest.raises(PayloadTooLargeError):
        make().invoke({"n": "x" * 6 * 1024 * 1024})


def test_a_process_that_is_killed_while_it_waits_is_replaced(make: Make) -> None:
    function = make()
    function.invoke({})
    os.kill(function.sandboxes()[0].pid, signal.SIGKILL)
    time.sleep(0.2)
    answered = function.invoke({})
    assert (answered.is_cold, answered.is_error) == (True, False)


def test_close_ends_the_processes(make: Make) -> None:
    function = make()
    function.invoke({})
    pid = function.sandboxes()[0].pid
    function.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
