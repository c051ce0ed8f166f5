"""Parameters from the environment and from a file that is read at every question."""

from pathlib import Path

import pytest

from burgee.adapters.parameters import LARGEST_FILE_BYTES, EnvironmentParameters, FileParameters
from burgee.errors import UnavailableError


def test_a_variable_is_named_after_the_parameter() -> None:
    source = EnvironmentParameters({"BURGEE_PARAMETER_ALLOW_FLAG_DELETION": "true", "ALLOW": "true"})
    assert source.parameter("allow-flag-deletion") == "true"
    assert source.parameter("allow") is None


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ('{"allow": "true"}', "true"),
        ('{"allow": true}', "true"),
        (' \n{"allow": false, "other": "x"}', "false"),
        ('{"other": "true"}', None),
        ("{}", None),
        ("allow=true", "true"),
        ("# a comment\n\n  allow = true  \nother=x=y\n", "true"),
        ("other=true\n", None),
        ("allow=\n", ""),
        ("#allow=true", None),
        ("", None),
    ],
)
def test_a_file_is_json_or_lines(tmp_path: Path, content: str, value: str | None) -> None:
    file = tmp_path / "parameters"
    file.write_text(content)
    assert FileParameters(file).parameter("allow") == value


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"allow": 1}',
        b'{"allow": null}',
        b'{"allow": "false", "allow": "true"}',
        b"allow=false\nallow=true",
        b"allow",
        b"=true",
        b"allow=\xff",
        b"#" * (LARGEST_FILE_BYTES + 1),
    ],
)
def test_a_file_that_is_not_clear_answers_nothing(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "parameters"
    file.write_bytes(content)
    with pytest.raises(UnavailableError, match="parameters"):
        FileParameters(file).parameter("allow")


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    file = tmp_path / "parameters"
    start = b"allow=true\n"
    file.write_bytes(start + b"#" * (LARGEST_FILE_BYTES - len(start)))
    assert FileParameters(file).parameter("allow") == "true"


def test_a_file_is_read_again_each_time_and_may_be_missing(tmp_path: Path) -> None:
    file = tmp_path / "parameters"
    source = FileParameters(file)
    for content in ("true", "false"):
        file.write_text(f"allow={content}")
        assert source.parameter("allow") == content
    file.unlink()
    with pytest.raises(UnavailableError, match="No such file"):
        source.parameter("allow")
    with pytest.raises(UnavailableError, match="directory"):
        FileParameters(tmp_path).parameter("allow")
