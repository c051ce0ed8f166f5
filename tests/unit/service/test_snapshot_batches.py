"""Batches of stream records: each set once, in order, and a stop at the first failure."""

import pytest

from burgee.errors import UnavailableError
from burgee.formats.stream_records import Trigger
from burgee.service.snapshot_batches import SnapshotBatches
from burgee.service.snapshot_publishing import SnapshotPublisher
from burgee.testing.snapshot_objects import MemoryAnnouncer, MemoryContent, MemoryObjects


class Desk:
    def __init__(self) -> None:
        self.content, self.objects, self.announcer = MemoryContent(), MemoryObjects(), MemoryAnnouncer()
        self.adopted = 0
        self.fails_adoption = False
        publisher = SnapshotPublisher(
            self.content, self.objects, self.announcer, clock=lambda: 1.0, new_seed=lambda: 1
        )
        self.batches = SnapshotBatches(publisher, adopt=self._adopt)

    def _adopt(self) -> None:
        if self.fails_adoption:
            raise UnavailableError("no")
        self.adopted += 1

    def heard(self) -> list[str]:
        return [each.flag_set for each in self.announcer.heard]


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.content.publish("web", "a")
    made.content.publish("api", "b")
    return made


def of(number: int, flag_set: str = "", **more: object) -> Trigger:
    return Trigger(sequence_number=str(number), event_id=f"e{number}", flag_set=flag_set, **more)  # type: ignore[arg-type]


def test_each_set_of_a_batch_is_published_once_with_all_its_subjects(desk: Desk) -> None:
    batch = [of(1, "web", subject="ada"), of(2, "api"), of(3, "web", subject="bob"), of(4)]
    assert desk.batches.work(batch) is None
    assert desk.heard() == ["web", "api"]
    found = desk.objects.archive().find("web")
    assert found is not None
    assert found.layers[0].added == 2


def test_it_stops_at_the_first_failure_and_names_it(desk: Desk) -> None:
    desk.content.error = UnavailableError("away")
    assert desk.batches.work([of(1), of(2, "web"), of(3, "api")]) == "2"
    desk.content.error = None
    assert desk.batches.work([of(2, "web"), of(3, "api")]) is None
    assert desk.heard() == ["web", "api"]


def test_a_record_that_comes_again_is_passed_over(desk: Desk) -> None:
    batch = [of(1, "web"), of(2, "api")]
    desk.batches.work(batch)
    assert desk.batches.work(batch) is None
    assert desk.heard() == ["web", "api"]


def test_another_sandbox_that_gets_it_again_changes_nothing(desk: Desk) -> None:
    desk.batches.work([of(1, "web")])
    before = dict(desk.objects.objects)
    other = SnapshotPublisher(
        desk.content, desk.objects, desk.announcer, clock=lambda: 9.0, new_seed=lambda: 2
    )
    SnapshotBatches(other, adopt=lambda: None).work([of(1, "web")])
    assert desk.objects.objects == before


def test_what_a_source_wrote_is_taken_over_first_and_once(desk: Desk) -> None:
    desk.batches.work([of(1, "web", is_foreign=True), of(2, "api", is_foreign=True)])
    assert desk.adopted == 1


def test_where_that_fails_the_record_has_failed(desk: Desk) -> None:
    desk.fails_adoption = True
    assert desk.batches.work([of(1, "web", is_foreign=True)]) == "1"
    assert desk.heard() == []


def test_a_set_that_is_gone_is_done(desk: Desk) -> None:
    assert desk.batches.work([of(1, "none")]) is None


def test_keys_and_the_stop_are_written_once_a_batch(desk: Desk) -> None:
    desk.batches.work([of(1, "web")])
    desk.content.stopped = True
    desk.batches.work([of(2, changes_access=True), of(3, changes_access=True)])
    assert desk.objects.archive().stopped


def test_an_emptied_set_without_proof_goes_to_the_queue(desk: Desk) -> None:
    desk.batches.work([of(1, "web")])
    desk.content.publish("web")
    assert desk.batches.work([of(2, "web")]) == "2"
