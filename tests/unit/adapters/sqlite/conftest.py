"""A store after a crash, and after an orderly stop."""

from pathlib import Path

import pytest

from burgee.testing.crashed_store import crash_into, opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder after a crash."""
    crash_into(tmp_path / "data", crashed=tmp_path / "crashed")
    return tmp_path / "crashed"


@pytest.fixture
def closed(folder: Path) -> Path:
    """The same after an orderly stop: everything is in the database file."""
    opened(folder).close()
    assert not (folder / "flags.db-wal").exists()
    return folder
