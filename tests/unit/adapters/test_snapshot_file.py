import random
import stat
from pathlib import Path

import pytest

from burgee.adapters.snapshot_file import JsonSnapshotFile
from burgee.ports import SnapshotFile
from burgee.testing.contracts import SnapshotFileContract
from burgee.testing.snapshot_file_contract import a_store_snapshot


class TestJsonSnapshotFile(SnapshotFileContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "snapshot.json.z"

    def make_file(self) -> SnapshotFile:
        return JsonSnapshotFile(self.path)

    def reopened(self, file: SnapshotFile) -> SnapshotFile:
        return JsonSnapshotFile(self.path)


@pytest.fixture
def saved(tmp_path: Path) -> JsonSnapshotFile:
    file = JsonSnapshotFile(tmp_path / "snapshot.json.z")
    file.save(a_store_snapshot())
    return file


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    file = JsonSnapshotFile(tmp_path / "none")
    assert file.load() is None
    assert file.problem is None


def test_only_the_owner_can_read_the_file_and_nothing_else_is_left(saved: JsonSnapshotFile) -> None:
    assert stat.S_IMODE(saved.path.stat().st_mode) == 0o600
    assert [each.name for each in saved.path.parent.iterdir()] == ["snapshot.json.z"]


def test_the_file_is_smaller_than_what_it_says(saved: JsonSnapshotFile) -> None:
    assert saved.path.stat().st_size < 1200


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"garbage",
        b"\x00" * 4096,
        b'{"magic":"burgee-snapshot","format":1,"audit_sequence":1,"sha256":"00"}\nx',
        b'{"magic":"other","format":1,"audit_sequence":1,"sha256":"00"}\nx',
        b'{"magic":"burgee-snapshot","format":2,"audit_sequence":1,"sha256":"00"}\nx',
    ],
)
def test_a_file_that_is_no_snapshot_is_not_loaded_and_the_problem_is_told(
    saved: JsonSnapshotFile, content: bytes
) -> None:
    saved.path.write_bytes(content)
    assert saved.load() is None
    assert saved.problem is not None
    assert saved.path.name in saved.problem


def test_a_file_cut_at_any_place_is_not_loaded(saved: JsonSnapshotFile) -> None:
    whole = saved.path.read_bytes()
    for length in range(len(whole)):
        saved.path.write_bytes(whole[:length])
        assert saved.load() is None, length


def test_no_flipped_bit_is_loaded_as_another_snapshot(saved: JsonSnapshotFile) -> None:
    whole = saved.path.read_bytes()
    dice = random.Random(8)
    for _ in range(400):
        place, bit = dice.randrange(len(whole)), dice.randrange(8)
        flipped = bytearray(whole)
        flipped[place] ^= 1 << bit
        saved.path.write_bytes(flipped)
        assert saved.load() in (None, a_store_snapshot())


def test_a_good_file_clears_the_problem(saved: JsonSnapshotFile) -> None:
    whole = saved.path.read_bytes()
    saved.path.write_bytes(b"")
    saved.load()
    saved.path.write_bytes(whole)
    assert saved.load() == a_store_snapshot()
    assert saved.problem is None


def test_a_damaged_file_is_replaced_whatever_it_claims(saved: JsonSnapshotFile) -> None:
    saved.save(a_store_snapshot(audit_sequence=900))
    saved.path.write_bytes(saved.path.read_bytes()[:-1])
    saved.save(a_store_snapshot(audit_sequence=1))
    loaded = saved.load()
    assert loaded is not None
    assert loaded.audit_sequence == 1


def test_a_draft_left_by_a_killed_process_does_no_harm(saved: JsonSnapshotFile) -> None:
    saved.path.with_name(saved.path.name + ".new").write_bytes(b"half a snapsh")
    saved.save(a_store_snapshot(audit_sequence=8))
    assert saved.load() == a_store_snapshot(audit_sequence=8)
    assert [each.name for each in saved.path.parent.iterdir()] == ["snapshot.json.z"]


def test_a_folder_that_is_gone_is_told_to_who_saves(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        JsonSnapshotFile(tmp_path / "gone" / "snapshot").save(a_store_snapshot())
