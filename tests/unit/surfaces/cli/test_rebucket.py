"""`burgee rebucket`: subjects from a file, flags from a file or from the server."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from burgee.errors import InvalidInputError
from burgee.surfaces.cli.rebucket import read_contexts

SPLIT = {
    "state": "ENABLED",
    "variants": {"a": "A", "b": "B"},
    "defaultVariant": "a",
    "targeting": {"fractional": [["a", 1], ["b", 1]]},
}
DOCUMENT = {"flags": {"split": SPLIT}}


@pytest.fixture
def subjects(tmp_path: Path) -> str:
    path = tmp_path / "subjects"
    path.write_text("\n".join(f"user-{number}" for number in range(100)) + "\n")
    return str(path)


def test_contexts_are_keys_or_objects_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "subjects"
    path.write_text('u1\n\n  u 2  \n{"targetingKey": "u3", "n": 10.0}\n"quoted"\n')
    assert list(read_contexts(path)) == [
        {"targetingKey": "u1"},
        {"targetingKey": "u 2"},
        {"targetingKey": "u3", "n": 10.0},
        {"targetingKey": '"quoted"'},
    ]


def test_a_broken_context_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "subjects"
    path.write_text('u1\n{"a": \n')
    with pytest.raises(InvalidInputError, match="line 2"):
        list(read_contexts(path))


def test_flags_of_a_file_need_no_server(burgee: Any, tmp_path: Path, subjects: str) -> None:
    (tmp_path / "flags.json").write_text(json.dumps(DOCUMENT))
    options = ("--from", "v2", "--to", "v3", "--subjects", subjects, "--file", str(tmp_path / "flags.json"))
    (move,) = burgee("rebucket", *options, "--json").document
    assert (move["flagSet"], move["flagKey"], move["subjects"]) == ("default", "split", 100)
    assert 20 < move["moved"] < 80
    row = burgee("rebucket", *options).out.strip().splitlines()[-1]
    assert row.split() == ["default", "split", "100", str(move["moved"]), f"{move['moved']:.1f}", "%"]
    assert burgee.targets == []


def test_nobody_moves_between_the_same_generation(burgee: Any, tmp_path: Path, subjects: str) -> None:
    (tmp_path / "flags.json").write_text(json.dumps(DOCUMENT))
    options = ("--from", "v3", "--to", "v3", "--subjects", subjects, "--file", str(tmp_path / "flags.json"))
    assert [move["moved"] for move in burgee("rebucket", *options, "--json").document] == [0]


def test_stored_flags_of_every_set_are_asked_for(burgee: Any, subjects: str) -> None:
    burgee.answers(
        httpx.Response(200, json={"items": [{"key": "one"}, {"key": "two"}], "nextCursor": None}),
        httpx.Response(200, json=DOCUMENT),
        httpx.Response(200, json=DOCUMENT),
    )
    ran = burgee("rebucket", "--from", "v2", "--to", "v3", "--subjects", subjects, "--json")
    assert [move["flagSet"] for move in ran.document] == ["one", "two"]
    assert burgee.sent[1:] == ["GET /api/v1/export?flagSet=one", "GET /api/v1/export?flagSet=two"]
