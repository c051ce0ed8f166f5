"""Progress: bars for people, lines for logs."""

import io
import sys

import pytest

from burgee.surfaces.cli.progress import LINE_SECONDS, ProgressLines, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_when_a_kind_is_through_and_every_few_seconds() -> None:
    said: list[str] = []
    now = [0.0]
    lines = ProgressLines(said.append, clock=lambda: now[0])
    lines.tell("flags", 100, 0)
    lines.tell("flags", 100, 0)
    assert said == []
    lines.tell("overrides", 10, 40)
    assert said == ["flags: 200\n"]
    now[0] = LINE_SECONDS - 0.1
    lines.tell("overrides", 10, 40)
    assert len(said) == 1
    now[0] = LINE_SECONDS
    lines.tell("overrides", 10, 40)
    assert said[1:] == ["overrides: 30 of 40\n"]
    lines.tell("overrides", 10, 40)
    lines.end()
    assert said[2:] == ["overrides: 40 of 40\n"]
    lines.end()
    assert len(said) == 3


def test_what_is_nothing_is_not_told() -> None:
    said: list[str] = []
    lines = ProgressLines(said.append, clock=lambda: 0.0)
    lines.tell("events", 0, 0)
    lines.tell("overrides", 0, 0)
    lines.end()
    assert said == []


@pytest.mark.parametrize(("stream", "has_bars"), [(Terminal(), True), (io.StringIO(), False)])
def test_bars_only_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, has_bars: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with progress() as tell:
        tell("flags", 3, 4)
    assert ("━" in stream.getvalue()) is has_bars
    assert ("flags: 3 of 4\n" in stream.getvalue()) is not has_bars
