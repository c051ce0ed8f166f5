"""Every fault code and every lint code stands in the reference."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [
    "src/burgee/engine/check.py",
    "src/burgee/engine/grammar.py",
    "src/burgee/engine/lint.py",
    "src/burgee/engine/references.py",
    "src/burgee/formats/flagd.py",
    "src/burgee/formats/strict_json.py",
    "src/burgee/formats/strict_yaml.py",
]
CODE = re.compile(r'"([a-z]+(?:-[a-z]+)+|empty|missing)"')
NO_CODES = {"utf-8"}


@pytest.mark.parametrize("source", SOURCES)
def test_every_code_is_explained(source: str) -> None:
    page = (ROOT / "docs/reference/definitions.md").read_text(encoding="utf-8")
    codes = set(CODE.findall((ROOT / source).read_text(encoding="utf-8"))) - NO_CODES
    assert codes
    assert sorted(code for code in codes if f"`{code}`" not in page) == []
