"""What every FlagStore must answer to a read."""

import pytest

from burgee.model.audit import GENESIS_HASH, first_broken
from burgee.model.flag import FlagStatus
from burgee.ports import AuditQuery, FlagQuery, FlagStore
from burgee.testing.builders import (
    THE_DAY,
    a_flag,
    an_audit_draft,
)
from burgee.testing.publishing import publish
from burgee.testing.store_under_test import StoreUnderTest


class ReadingContract(StoreUnderTest):
    """Part of FlagStoreContract."""

    # --- an empty store ---

    def test_an_empty_store_answers_with_nothing(self, store: FlagStore) -> None:
        assert store.flag_sets() == ()
        assert store.flag_set("checkout") is None
        assert store.flag("checkout", "banner-colour") is None
        assert store.flag_by_id("checkout", "b7c1") is None
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

    # --- by id ---

    def test_a_flag_is_found_by_its_id_again_and_again(self, store: FlagStore) -> None:
        flags = [a_flag(key=f"k{number}", id=f"id-{number}", version=1) for number in range(5)]
        publish(store, *flags)
        for flag in (*flags, *reversed(flags)):
            assert store.flag_by_id("checkout", flag.id) == flag

    @pytest.mark.parametrize("text", ["", "ID-1", "id", "id-11", 'id-1"', "%", "\x00", "\\", "\udcff"])
    def test_an_id_counts_to_the_letter(self, store: FlagStore, text: str) -> None:
        publish(store, a_flag(id="id-1"))
        assert store.flag_by_id("checkout", text) is None

    def test_an_id_counts_in_its_own_set(self, store: FlagStore) -> None:
        publish(store, a_flag(id="id-1"))
        assert store.flag_by_id("other", "id-1") is None

    def test_what_only_says_an_id_in_a_value_does_not_have_it(self, store: FlagStore) -> None:
        publish(store, a_flag(id="id-1", variants={"a": {"id": "id-2"}, "b": '"id":"id-2"'}))
        assert store.flag_by_id("checkout", "id-2") is None

    def test_an_id_that_was_looked_up_before_is_that_of_the_flag_as_it_is_now(self, store: FlagStore) -> None:
        for version in (1, 2):
            flag = a_flag(id="id-1", version=version, description=f"at {version}")
            publish(store, flag)
            assert store.flag_by_id("checkout", "id-1") == flag
        publish(store, delete=["banner-colour"])
        assert store.flag_by_id("checkout", "id-1") is None
        again = a_flag(id="id-2", version=4)
        publish(store, again)
        assert store.flag_by_id("checkout", "id-1") is None
        assert store.flag_by_id("checkout", "id-2") == again

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

    @pytest.mark.parametrize(
        ("within", "found"),
        [
            (None, "abc"),
            ((), ""),
            (("b",), "b"),
            (("c", "a"), "ac"),
            (("b", "nowhere"), "b"),
            (("nowhere",), ""),
            (("B",), ""),
            (("a,b",), ""),
            (("%",), ""),
        ],
    )
    def test_only_flags_within_the_sets_named_are_found_and_fill_the_page(
        self, store: FlagStore, within: tuple[str, ...] | None, found: str
    ) -> None:
        for flag_set in "abc":
            publish(store, a_flag(flag_set=flag_set, key="same"), flag_set=flag_set)
        flags = store.find_flags(FlagQuery(within=within))
        assert "".join(flag.flag_set for flag in flags) == found
        assert store.find_flags(FlagQuery(within=within, limit=1)) == flags[:1]
        assert store.find_flags(FlagQuery(within=within, flag_set="b")) == tuple(
            flag for flag in flags if flag.flag_set == "b"
        )
        assert store.find_flags(FlagQuery(within=within, after=("a", "same"))) == tuple(
            flag for flag in flags if flag.flag_set != "a"
        )

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
            (AuditQuery(within=("other",)), [4]),
            (AuditQuery(within=("other", "checkout", "none")), [4, 3, 2, 1]),
            (AuditQuery(within=("checkout",), limit=2), [3, 2]),
            (AuditQuery(within=("checkout",), limit=2, before=2), [1]),
            (AuditQuery(within=("checkout",), flag_set="other"), []),
            (AuditQuery(within=("other' OR '1'='1", '"other"', "")), []),
            (AuditQuery(within=()), []),
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
