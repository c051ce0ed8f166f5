import random
from pathlib import Path

import apsw
import pytest

from burgee.testing.power_cut import SECTOR_BYTES, PowerCutDisk


@pytest.fixture
def disk() -> PowerCutDisk:
    return PowerCutDisk("tested-disk", watch=lambda _operation, _path: None)


def outcomes(disk: PowerCutDisk, folder: Path, name: str) -> set[bytes | None]:
    """What the file may hold after a cut, over 300 throws of the dice."""
    found: set[bytes | None] = set()
    for seed in range(300):
        into = folder / str(seed)
        into.mkdir()
        disk.survivors(into, dice=random.Random(seed))
        found.add((into / name).read_bytes() if (into / name).exists() else None)
    return found


def opened(disk: PowerCutDisk, path: Path) -> apsw.VFSFile:
    flags = apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_MAIN_DB
    return disk.xOpen(str(path), [flags, 0])


def test_what_was_synced_survives_every_cut(disk: PowerCutDisk, tmp_path: Path) -> None:
    file = opened(disk, tmp_path / "f")
    file.xWrite(b"abc", 0)
    file.xSync(0)
    assert outcomes(disk, tmp_path, "f") == {b"abc"}


def test_what_was_not_synced_is_lost_or_kept(disk: PowerCutDisk, tmp_path: Path) -> None:
    file = opened(disk, tmp_path / "f")
    file.xWrite(b"abc", 0)
    file.xSync(0)
    file.xWrite(b"X", 1)
    file.xWrite(b"Y", 4)
    assert outcomes(disk, tmp_path, "f") == {b"abc", b"aXc", b"abc\x00Y", b"aXc\x00Y"}


def test_a_write_of_several_sectors_may_be_torn_between_them(disk: PowerCutDisk, tmp_path: Path) -> None:
    file = opened(disk, tmp_path / "f")
    old, new = b"o" * SECTOR_BYTES, b"n" * SECTOR_BYTES
    file.xWrite(old * 2, 0)
    file.xSync(0)
    file.xWrite(new * 2, 0)
    assert outcomes(disk, tmp_path, "f") == {old * 2, new * 2, old + new, new + old}


def test_a_file_that_was_never_synced_may_not_exist(disk: PowerCutDisk, tmp_path: Path) -> None:
    opened(disk, tmp_path / "f").xWrite(b"a", 0)
    assert outcomes(disk, tmp_path, "f") == {None, b"", b"a"}


def test_a_truncation_is_only_sure_after_a_sync(disk: PowerCutDisk, tmp_path: Path) -> None:
    file = opened(disk, tmp_path / "f")
    file.xWrite(b"abc", 0)
    file.xSync(0)
    file.xTruncate(1)
    assert outcomes(disk, tmp_path, "f") == {b"abc", b"a"}


def test_an_operation_that_is_refused_is_not_done(disk: PowerCutDisk, tmp_path: Path) -> None:
    file = opened(disk, tmp_path / "f")
    file.xWrite(b"abc", 0)
    file.xSync(0)

    def refuse(_operation: str, _path: Path) -> None:
        raise apsw.IOError("no")

    disk.watch = refuse
    with pytest.raises(apsw.IOError):
        file.xWrite(b"X", 0)
    assert outcomes(disk, tmp_path, "f") == {b"abc"}
