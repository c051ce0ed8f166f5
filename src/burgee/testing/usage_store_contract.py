"""What every UsageStore must do."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from burgee.model.resolution import Reason
from burgee.model.usage import HOUR_SECONDS, UsageCount
from burgee.ports import UsageStore

HOUR = 500_000 * HOUR_SECONDS


def a_count(**changes: Any) -> UsageCount:
    """Seven evaluations of one outcome in one hour; `changes` replace fields."""
    fields: dict[str, Any] = {
        "flag_set": "checkout",
        "flag_key": "banner",
        "hour": HOUR,
        "variant": "loud",
        "reason": Reason.TARGETING_MATCH,
        "count": 7,
        "last_at": HOUR + 12.5,
    }
    return UsageCount(**{**fields, **changes})


class UsageStoreContract:
    """Subclass it and define `make_usage_store`."""

    def make_usage_store(self) -> UsageStore:
        """A store that nothing was counted in."""
        raise NotImplementedError

    @pytest.fixture
    def store(self) -> Iterator[UsageStore]:
        store = self.make_usage_store()
        yield store
        store.close()

    def test_a_flag_that_was_never_evaluated_has_no_counts_and_no_last_time(self, store: UsageStore) -> None:
        assert store.counts("checkout", "banner", since=0) == ()
        assert store.last_evaluated([("checkout", "banner")]) == {}

    def test_what_was_added_comes_back_whole(self, store: UsageStore) -> None:
        store.add([a_count()])
        assert store.counts("checkout", "banner", since=0) == (a_count(),)
        assert store.last_evaluated([("checkout", "banner")]) == {("checkout", "banner"): HOUR + 12.5}

    def test_the_same_outcome_in_the_same_hour_adds_up(self, store: UsageStore) -> None:
        store.add([a_count(), a_count(count=2, last_at=HOUR + 99.0)])
        store.add([a_count(count=1, last_at=HOUR + 3.0)])
        assert store.counts("checkout", "banner", since=0) == (a_count(count=10, last_at=HOUR + 99.0),)

    def test_the_later_time_stays_the_last_one(self, store: UsageStore) -> None:
        store.add([a_count(last_at=HOUR + 50.0)])
        store.add([a_count(variant="plain", last_at=HOUR + 20.0)])
        assert store.last_evaluated([("checkout", "banner")]) == {("checkout", "banner"): HOUR + 50.0}

    @pytest.mark.parametrize(
        "other",
        [
            {"hour": HOUR + HOUR_SECONDS},
            {"variant": "plain"},
            {"variant": ""},
            {"reason": Reason.STATIC},
        ],
        ids=["hour", "variant", "no variant", "reason"],
    )
    def test_another_outcome_or_hour_is_counted_by_itself(
        self, store: UsageStore, other: dict[str, Any]
    ) -> None:
        store.add([a_count(), a_count(**other, count=2)])
        assert sorted(each.count for each in store.counts("checkout", "banner", since=0)) == [2, 7]

    @pytest.mark.parametrize("other", [{"flag_set": "search"}, {"flag_key": "Banner"}, {"flag_key": "bann"}])
    def test_another_flag_is_another_flag(self, store: UsageStore, other: dict[str, Any]) -> None:
        store.add([a_count(), a_count(**other, count=2)])
        assert store.counts("checkout", "banner", since=0) == (a_count(),)

    def test_counts_are_ordered_by_hour_variant_and_reason(self, store: UsageStore) -> None:
        mixed = [
            a_count(hour=HOUR + HOUR_SECONDS, variant="a"),
            a_count(variant="b", reason=Reason.DEFAULT),
            a_count(variant="a", reason=Reason.TARGETING_MATCH),
            a_count(variant="a", reason=Reason.DEFAULT),
        ]
        store.add(mixed)
        assert store.counts("checkout", "banner", since=0) == tuple(
            sorted(mixed, key=lambda each: (each.hour, each.variant, each.reason.value))
        )

    @pytest.mark.parametrize(("since", "seen"), [(HOUR - 1, 1), (HOUR, 1), (HOUR + 1, 0)])
    def test_hours_from_since_on_are_counted(self, store: UsageStore, since: int, seen: int) -> None:
        store.add([a_count()])
        assert len(store.counts("checkout", "banner", since=since)) == seen

    @pytest.mark.parametrize(("before", "left"), [(HOUR, 1), (HOUR + 1, 0)])
    def test_a_purge_forgets_counts_and_not_the_last_time(
        self, store: UsageStore, before: int, left: int
    ) -> None:
        store.add([a_count()])
        store.purge(before=before)
        assert len(store.counts("checkout", "banner", since=0)) == left
        assert store.last_evaluated([("checkout", "banner")]) == {("checkout", "banner"): HOUR + 12.5}

    def test_only_the_flags_asked_for_are_answered(self, store: UsageStore) -> None:
        store.add([a_count(flag_key=key) for key in ("a", "b", "c")])
        asked = [("checkout", "a"), ("checkout", "c"), ("search", "b")]
        assert set(store.last_evaluated(asked)) == {("checkout", "a"), ("checkout", "c")}

    def test_of_many_who_add_at_once_none_is_lost(self, store: UsageStore) -> None:
        def add() -> None:
            for _ in range(20):
                store.add([a_count(count=1)])

        threads = [threading.Thread(target=add) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [each.count for each in store.counts("checkout", "banner", since=0)] == [160]
