"""Who has overrides: known in every process, learnt in passing, and never wrongly denied."""

import threading
from collections.abc import Iterator

import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_overrides import MemoryOverrideStore
from burgee.errors import StoreDamagedError
from burgee.ports import OverrideMark
from burgee.service import overridden_subjects
from burgee.service.overridden_subjects import OverriddenSubjects
from burgee.testing.counting_overrides import CountingOverrideStore
from burgee.testing.override_builders import a_deletion, override_subject
from burgee.testing.workshop import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(clock: HandClock) -> CountingOverrideStore:
    return CountingOverrideStore(MemoryOverrideStore(MemoryFlagStore(clock)))


@pytest.fixture
def subjects(store: CountingOverrideStore, clock: HandClock) -> OverriddenSubjects:
    subjects = OverriddenSubjects(store, clock=clock)
    subjects.load()
    return subjects


def others(subjects: OverriddenSubjects, number: int = 1_000) -> int:
    """How many of so many subjects without overrides may have some."""
    return sum([subjects.may_have(f"nobody-{each}") for each in range(number)])


def test_without_any_override_nobody_is_looked_up(subjects: OverriddenSubjects) -> None:
    assert not subjects.any
    assert others(subjects) == 0


def test_before_the_first_look_everybody_may_have_some(
    store: CountingOverrideStore, clock: HandClock
) -> None:
    subjects = OverriddenSubjects(store, clock=clock)
    assert subjects.any
    assert subjects.may_have("u")


def test_a_write_is_known_once_it_was_caught_up_with(
    store: CountingOverrideStore, subjects: OverriddenSubjects
) -> None:
    override_subject(store, "u")
    assert not subjects.may_have("u")
    assert subjects.catch_up()
    assert subjects.any
    assert subjects.may_have("u")
    assert others(subjects) < 10


@pytest.mark.parametrize("subject", [None, 1, 1.5, True, ["u"], {"u": 1}, "\ud800"])
def test_what_is_no_text_has_none(
    store: CountingOverrideStore, subjects: OverriddenSubjects, subject: object
) -> None:
    override_subject(store, "u")
    subjects.catch_up()
    assert not subjects.may_have(subject)


def test_what_other_processes_write_is_learnt_by_polling(
    store: CountingOverrideStore, clock: HandClock
) -> None:
    override_subject(store, "before")
    processes = [OverriddenSubjects(store, clock=clock, seed=seed) for seed in range(3)]
    for each in processes:
        each.load()
        assert each.may_have("before")
    override_subject(store, "after")
    assert [each.poll() for each in processes] == [True] * 3
    assert all(each.may_have("after") and each.mark == 2 for each in processes)
    assert [each.poll() for each in processes] == [False] * 3


def test_a_look_while_nothing_was_written_reads_only_the_token(
    store: CountingOverrideStore, subjects: OverriddenSubjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    subjects.poll()

    def unexpected() -> OverrideMark:
        raise AssertionError("the mark was read")

    monkeypatch.setattr(store, "override_mark", unexpected)
    assert not subjects.poll()


def test_commits_of_flags_change_nothing_here(clock: HandClock) -> None:
    flags = MemoryFlagStore(clock)
    store = CountingOverrideStore(MemoryOverrideStore(flags))
    subjects = OverriddenSubjects(store, clock=clock)
    subjects.load()
    calls: list[int] = []
    subjects.subscribe(lambda: calls.append(1))
    flags.append_all([])
    assert not subjects.poll()
    assert (calls, subjects.mark, store.scans) == ([], 0, 0)


def test_when_the_last_override_is_gone_nobody_is_looked_up_any_more(
    store: CountingOverrideStore, subjects: OverriddenSubjects
) -> None:
    override = override_subject(store, "u")
    subjects.catch_up()
    store.write_override(a_deletion(override))
    assert subjects.may_have("u")
    assert subjects.catch_up()
    assert not subjects.any
    override_subject(store, "v")
    subjects.catch_up()
    assert (subjects.may_have("u"), subjects.may_have("v")) == (False, True)


def test_many_writes_at_once_are_learnt_page_by_page(
    store: CountingOverrideStore, subjects: OverriddenSubjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overridden_subjects, "_PAGE", 3)
    for number in range(10):
        override_subject(store, f"u-{number}")
    subjects.catch_up()
    assert all(subjects.may_have(f"u-{number}") for number in range(10))


@pytest.mark.parametrize(("stored", "scans"), [(2, 1), (3, 0)])
def test_a_filter_of_many_is_left_to_whoever_polls(
    store: CountingOverrideStore,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
    stored: int,
    scans: int,
) -> None:
    monkeypatch.setattr(overridden_subjects, "FEW", 2)
    for number in range(stored):
        override_subject(store, f"u-{number}")
    subjects = OverriddenSubjects(store, clock=clock)
    subjects.load()
    assert store.scans == scans
    assert subjects.may_have("u-0")
    assert subjects.may_have("somebody") is (scans == 0)
    subjects.poll()
    assert store.scans == 1
    assert (subjects.may_have("u-0"), subjects.may_have("somebody")) == (True, False)


def test_a_full_filter_is_replaced_by_a_larger_one_that_knows_the_same(
    store: CountingOverrideStore, subjects: OverriddenSubjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1_100):
        override_subject(store, f"u-{number}")
    subjects.catch_up()
    assert store.scans == 0
    subjects.poll()
    assert store.scans == 1
    assert all(subjects.may_have(f"u-{number}") for number in range(1_100))
    assert others(subjects, 10_000) < 100
    subjects.poll()
    assert store.scans == 1


def test_what_is_written_while_a_filter_is_made_is_in_it(
    store: CountingOverrideStore, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    override_subject(store, "u")
    subjects = OverriddenSubjects(store, clock=clock)
    listed = store.inner.overridden_subjects

    def slowly() -> Iterator[str]:
        yield from listed()
        override_subject(store, "late")
        writer = threading.Thread(target=subjects.catch_up)  # a put, in another thread, does not wait
        writer.start()
        writer.join(5)
        assert not writer.is_alive()

    monkeypatch.setattr(store, "overridden_subjects", slowly)
    subjects.poll()
    assert subjects.may_have("late")
    assert not subjects.may_have("somebody")


def test_listeners_hear_of_every_change_and_one_that_fails_hurts_nobody(
    store: CountingOverrideStore, subjects: OverriddenSubjects
) -> None:
    heard: list[int] = []

    def fail() -> None:
        raise RuntimeError("a listener")

    subjects.subscribe(fail)
    stop = subjects.subscribe(lambda: heard.append(subjects.mark))
    override = override_subject(store, "u")
    subjects.poll()
    store.write_override(a_deletion(override))
    subjects.catch_up()
    stop()
    stop()
    override_subject(store, "u")
    subjects.poll()
    assert heard == [1, 2]


class TestWhileTheStoreIsAway:
    def test_what_is_known_stays(self, store: CountingOverrideStore, subjects: OverriddenSubjects) -> None:
        override_subject(store, "u")
        subjects.catch_up()
        store.fails = True
        assert not subjects.catch_up()
        assert not subjects.poll()
        assert (subjects.may_have("u"), subjects.may_have("somebody")) == (True, False)

    def test_it_is_asked_again_after_a_pause(
        self, store: CountingOverrideStore, subjects: OverriddenSubjects, clock: HandClock
    ) -> None:
        store.fails = True
        subjects.poll()
        override_subject(store.inner, "u")
        store.fails = False
        clock.now += 0.99
        assert not subjects.poll()
        clock.now += 0.01
        assert subjects.poll()
        assert subjects.may_have("u")

    def test_a_start_finds_everybody_worth_a_read(
        self, store: CountingOverrideStore, clock: HandClock
    ) -> None:
        store.fails = True
        subjects = OverriddenSubjects(store, clock=clock)
        subjects.load()
        assert subjects.may_have("u")

    def test_damage_is_not_read_again_and_again(
        self, store: CountingOverrideStore, clock: HandClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        override_subject(store, "u")
        scans: list[float] = []

        def damaged() -> Iterator[str]:
            scans.append(clock.now)
            yield "u"
            raise StoreDamagedError("rows are missing")

        monkeypatch.setattr(store, "overridden_subjects", damaged)
        subjects = OverriddenSubjects(store, clock=clock)
        for _ in range(200):
            subjects.poll()
            clock.now += 0.5
        assert len(scans) == 2
        assert subjects.may_have("whoever")

    def test_a_fault_of_ours_ends_nothing(
        self, store: CountingOverrideStore, clock: HandClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        override_subject(store, "u")

        def faulty() -> Iterator[str]:
            raise ZeroDivisionError

        monkeypatch.setattr(store, "overridden_subjects", faulty)
        subjects = OverriddenSubjects(store, clock=clock)
        assert not subjects.poll()
        assert subjects.may_have("u")
