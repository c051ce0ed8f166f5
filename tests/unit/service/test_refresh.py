"""Refreshing: other processes' publishes arrive, failures change nothing."""

import threading
from typing import Any

import msgspec
import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.errors import StoreDamagedError, UnavailableError
from burgee.model.snapshot import StoreSnapshot
from burgee.testing.workshop import ADA, HandClock, Workshop


class FlakyStore(MemoryFlagStore):
    """A store that fails while `broken` is set, and counts the looks at it."""

    broken: Exception | None = None
    looks = 0

    def change_token(self) -> int:
        self.looks += 1
        if self.broken is not None:
            raise self.broken
        return super().change_token()


class KeptSnapshot:
    """A snapshot file in memory."""

    def __init__(self, snapshot: StoreSnapshot | None = None) -> None:
        self.snapshot = snapshot

    def load(self) -> StoreSnapshot | None:
        return self.snapshot

    def save(self, snapshot: StoreSnapshot) -> None:
        self.snapshot = snapshot


@pytest.fixture
def store() -> FlakyStore:
    return FlakyStore(HandClock())


@pytest.fixture
def writer(store: FlakyStore) -> Workshop:
    return Workshop(store)


@pytest.fixture
def reader(store: FlakyStore, writer: Workshop) -> Workshop:
    writer.put("a")
    writer.put("b")
    reader = Workshop(store, clock=writer.clock)
    reader.refresher.load()
    return reader


def test_a_start_loads_everything(reader: Workshop) -> None:
    status = reader.refresher.status()
    assert status.revisions == {"default": 2}
    assert (status.read_only, status.stale, status.message) == (False, False, "")
    assert status.snapshot_age_seconds == 0


def test_a_publish_elsewhere_arrives_and_only_it_is_compiled(writer: Workshop, reader: Workshop) -> None:
    before = reader.live.current.programs["default"].flags
    writer.put("b", default_variant="off")
    writer.put("c")
    assert reader.refresher.poll()
    after = reader.live.current.programs["default"].flags
    assert list(after) == ["a", "b", "c"]
    assert after["a"] is before["a"]
    assert reader.evaluate("b").value is False
    assert reader.refresher.status().hash == writer.refresher.status().hash


def test_a_deletion_and_a_new_set_arrive(writer: Workshop, reader: Workshop) -> None:
    writer.publisher.delete_flag("default", "a", author=ADA)
    writer.put("x", flag_set="new")
    assert reader.refresher.poll()
    assert list(reader.live.current.programs["default"].flags) == ["b"]
    assert list(reader.live.current.programs["new"].flags) == ["x"]


def test_nothing_new_is_no_change_but_confirms(reader: Workshop) -> None:
    catalogue = reader.live.current
    reader.clock.now += 7
    assert reader.refresher.status().snapshot_age_seconds == 7
    assert not reader.refresher.poll()
    assert reader.refresher.status().snapshot_age_seconds == 0
    assert reader.live.current is catalogue


@pytest.mark.parametrize("error", [UnavailableError("gone"), StoreDamagedError("hash"), RuntimeError("bug")])
def test_a_failed_look_keeps_what_is_served_and_says_so(
    store: FlakyStore, reader: Workshop, error: Exception
) -> None:
    catalogue = reader.live.current
    store.broken = error
    assert not reader.refresher.poll()
    assert reader.live.current is catalogue
    status = reader.refresher.status()
    assert status.stale
    assert status.message


def test_failures_are_followed_by_growing_pauses_and_recovery_by_none(
    store: FlakyStore, writer: Workshop, reader: Workshop
) -> None:
    store.broken = UnavailableError("gone")
    store.looks = 0
    for _ in range(6_000):
        reader.refresher.poll()
        reader.clock.now += 0.01
    assert 25 <= store.looks <= 45
    store.broken = None
    writer.put("c")
    reader.clock.now += 2
    assert reader.refresher.poll()
    assert not reader.refresher.status().stale


def test_only_one_thread_looks_at_a_time(store: FlakyStore, reader: Workshop) -> None:
    with reader.refresher._flight:
        store.looks = 0
        assert not reader.refresher.poll()
    assert store.looks == 0


def test_a_store_that_went_back_changes_nothing_and_is_told(reader: Workshop) -> None:
    emptied = Workshop(clock=reader.clock)
    emptied.live.swap(reader.live.current)
    emptied.put("other", flag_set="other")
    assert not emptied.refresher.poll()
    status = emptied.refresher.status()
    assert status.stale
    assert "revision 0 in the store" in status.message
    assert list(emptied.live.current.programs["default"].flags) == ["a", "b"]


def test_a_publish_of_our_own_during_a_look_is_no_store_that_went_back(
    store: FlakyStore, writer: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    writer.put("a")
    flag_sets = store.flag_sets

    def publish_after_reading() -> Any:
        found = flag_sets()
        writer.put("a", default_variant="off")
        writer.put("a", default_variant="on")
        return found

    monkeypatch.setattr(store, "flag_sets", publish_after_reading)
    writer.refresher.poll()
    assert not writer.refresher.status().stale, writer.refresher.status().message
    assert caplog.messages == []


def test_a_start_without_a_store_serves_the_last_good_snapshot(store: FlakyStore, reader: Workshop) -> None:
    kept = KeptSnapshot(StoreSnapshot(sets=(reader.live.current.programs["default"].snapshot,)))
    store.broken = StoreDamagedError("the database fails its hash")
    started = Workshop(store, clock=reader.clock, snapshot_file=kept)
    started.refresher.load()
    assert started.evaluate("a").value is True
    status = started.refresher.status()
    assert (status.read_only, status.stale) == (True, True)
    assert "fails its hash" in status.message


@pytest.mark.parametrize("kept", [None, KeptSnapshot()])
def test_a_start_without_anything_serves_nothing_and_does_not_fail(
    store: FlakyStore, kept: KeptSnapshot | None
) -> None:
    store.broken = UnavailableError("gone")
    started = Workshop(store, snapshot_file=kept)
    started.refresher.load()
    assert started.live.current.revisions == {}
    assert started.refresher.status().snapshot_age_seconds is None


def test_a_publish_between_two_reads_is_never_half_seen(
    store: FlakyStore, writer: Workshop, reader: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.put("b", default_variant="off")
    changes_since = store.changes_since
    raced: list[bool] = []

    def publish_first(*place: Any) -> Any:
        if not raced:
            raced.append(True)
            writer.put("b", default_variant="on")
        return changes_since(*place)

    monkeypatch.setattr(store, "changes_since", publish_first)
    assert reader.refresher.poll()
    snapshot = reader.live.current.programs["default"].snapshot
    assert snapshot == store.snapshot("default")


def test_a_read_only_store_says_why(store: FlakyStore, reader: Workshop) -> None:
    store.read_only_reason = "damaged; see the guide"
    status = reader.refresher.status()
    assert status.read_only
    assert status.message == "damaged; see the guide"
    assert msgspec.to_builtins(status)["readOnly"] is True


class SlowStore(FlakyStore):
    """A store whose answer to the first look after `slow` is set takes until `go_on`."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__(clock)
        self.slow, self.asked, self.go_on = threading.Event(), threading.Event(), threading.Event()

    def change_token(self) -> int:
        token = super().change_token()
        if self.slow.is_set() and not self.asked.is_set():
            self.asked.set()
            assert self.go_on.wait(10)
        return token


@pytest.mark.parametrize(("way", "is_there"), [("poll", False), ("look", True)])
def test_who_looks_for_what_was_just_published_waits_for_a_look_that_began_before(
    way: str, is_there: bool
) -> None:
    store = SlowStore(HandClock())
    writer = Workshop(store)
    writer.put("a")
    reader = Workshop(store, clock=writer.clock)
    reader.refresher.load()
    store.slow.set()
    polling = threading.Thread(target=reader.refresher.poll)
    polling.start()
    assert store.asked.wait(10)
    writer.put("b")
    threading.Timer(0.1, store.go_on.set).start()
    getattr(reader.refresher, way)()
    assert ("b" in reader.live.current.programs["default"].flags) is is_there
    store.go_on.set()
    polling.join(10)


def test_nobody_looks_while_a_pause_after_failures_lasts(store: FlakyStore, reader: Workshop) -> None:
    store.broken = UnavailableError("away")
    reader.refresher.poll()
    looks = store.looks
    reader.refresher.look()
    assert store.looks == looks
    store.broken = None
    reader.clock.now += 60
    reader.refresher.look()
    assert store.looks > looks
