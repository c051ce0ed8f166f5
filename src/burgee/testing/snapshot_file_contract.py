"""What every SnapshotFile must do."""

import msgspec
import pytest

from burgee.model.snapshot import Snapshot, StoreSnapshot
from burgee.ports import SnapshotFile
from burgee.testing.builders import THE_DAY, a_flag, a_flag_set


def a_store_snapshot(*, audit_sequence: int = 7) -> StoreSnapshot:
    """Two flag sets with three flags, every field away from its default."""
    checkout = Snapshot(flag_set=a_flag_set(), flags=(a_flag(key="a"), a_flag(key="b", name="B")))
    search = Snapshot(flag_set=a_flag_set(key="search"), flags=(a_flag(flag_set="search"),))
    return StoreSnapshot(
        sets=(checkout, search), audit_sequence=audit_sequence, audit_hash="cd" * 32, taken_at=THE_DAY
    )


class SnapshotFileContract:
    """Subclass it and define `make_file` and `reopened`."""

    def make_file(self) -> SnapshotFile:
        """A file that nothing was saved in."""
        raise NotImplementedError

    def reopened(self, file: SnapshotFile) -> SnapshotFile:
        """The same file as the next process finds it."""
        raise NotImplementedError

    @pytest.fixture
    def file(self) -> SnapshotFile:
        return self.make_file()

    def test_there_is_nothing_to_load_before_the_first_save(self, file: SnapshotFile) -> None:
        assert file.load() is None

    def test_what_was_saved_is_loaded_by_the_next_process(self, file: SnapshotFile) -> None:
        file.save(a_store_snapshot())
        assert self.reopened(file).load() == a_store_snapshot()

    def test_whole_numbers_and_floats_keep_their_written_form(self, file: SnapshotFile) -> None:
        file.save(a_store_snapshot())
        loaded = self.reopened(file).load()
        assert msgspec.json.encode(loaded) == msgspec.json.encode(a_store_snapshot())

    @pytest.mark.parametrize(("second", "kept"), [(6, 7), (7, 7), (8, 8)])
    def test_a_lower_audit_sequence_never_replaces_a_higher_one(
        self, file: SnapshotFile, second: int, kept: int
    ) -> None:
        file.save(a_store_snapshot(audit_sequence=7))
        self.reopened(file).save(a_store_snapshot(audit_sequence=second))
        loaded = self.reopened(file).load()
        assert loaded is not None
        assert loaded.audit_sequence == kept

    def test_the_same_sequence_is_replaced_by_the_later_save(self, file: SnapshotFile) -> None:
        file.save(a_store_snapshot())
        file.save(msgspec.structs.replace(a_store_snapshot(), taken_at=THE_DAY + 1))
        loaded = file.load()
        assert loaded is not None
        assert loaded.taken_at == THE_DAY + 1
