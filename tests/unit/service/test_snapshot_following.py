"""Following snapshots: at most one look an interval, and nothing that is bad is ever served (F17, F33)."""

import time
from itertools import pairwise

import msgspec
import pytest

from burgee.engine.program import Program, compile_program
from burgee.errors import UnavailableError
from burgee.formats.snapshot import Archive, FilterLayer, decode, encode
from burgee.model.sdk_key import SdkKey, SdkKind
from burgee.model.snapshot import Snapshot
from burgee.ports.snapshots import StoredObject
from burgee.service.catalogue import LiveCatalogue
from burgee.service.filter_layers import with_subjects
from burgee.service.snapshot_following import (
    LONGEST_PAUSE_SECONDS,
    LOOK_SECONDS,
    START_SECONDS,
    WHOLE_SECONDS,
    SnapshotFollower,
)
from burgee.testing.snapshot_objects import MemoryContent, MemorySource, stored

INTERVAL = 5.0
content = MemoryContent()
FIRST = content.publish("web", "a")
SECOND = content.publish("web", "a", "b")
THIRD = content.publish("web", "a", "b", "c")
OTHER = content.publish("api", "x")
KEY = SdkKey(id="a" * 16, name="k", kind=SdkKind.SERVER, digest="d")


class Reader:
    def __init__(self, source: MemorySource) -> None:
        self.source, self.live, self.now = source, LiveCatalogue(), 1_000.0
        self.kept: list[StoredObject] = []
        self.stops: list[bool] = []
        self.follower = SnapshotFollower(
            source,
            self.live,
            self.compiled,
            clock=lambda: self.now,
            interval_seconds=INTERVAL,
            on_stop=self.stops.append,
            keep=self.kept.append,
        )

    @staticmethod
    def compiled(snapshot: Snapshot, previous: Program | None) -> Program:
        return compile_program(snapshot, clock=time.time, previous=previous)

    def flags(self) -> list[str]:
        return [flag.key for flag in self.live.current.select(None).ordered]

    def after(self, seconds: float) -> "Reader":
        self.now += seconds
        self.follower.follow()
        return self


@pytest.fixture
def reader() -> Reader:
    made = Reader(MemorySource(stored(SECOND, OTHER, tag="two", generation=10)))
    made.follower.start()
    return made


def test_every_set_is_served_from_one_read(reader: Reader) -> None:
    assert reader.flags() == ["x", "a", "b"]
    assert reader.source.tags == [""]
    assert reader.source.deadlines == [START_SECONDS]


@pytest.mark.parametrize(("seconds", "looks"), [(4.999, 0), (5.0, 1), (5.001, 1)])
def test_there_is_one_look_an_interval(reader: Reader, seconds: float, looks: int) -> None:
    reader.after(seconds).after(0).after(0)
    assert reader.source.tags == ["", *["two"] * looks]


def test_a_look_may_take_a_moment_and_no_longer(reader: Reader) -> None:
    reader.after(INTERVAL)
    assert reader.source.deadlines[1:] == [LOOK_SECONDS]


def test_what_is_newer_is_served_after_the_next_look(reader: Reader) -> None:
    reader.source.stored = stored(THIRD, OTHER, tag="three", generation=11)
    assert reader.after(4.9).flags() == ["x", "a", "b"]
    assert reader.after(0.1).flags() == ["x", "a", "b", "c"]
    assert [each.tag for each in reader.kept] == ["two", "three"]


def sealed(**changes: object) -> bytes:
    return encode(msgspec.structs.replace(decode(stored(THIRD, generation=11).content), **changes))


def with_first_set(**changes: object) -> bytes:
    archive = decode(stored(THIRD, generation=11).content)
    return encode(
        msgspec.structs.replace(archive, sets=(msgspec.structs.replace(archive.sets[0], **changes),))
    )


GOOD = stored(THIRD, generation=11).content
BAD_OBJECTS = {
    "empty": b"",
    "garbage": b"\x00\x01garbage" * 50,
    "an error page": b"<html><body>503</body></html>",
    "truncated": GOOD[: len(GOOD) // 2],
    "a changed byte": GOOD[:-9] + b"X" + GOOD[-8:],
    "an older generation": stored(THIRD, generation=9).content,
    "an older revision under a newer generation": stored(FIRST, generation=11).content,
    "a good hash over a wrong schema": with_first_set(body=b"x\x9c\xabV\x00\x00"),
    "definitions of another revision": with_first_set(revision=9),
    "a filter of the wrong size": with_first_set(layers=(FilterLayer(room=10, added=1, bits=b"x"),)),
}


@pytest.mark.parametrize("bad", BAD_OBJECTS.values(), ids=BAD_OBJECTS.keys())
def test_f17_a_bad_object_changes_nothing_and_shows_as_stale_within_one_look(
    reader: Reader, bad: bytes
) -> None:
    before = reader.live.current
    reader.source.stored = StoredObject(content=bad, tag="bad")
    reader.after(INTERVAL)
    assert reader.live.current is before
    assert reader.follower.state().stale
    assert [each.tag for each in reader.kept] == ["two"]
    reader.source.stored = stored(THIRD, OTHER, tag="good", generation=12)
    reader.after(INTERVAL)
    assert reader.flags() == ["x", "a", "b", "c"]
    assert not reader.follower.state().stale


@pytest.mark.parametrize(
    "error", [UnavailableError("no network"), ValueError("a bug")], ids=["outage", "bug"]
)
def test_f17_a_source_that_fails_changes_nothing(reader: Reader, error: Exception) -> None:
    before = reader.live.current
    reader.source.error = error
    state = reader.after(INTERVAL).follower.state()
    assert reader.live.current is before
    assert (state.stale, state.age_seconds) == (True, INTERVAL)


def test_f17_an_object_that_is_gone_changes_nothing(reader: Reader) -> None:
    reader.source.stored = None
    reader.after(INTERVAL)
    assert reader.flags() == ["x", "a", "b"]
    assert "gone" in reader.follower.state().message


def test_f17_who_says_for_ever_that_nothing_is_new_is_asked_for_the_whole_object(reader: Reader) -> None:
    reader.source.stored = stored(THIRD, OTHER, tag="two", generation=11)  # new, under the tag that is known
    while reader.now < 1_000 + WHOLE_SECONDS - INTERVAL:
        assert reader.after(INTERVAL).flags() == ["x", "a", "b"]
    assert reader.after(INTERVAL).flags() == ["x", "a", "b", "c"]
    assert reader.source.tags.count("") == 2
    reader.after(INTERVAL)
    assert reader.source.tags[-1] == "two"


def test_after_failures_the_pauses_grow_to_a_minute(reader: Reader) -> None:
    reader.source.error = UnavailableError("no network")
    looks = []
    for _ in range(400):
        before = len(reader.source.tags)
        reader.after(1)
        if len(reader.source.tags) > before:
            looks.append(reader.now - 1_000)
    pauses = [later - earlier for earlier, later in pairwise(looks)]
    assert pauses[:4] == [5, 10, 20, 40]
    assert max(pauses) == LONGEST_PAUSE_SECONDS


def test_f33_after_a_long_sleep_the_first_call_looks_before_it_is_answered(reader: Reader) -> None:
    reader.source.stored = stored(THIRD, OTHER, tag="three", generation=11)
    assert reader.after(300).flags() == ["x", "a", "b", "c"]


def test_f33_after_a_long_sleep_without_a_source_it_says_how_old_it_is(reader: Reader) -> None:
    reader.source.error = UnavailableError("no network")
    state = reader.after(300).follower.state()
    assert (state.stale, state.age_seconds) == (True, 300)


def test_a_clock_that_was_set_back_stops_no_looking(reader: Reader) -> None:
    reader.after(-10_000)
    assert len(reader.source.tags) == 2


def test_nothing_was_ever_published_is_an_answer() -> None:
    reader = Reader(MemorySource(None))
    reader.follower.start()
    assert reader.follower.is_loaded
    assert reader.flags() == []
    assert not reader.follower.state().stale


def test_a_first_read_that_fails_is_none_and_is_tried_again_after_a_pause() -> None:
    reader = Reader(MemorySource(stored(SECOND)))
    reader.source.error = UnavailableError("no network")
    reader.follower.start()
    assert not reader.follower.is_loaded
    assert reader.follower.state().age_seconds is None
    reader.source.error = None
    assert reader.after(4).flags() == []
    assert reader.after(1).flags() == ["a", "b"]


@pytest.mark.parametrize(("age", "looks"), [(0, 0), (4.9, 0), (5, 1), (-1, 1)])
def test_what_was_kept_saves_the_first_read_while_it_is_young(age: float, looks: int) -> None:
    reader = Reader(MemorySource(stored(SECOND, tag="two")))
    reader.follower.start(stored(SECOND, tag="two"), kept_at=reader.now - age)
    assert reader.flags() == ["a", "b"]
    assert reader.source.tags == ["two"] * looks


def test_what_was_kept_serves_while_the_source_is_away() -> None:
    reader = Reader(MemorySource())
    reader.source.error = UnavailableError("no network")
    reader.follower.start(stored(SECOND, tag="two"), kept_at=reader.now - 900)
    assert reader.flags() == ["a", "b"]
    assert reader.follower.is_loaded
    assert reader.follower.state().stale


def test_what_was_kept_and_is_damaged_is_passed_over() -> None:
    reader = Reader(MemorySource(stored(SECOND, tag="two")))
    reader.follower.start(StoredObject(content=b"damaged", tag="x"), kept_at=reader.now)
    assert reader.flags() == ["a", "b"]
    assert reader.source.tags == [""]


def test_keys_stops_and_subjects_come_with_it() -> None:
    archive = decode(stored(SECOND, generation=2).content)
    named = msgspec.structs.replace(archive.sets[0], seed=4, layers=with_subjects((), ["ada"], seed=4))
    full = Archive(generation=2, sets=(named,), keys=(KEY,), stopped=True)
    reader = Reader(MemorySource(StoredObject(content=encode(full), tag="full")))
    reader.follower.start()
    follower = reader.follower
    assert follower.keys.sdk_key(KEY.id) == KEY
    assert reader.stops == [True]
    assert [follower.subjects.may_have(name) for name in ("ada", "bob", None, "\ud800")] == [
        True,
        False,
        False,
        False,
    ]
    changes, mark = follower.keys.sdk_key_changes(), follower.subjects.mark
    reader.source.stored = stored(THIRD, tag="three", generation=3)
    reader.after(INTERVAL)
    assert follower.keys.sdk_key(KEY.id) is None
    assert follower.keys.sdk_key_changes() > changes
    assert reader.stops == [True, False]
    assert (follower.subjects.any, follower.subjects.mark > mark) == (False, True)
