"""What people and programs see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.surfaces.cli.output import Output, compact, moment, printable


@given(st.text())
def test_nothing_that_is_printed_can_drive_a_terminal(text: str) -> None:
    assert not set(printable(text)) & {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))}


@pytest.mark.parametrize("text", ["plain", "ünïcode ✓", "two\nlines", "a\ttab"])
def test_what_is_harmless_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_a_table_shows_markup_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(["name"], [["[red]x[/red]"], ["\x1b[2J"]], empty="none")
    out = capsys.readouterr().out
    assert "[red]x[/red]" in out
    assert "\x1b" not in out


def test_an_empty_table_is_a_remark(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(["name"], [], empty="no flags")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "no flags\n")


def test_a_long_row_is_not_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(["key"], [["k" * 128]], empty="")
    assert "k" * 128 in capsys.readouterr().out


def test_colours_go_only_where_they_are_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    Output().table(["key"], [["a"]], empty="")
    assert "\x1b[3" not in capsys.readouterr().out


def test_a_number_keeps_its_form() -> None:
    assert compact({"a": 10, "b": 10.0}) == '{"a":10,"b":10.0}'


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1_800_000_000, "2027-01-15 08:00:00Z"), (0, ""), (None, ""), ("x", ""), (1.5, "1970-01-01 00:00:01Z")],
)
def test_times_are_written_in_utc(seconds: object, text: str) -> None:
    assert moment(seconds) == text
