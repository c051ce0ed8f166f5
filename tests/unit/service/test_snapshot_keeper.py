"""Keeping the snapshot file: saved soon, saved at the end, and tried again after a failure."""

import threading

from burgee.errors import UnavailableError
from burgee.model.snapshot import StoreSnapshot
from burgee.service.snapshot_keeper import SnapshotKeeper
from burgee.testing.workshop import Workshop


class CountingFile:
    """A snapshot file that remembers what was saved, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.saved: list[StoreSnapshot] = []
        self.failures = failures
        self.event = threading.Event()

    def load(self) -> StoreSnapshot | None:
        return self.saved[-1] if self.saved else None

    def save(self, snapshot: StoreSnapshot) -> None:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("the disk is full") if self.failures % 2 else OSError("no space")
        self.saved.append(snapshot)
        self.event.set()


def keeper_of(workshop: Workshop, file: CountingFile, pause: float) -> SnapshotKeeper:
    return SnapshotKeeper(workshop.store, workshop.live, file, clock=workshop.clock, pause_seconds=pause)


def test_what_was_published_is_saved_while_the_server_runs(workshop: Workshop) -> None:
    file = CountingFile()
    keeper = keeper_of(workshop, file, 0.01)
    keeper.start()
    file.event.wait(10)
    file.event.clear()
    workshop.put("a")
    assert file.event.wait(10)
    keeper.close()
    last = file.saved[-1]
    assert last.sets == (workshop.live.current.programs["default"].snapshot,)
    assert (last.audit_sequence, last.audit_hash) == workshop.store.audit_head()
    assert last.taken_at == workshop.clock.now


def test_many_publishes_in_a_row_make_few_files_and_the_last_one_is_in(workshop: Workshop) -> None:
    file = CountingFile()
    keeper = keeper_of(workshop, file, 60)
    keeper.start()
    for number in range(50):
        workshop.put(f"f{number}")
    keeper.close()
    assert len(file.saved) <= 3
    assert len(file.saved[-1].sets[0].flags) == 50


def test_a_failed_save_is_tried_again(workshop: Workshop) -> None:
    workshop.put("a")
    file = CountingFile(failures=3)
    keeper = keeper_of(workshop, file, 0.01)
    keeper.start()
    assert file.event.wait(10)
    keeper.close()
    assert file.failures == 0


def test_a_publish_during_a_save_is_in_the_file_that_closing_leaves(workshop: Workshop) -> None:
    saving, go_on = threading.Event(), threading.Event()

    class SlowFile(CountingFile):
        def save(self, snapshot: StoreSnapshot) -> None:
            saving.set()
            go_on.wait(10)
            super().save(snapshot)

    file = SlowFile()
    keeper = keeper_of(workshop, file, 60)
    keeper.start()
    assert saving.wait(10)
    workshop.put("late")
    closing = threading.Thread(target=keeper.close)
    closing.start()
    while not keeper._closing.is_set():
        closing.join(0.001)
    go_on.set()
    closing.join(10)
    assert [flag.key for flag in file.saved[-1].sets[0].flags] == ["late"]


def test_closing_ends_even_where_nothing_can_be_saved(workshop: Workshop) -> None:
    keeper = keeper_of(workshop, CountingFile(failures=1_000), 60)
    keeper.start()
    keeper.close()
    keeper.close()
    assert workshop.put("after").created
