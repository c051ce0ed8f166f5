"""The beat: again and again, once more at the end, through failures."""

import threading

import pytest

from burgee.service import beat as module
from burgee.service.beat import Beat


def test_the_job_is_called_again_and_again() -> None:
    calls = threading.Semaphore(0)
    beat = Beat("test", calls.release, seconds=0.001)
    beat.start()
    for _ in range(5):
        assert calls.acquire(timeout=5)
    beat.close()


def test_closing_calls_it_one_last_time_without_waiting_for_the_next_beat() -> None:
    calls = list[int]()
    beat = Beat("test", lambda: calls.append(1), seconds=600)
    beat.start()
    beat.close()
    beat.close()
    assert calls == [1]


def test_a_beat_that_never_started_can_be_closed() -> None:
    Beat("test", lambda: None, seconds=1).close()


def test_a_job_that_raises_is_called_again(caplog: pytest.LogCaptureFixture) -> None:
    calls = threading.Semaphore(0)

    def job() -> None:
        calls.release()
        raise ValueError("a bug")

    beat = Beat("test", job, seconds=0.001)
    beat.start()
    assert calls.acquire(timeout=5)
    assert calls.acquire(timeout=5)
    beat.close()
    assert "beat.failed" in caplog.messages


def test_a_job_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAVE_SECONDS", 0.05)
    inside, release = threading.Event(), threading.Event()

    def job() -> None:
        inside.set()
        release.wait(10)

    beat = Beat("test", job, seconds=0.001)
    beat.start()
    assert inside.wait(5)
    beat.close()
    release.set()
