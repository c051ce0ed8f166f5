"""`burgee bench`: a measurement that says what it measured."""

import json
from pathlib import Path
from typing import Any

import pytest

from burgee.surfaces.cli.bench import BATCH


@pytest.fixture
def document(tmp_path: Path) -> str:
    flag = {"state": "ENABLED", "variants": {"x": 1}, "defaultVariant": "x"}
    path = tmp_path / "flags.json"
    path.write_text(json.dumps({"flags": {"a": flag, "b": {**flag, "state": "DISABLED"}}}))
    return str(path)


def test_each_flag_is_measured_at_least_twice(burgee: Any, document: str) -> None:
    rows = burgee("bench", "--file", document, "--seconds", "0.01", "--json").document
    assert [(row["flagKey"], row["answer"]) for row in rows] == [("a", "STATIC"), ("b", "DISABLED")]
    for row in rows:
        assert row["evaluations"] >= 2 * BATCH
        assert row["evaluations"] % BATCH == 0
        assert 0 < row["p50"] <= row["p99"]


def test_people_are_told_what_was_measured(burgee: Any, document: str) -> None:
    ran = burgee("bench", "--file", document, "--seconds", "0.01")
    assert "p99 ns" in ran.out
    assert ran.err == f"one process, one thread, one context; p50 and p99 over batches of {BATCH}\n"


def test_no_flags_are_no_error(burgee: Any, tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text('{"flags": {}}')
    assert burgee("bench", "--file", str(tmp_path / "empty.json"), "--json").document == []


@pytest.mark.parametrize(("seconds", "code"), [("0.009", 2), ("0.01", 0), ("60.1", 2)])
def test_the_time_is_bounded(burgee: Any, document: str, seconds: str, code: int) -> None:
    assert burgee("bench", "--file", document, "--seconds", seconds).code == code
