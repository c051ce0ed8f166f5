"""The kept snapshot: ours or none."""

import os
import stat
from pathlib import Path

import pytest

from burgee.adapters.kept_snapshot import KeptSnapshot
from burgee.formats.snapshot import LARGEST_BYTES
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


def test_a_named_pipe_is_none_and_is_not_waited_for(tmp_path: Path) -> None:
    kept = KeptSnapshot(str(tmp_path), "one")
    os.mkfifo(kept.path, 0o600)
    assert kept.load() is None


@pytest.mark.parametrize(("more", "is_kept"), [(0, True), (1, False)])
def test_a_file_that_no_snapshot_can_be_is_not_read(tmp_path: Path, more: int, is_kept: bool) -> None:
    kept = KeptSnapshot(str(tmp_path), "one")
    kept.save(STORED)
    os.truncate(kept.path, LARGEST_BYTES + 4_096 + more)  # a hole: it takes no room
    assert (kept.load() is not None) is is_kept


@pytest.mark.parametrize("kind", ["link", "hard link", "open file"])
def test_what_somebody_has_laid_in_the_way_is_neither_written_to_nor_followed(
    tmp_path: Path, kind: str
) -> None:
    kept = KeptSnapshot(str(tmp_path), "one")
    victim, draft = tmp_path / "victim", Path(f"{kept.path}.{os.getpid()}")
    victim.write_bytes(b"precious")
    if kind == "link":
        draft.symlink_to(victim)
    elif kind == "hard link":
        draft.hardlink_to(victim)
    else:
        draft.touch(0o666)
        draft.chmod(0o666)
    kept.save(STORED)
    assert victim.read_bytes() == b"precious"
    assert stat.S_IMODE(Path(kept.path).stat().st_mode) == 0o600
    found = kept.load()
    assert found is not None
    assert found[0] == STORED
