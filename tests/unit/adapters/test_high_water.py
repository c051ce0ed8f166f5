import stat
import threading
from pathlib import Path

import pytest

from burgee.adapters.high_water import SYNC_SECONDS, HighWaterFile, Mark


def mark(sequence: int) -> Mark:
    return Mark(sequence=sequence, hash=f"{sequence:064x}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "high-water"


def test_no_file_knows_of_no_event(path: Path) -> None:
    assert HighWaterFile(path).read() == Mark()
    assert Mark().sequence == 0


def test_the_highest_mark_is_read_by_the_next_process(path: Path) -> None:
    file = HighWaterFile(path)
    for sequence in (1, 2, 3, 10):
        file.raise_to(mark(sequence), now=0)
        assert HighWaterFile(path).read() == mark(sequence)


@pytest.mark.parametrize(("second", "kept"), [(6, 7), (7, 7), (8, 8)])
def test_a_mark_never_falls(path: Path, second: int, kept: int) -> None:
    HighWaterFile(path).raise_to(mark(7), now=0)
    HighWaterFile(path).raise_to(mark(second), now=0)
    assert HighWaterFile(path).read() == mark(kept)


def test_only_the_owner_can_read_it(path: Path) -> None:
    HighWaterFile(path).raise_to(mark(1), now=0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_torn_write_leaves_the_mark_before(path: Path) -> None:
    file = HighWaterFile(path)
    for sequence in (1, 2, 3):
        file.raise_to(mark(sequence), now=0)
    content = path.read_bytes()
    place = content.index(b'"sequence":3')
    path.write_bytes(content[:place] + b"\x00" * 40 + content[place + 40 :])
    assert HighWaterFile(path).read() == mark(2)
    file.raise_to(mark(4), now=0)
    assert HighWaterFile(path).read() == mark(4)


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b'{"hash":"\xff"}', b"\x00" * 1024, b"{}", b'{"sequence":"9"}']
)
def test_a_file_that_cannot_be_read_knows_of_no_event_and_is_written_again(
    path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    assert HighWaterFile(path).read() == Mark()
    HighWaterFile(path).raise_to(mark(5), now=0)
    assert HighWaterFile(path).read() == mark(5)


def test_it_is_synced_at_most_once_in_a_while(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []
    monkeypatch.setattr("os.fdatasync", syncs.append)
    file = HighWaterFile(path)
    for sequence, now in enumerate((0.0, 0.5, SYNC_SECONDS - 0.01, SYNC_SECONDS, 1.5, 2.0), start=1):
        file.raise_to(mark(sequence), now=now)
    assert len(syncs) == 3


def test_a_disk_that_refuses_does_not_fail_the_commit_that_was_made(tmp_path: Path) -> None:
    HighWaterFile(tmp_path / "missing" / "high-water").raise_to(mark(1), now=0)


def test_of_many_who_raise_it_at_once_the_highest_stays(path: Path) -> None:
    def raise_all(start: int) -> None:
        for sequence in range(start, 200, 8):
            HighWaterFile(path).raise_to(mark(sequence), now=0)

    threads = [threading.Thread(target=raise_all, args=(start,)) for start in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert HighWaterFile(path).read() == mark(199)
