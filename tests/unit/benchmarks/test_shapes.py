"""What the benches measure: the same flags and subjects at each call, and answers that are right."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from burgee.engine.check import check_flag
from burgee.model.flag_set import FlagSet

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
NAMES = (
    "static",
    "one equality",
    "five clauses",
    "fractional",
    "semver",
    "20 mixed rules",
    "20 equality rules",
)
SUBJECTS = 300
LUCKY = {"country": "CH", "beta": "yes", "score": 11, "team": "team-1", "plan": "plan-19"}

Context = dict[str, Any]


class Benches(NamedTuple):
    """The modules of the benches, which import each other without a package."""

    shapes: Any
    report: Any
    burgee: Any

    def shape(self, name: str) -> Any:
        return next(shape for shape in self.shapes.SHAPES if shape.name == name)


@pytest.fixture
def benches(monkeypatch: pytest.MonkeyPatch) -> Iterator[Benches]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("shapes", "report", "peers.burgee_itself")
    yield Benches(*map(importlib.import_module, names))
    for name in (*names, "peers"):
        del sys.modules[name]


def murmur3(data: bytes) -> int:
    """MurmurHash3, x86, 32 bits, seed 0, written down from its description."""

    def rotated(word: int, by: int) -> int:
        return (word << by | word >> (32 - by)) & 0xFFFFFFFF

    found = 0
    for place in range(0, len(data), 4):
        block = data[place : place + 4]
        word = int.from_bytes(block, "little") * 0xCC9E2D51 & 0xFFFFFFFF
        found ^= rotated(word, 15) * 0x1B873593 & 0xFFFFFFFF
        if len(block) == 4:
            found = rotated(found, 13) * 5 + 0xE6546B64 & 0xFFFFFFFF
    found ^= len(data)
    found = (found ^ found >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    found = (found ^ found >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return found ^ found >> 16


def right_answer(name: str, subject: Context) -> bool:
    """What a shape says of a subject, worked out from the words that describe the shape."""
    match name:
        case "static":
            return True
        case "one equality":
            return bool(subject["plan"] == "plan-1")
        case "five clauses":
            return (
                subject["country"] in {"CH", "DE", "FR"}
                and subject["beta"] == "yes"
                and subject["score"] >= 11
                and subject["team"] == "team-1"
                and int(subject["plan"].removeprefix("plan-")) <= 19
            )
        case "fractional":
            return murmur3(subject["targetingKey"].encode()) < 2**31
        case "semver":
            major, minor, patch = map(int, subject["version"].split("."))
            return 10_000 * major + 100 * minor + patch >= 10_203
        case "20 mixed rules":
            return bool(subject["team"] == "team-0")  # no subject is what one of the other rules asks for
        case _:
            return int(subject["plan"].removeprefix("plan-")) <= 19


@pytest.mark.parametrize(("data", "known"), [(b"", 0), (b"test", 0xBA6BD213), (b"Hello, world!", 0xC0363E43)])
def test_the_hash_of_this_test_is_the_published_one(data: bytes, known: int) -> None:
    assert murmur3(data) == known


def test_these_are_all_the_shapes(benches: Benches) -> None:
    assert tuple(shape.name for shape in benches.shapes.SHAPES) == NAMES
    assert set(benches.shapes.BY_HAND) == set(NAMES)


def test_subjects_are_the_same_at_each_call_and_others_for_another_seed(benches: Benches) -> None:
    subjects = benches.shapes.contexts(SUBJECTS)
    assert subjects == benches.shapes.contexts(SUBJECTS)
    assert subjects[:5] == benches.shapes.contexts(5)
    assert subjects != benches.shapes.contexts(SUBJECTS, seed=2)
    assert len({subject["targetingKey"] for subject in subjects}) == SUBJECTS


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_another_process_makes_the_same(benches: Benches, hash_seed: str) -> None:
    script = (
        "import json, shapes\n"
        "print(json.dumps([shapes.contexts(9), [shapes.flagd_rule(each) for each in shapes.SHAPES]]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(BENCHMARKS)}
    printed = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    rules = [benches.shapes.flagd_rule(shape) for shape in benches.shapes.SHAPES]
    assert json.loads(printed) == [benches.shapes.contexts(9), rules]


@pytest.mark.parametrize("name", NAMES)
def test_a_shape_makes_the_same_hundred_flags_at_each_call(benches: Benches, name: str) -> None:
    first, second = (benches.burgee.program(benches.shape(name)).snapshot for _ in range(2))
    assert first == second
    assert len(first.flags) == 100
    assert [fault for flag in first.flags for fault in check_flag(flag, FlagSet())] == []


@pytest.mark.parametrize("name", NAMES)
def test_burgee_and_the_rule_by_hand_answer_rightly(benches: Benches, name: str) -> None:
    shape = benches.shape(name)
    bound, by_key = benches.burgee.bound(shape), benches.burgee.by_key(shape)
    by_hand = benches.shapes.BY_HAND[name]
    for subject in benches.shapes.contexts(SUBJECTS):
        expected = right_answer(name, subject)
        assert bound(subject).value is expected, subject
        assert by_key("other-98", subject).value is expected, subject
        assert by_hand(subject) is expected, subject


@pytest.mark.parametrize("name", NAMES[1:])
def test_both_answers_are_measured(benches: Benches, name: str) -> None:
    subjects = benches.shapes.contexts(64)  # as many as the bench has
    assert {right_answer(name, subject) for subject in subjects} == {True, False}


@pytest.mark.parametrize(
    ("name", "subject", "expected"),
    [
        ("static", {}, True),
        ("one equality", {"plan": "plan-1"}, True),
        ("one equality", {"plan": "plan-10"}, False),
        ("one equality", {}, False),
        ("five clauses", LUCKY, True),
        ("five clauses", LUCKY | {"score": 10}, False),
        ("five clauses", LUCKY | {"plan": "plan-20"}, False),
        ("five clauses", LUCKY | {"country": "AT"}, False),
        ("five clauses", LUCKY | {"beta": "no"}, False),
        ("five clauses", LUCKY | {"team": "team-10"}, False),
        ("five clauses", {}, False),
        ("semver", {"version": "1.2.2"}, False),
        ("semver", {"version": "1.2.3"}, True),
        ("semver", {"version": "1.10.0"}, True),
        ("semver", {"version": "0.9.9"}, False),
        ("semver", {}, False),
        ("20 mixed rules", {"team": "team-16"}, True),
        ("20 mixed rules", {"country": "Y17"}, True),
        ("20 mixed rules", {"score": 1002}, False),
        ("20 mixed rules", {"score": 1003}, True),
        ("20 mixed rules", {"version": "11.9.9"}, False),
        ("20 mixed rules", {"version": "12.0.0"}, True),
        ("20 mixed rules", {}, False),
        ("20 equality rules", {"plan": "plan-19"}, True),
        ("20 equality rules", {"plan": "plan-20"}, False),
    ],
)
def test_every_clause_has_its_edge(benches: Benches, name: str, subject: Context, expected: bool) -> None:
    assert benches.burgee.bound(benches.shape(name))(subject).value is expected
    assert benches.shapes.BY_HAND[name](subject) is expected
