"""`burgee lint`: what is allowed, and probably not meant."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def odd(tmp_path: Path) -> str:
    rule = {"if": [{"==": [{"var": "a"}, 1]}, "on", "off"]}
    variants = {"on": True, "off": False, "never": True}
    flag = {"state": "ENABLED", "variants": variants, "defaultVariant": "on", "targeting": rule}
    path = tmp_path / "odd.json"
    path.write_text(json.dumps({"flags": {"a": flag}}))
    return str(path)


def test_a_variant_that_nothing_reaches_is_found(burgee: Any, odd: str) -> None:
    ran = burgee("lint", odd)
    assert ran.code == 1
    assert ran.out.startswith(f"{odd}: a: /")
    assert "[unreachable-variant]" in ran.out
    assert ran.err == "1 file, 1 finding\n"


def test_programs_get_the_finding_with_its_flag(burgee: Any, odd: str) -> None:
    (finding,) = burgee("lint", odd, "--json").document
    assert finding.keys() == {"file", "flagKey", "pointer", "code", "message"}
    assert (finding["flagKey"], finding["code"]) == ("a", "unreachable-variant")


def test_nothing_odd_is_code_0(burgee: Any, tmp_path: Path) -> None:
    path = tmp_path / "plain.json"
    path.write_text('{"flags": {"a": {"state": "ENABLED", "variants": {"x": 1}, "defaultVariant": "x"}}}')
    assert burgee("lint", str(path)).code == 0


def test_a_file_that_cannot_be_read_is_told_as_its_faults(burgee: Any, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{")
    ran = burgee("lint", str(path), "--json")
    assert ran.code == 1
    assert ran.document[0]["flagKey"] == ""
