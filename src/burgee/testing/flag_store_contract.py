"""What every FlagStore must do."""

from collections.abc import Iterator

import msgspec
import pytest

from burgee.errors import AlreadyExistsError, IdempotencyReuseError, VersionConflictError
from burgee.model.audit import GENESIS_HASH, first_broken
from burgee.model.flag import FlagStatus
from burgee.model.flag_set import FlagSet
from burgee.ports import AuditQuery, Clock, FlagQuery, FlagStore
from burgee.testing.builders import (
    THE_DAY,
    a_change_set,
    a_flag,
    a_flag_set,
    a_tombstone,
    an_audit_draft,
    an_idempotency_record,
)
from burgee.testing.publishing import next_change, publish


class FlagStoreContract:
    """Subclass it and define `make_store`; `self.now` is what the store's clock says."""

    now: float = THE_DAY

    def make_store(self, clock: Clock) -> FlagStore:
        """An empty store."""
        raise NotImplementedError

    @pytest.fixture
    def store(self) -> Iterator[FlagStore]:
        store = self.make_store(lambda: self.now)
        yield store
        store.close()

    # --- an empty store ---

    def test_an_empty_store_answers_with_nothing(self, store: FlagStore) -> None:
        assert store.flag_sets() == ()
        assert store.flag_set("checkout") is None
        assert store.flag("checkout", "banner-colour") is None
        assert store.snapshot("checkout") is None
        assert store.tombstone("checkout", "banner-colour") is None
        assert store.find_flags(FlagQuery()) == ()
        assert store.flag_versions("checkout", "banner-colour") == ()
        assert store.flag_at("checkout", "banner-colour", revision=1) is None
        assert store.changes_since("checkout", 0) == ()
        assert store.audit_events(AuditQuery()) == ()
        assert store.audit_range(first=1, limit=10) == ()
        assert store.audit_head() == (0, GENESIS_HASH)
        assert store.idempotency_record("7c2f", "grace") is None
        assert store.read_only_reason is None

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

    # --- listing ---

    def test_flags_are_found_by_each_filter_and_by_all_together(self, store: FlagStore) -> None:
        wanted = a_flag(key="wanted", name="Größe", status=FlagStatus.ENABLED, tags=("x", "y"), version=1)
        publish(store, wanted, a_flag(key="off", name="Größe", tags=("x",)))
        publish(store, a_flag(flag_set="other", key="else", tags=()), flag_set="other")
        for query in (
            FlagQuery(flag_set="checkout", status=FlagStatus.ENABLED),
            FlagQuery(tag="y"),
            FlagQuery(search="WANT"),
            FlagQuery(flag_set="checkout", status=FlagStatus.ENABLED, tag="x", search="GRÖSSE"),
        ):
            assert store.find_flags(query) == (wanted,), query

    @pytest.mark.parametrize("text", ["banner-c", "COLOUR OF", "wovon es handelt", "ÄRGER"])
    def test_search_looks_at_key_name_and_description_and_not_at_case(
        self, store: FlagStore, text: str
    ) -> None:
        publish(store, a_flag(name="Colour of it", description="Wovon es handelt, mit Ärger", version=1))
        assert len(store.find_flags(FlagQuery(search=text))) == 1

    @pytest.mark.parametrize("text", ["%", "_", "*", "'", '" OR 1=1 --', "checkout", "b_nner", "\x00"])
    def test_search_takes_every_character_as_itself(self, store: FlagStore, text: str) -> None:
        publish(store, a_flag(description="nothing of it"))
        assert store.find_flags(FlagQuery(search=text)) == ()

    @pytest.mark.parametrize("tag", ["bann", "Banner", '"banner"', "", "banner,kept"])
    def test_a_tag_is_found_whole_or_not_at_all(self, store: FlagStore, tag: str) -> None:
        publish(store, a_flag(tags=("banner", "kept")))
        assert store.find_flags(FlagQuery(tag=tag)) == ()

    @pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 100])
    def test_pages_hold_every_flag_once_in_order_though_keys_repeat_between_sets(
        self, store: FlagStore, limit: int
    ) -> None:
        for flag_set in ("b", "a", "c"):
            publish(
                store, *(a_flag(flag_set=flag_set, key=key) for key in ("same", "Same")), flag_set=flag_set
            )
        seen: list[tuple[str, str]] = []
        while True:
            page = store.find_flags(FlagQuery(after=seen[-1] if seen else None, limit=limit))
            seen += [(flag.flag_set, flag.key) for flag in page]
            if len(page) < limit:
                break
        assert seen == [(flag_set, key) for flag_set in "abc" for key in ("Same", "same")]

    @pytest.mark.parametrize("limit", [0, -1])
    def test_a_page_of_no_flags_is_empty(self, store: FlagStore, limit: int) -> None:
        publish(store, a_flag())
        assert store.find_flags(FlagQuery(limit=limit)) == ()
        assert store.audit_events(AuditQuery(limit=limit)) == ()
        assert store.audit_range(first=1, limit=limit) == ()
        assert store.flag_versions("checkout", "banner-colour", limit=limit) == ()

    # --- history ---

    def test_history_is_newest_first_and_says_who_when_and_what(self, store: FlagStore) -> None:
        publish(store, a_flag(name="one"), at=THE_DAY + 1, actor="ada")
        publish(store, a_flag(name="two"), at=THE_DAY + 2, actor="grace")
        publish(store, delete=["banner-colour"], at=THE_DAY + 3, actor="linus")
        steps = store.flag_versions("checkout", "banner-colour")
        assert [(step.version, step.revision, step.at, step.actor, step.action) for step in steps] == [
            (3, 3, THE_DAY + 3, "linus", "flag.deleted"),
            (2, 2, THE_DAY + 2, "grace", "flag.updated"),
            (1, 1, THE_DAY + 1, "ada", "flag.created"),
        ]
        assert [step.flag.name if step.flag else None for step in steps] == [None, "two", "one"]

    @pytest.mark.parametrize(
        ("before", "limit", "versions"),
        [(None, 2, [5, 4]), (4, 2, [3, 2]), (2, 2, [1]), (1, 2, []), (6, 9, [5, 4, 3, 2, 1]), (-3, 2, [])],
    )
    def test_history_is_read_in_pages(
        self, store: FlagStore, before: int | None, limit: int, versions: list[int]
    ) -> None:
        for _ in range(5):
            publish(store, a_flag())
        steps = store.flag_versions("checkout", "banner-colour", before=before, limit=limit)
        assert [step.version for step in steps] == versions

    @pytest.mark.parametrize(("revision", "version"), [(-1, None), (1, None), (2, 1), (3, 1), (4, 2), (9, 2)])
    def test_a_flag_is_read_as_it_was_at_a_revision(
        self, store: FlagStore, revision: int, version: int | None
    ) -> None:
        publish(store, a_flag(key="another"))
        publish(store, a_flag(name="one"))
        publish(store, a_flag(key="another"))
        publish(store, a_flag(name="two"))
        step = store.flag_at("checkout", "banner-colour", revision=revision)
        assert (step.version if step else None) == version

    @pytest.mark.parametrize(
        ("since", "changed"),
        [
            (-1, ["a", "b", "c"]),
            (0, ["a", "b", "c"]),
            (1, ["a", "c"]),
            (2, ["a"]),
            (3, ["a"]),
            (4, []),
            (5, []),
        ],
    )
    def test_changes_since_a_revision_are_the_newest_step_of_each_flag(
        self, store: FlagStore, since: int, changed: list[str]
    ) -> None:
        publish(store, a_flag(key="b"), a_flag(key="a"), a_flag(key="c"))
        publish(store, a_flag(key="a", name="again"), delete=["c"])
        publish(store, flag_set="checkout")
        publish(store, a_flag(key="a", name="last"))
        steps = store.changes_since("checkout", since)
        assert [step.key for step in steps] == changed
        for step in steps:
            assert step.flag == store.flag("checkout", step.key)

    # --- audit ---

    def test_a_commit_chains_its_events_and_returns_them(self, store: FlagStore) -> None:
        first = publish(store, a_flag(), a_flag(key="b"))
        second = publish(store, a_flag())
        events = store.audit_range(first=1, limit=10)
        assert events == first + second
        assert [event.sequence for event in events] == [1, 2, 3]
        assert first_broken(events) is None
        assert store.audit_head() == (3, events[-1].hash)

    def test_an_event_comes_back_with_every_field(self, store: FlagStore) -> None:
        event = store.append_audit(an_audit_draft())
        (read,) = store.audit_events(AuditQuery())
        assert read == event
        assert {name: getattr(read, name) for name in an_audit_draft().__struct_fields__} == {
            name: getattr(an_audit_draft(), name) for name in an_audit_draft().__struct_fields__
        }

    def test_an_event_that_publishes_nothing_continues_the_same_chain(self, store: FlagStore) -> None:
        publish(store, a_flag())
        store.append_audit(an_audit_draft(action="session.opened"))
        publish(store, a_flag())
        events = store.audit_range(first=1, limit=10)
        assert [event.action for event in events] == ["flag.created", "session.opened", "flag.updated"]
        assert first_broken(events) is None

    @pytest.mark.parametrize(
        ("query", "sequences"),
        [
            (AuditQuery(), [4, 3, 2, 1]),
            (AuditQuery(actor="ada"), [3, 1]),
            (AuditQuery(flag_set="other"), [4]),
            (AuditQuery(flag_key="b"), [2]),
            (AuditQuery(action="flag.updated"), [3]),
            (AuditQuery(since=THE_DAY + 2), [4, 3, 2]),
            (AuditQuery(until=THE_DAY + 3), [2, 1]),
            (AuditQuery(before=3), [2, 1]),
            (AuditQuery(limit=2), [4, 3]),
            (AuditQuery(actor="ada", flag_set="checkout", flag_key="banner-colour", before=3), [1]),
            (AuditQuery(actor="%"), []),
        ],
    )
    def test_events_are_found_by_each_filter_newest_first(
        self, store: FlagStore, query: AuditQuery, sequences: list[int]
    ) -> None:
        publish(store, a_flag(), at=THE_DAY + 1, actor="ada")
        publish(store, a_flag(key="b"), at=THE_DAY + 2, actor="grace")
        publish(store, a_flag(), at=THE_DAY + 3, actor="ada")
        publish(store, a_flag(flag_set="other"), flag_set="other", at=THE_DAY + 4, actor="grace")
        assert [event.sequence for event in store.audit_events(query)] == sequences

    def test_a_whole_number_of_seconds_does_not_break_the_chain(self, store: FlagStore) -> None:
        store.append_audit(an_audit_draft(at=1_767_225_600))
        assert first_broken(store.audit_range(first=1, limit=10)) is None

    @pytest.mark.parametrize(("first", "sequences"), [(0, [1, 2]), (2, [2, 3]), (3, [3]), (4, [])])
    def test_a_range_of_events_is_oldest_first(
        self, store: FlagStore, first: int, sequences: list[int]
    ) -> None:
        for _ in range(3):
            publish(store, a_flag())
        assert [event.sequence for event in store.audit_range(first=first, limit=2)] == sequences

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

    @staticmethod
    def everything(store: FlagStore) -> tuple[object, ...]:
        """All that can be read of a store that has the set `checkout`."""
        sets: tuple[FlagSet, ...] = store.flag_sets()
        return (
            sets,
            tuple(store.snapshot(each.key) for each in sets),
            tuple(store.changes_since(each.key, 0) for each in sets),
            store.audit_range(first=1, limit=1000),
            store.audit_head(),
        )
