"""NDJSON files: whole lines, rotation by size and day, crashes at any byte."""

import errno
import os
from pathlib import Path

import msgspec
import pytest

from burgee.adapters.audit_files import NdjsonFiles
from burgee.errors import UnavailableError
from burgee.model.audit import GENESIS_HASH, AuditEvent, chain, first_broken
from burgee.testing.builders import an_audit_draft

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC
DAY = 86_400
LARGE = 1_000_000


def events(count: int, *, first: int = 1, at: float = NOON, previous: str = GENESIS_HASH) -> list[AuditEvent]:
    made: list[AuditEvent] = []
    for sequence in range(first, first + count):
        draft = msgspec.structs.replace(an_audit_draft(), at=at)
        made.append(chain(draft, sequence=sequence, previous_hash=previous))
        previous = made[-1].hash
    return made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read(folder: Path) -> list[AuditEvent]:
    return [
        msgspec.json.decode(line, type=AuditEvent)
        for name in names(folder)
        for line in (folder / name).read_bytes().splitlines()
    ]


def size_of(event: AuditEvent) -> int:
    return len(msgspec.json.encode(event)) + 1


def test_each_event_is_a_line_that_reads_back_and_verifies(tmp_path: Path) -> None:
    written = events(10)
    sink = NdjsonFiles(tmp_path / "audit", max_bytes=LARGE)
    sink.deliver(written[:4])
    sink.deliver(written[4:])
    assert names(tmp_path / "audit") == ["audit-2027-01-15-000001.ndjson"]
    assert read(tmp_path / "audit") == written
    assert first_broken(read(tmp_path / "audit")) is None


def test_files_and_folder_are_their_owner_s_alone(tmp_path: Path) -> None:
    NdjsonFiles(tmp_path / "audit", max_bytes=LARGE).deliver(events(1))
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "audit").iterdir()} == {0o600}


@pytest.mark.parametrize(("spare", "files"), [(-1, 2), (0, 1), (1, 1)])
def test_a_file_takes_lines_up_to_its_size(tmp_path: Path, spare: int, files: int) -> None:
    written = events(3)
    sink = NdjsonFiles(tmp_path, max_bytes=sum(size_of(event) for event in written) + spare)
    sink.deliver(written)
    assert len(names(tmp_path)) == files
    assert read(tmp_path) == written


def test_a_line_longer_than_any_file_has_one_of_its_own(tmp_path: Path) -> None:
    written = events(3)
    NdjsonFiles(tmp_path, max_bytes=10).deliver(written)
    assert names(tmp_path) == [f"audit-2027-01-15-00000{number}.ndjson" for number in (1, 2, 3)]
    assert read(tmp_path) == written


@pytest.mark.parametrize(
    ("at", "name"),
    [
        (NOON + DAY / 2 - 0.001, "audit-2027-01-15-000001.ndjson"),
        (NOON + DAY / 2, "audit-2027-01-16-000001.ndjson"),
        (NOON - 10 * DAY, "audit-2027-01-15-000001.ndjson"),  # a clock that was set back opens no old file
    ],
)
def test_a_new_day_begins_a_new_file(tmp_path: Path, at: float, name: str) -> None:
    first = events(2)
    sink = NdjsonFiles(tmp_path, max_bytes=LARGE)
    sink.deliver(first)
    later = events(1, first=3, at=at, previous=first[-1].hash)
    sink.deliver(later)
    assert names(tmp_path)[-1] == name
    assert read(tmp_path) == [*first, *later]


def test_files_that_were_taken_away_are_not_missed(tmp_path: Path) -> None:
    written = events(6)
    sink = NdjsonFiles(tmp_path, max_bytes=2 * size_of(written[0]))
    sink.deliver(written[:4])
    (tmp_path / names(tmp_path)[0]).unlink()
    sink.deliver(written[4:])
    assert read(tmp_path) == written[2:]


def test_after_a_crash_at_any_byte_every_line_is_there_once(tmp_path: Path) -> None:
    written = events(3)
    NdjsonFiles(tmp_path, max_bytes=LARGE).deliver(written)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for cut in range(0, len(whole) + 1, 37):
        path.write_bytes(whole[:cut])
        NdjsonFiles(tmp_path, max_bytes=LARGE).deliver(written)  # none of them was known to be delivered
        assert path.read_bytes() == whole, cut


def test_after_a_crash_between_two_files_every_line_is_there_once(tmp_path: Path) -> None:
    written = events(2)
    max_bytes = size_of(written[0])
    NdjsonFiles(tmp_path, max_bytes=max_bytes).deliver(written)
    second = tmp_path / names(tmp_path)[1]
    second.write_bytes(b"")
    NdjsonFiles(tmp_path, max_bytes=max_bytes).deliver(written)
    assert read(tmp_path) == written


@pytest.mark.parametrize("batch", [1, 5, 30])
@pytest.mark.parametrize("per_file", [1, 4, 100])
def test_after_a_crash_a_long_queue_is_not_written_twice(tmp_path: Path, batch: int, per_file: int) -> None:
    """Many deliveries, over many files, may come again: more than one of either."""
    written = events(30)
    max_bytes = per_file * size_of(written[-1])
    for killed_after in (30, 17, 30):  # how far the one came that was killed; none of it was saved
        sink = NdjsonFiles(tmp_path, max_bytes=max_bytes)
        for first in range(0, killed_after, batch):
            sink.deliver(written[first : first + batch])
    assert [event.sequence for event in read(tmp_path)] == list(range(1, 31))


def test_after_a_crash_no_more_is_read_than_may_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Years of files must not make a start slow."""
    written = events(30)
    NdjsonFiles(tmp_path, max_bytes=size_of(written[-1])).deliver(written)
    opened: list[str] = []
    honest = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        opened.append(path.name)
        return honest(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", read_bytes)
        NdjsonFiles(tmp_path, max_bytes=LARGE).deliver(written[27:])
    assert len(opened) == 4  # 30, 29 and 28, and the one that shows that there are no more
    assert read(tmp_path) == written


def test_another_event_under_a_known_number_is_written(tmp_path: Path) -> None:
    """A database restored from a backup counts on from where the backup was made."""
    NdjsonFiles(tmp_path, max_bytes=LARGE).deliver(events(3))
    other = events(1, first=3, at=NOON + 1)
    NdjsonFiles(tmp_path, max_bytes=LARGE).deliver(other)
    assert read(tmp_path)[-1] == other[0]


def test_a_disk_that_refuses_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = events(4)
    sink = NdjsonFiles(tmp_path, max_bytes=LARGE)
    sink.deliver(written[:1])
    honest = os.write

    def half(descriptor: int, data: bytes) -> int:
        if len(data) > 100:
            return honest(descriptor, data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(UnavailableError, match="No space"):
            sink.deliver(written[1:])
    assert read(tmp_path) == written[:1]
    sink.deliver(written[1:])
    assert read(tmp_path) == written


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "audit-notes.txt").write_text("mine")
    (tmp_path / "audit-9999-99-99-1.ndjson").write_text("mine too")
    NdjsonFiles(tmp_path, max_bytes=LARGE).deliver(events(1))
    assert "audit-2027-01-15-000001.ndjson" in names(tmp_path)
    assert (tmp_path / "audit-notes.txt").read_text() == "mine"
