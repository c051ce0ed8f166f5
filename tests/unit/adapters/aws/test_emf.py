"""Metrics as lines of the log."""

import json
from pathlib import Path

import pytest

from burgee.adapters.aws.emf import ADMITTED, ERRORS, METRICS, REFUSED, SNAPSHOT_AGE, Emf

REFERENCE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "metrics-aws.md"


def emitted(*answers: int) -> list[dict[str, object]]:
    lines: list[str] = []
    emf = Emf("manage", clock=lambda: 12.5, write=lines.append)
    for status in answers:
        emf.answered(status)
    return [json.loads(line) for line in lines]


def test_a_line_says_what_its_values_are() -> None:
    lines: list[str] = []
    Emf("evaluate", clock=lambda: 12.5, write=lines.append).emit((SNAPSHOT_AGE, 3.5), (ERRORS, 1))
    assert json.loads(lines[0]) == {
        "_aws": {
            "Timestamp": 12_500,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Burgee",
                    "Dimensions": [["Function"]],
                    "Metrics": [
                        {"Name": "SnapshotAge", "Unit": "Seconds"},
                        {"Name": "Errors", "Unit": "Count"},
                    ],
                }
            ],
        },
        "Function": "evaluate",
        "SnapshotAge": 3.5,
        "Errors": 1,
    }


def test_nothing_is_no_line() -> None:
    lines: list[str] = []
    Emf("evaluate", clock=lambda: 0.0, write=lines.append).emit()
    assert lines == []


@pytest.mark.parametrize(
    ("status", "names"),
    [
        (200, {ADMITTED.name}),
        (428, {ADMITTED.name}),
        (429, {REFUSED.name}),
        (430, {ADMITTED.name}),
        (499, {ADMITTED.name}),
        (500, {ADMITTED.name, ERRORS.name}),
        (503, {ADMITTED.name, ERRORS.name}),
    ],
)
def test_an_answer_counts_as_what_it_is(status: int, names: set[str]) -> None:
    assert set(emitted(status)[0]) - {"_aws", "Function"} == names


def test_a_line_holds_no_line_end() -> None:
    lines: list[str] = []
    Emf("a\nb", clock=lambda: 0.0, write=lines.append).emit((ERRORS, 1))
    assert "\n" not in lines[0]


def test_the_reference_holds_every_metric_with_its_unit() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    for metric in METRICS:
        assert f"| `{metric.name}` | {metric.unit} |" in text


def test_names_are_there_once() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
