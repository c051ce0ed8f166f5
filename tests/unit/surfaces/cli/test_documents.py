"""Definition files, and stored flag sets read as such."""

import json
from pathlib import Path

import click
import httpx
import pytest

from burgee.errors import InvalidInputError, LimitExceededError
from burgee.model.limits import DEFAULT_LIMITS
from burgee.surfaces.cli.documents import faults_in, read, snapshots_in, stored_snapshots, syntax_of
from burgee.surfaces.cli.management import Management

FLAG = {"state": "ENABLED", "variants": {"x": 1}, "defaultVariant": "x"}


def document(*keys: str, **more: object) -> bytes:
    return json.dumps({"flags": dict.fromkeys(keys, FLAG), **more}).encode()


@pytest.mark.parametrize(
    ("name", "syntax"),
    [("a.json", "json"), ("a.yaml", "yaml"), ("a.YML", "yaml"), ("a", "json"), ("a.yaml.txt", "json")],
)
def test_the_extension_tells_yaml_from_json(name: str, syntax: str) -> None:
    assert syntax_of(Path(name)) == syntax


@pytest.mark.parametrize("extra", [-1, 0])
def test_a_file_up_to_the_import_limit_is_read_whole(tmp_path: Path, extra: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * (DEFAULT_LIMITS.import_bytes + extra))
    assert len(read(path)) == DEFAULT_LIMITS.import_bytes + extra


def test_a_file_over_the_import_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * (DEFAULT_LIMITS.import_bytes + 1))
    with pytest.raises(LimitExceededError):
        read(path)


def test_an_unreadable_file_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError):
        read(tmp_path)


def test_flags_are_ordered_by_key() -> None:
    (snapshot,) = snapshots_in(document("b", "a", "c"))
    assert [flag.key for flag in snapshot.flags] == ["a", "b", "c"]


def test_stored_flags_carry_the_set_that_was_asked_for() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=document("a")))
    management = Management(httpx.Client(transport=transport, base_url="http://test"))
    (snapshot,) = stored_snapshots(management, "shop")
    assert (snapshot.flag_set.key, snapshot.flags[0].flag_set) == ("shop", "shop")


def test_faults_are_returned_and_not_raised(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{")
    snapshots, error = faults_in(path)
    assert snapshots == ()
    assert isinstance(error, InvalidInputError)
    path.write_bytes(document("a"))
    assert faults_in(path)[1] is None
