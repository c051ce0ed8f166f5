"""`burgee validate`: every fault, with its file and its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from burgee.surfaces.cli.validate import summary

GOOD = {"flags": {"a": {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}}}
BAD = {
    "flags": {
        "a": {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "nowhere"},
        "b": {
            "state": "ENABLED",
            "variants": {"on": True},
            "defaultVariant": "on",
            "targeting": {"bogus": [1]},
        },
    }
}


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.json"
    path.write_text(json.dumps(GOOD))
    return str(path)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(BAD))
    return str(path)


def test_a_good_file_is_code_0_and_silent_on_stdout(burgee: Any, good: str) -> None:
    ran = burgee("validate", good)
    assert (ran.code, ran.out, ran.err) == (0, "", "1 file, no faults\n")
    assert burgee("validate", good, "--json").document == []


def test_all_faults_of_all_files_are_listed(burgee: Any, good: str, bad: str) -> None:
    ran = burgee("validate", good, bad)
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert all(line.startswith(f"{bad}: /flags/") for line in lines)
    assert any("/flags/a" in line for line in lines)
    assert any("/flags/b/targeting" in line for line in lines)
    assert burgee.targets == []


def test_programs_get_file_pointer_code_and_message(burgee: Any, bad: str) -> None:
    ran = burgee("validate", bad, "--json")
    assert ran.code == 1
    for fault in ran.document:
        assert fault.keys() == {"file", "pointer", "code", "message"}
        assert fault["file"] == bad
        assert fault["pointer"].startswith("/flags/")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"flags": 5}', b"\xff", b'{"flags": {}, "flags": {}}']
)
def test_what_is_no_definition_file_is_a_fault_not_a_crash(
    burgee: Any, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    ran = burgee("validate", str(path))
    assert ran.code == 1
    assert ran.out.startswith(f"{path}: /")


def test_yaml_is_known_by_its_extension(burgee: Any, tmp_path: Path) -> None:
    text = "flags:\n  a:\n    state: ENABLED\n    variants: {x: 1}\n    defaultVariant: x\n"
    for name, code in (("a.yaml", 0), ("a.yml", 0), ("A.YAML", 0), ("a.json", 1)):
        (tmp_path / name).write_text(text)
        assert burgee("validate", str(tmp_path / name)).code == code


@pytest.mark.parametrize(
    ("count", "text"), [(0, "1 file, no faults"), (1, "1 file, 1 fault"), (2, "1 file, 2 faults")]
)
def test_the_summary_counts(count: int, text: str) -> None:
    assert summary(1, count, "fault") == text
    assert summary(2, count, "fault").startswith("2 files, ")
