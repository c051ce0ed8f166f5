"""Publishing snapshots: whatever is late, lost or in between, no object ever goes back (F35, R12)."""

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from burgee.errors import UnavailableError, VersionConflictError
from burgee.formats.snapshot import Archive, decode, encode, packed
from burgee.model.flag import Tombstone
from burgee.model.sdk_key import SdkKey, SdkKind
from burgee.model.snapshot import Snapshot
from burgee.ports.snapshots import StoredObject
from burgee.service.filter_layers import LayeredFilter
from burgee.service.snapshot_merging import EmptySnapshotError, Fresh, merged
from burgee.service.snapshot_names import ALL, set_object
from burgee.service.snapshot_publishing import SnapshotPublisher
from burgee.testing.snapshot_objects import MemoryAnnouncer, MemoryContent, MemoryObjects

KEY = SdkKey(id="a" * 16, name="k", kind=SdkKind.SERVER, digest="d")


class Bench:
    def __init__(self) -> None:
        self.content, self.objects, self.announcer = MemoryContent(), MemoryObjects(), MemoryAnnouncer()
        self.now = 1_000.0
        self.publisher = SnapshotPublisher(
            self.content, self.objects, self.announcer, clock=lambda: self.now, new_seed=lambda: 5
        )

    def keys_in(self, flag_set: str, name: str = ALL) -> list[str]:
        found = self.objects.archive(name).find(flag_set)
        assert found is not None
        return [flag.key for flag in found.snapshot().flags]

    def may_have(self, flag_set: str, subject: str) -> bool:
        found = self.objects.archive().find(flag_set)
        assert found is not None
        return subject in LayeredFilter(found.layers, seed=found.seed)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_set_is_in_its_own_object_and_in_the_common_one(bench: Bench) -> None:
    bench.content.publish("web", "a", "b")
    bench.content.publish("api", "c")
    bench.publisher.publish("web")
    bench.publisher.publish("api")
    assert sorted(bench.objects.objects) == [ALL, set_object("api"), set_object("web")]
    assert [each.flag_set for each in bench.objects.archive().sets] == ["api", "web"]
    assert [each.flag_set for each in bench.objects.archive(set_object("web")).sets] == ["web"]
    assert bench.keys_in("web") == ["a", "b"]


def test_what_was_published_is_announced_with_its_hash(bench: Bench) -> None:
    bench.content.publish("web", "a")
    announcement = bench.publisher.publish("web")
    found = bench.objects.archive().find("web")
    assert found is not None
    assert bench.announcer.heard == [announcement]
    assert announcement is not None
    assert (announcement.revision, announcement.sha256) == (1, found.sha256)


def test_a_set_that_is_not_there_is_no_snapshot(bench: Bench) -> None:
    assert bench.publisher.publish("none") is None
    assert bench.objects.objects == {}


def test_the_same_again_writes_nothing(bench: Bench) -> None:
    bench.content.publish("web", "a")
    bench.publisher.publish("web")
    before = dict(bench.objects.objects)
    bench.now += 60
    bench.publisher.publish("web")
    assert bench.objects.objects == before


def test_f35_a_lower_revision_changes_nothing_and_what_stands_is_announced(bench: Bench) -> None:
    old = bench.content.publish("web", "a")
    bench.content.publish("web", "a", "b")
    bench.publisher.publish("web")
    bench.content.sets["web"] = old
    announcement = bench.publisher.publish("web")
    assert bench.keys_in("web") == ["a", "b"]
    assert announcement is not None
    assert announcement.revision == 2


def test_an_empty_set_never_replaces_a_full_one(bench: Bench) -> None:
    bench.content.publish("web", "a")
    bench.publisher.publish("web")
    bench.content.publish("web")
    with pytest.raises(EmptySnapshotError, match="1 flags in the snapshot"):
        bench.publisher.publish("web")
    assert bench.keys_in("web") == ["a"]
    assert bench.keys_in("web", set_object("web")) == ["a"]


def test_it_does_when_it_is_told_to(bench: Bench) -> None:
    bench.content.publish("web", "a")
    bench.publisher.publish("web")
    bench.content.publish("web")
    bench.publisher.publish("web", allow_empty=True)
    assert bench.keys_in("web") == []


@pytest.mark.parametrize("buried", [0, 1, 2])
def test_or_when_every_flag_that_is_gone_has_its_tombstone(bench: Bench, buried: int) -> None:
    bench.content.publish("web", "a", "b")
    bench.publisher.publish("web")
    bench.content.publish("web")
    for key in ["a", "b"][:buried]:
        bench.content.deleted["web", key] = Tombstone(
            flag_set="web", key=key, version=2, revision=2, deleted_at=2, reserved_until=9
        )
    if buried == 2:
        bench.publisher.publish("web")
        assert bench.keys_in("web") == []
    else:
        with pytest.raises(EmptySnapshotError):
            bench.publisher.publish("web")


def test_the_first_object_has_every_subject_and_later_ones_those_that_come(bench: Bench) -> None:
    bench.content.publish("web", "a")
    bench.content.overridden["web"] = ["ada"]
    bench.publisher.publish("web", subjects=["bob"])
    bench.content.overridden["web"] = []
    bench.publisher.publish("web", subjects=["cyd"])
    assert [bench.may_have("web", name) for name in ("ada", "bob", "cyd", "dan")] == [True, True, True, False]


def test_a_filter_that_is_made_anew_forgets_who_is_gone(bench: Bench) -> None:
    bench.content.publish("web", "a")
    bench.publisher.publish("web", subjects=["ada"])
    bench.content.overridden["web"] = ["bob"]
    bench.publisher.publish("web", rebuilds_filter=True)
    assert (bench.may_have("web", "ada"), bench.may_have("web", "bob")) == (False, True)


def test_keys_and_the_stop_reach_every_object(bench: Bench) -> None:
    bench.content.publish("web", "a")
    bench.publisher.publish("web")
    bench.content.keys, bench.content.stopped = (KEY,), True
    bench.publisher.publish_access()
    for name in (ALL, set_object("web")):
        archive = bench.objects.archive(name)
        assert (archive.keys, archive.stopped) == ((KEY,), True)


@pytest.mark.parametrize("happened", ["deleted", "damaged"])
@pytest.mark.parametrize("publishes", ["a set", "access"])
def test_a_common_object_that_is_lost_comes_back_with_every_set(
    bench: Bench, happened: str, publishes: str
) -> None:
    for flag_set in ("api", "web", "none-yet"):
        bench.content.publish(flag_set, *(["a", "b"] if flag_set != "none-yet" else []))
        bench.content.overridden[flag_set] = [f"somebody-of-{flag_set}"]
        bench.publisher.publish(flag_set)
    before, generation = bench.objects.archive().sets, bench.objects.archive().generation
    if happened == "deleted":
        del bench.objects.objects[ALL]
    else:
        bench.objects.write(ALL, b"garbage", replaces=bench.objects.read(ALL).tag)  # type: ignore[union-attr]
    bench.now += 1
    if publishes == "access":
        bench.publisher.publish_access()
    else:
        bench.publisher.publish("web")
    assert [(each.flag_set, each.sha256) for each in bench.objects.archive().sets] == [
        (each.flag_set, each.sha256) for each in before
    ]
    assert bench.objects.archive().generation > generation
    for flag_set in ("api", "web"):
        assert bench.may_have(flag_set, f"somebody-of-{flag_set}")


def test_where_there_is_nothing_nothing_is_written(bench: Bench) -> None:
    bench.publisher.publish_access()
    assert bench.objects.objects == {}


def test_a_damaged_object_is_replaced(bench: Bench) -> None:
    bench.objects.objects[ALL] = StoredObject(content=b"damaged", tag="t")
    bench.content.publish("web", "a")
    bench.publisher.publish("web")
    assert bench.keys_in("web") == ["a"]


def test_f17_definitions_that_nobody_can_read_keep_no_true_ones_out(bench: Bench) -> None:
    bench.content.publish("web", "a")
    bench.publisher.publish("web")
    for name, stands in bench.objects.objects.items():
        archive = decode(stands.content)
        (one,) = archive.sets
        ahead = msgspec.structs.replace(archive, sets=(msgspec.structs.replace(one, revision=99),))
        bench.objects.objects[name] = StoredObject(content=encode(ahead), tag=stands.tag)
    bench.content.publish("web", "a", "b")
    bench.publisher.publish("web")
    assert bench.keys_in("web") == ["a", "b"]


def test_generations_grow_also_over_a_deletion(bench: Bench) -> None:
    bench.content.publish("web", "a")
    bench.publisher.publish("web")
    first = bench.objects.archive().generation
    bench.content.publish("web", "b")
    bench.publisher.publish("web")  # in the same millisecond
    second = bench.objects.archive().generation
    bench.objects.objects.clear()
    bench.now += 1
    bench.publisher.publish("web")
    assert first < second < bench.objects.archive().generation


def test_a_failure_half_way_is_completed_by_the_next_attempt(bench: Bench) -> None:
    bench.content.publish("web", "a")
    bench.announcer.error = UnavailableError("no topic")
    with pytest.raises(UnavailableError):
        bench.publisher.publish("web")
    bench.announcer.error = None
    bench.publisher.publish("web")
    assert [each.revision for each in bench.announcer.heard] == [1]


def test_a_write_whose_answer_is_lost_is_no_second_one(bench: Bench) -> None:
    bench.content.publish("web", "a")
    bench.objects.fails_writes = 1
    with pytest.raises(UnavailableError):
        bench.publisher.publish("web")
    bench.publisher.publish("web")
    assert bench.keys_in("web") == ["a"]


def test_who_is_overtaken_every_time_gives_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(*_: object, **__: object) -> str:
        raise VersionConflictError("again", current=0)

    monkeypatch.setattr(bench.objects, "write", overtaken)
    bench.content.publish("web", "a")
    with pytest.raises(UnavailableError, match="too many at once"):
        bench.publisher.publish("web")


class TwoPublishers(RuleBasedStateMachine):
    """Two publishers that may sleep between reading and writing for as long as they like, and a third one.

    Nothing collects garbage: there is one object, which is only ever replaced.
    """

    def __init__(self) -> None:
        super().__init__()
        self.content, self.objects = MemoryContent(), MemoryObjects()
        self.content.publish("web", "first")
        self.asleep: dict[int, Archive | None] = {}
        self.tags: dict[int, str | None] = {}
        self.highest = 0
        self.known: set[str] = set()
        self.pending: dict[int, tuple[str, ...]] = {}
        self.frozen: dict[int, Snapshot] = {}
        self.now = 1.0

    @rule(key=st.sampled_from(["a", "b", "c"]))
    def the_store_is_changed(self, key: str) -> None:
        self.content.publish("web", key)

    @rule(who=st.sampled_from([0, 1]), subject=st.sampled_from(["ada", "bob", "cyd"]))
    def a_publisher_reads_the_store_and_the_object(self, who: int, subject: str) -> None:
        """Everything is read; what is written later rests on just this."""
        self.content.overridden.setdefault("web", []).append(subject)
        stands = self.objects.read(ALL)
        self.asleep[who] = self.objects.archive() if stands is not None else None
        self.tags[who] = stands.tag if stands is not None else None
        self.pending[who] = (subject, *(self.content.overridden["web"] if stands is None else ()))
        self.frozen[who] = self.content.sets["web"]

    @precondition(lambda self: bool(self.asleep))
    @rule(who=st.sampled_from([0, 1]))
    def a_publisher_wakes_and_writes(self, who: int) -> None:
        if who not in self.asleep:
            return
        present = self.asleep.pop(who) or Archive()
        fresh = Fresh(
            flag_set="web", definitions=packed(self.frozen[who]), subjects=self.pending[who], allow_empty=True
        )
        self.now += 0.001
        after = merged(present, fresh, now_ms=int(self.now * 1000), seed=5)
        if after is present:
            self.known.update(self.pending[who])
            return
        try:
            self.objects.write(ALL, encode(after), replaces=self.tags[who])
        except VersionConflictError:
            return  # it would read again
        self.known.update(self.pending[who])

    @rule()
    def a_whole_publish_runs(self) -> None:
        publisher = SnapshotPublisher(
            self.content, self.objects, MemoryAnnouncer(), clock=lambda: self.now, new_seed=lambda: 5
        )
        publisher.publish("web")
        assert self._revision() == self.content.sets["web"].flag_set.revision

    @invariant()
    def no_revision_goes_back(self) -> None:
        assert self._revision() >= self.highest
        self.highest = self._revision()

    @invariant()
    def nobody_who_was_written_is_forgotten(self) -> None:
        if self.objects.read(ALL) is None:
            return
        found = self.objects.archive().find("web")
        assert found is not None
        filled = LayeredFilter(found.layers, seed=found.seed)
        assert all(subject in filled for subject in self.known)

    def _revision(self) -> int:
        if self.objects.read(ALL) is None:
            return 0
        found = self.objects.archive().find("web")
        return found.revision if found is not None else 0


TestTwoPublishers = TwoPublishers.TestCase
TestTwoPublishers.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
