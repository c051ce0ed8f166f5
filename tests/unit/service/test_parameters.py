"""Parameters: only `true` is yes, everything unclear is no, and an answer is believed for five seconds."""

import threading
import time

import pytest

from burgee.errors import UnavailableError
from burgee.service.parameters import Parameters
from burgee.testing.workshop import HandClock


class Source:
    """A ParameterSource with one text, None for nothing, an exception for a broken one."""

    def __init__(self, text: str | Exception | None) -> None:
        self.text = text
        self.reads = 0

    def parameter(self, name: str) -> str | None:
        self.reads += 1
        if isinstance(self.text, Exception):
            raise self.text
        return self.text if name == "allow" else None


BROKEN = UnavailableError("the file cannot be read")


@pytest.mark.parametrize("text", ["true", "True", "TRUE", " true\n"])
def test_true_is_yes_in_any_case_of_letters(text: str) -> None:
    assert Parameters([Source(text)], clock=HandClock()).is_true("allow")


@pytest.mark.parametrize("text", [None, "", "false", "1", "yes", "on", "truely", "t", "true true", BROKEN])
def test_everything_else_is_no(text: str | Exception | None) -> None:
    assert not Parameters([Source(text)], clock=HandClock()).is_true("allow")


def test_no_source_is_no() -> None:
    assert not Parameters([], clock=HandClock()).is_true("allow")


def test_another_parameter_is_another_question() -> None:
    parameters = Parameters([Source("true")], clock=HandClock())
    assert parameters.is_true("allow")
    assert not parameters.is_true("allow-other")


@pytest.mark.parametrize(
    ("first", "second", "allowed"),
    [
        ("false", "true", False),
        ("true", "false", True),
        (None, "true", True),
        ("", "true", False),
        (BROKEN, "true", False),
    ],
)
def test_the_first_source_that_has_it_decides_and_a_broken_one_denies(
    first: str | Exception | None, second: str, allowed: bool
) -> None:
    assert Parameters([Source(first), Source(second)], clock=HandClock()).is_true("allow") is allowed


@pytest.mark.parametrize(
    ("later", "reads"), [(0.0, 1), (4.999, 1), (5.0, 2), (5.001, 2), (-0.001, 2), (-9.0, 2)]
)
def test_an_answer_is_believed_for_five_seconds_and_not_from_the_future(later: float, reads: int) -> None:
    clock, source = HandClock(1_000.0), Source("true")
    parameters = Parameters([source], clock=clock)
    parameters.is_true("allow")
    source.text = "false"
    clock.now = 1_000.0 + later
    assert parameters.is_true("allow") is (reads == 1)
    assert source.reads == reads


def test_a_denial_by_a_broken_source_is_kept_as_long() -> None:
    clock, source = HandClock(), Source(BROKEN)
    parameters = Parameters([source], clock=clock)
    parameters.is_true("allow")
    source.text = "true"
    assert not parameters.is_true("allow")
    clock.now += 5
    assert parameters.is_true("allow")


def test_of_many_who_ask_at_once_one_reads() -> None:
    class Slow(Source):
        def parameter(self, name: str) -> str | None:
            time.sleep(0.05)
            return super().parameter(name)

    source = Slow("true")
    parameters = Parameters([source], clock=HandClock())
    threads = [threading.Thread(target=parameters.is_true, args=("allow",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert source.reads == 1
