"""Overrides: who gets what, how many reads that costs, and what a write leaves behind."""

from typing import Any

import msgspec
import pytest

from burgee.errors import (
    AlreadyExistsError,
    BurgeeError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
    VersionConflictError,
)
from burgee.model.flag import FlagStatus
from burgee.model.override import Override
from burgee.model.resolution import Reason
from burgee.ports import AuditQuery
from burgee.service.drafts import FlagDraft
from burgee.service.override_drafts import (
    LAST_MOMENT,
    MAX_REASON_CHARACTERS,
    MAX_TARGETING_KEY_CHARACTERS,
)
from burgee.service.overrides import OverrideDraft
from burgee.testing.builders import THE_DAY
from burgee.testing.override_desk import OverrideDesk
from burgee.testing.workshop import ADA

ENABLED, DISABLED = FlagStatus.ENABLED, FlagStatus.DISABLED
PLACE = ("default", "banner", "u")
THREE = {"on": 1, "off": 0, "most": 9}


@pytest.fixture
def desk() -> OverrideDesk:
    desk = OverrideDesk()
    desk.put("banner", default_variant="off")
    return desk


class TestPrecedence:
    """Override not expired > status > targeting > default variant."""

    @pytest.mark.parametrize("status", FlagStatus)
    @pytest.mark.parametrize(
        ("override", "variant"),
        [
            ({"status": ENABLED}, "on"),
            ({"status": DISABLED}, "off"),
            ({"variant": "most"}, "most"),
            ({"variant": "off"}, "off"),
        ],
    )
    def test_an_override_wins_over_status_and_targeting(
        self, desk: OverrideDesk, status: FlagStatus, override: dict[str, Any], variant: str
    ) -> None:
        desk.put("rule", variants=THREE, targeting={"if": [True, "off", "on"]}, status=status)
        desk.override("u", "rule", **override)
        resolution = desk.resolved("rule", {"targetingKey": "u"})
        assert (resolution.variant, resolution.value) == (variant, THREE[variant])
        assert resolution.reason is Reason.TARGETING_MATCH
        assert resolution.metadata["override"] is True
        assert resolution.error_code is None
        assert resolution.flag_set == "default"  # without it, usage would count nothing

    @pytest.mark.parametrize(
        ("variants", "default", "status", "variant"),
        [
            ({"a": 1, "b": 2}, "b", ENABLED, "b"),
            ({"a": 1, "b": 2}, None, ENABLED, None),
            ({"a": 1, "b": 2}, "b", DISABLED, None),
            ({"on": 1, "b": 2}, "b", ENABLED, "on"),
            ({"off": 1, "b": 2}, "b", DISABLED, "off"),
        ],
    )
    def test_a_status_means_on_or_the_default_and_off_or_the_callers_own(
        self,
        desk: OverrideDesk,
        variants: dict[str, int],
        default: str | None,
        status: FlagStatus,
        variant: str | None,
    ) -> None:
        desk.put("odd", variants=variants, default_variant=default)
        desk.override("u", "odd", status=status)
        resolution = desk.resolved("odd", {"targetingKey": "u"})
        assert resolution.variant == variant
        assert resolution.value == (variants[variant] if variant is not None else None)
        assert (resolution.reason, resolution.error_code) == (Reason.TARGETING_MATCH, None)

    def test_others_get_what_the_flag_says(self, desk: OverrideDesk) -> None:
        desk.override("u")
        for context in ({}, {"targetingKey": "v"}, {"targetingKey": ["u"]}, {"targetingKey": ""}):
            resolution = desk.resolved("banner", context)
            assert (resolution.variant, resolution.reason) == ("off", Reason.STATIC)
            assert "override" not in resolution.metadata

    def test_another_flag_of_the_subject_is_left_alone(self, desk: OverrideDesk) -> None:
        desk.put("other", default_variant="off")
        desk.put("banner", default_variant="off", flag_set="shop")
        desk.override("u")
        assert desk.resolved("other", {"targetingKey": "u"}).variant == "off"
        assert desk.resolved("banner", {"targetingKey": "u"}, flag_set="shop").variant == "off"

    def test_the_metadata_of_the_flag_stays(self, desk: OverrideDesk) -> None:
        desk.put("owned", metadata={"owner": "us", "override": "no"})
        desk.override("u", "owned")
        assert desk.resolved("owned", {"targetingKey": "u"}).metadata == {"owner": "us", "override": True}

    def test_the_same_answer_is_the_same_object(self, desk: OverrideDesk) -> None:
        desk.override("u")
        desk.override("v", status=ENABLED)
        first = desk.resolved("banner", {"targetingKey": "u"})
        assert desk.resolved("banner", {"targetingKey": "v", "a": 1}) is first

    def test_a_variant_that_the_flag_has_lost_pins_nothing(self, desk: OverrideDesk) -> None:
        desk.put("rule", variants=THREE, default_variant="off")
        desk.override("u", "rule", variant="most")
        desk.put("rule", variants={"on": 1, "off": 0}, default_variant="off")
        assert desk.resolved("rule", {"targetingKey": "u"}).reason is Reason.STATIC
        desk.put("rule", variants=THREE, default_variant="off")
        assert desk.resolved("rule", {"targetingKey": "u"}).variant == "most"

    @pytest.mark.parametrize(("seconds", "variant"), [(-0.001, "on"), (0.0, "off"), (0.001, "off")])
    def test_it_holds_until_just_before_its_expiry(
        self, desk: OverrideDesk, seconds: float, variant: str
    ) -> None:
        desk.override("u", variant="on", expires_at=THE_DAY + 60)
        desk.clock.now = THE_DAY + 60 + seconds
        assert desk.resolved("banner", {"targetingKey": "u"}).variant == variant
        assert len(desk.overrides.for_context({"targetingKey": "u"})) == (variant == "on")
        assert (desk.overrides.get(*PLACE) is not None) is (variant == "on")
        assert len(desk.overrides.of_flag("default", "banner")) == (variant == "on")

    def test_one_of_an_earlier_flag_with_the_same_key_does_not_hold(self, desk: OverrideDesk) -> None:
        desk.override("u")
        desk.publisher.delete_flag("default", "banner", author=ADA)
        assert desk.overrides.of_subject("u") == ()
        desk.clock.now += 1
        desk.publisher.put_flag("default", "banner", draft_of_banner(), author=ADA, force=True)
        assert desk.resolved("banner", {"targetingKey": "u"}).variant == "off"
        assert desk.overrides.of_flag("default", "banner") == ()
        assert desk.override("u").version == 2
        assert desk.resolved("banner", {"targetingKey": "u"}).variant == "on"

    def test_it_holds_even_where_the_clock_went_back_since_the_flag_was_made(
        self, desk: OverrideDesk
    ) -> None:
        desk.clock.now -= 3600
        desk.override("u")
        assert desk.resolved("banner", {"targetingKey": "u"}).variant == "on"


def draft_of_banner() -> FlagDraft:
    return FlagDraft(variants={"on": True, "off": False}, default_variant="off")


class TestReads:
    def test_without_any_override_nothing_is_read(self, desk: OverrideDesk) -> None:
        for subject in range(1_000):
            desk.resolved("banner", {"targetingKey": f"user-{subject}"})
            desk.overrides.for_context({"targetingKey": f"user-{subject}"})
        assert desk.kept.reads == 0

    def test_subjects_without_overrides_cost_less_than_one_read_in_a_hundred(
        self, desk: OverrideDesk
    ) -> None:
        rows = [f"user-{number}" for number in range(2_000)]
        for subject in rows:
            desk.override(subject)
        desk.overrides.subjects.poll()
        desk.kept.reads = 0
        for number in range(5_000):
            desk.resolved("banner", {"targetingKey": f"other-{number}"})
            desk.overrides.for_context({"targetingKey": f"other-{number}"})
        assert desk.kept.reads < 100

    def test_one_evaluation_of_an_overridden_subject_is_one_read(self, desk: OverrideDesk) -> None:
        desk.override("u")
        desk.kept.reads = 0
        desk.resolved("banner", {"targetingKey": "u"})
        assert desk.kept.reads == 1

    def test_all_flags_of_a_subject_are_one_read(self, desk: OverrideDesk) -> None:
        for number in range(50):
            desk.put(f"flag-{number}")
            desk.override("u", f"flag-{number}")
        desk.kept.reads = 0
        assert len(desk.overrides.for_context({"targetingKey": "u"})) == 50
        assert desk.kept.reads == 1


class TestWhileTheStoreIsAway:
    def test_evaluation_answers_as_if_there_were_no_overrides(self, desk: OverrideDesk) -> None:
        desk.override("u")
        desk.kept.fails = True
        assert desk.resolved("banner", {"targetingKey": "u"}).variant == "off"
        assert desk.overrides.for_context({"targetingKey": "u"}) == ()
        desk.kept.fails = False
        assert desk.resolved("banner", {"targetingKey": "u"}).variant == "on"

    def test_an_outage_is_told_once(self, desk: OverrideDesk, caplog: pytest.LogCaptureFixture) -> None:
        desk.override("u")
        desk.kept.fails = True
        for _ in range(5):
            desk.resolved("banner", {"targetingKey": "u"})
        assert [each.message for each in caplog.records] == ["overrides.read_failed"]
        assert "u" not in caplog.records[0].__dict__.values()

    def test_management_is_told(self, desk: OverrideDesk) -> None:
        desk.override("u")
        desk.kept.fails = True
        with pytest.raises(UnavailableError):
            desk.overrides.get(*PLACE)
        with pytest.raises(UnavailableError):
            desk.override("v")


class TestPut:
    def test_a_new_one_has_version_1_and_its_author(self, desk: OverrideDesk) -> None:
        put = desk.override("u", status=ENABLED, reason="beta", expires_at=THE_DAY + 60)
        assert put == Override(
            flag_key="banner",
            targeting_key="u",
            status=ENABLED,
            reason="beta",
            expires_at=THE_DAY + 60,
            created_at=THE_DAY,
            created_by="ada",
            updated_at=THE_DAY,
            updated_by="ada",
        )
        assert desk.overrides.get(*PLACE) == put

    def test_a_replaced_one_has_the_next_version_and_its_first_author(self, desk: OverrideDesk) -> None:
        first = desk.override("u")
        desk.clock.now += 5
        second = desk.override("u", status=DISABLED)
        assert (second.version, second.variant, second.status) == (2, None, DISABLED)
        assert (second.created_at, second.updated_at) == (first.created_at, THE_DAY + 5)

    def test_one_that_is_so_already_is_not_written(self, desk: OverrideDesk) -> None:
        first = desk.override("u", variant="on", expires_at=THE_DAY + 9)
        head = desk.store.audit_head()
        assert desk.override("u", variant="on", expires_at=int(THE_DAY + 9) + 0.25) == first
        assert desk.store.audit_head() == head

    def test_one_that_has_expired_begins_anew(self, desk: OverrideDesk) -> None:
        desk.override("u", variant="on", expires_at=THE_DAY + 1)
        desk.clock.now += 2
        draft = OverrideDraft(flag_key="banner", targeting_key="u", variant="on")
        put = desk.overrides.put(draft, author=ADA, must_not_exist=True)
        assert (put.version, put.created_at) == (2, THE_DAY + 2)

    def test_every_write_is_audited_with_both_sides(self, desk: OverrideDesk) -> None:
        first = desk.override("a/b")
        second = desk.override("a/b", status=DISABLED, reason="why")
        desk.overrides.delete("default", "banner", "a/b", author=ADA)
        events = desk.store.audit_events(AuditQuery(flag_key="banner", limit=3))
        forms = [None, msgspec.to_builtins(first), msgspec.to_builtins(second), None]
        for event, action, before, after in zip(
            reversed(events), ("created", "updated", "deleted"), forms, forms[1:], strict=False
        ):
            assert event.action == f"override.{action}"
            assert (event.before, event.after) == (before, after)
            assert (event.actor, event.request_id, event.reason) == ("ada", "request-1", "because")
            assert (event.entity, event.revision) == ("overrides/default/banner/a~1b", 0)

    def test_there_must_be_such_a_flag(self, desk: OverrideDesk) -> None:
        with pytest.raises(NotFoundError):
            desk.override("u", "nothing")
        with pytest.raises(NotFoundError):
            desk.override("u", variant="on", flag_set="shop")

    @pytest.mark.parametrize(
        ("content", "pointer", "code"),
        [
            ({"reason": ""}, "/status", "status-or-variant"),
            ({"status": ENABLED, "variant": "on"}, "/status", "status-or-variant"),
            ({"variant": "most"}, "/variant", "unknown-variant"),
            ({"variant": ""}, "/variant", "unknown-variant"),
            ({"variant": "on", "reason": "x" * (MAX_REASON_CHARACTERS + 1)}, "/reason", "too-long"),
            ({"variant": "on", "expires_at": THE_DAY}, "/expiresAt", "invalid-expiry"),
            ({"variant": "on", "expires_at": THE_DAY - 1}, "/expiresAt", "invalid-expiry"),
            ({"variant": "on", "expires_at": LAST_MOMENT + 1}, "/expiresAt", "invalid-expiry"),
            ({"variant": "on", "expires_at": float("nan")}, "/expiresAt", "invalid-expiry"),
        ],
    )
    def test_faults_are_named(
        self, desk: OverrideDesk, content: dict[str, Any], pointer: str, code: str
    ) -> None:
        with pytest.raises(InvalidInputError) as caught:
            desk.override("u", **content)
        assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [(pointer, code)]
        assert desk.overrides.get(*PLACE) is None

    @pytest.mark.parametrize(
        "content",
        [
            {"variant": "on", "reason": "x" * MAX_REASON_CHARACTERS},
            {"variant": "on", "expires_at": THE_DAY + 0.001},
            {"variant": "on", "expires_at": LAST_MOMENT},
        ],
    )
    def test_what_is_just_within_the_bounds_is_accepted(
        self, desk: OverrideDesk, content: dict[str, Any]
    ) -> None:
        desk.override("u", **content)
        assert desk.overrides.get(*PLACE) is not None

    @pytest.mark.parametrize(
        ("subject", "is_good"),
        [
            ("", False),
            ("x", True),
            ("x" * MAX_TARGETING_KEY_CHARACTERS, True),
            ("x" * (MAX_TARGETING_KEY_CHARACTERS + 1), False),
            ("größe/42 @\U0001f600", True),
            ("a\nb", False),
            ("a\x00", False),
            ("a\x7f", False),
            ("a\x85", False),
            ("\ud800", False),
        ],
    )
    def test_a_targeting_key_is_short_and_has_no_controls(
        self, desk: OverrideDesk, subject: str, is_good: bool
    ) -> None:
        try:
            desk.override(subject)
        except InvalidInputError as error:
            assert not is_good
            assert [fault.pointer for fault in error.faults] == ["/targetingKey"]
        else:
            assert is_good
            assert desk.resolved("banner", {"targetingKey": subject}).variant == "on"


class TestConditions:
    @pytest.mark.parametrize(
        ("stored", "condition", "refusal"),
        [
            (0, {"must_not_exist": True}, None),
            (1, {"must_not_exist": True}, AlreadyExistsError),
            (0, {"version": 1}, VersionConflictError),
            (2, {"version": 1}, VersionConflictError),
            (2, {"version": 2}, None),
            (2, {"version": 3}, VersionConflictError),
        ],
    )
    def test_a_put_holds_to_its_condition(
        self,
        desk: OverrideDesk,
        stored: int,
        condition: dict[str, Any],
        refusal: type[BurgeeError] | None,
    ) -> None:
        for version in range(stored):
            desk.override("u", variant="on", reason=f"version {version}")
        draft = OverrideDraft(flag_key="banner", targeting_key="u", variant="off")
        if refusal is None:
            assert desk.overrides.put(draft, author=ADA, **condition).version == stored + 1
            return
        with pytest.raises(refusal):
            desk.overrides.put(draft, author=ADA, **condition)
        now = desk.overrides.get(*PLACE)
        assert (now.version if now is not None else 0) == stored

    @pytest.mark.parametrize(("version", "is_current"), [(1, False), (2, True), (3, False)])
    def test_a_deletion_holds_to_its_version(
        self, desk: OverrideDesk, version: int, is_current: bool
    ) -> None:
        desk.override("u")
        desk.override("u", variant="off")
        if is_current:
            desk.overrides.delete(*PLACE, author=ADA, version=version)
            assert desk.overrides.get(*PLACE) is None
            return
        with pytest.raises(VersionConflictError) as caught:
            desk.overrides.delete(*PLACE, author=ADA, version=version)
        assert caught.value.current == 2

    def test_a_write_that_was_overtaken_is_made_again_on_top(
        self, desk: OverrideDesk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.override("u")
        read = desk.kept.override

        def overtaken(*place: str) -> Override | None:
            found = read(*place)
            monkeypatch.undo()
            desk.override("u", variant="off", reason="faster")
            return found

        monkeypatch.setattr(desk.kept, "override", overtaken)
        assert desk.override("u", variant="on", reason="mine").version == 3

    @pytest.mark.parametrize("subject", ["u", "v"])
    def test_what_is_not_there_cannot_be_deleted(self, desk: OverrideDesk, subject: str) -> None:
        desk.override("u", variant="on", expires_at=THE_DAY + 1)
        desk.clock.now += 2
        with pytest.raises(NotFoundError):
            desk.overrides.delete("default", "banner", subject, author=ADA)


class TestLists:
    def test_pages_are_full_although_expired_ones_lie_between(self, desk: OverrideDesk) -> None:
        for number in range(10):
            expires_at = THE_DAY + 1 if number % 3 else None
            desk.override(f"u-{number}", variant="on", expires_at=expires_at)
        desk.clock.now += 2
        first = desk.overrides.of_flag("default", "banner", limit=2)
        assert [each.targeting_key for each in first] == ["u-0", "u-3"]
        rest = desk.overrides.of_flag("default", "banner", after="u-3", limit=3)
        assert [each.targeting_key for each in rest] == ["u-6", "u-9"]

    def test_those_of_a_subject_are_in_order_of_set_and_flag(self, desk: OverrideDesk) -> None:
        for flag_set, key in (("shop", "a"), ("default", "z"), ("default", "banner")):
            desk.put(key, flag_set=flag_set)
            desk.override("u", key, variant="on", flag_set=flag_set)
        places = [("default", "banner"), ("default", "z"), ("shop", "a")]
        found = desk.overrides.of_subject("u")
        assert [(each.flag_set, each.flag_key) for each in found] == places
        assert desk.overrides.of_subject("u", flag_set="shop") == found[2:]
        assert desk.overrides.of_subject("u", after=("default", "banner"), limit=1) == found[1:2]
        assert desk.overrides.of_subject("v") == ()
