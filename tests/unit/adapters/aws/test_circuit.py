"""The circuit: closed while anything is answered, open after an outage, tried by one call at a time."""

import pytest

from burgee.adapters.aws.circuit import FAILURES, REST_SECONDS, SLOW_SECONDS, Circuit, GuardedClient
from burgee.adapters.aws.failures import AnsweredError
from burgee.errors import UnavailableError
from burgee.testing.workshop import HandClock


def answered(code: str, status: int = 400) -> AnsweredError:
    return AnsweredError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}})


class Bench:
    def __init__(self) -> None:
        self.clock = HandClock(100.0)
        self.circuit = Circuit(monotonic=self.clock)
        self.calls = 0

    def fail(self, error: Exception | None = None, *, seconds: float = 0.0) -> None:
        """One attempt that fails; passes where the circuit lets nobody through."""
        with pytest.raises((UnavailableError, AnsweredError)), self.circuit.attempt():  # noqa: PT012
            self.calls += 1
            self.clock.now += seconds
            raise error or UnavailableError("no answer")

    def succeed(self) -> None:
        with self.circuit.attempt():
            self.calls += 1


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(("failures", "opened"), [(FAILURES - 1, False), (FAILURES, True)])
def test_so_many_failures_in_a_row_open_it(bench: Bench, failures: int, opened: bool) -> None:
    for _ in range(failures):
        bench.fail()
    assert bench.circuit.is_open is opened


def test_an_answer_between_begins_the_count_anew(bench: Bench) -> None:
    for _ in range(3 * FAILURES):
        bench.fail()
        bench.succeed()
    assert not bench.circuit.is_open


@pytest.mark.parametrize(("seconds", "opened"), [(SLOW_SECONDS - 0.01, False), (SLOW_SECONDS, True)])
def test_one_failure_that_took_long_opens_it(bench: Bench, seconds: float, opened: bool) -> None:
    bench.fail(seconds=seconds)
    assert bench.circuit.is_open is opened


def test_a_slow_failure_beside_others_that_are_answered_is_one_of_many(bench: Bench) -> None:
    with pytest.raises(UnavailableError), bench.circuit.attempt():  # noqa: PT012
        bench.clock.now += 0.1
        bench.succeed()
        bench.clock.now += SLOW_SECONDS
        raise UnavailableError("no answer")
    assert not bench.circuit.is_open


@pytest.mark.parametrize(
    ("error", "opened"),
    [
        (answered("ThrottlingException"), True),
        (answered("InternalServerError", 500), True),
        (answered("ConditionalCheckFailedException"), False),
        (answered("TransactionConflictException"), False),
    ],
)
def test_what_a_service_refuses_is_an_answer(bench: Bench, error: Exception, opened: bool) -> None:
    for _ in range(FAILURES):
        bench.fail(error)
    assert bench.circuit.is_open is opened


def test_while_it_rests_nobody_is_let_through_and_then_one(bench: Bench) -> None:
    bench.fail(seconds=1)
    bench.clock.now += REST_SECONDS - 0.01
    bench.fail()
    assert bench.calls == 1
    bench.clock.now += 0.01
    with pytest.raises(UnavailableError), bench.circuit.attempt():  # noqa: PT012
        bench.calls += 1
        bench.fail()  # meanwhile another comes: it is not let through
        raise UnavailableError("still away")
    assert bench.calls == 2
    bench.clock.now += REST_SECONDS
    bench.succeed()
    bench.succeed()
    assert bench.calls == 4


def test_who_is_turned_away_is_told_when_to_come_back(bench: Bench) -> None:
    bench.fail(seconds=1)
    with pytest.raises(UnavailableError, match="left alone") as caught, bench.circuit.attempt():
        pytest.fail("it was let through")
    assert caught.value.retry_after >= 1


class Scripted:
    """A client whose calls end as a list says."""

    def __init__(self, *ends: Exception | str) -> None:
        self.ends, self.calls = list(ends), 0

    def put_item(self, **_: object) -> str:
        self.calls += 1
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end


@pytest.mark.parametrize(
    ("ends", "calls"),
    [
        (("ok",), 1),
        ((UnavailableError("reset"), "ok"), 2),
        ((answered("ThrottlingException"), "ok"), 2),
    ],
)
def test_a_client_behind_it_is_asked_again_where_it_failed_at_once(
    ends: tuple[Exception | str, ...], calls: int
) -> None:
    client = Scripted(*ends)
    assert GuardedClient(client, Circuit()).put_item(Key=1) == "ok"
    assert client.calls == calls


def test_a_refusal_after_a_lost_answer_is_no_certain_one() -> None:
    client = Scripted(UnavailableError("reset"), answered("ConditionalCheckFailedException"))
    with pytest.raises(AnsweredError) as caught:
        GuardedClient(client, Circuit()).put_item()
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 1


@pytest.mark.parametrize(
    "error", [answered("ConditionalCheckFailedException"), ValueError("a mistake")], ids=["refused", "ours"]
)
def test_what_is_no_outage_is_not_tried_again(error: Exception) -> None:
    client = Scripted(error)
    with pytest.raises(type(error)):
        GuardedClient(client, Circuit()).put_item()
    assert client.calls == 1
