"""What every FlagStore must do with a write."""

import msgspec
import pytest

from burgee.errors import AlreadyExistsError, IdempotencyReuseError, VersionConflictError
from burgee.model.audit import GENESIS_HASH
from burgee.ports import FlagQuery, FlagStore
from burgee.testing.builders import (
    THE_DAY,
    a_change_set,
    a_flag,
    a_flag_set,
    a_tombstone,
    an_idempotency_record,
)
from burgee.testing.publishing import next_change, publish
from burgee.testing.store_under_test import StoreUnderTest


class WritingContract(StoreUnderTest):
    """Part of FlagStoreContract."""

    # --- what was committed ---

    def test_a_flag_comes_back_with_every_field(self, store: FlagStore) -> None:
        flag = a_flag(version=1)
        publish(store, flag)
        assert store.flag("checkout", "banner-colour") == flag
        assert msgspec.json.encode(store.flag("checkout", "banner-colour")) == msgspec.json.encode(flag)

    def test_a_flag_set_comes_back_with_every_field(self, store: FlagStore) -> None:
        flag_set = a_flag_set(revision=1)
        store.commit([a_change_set(flag_set=flag_set)])
        assert store.flag_set("checkout") == flag_set
        assert store.flag_sets() == (flag_set,)

    def test_flag_sets_are_ordered_by_priority_then_key(self, store: FlagStore) -> None:
        for key, priority in (("b", 1), ("c", 0), ("a", 1), ("d", -3)):
            store.commit([a_change_set(flag_set=a_flag_set(key=key, priority=priority, revision=1))])
        assert [each.key for each in store.flag_sets()] == ["d", "c", "a", "b"]

    def test_a_snapshot_holds_the_set_and_its_flags_by_key(self, store: FlagStore) -> None:
        publish(store, a_flag(key="b"), a_flag(key="B"), a_flag(key="a"))
        publish(store, a_flag(flag_set="other", key="z"), flag_set="other")
        snapshot = store.snapshot("checkout")
        assert snapshot is not None
        assert snapshot.flag_set == store.flag_set("checkout")
        assert [flag.key for flag in snapshot.flags] == ["B", "a", "b"]

    def test_an_update_replaces_the_flag_and_moves_the_revision(self, store: FlagStore) -> None:
        publish(store, a_flag())
        publish(store, a_flag(name="New name"))
        flag, flag_set = store.flag("checkout", "banner-colour"), store.flag_set("checkout")
        assert flag == a_flag(name="New name", version=2)
        assert flag_set is not None
        assert flag_set.revision == 2

    def test_several_change_sets_are_written_together(self, store: FlagStore) -> None:
        first = next_change(store, a_flag())
        other = next_change(store, a_flag(flag_set="other"), flag_set="other")
        store.commit([first, other])
        assert [each.key for each in store.flag_sets()] == ["checkout", "other"]

    def test_a_second_change_set_may_continue_the_first(self, store: FlagStore) -> None:
        first = a_change_set([a_flag(version=1)], flag_set=a_flag_set(revision=1))
        second = a_change_set([a_flag(version=2, name="Two")], flag_set=a_flag_set(revision=2))
        store.commit([first, second])
        assert store.flag("checkout", "banner-colour") == a_flag(version=2, name="Two")
        assert len(store.flag_versions("checkout", "banner-colour")) == 2

    def test_committing_nothing_writes_nothing(self, store: FlagStore) -> None:
        assert store.commit([]) == ()
        assert store.audit_head() == (0, GENESIS_HASH)

    # --- compare and set ---

    @pytest.mark.parametrize("read", [0, 1, 3])
    def test_a_revision_other_than_the_current_one_is_a_conflict(self, store: FlagStore, read: int) -> None:
        publish(store, a_flag())
        publish(store, a_flag())
        change = a_change_set(flag_set=a_flag_set(revision=read + 1))
        with pytest.raises(VersionConflictError) as caught:
            store.commit([change])
        assert caught.value.current == 2

    @pytest.mark.parametrize("version", [1, 2, 4])
    def test_a_version_other_than_the_next_one_is_a_conflict(self, store: FlagStore, version: int) -> None:
        publish(store, a_flag())
        publish(store, a_flag())
        change = a_change_set([a_flag(version=version)], flag_set=a_flag_set(revision=3))
        with pytest.raises(VersionConflictError) as caught:
            store.commit([change])
        assert caught.value.current == 2

    def test_a_conflict_leaves_nothing_behind(self, store: FlagStore) -> None:
        publish(store, a_flag())
        before = self.everything(store)
        good = next_change(store, a_flag(flag_set="other"), flag_set="other")
        stale = a_change_set(
            [a_flag(key="fresh", version=1), a_flag(version=5)],
            flag_set=a_flag_set(revision=2),
            idempotency=an_idempotency_record(),
        )
        with pytest.raises(VersionConflictError):
            store.commit([good, stale])
        assert self.everything(store) == before
        assert store.idempotency_record("7c2f", "grace") is None

    @pytest.mark.parametrize(
        "change",
        [
            msgspec.structs.replace(a_change_set([a_flag(version=1)]), expected_revision=5),
            msgspec.structs.replace(a_change_set([a_flag(version=1)]), audit=()),
            a_change_set([a_flag(version=1, flag_set="another")]),
        ],
        ids=["a revision that does not follow", "no audit event", "a flag of another set"],
    )
    def test_a_change_set_that_no_publisher_may_make_is_refused(
        self, store: FlagStore, change: msgspec.Struct
    ) -> None:
        with pytest.raises(ValueError, match=r"follow|at least one|is of flag set"):
            store.commit([change])  # type: ignore[list-item]
        assert store.flag_sets() == ()

    # --- deletion ---

    def test_a_deleted_flag_leaves_a_tombstone(self, store: FlagStore) -> None:
        publish(store, a_flag())
        publish(store, delete=["banner-colour"], at=THE_DAY + 5)
        assert store.flag("checkout", "banner-colour") is None
        assert store.tombstone("checkout", "banner-colour") == a_tombstone(
            version=2, revision=2, deleted_at=THE_DAY + 5
        )
        snapshot = store.snapshot("checkout")
        assert snapshot is not None
        assert snapshot.flags == ()
        assert store.find_flags(FlagQuery()) == ()

    def test_a_living_flag_has_no_tombstone(self, store: FlagStore) -> None:
        publish(store, a_flag())
        assert store.tombstone("checkout", "banner-colour") is None

    def test_a_key_used_again_goes_on_counting_from_its_tombstone(self, store: FlagStore) -> None:
        publish(store, a_flag())
        publish(store, delete=["banner-colour"])
        publish(store, a_flag())
        flag = store.flag("checkout", "banner-colour")
        assert flag is not None
        assert flag.version == 3
        assert store.tombstone("checkout", "banner-colour") is None
        steps = store.flag_versions("checkout", "banner-colour")
        assert [(step.version, step.flag is None) for step in steps] == [(3, False), (2, True), (1, False)]

    def test_a_deleted_key_does_not_look_new_to_a_writer(self, store: FlagStore) -> None:
        publish(store, a_flag())
        publish(store, delete=["banner-colour"])
        with pytest.raises(VersionConflictError) as caught:
            store.commit([a_change_set([a_flag(version=1)], flag_set=a_flag_set(revision=3))])
        assert caught.value.current == 2

    # --- idempotency ---

    def test_an_idempotency_record_comes_back_with_every_field(self, store: FlagStore) -> None:
        publish(store, a_flag(), idempotency=an_idempotency_record())
        assert store.idempotency_record("7c2f", "grace") == an_idempotency_record()
        assert store.idempotency_record("7c2f", "ada") is None
        assert store.idempotency_record("7c2", "grace") is None

    @pytest.mark.parametrize(("seconds", "known"), [(-0.001, True), (0.0, False), (0.001, False)])
    def test_a_record_is_known_until_just_before_its_expiry(
        self, store: FlagStore, seconds: float, known: bool
    ) -> None:
        record = an_idempotency_record()
        publish(store, a_flag(), idempotency=record)
        self.now = record.expires_at + seconds
        assert (store.idempotency_record("7c2f", "grace") is not None) is known

    def test_a_request_already_applied_is_not_applied_twice(self, store: FlagStore) -> None:
        publish(store, a_flag(), idempotency=an_idempotency_record())
        before = self.everything(store)
        with pytest.raises(AlreadyExistsError):
            publish(store, a_flag(), idempotency=an_idempotency_record(status=200))
        assert self.everything(store) == before

    def test_a_key_used_for_another_request_is_refused(self, store: FlagStore) -> None:
        publish(store, a_flag(), idempotency=an_idempotency_record())
        before = self.everything(store)
        with pytest.raises(IdempotencyReuseError):
            publish(store, a_flag(), idempotency=an_idempotency_record(fingerprint="cd" * 32))
        assert self.everything(store) == before

    def test_an_expired_key_may_be_used_again(self, store: FlagStore) -> None:
        record = an_idempotency_record()
        publish(store, a_flag(), idempotency=record)
        self.now = record.expires_at
        later = an_idempotency_record(fingerprint="cd" * 32, expires_at=record.expires_at + 1)
        publish(store, a_flag(), idempotency=later)
        assert store.idempotency_record("7c2f", "grace") == later

    # --- change token ---

    def test_the_change_token_stands_still_while_nothing_is_written(self, store: FlagStore) -> None:
        publish(store, a_flag())
        token = store.change_token()
        store.snapshot("checkout")
        store.flag("checkout", "banner-colour")
        assert store.change_token() == token

    def test_the_change_token_differs_after_every_commit(self, store: FlagStore) -> None:
        tokens = [store.change_token()]
        for _ in range(5):
            publish(store, a_flag())
            tokens.append(store.change_token())
        assert len(set(tokens)) == 6
