"""The definition files of flagd's own schema tests: 18 that must be accepted, 18 that must be refused."""

import json
from pathlib import Path

import pytest

from burgee.engine.check import check_flag, check_flag_set, check_targeting
from burgee.errors import Fault, InvalidInputError
from burgee.formats import flagd
from burgee.model.json import JsonObject

KINDS = ("flagd", "flags", "targeting")


def files(directory: Path, verdict: str) -> list[Path]:
    tests = directory / "flagd-schemas" / "test"
    return sorted(path for kind in KINDS for path in (tests / kind / verdict).glob("*.json"))


def faults(path: Path) -> list[Fault]:
    """Everything that Burgee finds wrong with a file."""
    data = path.read_bytes()
    if path.parent.parent.name == "targeting":
        rule = json.loads(data)
        evaluators: dict[str, JsonObject] = {"some-ref": {"==": [1, 1]}}
        return list(check_targeting(rule, evaluators=evaluators, variants=None))
    try:
        documents = flagd.parse(data)
    except InvalidInputError as error:
        return list(error.faults)
    found = [fault for document in documents for fault in check_flag_set(document.flag_set)]
    for document in documents:
        for flag in document.flags:
            found += check_flag(flag, document.flag_set)
    return found


def test_every_valid_file_is_accepted(conformance_dir: Path) -> None:
    valid = files(conformance_dir, "positive")
    assert {path.name: faults(path) for path in valid if faults(path)} == {}
    assert len(valid) == 18


def test_every_invalid_file_is_refused_with_the_place_of_the_fault(conformance_dir: Path) -> None:
    invalid = files(conformance_dir, "negative")
    assert [path.name for path in invalid if not faults(path)] == []
    assert all(fault.pointer.startswith("/") for path in invalid for fault in faults(path))
    assert len(invalid) == 18


@pytest.mark.parametrize(
    "name", ["custom-ops", "edge-case-flags", "evaluator-refs", "testing-flags", "zero-flags"]
)
def test_every_file_of_the_testbed_parses(conformance_dir: Path, name: str) -> None:
    path = conformance_dir / "flagd-testbed" / "flags" / f"{name}.json"
    [document] = flagd.parse(path.read_bytes())
    assert len(document.flags) == len(json.loads(path.read_bytes())["flags"])
