"""What every OverrideStore must do."""

from collections.abc import Iterator

import msgspec
import pytest

from burgee.errors import VersionConflictError
from burgee.model.audit import first_broken
from burgee.model.flag import FlagStatus
from burgee.model.override import Override, OverrideChange
from burgee.ports import AuditQuery, Clock, FlagStore, OverrideMark, OverrideStore
from burgee.testing.builders import THE_DAY, an_audit_draft
from burgee.testing.override_builders import (
    a_deletion,
    an_override,
    an_override_change,
    override_subject,
)

PLACE = ("checkout", "banner-colour", "größer/42@example.com")
STRANGE = ["", " ", "a/b", "é", "e\u0301", "u%2f", "'; --", "\U0001f600", "x" * 1000]


class OverrideStoreContract:
    """Subclass it and define `make_flag_store` and `make_store`."""

    def make_flag_store(self, clock: Clock) -> FlagStore:
        """An empty store of flags."""
        raise NotImplementedError

    def make_store(self, flags: FlagStore) -> OverrideStore:
        """The overrides beside it."""
        raise NotImplementedError

    @pytest.fixture
    def flags(self) -> Iterator[FlagStore]:
        store = self.make_flag_store(lambda: THE_DAY)
        yield store
        store.close()

    @pytest.fixture
    def store(self, flags: FlagStore) -> OverrideStore:
        return self.make_store(flags)

    # --- what was written ---

    @pytest.mark.parametrize(
        "override",
        [an_override(), an_override(variant=None, status=FlagStatus.DISABLED, expires_at=None, reason="")],
        ids=["a pinned variant", "a status"],
    )
    def test_an_override_comes_back_with_every_field(self, store: OverrideStore, override: Override) -> None:
        store.write_override(an_override_change(override))
        assert store.override(*PLACE) == override
        assert msgspec.json.encode(store.override(*PLACE)) == msgspec.json.encode(override)

    @pytest.mark.parametrize(
        "place",
        [("other", *PLACE[1:]), (PLACE[0], "other", PLACE[2]), (*PLACE[:2], "größer/42@example.co")],
    )
    def test_another_place_has_no_override(self, store: OverrideStore, place: tuple[str, str, str]) -> None:
        store.write_override(an_override_change(an_override()))
        assert store.override(*place) is None

    @pytest.mark.parametrize("subject", STRANGE)
    def test_a_targeting_key_may_be_any_text(self, store: OverrideStore, subject: str) -> None:
        override = override_subject(store, subject)
        assert store.override(*PLACE[:2], subject) == override
        assert store.overrides_of_subject(subject) == (override,)
        assert list(store.overridden_subjects()) == [subject]

    def test_an_update_replaces_it(self, store: OverrideStore) -> None:
        override_subject(store, "u")
        second = override_subject(store, "u", variant=None, status=FlagStatus.ENABLED)
        assert store.override(*PLACE[:2], "u") == second
        assert second.version == 2
        assert store.override_mark().count == 1

    def test_a_deleted_one_is_gone_and_another_starts_at_version_1(self, store: OverrideStore) -> None:
        store.write_override(a_deletion(override_subject(store, "u")))
        assert store.override(*PLACE[:2], "u") is None
        assert store.overrides_of_subject("u") == store.overrides_of_flag(*PLACE[:2]) == ()
        assert override_subject(store, "u").version == 1

    def test_what_has_expired_is_still_there(self, store: OverrideStore) -> None:
        override = override_subject(store, "u", expires_at=1.0)
        assert store.override(*PLACE[:2], "u") == override
        assert store.overrides_of_subject("u") == (override,)

    # --- lists ---

    def test_those_of_a_subject_are_ordered_by_flag_set_and_flag(self, store: OverrideStore) -> None:
        for flag_set, flag_key in (("b", "a"), ("a", "z"), ("a", "B"), ("a", "b")):
            override_subject(store, "u", flag_set=flag_set, flag_key=flag_key)
            override_subject(store, "other", flag_set=flag_set, flag_key=flag_key)
        found = store.overrides_of_subject("u")
        assert [(each.flag_set, each.flag_key) for each in found] == [
            ("a", "B"),
            ("a", "b"),
            ("a", "z"),
            ("b", "a"),
        ]
        assert {each.targeting_key for each in found} == {"u"}
        assert store.overrides_of_subject("u", flag_set="a") == found[:3]
        assert store.overrides_of_subject("u", after=("a", "b")) == found[2:]
        assert store.overrides_of_subject("u", after=("a", "b"), flag_set="a", limit=1) == found[2:3]
        assert store.overrides_of_subject("u", limit=2) == found[:2]
        assert store.overrides_of_subject("u", limit=0) == store.overrides_of_subject("nobody") == ()

    def test_those_of_a_flag_are_ordered_by_subject(self, store: OverrideStore) -> None:
        for subject in ("b", "é", "B", "a"):
            override_subject(store, subject)
        override_subject(store, "c", flag_key="another")
        found = store.overrides_of_flag(*PLACE[:2])
        assert [each.targeting_key for each in found] == ["B", "a", "b", "é"]
        assert store.overrides_of_flag(*PLACE[:2], after="a") == found[2:]
        assert store.overrides_of_flag(*PLACE[:2], after="a", limit=1) == found[2:3]
        assert store.overrides_of_flag(*PLACE[:2], after="é") == ()
        assert store.overrides_of_flag("checkout", "nothing") == ()

    # --- compare and set ---

    @pytest.mark.parametrize("read", [0, 1, 3])
    def test_a_version_other_than_the_stored_one_is_a_conflict(self, store: OverrideStore, read: int) -> None:
        override_subject(store, "u")
        override_subject(store, "u")
        stale = an_override(targeting_key="u", version=read + 1)
        with pytest.raises(VersionConflictError) as caught:
            store.write_override(an_override_change(stale))
        assert caught.value.current == 2

    @pytest.mark.parametrize("read", [1, 3])
    def test_a_deletion_of_another_version_is_a_conflict(self, store: OverrideStore, read: int) -> None:
        override_subject(store, "u")
        second = override_subject(store, "u")
        with pytest.raises(VersionConflictError) as caught:
            store.write_override(a_deletion(msgspec.structs.replace(second, version=read)))
        assert caught.value.current == 2
        assert store.override(*PLACE[:2], "u") == second

    def test_a_conflict_leaves_nothing_behind(self, store: OverrideStore, flags: FlagStore) -> None:
        override_subject(store, "u")
        mark, head = store.override_mark(), flags.audit_head()
        good, stale = an_override(targeting_key="v"), an_override(targeting_key="u")
        with pytest.raises(VersionConflictError):
            store.write_overrides([an_override_change(good), an_override_change(stale)])
        assert store.override(*PLACE[:2], "v") is None
        assert (store.override_mark(), flags.audit_head()) == (mark, head)
        assert list(store.overridden_subjects()) == ["u"]

    def test_a_change_may_continue_another_of_the_same_transaction(self, store: OverrideStore) -> None:
        first, second = an_override(), an_override(version=2, variant="plain")
        store.write_overrides([an_override_change(first), an_override_change(second)])
        assert store.override(*PLACE) == second
        assert store.override_mark() == OverrideMark(sequence=2, count=1)

    @pytest.mark.parametrize(
        "change",
        [
            msgspec.structs.replace(an_override_change(an_override()), expected_version=5),
            msgspec.structs.replace(an_override_change(an_override()), flag_key="another"),
            an_override_change(an_override(variant=None)),
            an_override_change(an_override(status=FlagStatus.ENABLED)),
            msgspec.structs.replace(a_deletion(an_override()), expected_version=0),
        ],
        ids=["a version that does not follow", "another place", "neither", "both", "a deletion of nothing"],
    )
    def test_a_change_that_no_use_case_may_make_is_refused(
        self, store: OverrideStore, change: OverrideChange
    ) -> None:
        with pytest.raises(ValueError, match=r"follow|another place|status or a variant|nothing to delete"):
            store.write_override(change)
        assert store.override_mark() == OverrideMark()

    # --- audit ---

    def test_every_write_has_its_event_in_the_chain_of_the_flags(
        self, store: OverrideStore, flags: FlagStore
    ) -> None:
        flags.append_audit(an_audit_draft())
        override = override_subject(store, "u")
        event = store.write_override(a_deletion(override))
        flags.append_audit(an_audit_draft())
        events = flags.audit_range(first=1, limit=10)
        assert first_broken(events) is None
        assert [each.action for each in events] == [
            "flag.updated",
            "override.created",
            "override.deleted",
            "flag.updated",
        ]
        assert events[2] == event
        assert flags.audit_head() == (4, events[3].hash)
        found = flags.audit_events(AuditQuery(flag_set="checkout", flag_key="banner-colour", limit=3))
        assert [each.sequence for each in found] == [4, 3, 2]

    def test_writing_nothing_writes_nothing(self, store: OverrideStore, flags: FlagStore) -> None:
        token = store.change_token()
        assert store.write_overrides([]) == ()
        assert flags.audit_head()[0] == 0
        assert store.change_token() == token

    # --- what has changed ---

    def test_the_mark_moves_with_every_write_of_an_override_and_with_nothing_else(
        self, store: OverrideStore, flags: FlagStore
    ) -> None:
        assert store.override_mark() == OverrideMark(sequence=0, count=0)
        flags.append_audit(an_audit_draft())
        assert store.override_mark() == OverrideMark(sequence=0, count=0)
        override_subject(store, "u")
        assert store.override_mark() == OverrideMark(sequence=2, count=1)
        override = override_subject(store, "v")
        assert store.override_mark() == OverrideMark(sequence=3, count=2)
        store.write_override(a_deletion(override))
        assert store.override_mark() == OverrideMark(sequence=4, count=1)

    def test_the_change_token_differs_after_every_write(self, store: OverrideStore) -> None:
        tokens = [store.change_token()]
        for _ in range(3):
            override_subject(store, "u")
            tokens.append(store.change_token())
        assert len(set(tokens)) == 4

    def test_every_subject_is_listed_once(self, store: OverrideStore) -> None:
        for subject in ("b", "a", "c"):
            override_subject(store, subject)
            override_subject(store, subject, flag_key="another")
        for flag_key in ("banner-colour", "another"):
            stored = store.override("checkout", flag_key, "c")
            assert stored is not None
            store.write_override(a_deletion(stored))
        assert sorted(store.overridden_subjects()) == ["a", "b"]

    def test_what_changed_since_a_sequence_is_listed_in_order(self, store: OverrideStore) -> None:
        for subject in ("a", "b", "c", "a"):
            last = override_subject(store, subject)
        assert store.subjects_changed_since(0) == ((2, "b"), (3, "c"), (4, "a"))
        assert store.subjects_changed_since(2) == ((3, "c"), (4, "a"))
        assert store.subjects_changed_since(2, limit=1) == ((3, "c"),)
        assert store.subjects_changed_since(4) == ()
        store.write_override(a_deletion(last))
        assert store.subjects_changed_since(2) == ((3, "c"),)
