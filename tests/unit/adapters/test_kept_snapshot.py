"""The kept snapshot: ours or none."""

import os
import stat
from pathlib import Path

import pytest

from burgee.adapters.kept_snapshot import KeptSnapshot
from burgee.ports.snapshots import StoredObject

STORED = StoredObject(content=b"line\nand\x00bytes", tag='"tag"')


def test_what_was_saved_is_loaded_with_its_time(tmp_path: Path) -> None:
    kept = KeptSnapshot(str(tmp_path), "one")
    kept.save(STORED)
    os.utime(kept.path, (100, 200))
    assert kept.load() == (STORED, 200)
    assert stat.S_IMODE(Path(kept.path).stat().st_mode) == 0o600
    assert len(list(tmp_path.iterdir())) == 1


def test_each_name_has_its_own_file(tmp_path: Path) -> None:
    KeptSnapshot(str(tmp_path), "one").save(STORED)
    assert KeptSnapshot(str(tmp_path), "two").load() is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_file_that_others_can_reach_is_none(tmp_path: Path, mode: int) -> None:
    kept = KeptSnapshot(str(tmp_path), "one")
    kept.save(STORED)
    Path(kept.path).chmod(mode)
    assert kept.load() is None


def test_a_link_is_none(tmp_path: Path) -> None:
    kept = KeptSnapshot(str(tmp_path), "one")
    (tmp_path / "other").write_bytes(b"x\ny")
    Path(kept.path).symlink_to(tmp_path / "other")
    assert kept.load() is None


def test_a_folder_that_is_not_there_keeps_nothing(tmp_path: Path) -> None:
    kept = KeptSnapshot(str(tmp_path / "none"), "one")
    kept.save(STORED)
    assert kept.load() is None
