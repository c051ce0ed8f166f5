"""The catalogue: what selectors see, and that nothing served ever goes back."""

import pytest

from burgee.model.flag_set import FractionalGeneration
from burgee.service.catalogue import Catalogue, LiveCatalogue, Selector
from burgee.service.drafts import FlagSetDraft
from burgee.testing.workshop import ADA, Workshop


@pytest.fixture
def stocked(workshop: Workshop) -> Workshop:
    """Three sets: `low` and `high` share a key and a source, `default` is the set without a name."""
    for key, priority in (("low", 1), ("high", 2)):
        workshop.publisher.put_flag_set(key, FlagSetDraft(priority=priority, source="file"), author=ADA)
        workshop.put("shared", flag_set=key, variants={"v": key}, default_variant="v")
    workshop.put("alone")
    workshop.put("another", flag_set="low")
    return workshop


def test_no_selector_answers_from_the_highest_priority_and_lists_all(stocked: Workshop) -> None:
    selection = stocked.live.current.select(None)
    assert selection.flags["shared"].flag_set == "high"
    assert [(flag.flag_set, flag.key) for flag in selection.ordered] == [
        ("default", "alone"),
        ("high", "shared"),
        ("low", "another"),
        ("low", "shared"),
    ]
    assert selection.reflection == {}


def test_of_two_sets_of_one_priority_the_later_key_answers(stocked: Workshop) -> None:
    stocked.publisher.patch_flag_set("low", {"priority": 2}, author=ADA)
    assert stocked.live.current.select(None).flags["shared"].flag_set == "low"


def test_a_flag_set_selector_sees_only_that_set(stocked: Workshop) -> None:
    selection = stocked.live.current.select(Selector("flagSetId", "low"))
    assert list(selection.flags) == ["another", "shared"]
    assert selection.reflection == {"flagSetId": "low"}


def test_an_empty_flag_set_selector_sees_the_default_set(stocked: Workshop) -> None:
    assert list(stocked.live.current.select(Selector("flagSetId", "")).flags) == ["alone"]


def test_a_source_selector_sees_every_set_of_that_source(stocked: Workshop) -> None:
    selection = stocked.live.current.select(Selector("source", "file"))
    assert len(selection.ordered) == 3
    assert selection.flags["shared"].flag_set == "high"


def test_an_unknown_selector_sees_nothing_and_is_not_kept(stocked: Workshop) -> None:
    catalogue = stocked.live.current
    for number in range(50):
        assert catalogue.select(Selector("source", str(number))).ordered == ()
    assert len(catalogue._selections) <= 1
    known = Selector("flagSetId", "low")
    assert catalogue.select(known) is catalogue.select(known)


def test_a_fingerprint_changes_with_its_own_sets_and_with_no_others(stocked: Workshop) -> None:
    before = stocked.live.current
    stocked.put("alone", default_variant="off")
    after = stocked.live.current
    low, default = Selector("flagSetId", "low"), Selector("flagSetId", "default")
    assert before.select(low).fingerprint == after.select(low).fingerprint
    assert before.select(default).fingerprint != after.select(default).fingerprint
    assert before.select(None).fingerprint != after.select(None).fingerprint
    assert before.fingerprint != after.fingerprint


def test_a_fingerprint_is_the_same_in_another_process(stocked: Workshop) -> None:
    other = Workshop(stocked.store, clock=stocked.clock)
    other.refresher.load()
    for selector in (None, Selector("flagSetId", "low"), Selector("source", "file")):
        here, there = stocked.live.current.select(selector), other.live.current.select(selector)
        assert here.fingerprint == there.fingerprint


def test_a_fingerprint_vouches_for_the_bucketing_too() -> None:
    v2, v3 = (Catalogue(generation=generation).fingerprint for generation in FractionalGeneration)
    assert v2 != v3


def test_an_older_state_never_replaces_a_newer_one(stocked: Workshop) -> None:
    older = stocked.live.current
    stocked.put("alone", default_variant="off")
    newer = stocked.live.current
    assert not stocked.live.swap(older)
    assert stocked.live.current is newer


def test_an_empty_catalogue_never_replaces_a_full_one(stocked: Workshop) -> None:
    full = stocked.live.current
    assert not stocked.live.swap(Catalogue())
    assert stocked.live.current is full


def test_subscribers_hear_each_swap_until_they_leave(workshop: Workshop) -> None:
    heard: list[dict[str, int]] = []
    leave = workshop.live.subscribe(lambda catalogue: heard.append(catalogue.revisions))
    workshop.put("a")
    workshop.put("a")
    workshop.put("b")
    leave()
    leave()
    workshop.put("c")
    assert heard == [{"default": 1}, {"default": 2}]


def test_a_subscriber_that_fails_stops_nobody(workshop: Workshop) -> None:
    heard: list[Catalogue] = []

    def fail(_: Catalogue) -> None:
        raise RuntimeError("broken listener")

    workshop.live.subscribe(fail)
    workshop.live.subscribe(heard.append)
    assert workshop.put("a").created
    assert heard == [workshop.live.current]


def test_a_new_live_catalogue_is_empty() -> None:
    assert LiveCatalogue().current.select(None).ordered == ()
