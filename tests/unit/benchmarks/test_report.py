"""The report of the benches: every figure that it is given, and whether its budget is met."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("report")
    del sys.modules["report"]


@pytest.mark.parametrize(
    ("measured", "bounds", "is_met"),
    [
        (14.999, {"at_least": 15}, False),
        (15, {"at_least": 15}, True),
        (0.6, {"at_most": 0.6}, True),
        (0.601, {"at_most": 0.6}, False),
        (0, {"at_least": 0}, True),
        (-1, {"at_least": 0}, False),
        (5, {"at_least": 4, "at_most": 6}, True),
        (7, {"at_least": 4, "at_most": 6}, False),
    ],
)
def test_a_budget_is_met_up_to_its_bound(
    report: Any, measured: float, bounds: dict[str, float], is_met: bool
) -> None:
    assert report.Budget("x", measured, **bounds).is_met is is_met


@pytest.mark.parametrize(
    ("measured", "bounds", "cells"),
    [
        (21.5, {"at_least": 15}, ["21.50", ">= 15", "PASS"]),
        (12, {"at_least": 15}, ["12.00", ">= 15", "MISS (0.80 of it)"]),
        (90, {"at_most": 60, "unit": " ms"}, ["90.00 ms", "<= 60 ms", "MISS (1.50 of it)"]),
        (12_345.678, {"at_least": 25_000}, ["12,345.68", ">= 25000", "MISS (0.49 of it)"]),
        (-1, {"at_least": 0}, ["-1.00", ">= 0", "MISS (0.00 of it)"]),
    ],
)
def test_a_line_says_what_was_measured_and_what_it_must_be(
    report: Any, measured: float, bounds: dict[str, Any], cells: list[str]
) -> None:
    assert report.Budget("it", measured, **bounds).line() == ["it", *cells]


def test_a_table_has_every_cell_in_its_column(report: Any) -> None:
    assert report.table("Title", ["shape", "ns"], [["static", "7"], ["a longer one", "1234"]]).split(
        "\n"
    ) == [
        "",
        "Title",
        "shape           ns",
        "------------  ----",
        "static           7",
        "a longer one  1234",
    ]


def test_a_table_without_rows_is_its_header(report: Any) -> None:
    assert report.table("Title", ["shape", "ns"], []) == "\nTitle\nshape  ns\n-----  --"


@pytest.mark.parametrize("row", [["one"], ["one", "2", "three"]])
def test_a_row_that_does_not_fit_is_refused(report: Any, row: list[str]) -> None:
    with pytest.raises((ValueError, IndexError)):
        report.table("Title", ["shape", "ns"], [row])


def test_the_budgets_are_listed_in_their_order(report: Any) -> None:
    found = [report.Budget("slow", 2, at_most=1, unit=" s"), report.Budget("fast", 30, at_least=15)]
    lines = report.budgets(found).split("\n")
    assert lines[1] == "Budgets"
    assert [line.split() for line in lines[4:]] == [
        ["slow", "2.00", "s", "<=", "1", "s", "MISS", "(2.00", "of", "it)"],
        ["fast", "30.00", ">=", "15", "PASS"],
    ]
