"""F35: two publishers and the collecting of what they leave behind, interleaved call by call."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from burgee.adapters.aws import dynamodb_snapshots
from burgee.adapters.aws.dynamodb_calls import Item
from burgee.adapters.aws.dynamodb_snapshots import HEAD, DynamoObjects
from burgee.errors import NotFoundError, UnavailableError
from burgee.formats.snapshot import decode
from burgee.ports.snapshots import SnapshotObjects, StoredObject
from burgee.service.snapshot_names import ALL
from burgee.service.snapshot_publishing import SnapshotPublisher
from burgee.testing.aws.memory_table import MemoryTable
from burgee.testing.snapshot_objects import MemoryAnnouncer, MemoryContent, MemoryObjects


class Killed(BaseException):
    """The process ends in the middle of whatever it does."""


class Publisher:
    """One publish in a thread that stands still before each call, until it is let go."""

    def __init__(self, publish: Callable[["Publisher"], object]) -> None:
        self._go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self.is_done = self.is_killed = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(publish,), daemon=True)
        self._thread.start()
        assert self._stands.acquire(timeout=10)

    def wait(self) -> None:
        """Called in the thread, before each call."""
        self._stands.release()
        self._go.acquire()
        if self.is_killed:
            raise Killed

    def step(self) -> None:
        """Let it make one call."""
        self._go.release()
        assert self._stands.acquire(timeout=10)

    def kill(self) -> None:
        self.is_killed = True
        while not self.is_done:
            self.step()

    def _run(self, publish: Callable[["Publisher"], object]) -> None:
        try:
            publish(self)
        except Killed:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.is_done = True
            self._stands.release()


class SteppedCalls:
    """Calls to a table, each of which waits for its turn."""

    def __init__(self, table: MemoryTable, publisher: Publisher) -> None:
        self._table, self._publisher = table, publisher

    def call(self, name: str, request: Mapping[str, Any], *, deadline_seconds: float = 2.0) -> Item:
        self._publisher.wait()
        return self._table.call(name, request)

    def query(self, request: Mapping[str, Any], *, deadline_seconds: float = 2.0) -> Iterator[Item]:
        self._publisher.wait()
        return self._table.query(request)


class SteppedObjects:
    """Objects of a bucket, each call of which waits for its turn."""

    def __init__(self, objects: MemoryObjects, publisher: Publisher) -> None:
        self._objects, self._publisher = objects, publisher

    def read(self, name: str) -> StoredObject | None:
        self._publisher.wait()
        return self._objects.read(name)

    def write(self, name: str, content: bytes, *, replaces: str | None) -> str:
        self._publisher.wait()
        return self._objects.write(name, content, replaces=replaces)


class SteppedContent(MemoryContent):
    """The store, of which each publisher reads at its own time."""

    def __init__(self, content: MemoryContent, publisher: Publisher) -> None:
        super().__init__()
        self.sets, self.deleted, self.overridden = content.sets, content.deleted, content.overridden
        self._publisher = publisher

    def snapshot(self, flag_set: str) -> Any:
        self._publisher.wait()
        return super().snapshot(flag_set)


class Interleaved(RuleBasedStateMachine):
    """Publishers on a bucket: there is one object of each name, and it is only ever replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.content = MemoryContent()
        self.content.publish("web", "first")
        self.publishers: dict[int, Publisher] = {}
        self.highest = self.generation = 0
        self.was_killed = False
        self.prepare()

    def prepare(self) -> None:
        self.bucket = MemoryObjects()

    def objects(self, publisher: Publisher | None) -> SnapshotObjects:
        return self.bucket if publisher is None else SteppedObjects(self.bucket, publisher)

    @rule(key=st.sampled_from(["a", "b", "c"]))
    def the_store_is_changed(self, key: str) -> None:
        self.content.publish("web", key)

    @rule(who=st.sampled_from([0, 1]), calls=st.integers(1, 6))
    def a_publisher_goes_on(self, who: int, calls: int) -> None:
        publisher = self.publishers.get(who)
        if publisher is None:
            publisher = self.publishers[who] = Publisher(self._publish)
        for _ in range(calls):
            if publisher.is_done:
                break
            publisher.step()
        if publisher.is_done:
            assert publisher.error is None, publisher.error
            del self.publishers[who]

    @precondition(lambda self: bool(self.publishers))
    @rule(who=st.sampled_from([0, 1]))
    def a_publisher_is_killed(self, who: int) -> None:
        if who in self.publishers:
            self.publishers.pop(who).kill()
            self.was_killed = True

    @precondition(lambda self: not self.publishers)
    @rule()
    def one_publishes_undisturbed(self) -> None:
        while not self.publishers:
            self.a_publisher_goes_on(0, 1)
        while self.publishers:
            self.a_publisher_goes_on(0, 6)
        assert self._served() == self.content.sets["web"].flag_set.revision

    @invariant()
    def what_is_served_is_whole_and_never_goes_back(self) -> None:
        try:
            found = self.objects(None).read(ALL)
        except (NotFoundError, UnavailableError) as error:
            raise AssertionError("a reader found a part of a snapshot") from error
        if found is None:
            assert self.highest == 0
            return
        archive = decode(found.content)
        placed = archive.find("web")
        assert placed is not None
        assert placed.revision >= self.highest
        assert archive.generation >= self.generation
        assert len(placed.snapshot().flags) == 1
        self.highest, self.generation = placed.revision, archive.generation

    def teardown(self) -> None:
        for publisher in self.publishers.values():
            publisher.kill()

    def _publish(self, publisher: Publisher) -> None:
        SnapshotPublisher(
            SteppedContent(self.content, publisher),
            self.objects(publisher),
            MemoryAnnouncer(),
            clock=lambda: 1.0,
            new_seed=lambda: 5,
        ).publish("web")

    def _served(self) -> int:
        found = self.objects(None).read(ALL)
        placed = decode(found.content).find("web") if found is not None else None
        return placed.revision if placed is not None else 0


class InterleavedParts(Interleaved):
    """Publishers on a table: an object is many items, and each writer collects those that it has replaced."""

    def prepare(self) -> None:
        self.table = MemoryTable()

    def objects(self, publisher: Publisher | None) -> SnapshotObjects:
        calls = self.table if publisher is None else SteppedCalls(self.table, publisher)
        return DynamoObjects(calls, "burgee")

    @invariant()
    def what_nobody_needs_is_collected_once_all_are_done(self) -> None:
        if self.publishers or self.was_killed:
            return
        items = self.table.items.values()
        heads = [each for each in items if each["sk"]["S"] == HEAD]
        assert len(items) == len(heads) + sum([int(each["parts"]["N"]) for each in heads])


RUN = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_f35_of_two_publishers_in_any_order_none_brings_an_older_snapshot_back() -> None:
    run_state_machine_as_test(Interleaved, settings=RUN)


def test_f35_in_a_table_nobody_collects_a_part_that_is_read_and_nothing_is_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dynamodb_snapshots, "PART_BYTES", 150)  # several parts for each object
    run_state_machine_as_test(InterleavedParts, settings=RUN)
