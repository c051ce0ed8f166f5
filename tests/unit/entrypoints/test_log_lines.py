"""A line of the log says why."""

import logging
import sys
from typing import Any

import pytest

from burgee.entrypoints.log_lines import LogLines, log_to_stderr


def line(event: str = "flag.published", **extra: Any) -> str:
    record = logging.makeLogRecord(
        {
            "name": "burgee",
            "levelno": 30,
            "levelname": "WARNING",
            "msg": event,
            "created": 1.25,
            "msecs": 250.0,
        }
        | extra
    )
    return LogLines().format(record)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, ""),
        ({"problem": "gone"}, " problem=gone"),
        ({"problem": "the disk is full"}, ' problem="the disk is full"'),
        ({"problem": ""}, ' problem=""'),
        ({"problem": 'a="b"'}, r' problem="a=\"b\""'),
        ({"problem": "two\nlines"}, r' problem="two\nlines"'),
        ({"audited": False, "count": 3}, " audited=false count=3"),
        ({"fields": {"method": "GET", "frames": ["a b", "c"]}}, ' method=GET frames=["a b","c"]'),
        ({"fields": "x"}, " fields=x"),
        ({"thing": object}, " thing=\"<class 'object'>\""),
    ],
)
def test_everything_that_came_along_is_on_the_line(extra: dict[str, Any], expected: str) -> None:
    assert line(**extra) == "1970-01-01T00:00:01.250Z WARNING flag.published" + expected


@pytest.mark.parametrize(
    "mark",
    [
        "\r",
        "\n",
        "\x1b[2J",
        "\x00",
        "\x7f",
        "\x85",
        "\x9b31m",
        "\u2028",
        "\u2029",
        "\u202e",
        "\u2066",
        "\u200f",
    ],
)
def test_item_56_nothing_that_is_named_ends_a_line_or_drives_a_terminal(mark: str) -> None:
    for extra in ({"problem": f"a{mark}b"}, {"fields": {"frames": [f"a{mark}b"]}}):
        text = line(**extra)
        assert text.isprintable()
        assert text.startswith("1970-01-01T00:00:01.250Z WARNING flag.published ")
        assert len(text.splitlines()) == 1


def test_item_56_letters_of_any_language_stay_readable() -> None:
    assert line(problem="größe 大きさ").endswith(' problem="größe 大きさ"')


def test_a_traceback_follows_its_line() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        text = line(exc_info=sys.exc_info(), problem="x")
    first, *_, last = text.split("\n")
    assert first.endswith("flag.published problem=x")
    assert last == "ValueError: no"


def test_a_process_logs_to_standard_error_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log_to_stderr()
    log_to_stderr()
    logging.getLogger("burgee.refresh").warning("refresh.failed", extra={"problem": "the store is gone"})
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.endswith('WARNING refresh.failed problem="the store is gone"\n')


def test_what_was_set_up_before_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    own: list[logging.Handler] = [logging.NullHandler()]
    monkeypatch.setattr(logging.getLogger(), "handlers", own)
    log_to_stderr()
    assert own == logging.getLogger().handlers
    assert len(own) == 1
