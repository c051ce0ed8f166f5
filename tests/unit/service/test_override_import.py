"""Importing overrides: all rows are checked before one is written."""

from typing import Any

import pytest

from burgee.errors import InvalidInputError, UnavailableError
from burgee.model.audit import AuditEvent, first_broken
from burgee.model.flag import FlagStatus
from burgee.model.override import OverrideChange
from burgee.service import override_import
from burgee.service.override_import import MAX_FAULTS, ImportedOverrides, OverrideRow
from burgee.service.overrides import OverrideDraft
from burgee.testing.builders import THE_DAY
from burgee.testing.override_desk import OverrideDesk
from burgee.testing.workshop import ADA


@pytest.fixture
def desk() -> OverrideDesk:
    desk = OverrideDesk()
    desk.put("banner", default_variant="off")
    desk.put("other", flag_set="shop")
    return desk


def row(line: int, subject: str, **content: Any) -> OverrideRow:
    fields: dict[str, Any] = {"flag_key": "banner", "variant": "on"}
    return OverrideRow(line, OverrideDraft(targeting_key=subject, **{**fields, **content}))


def test_rows_are_created_updated_and_left_as_they_are(desk: OverrideDesk) -> None:
    desk.override("a")
    desk.override("b", variant="off")
    rows = [row(2, "a"), row(3, "b"), row(4, "c"), row(5, "c", flag_set="shop", flag_key="other")]
    report = desk.overrides.import_rows(rows, author=ADA)
    assert report == ImportedOverrides(dry_run=False, created=2, updated=1, unchanged=1)
    for subject in "abc":
        assert desk.resolved("banner", {"targetingKey": subject}).variant == "on"
    assert len(desk.overrides.of_subject("c")) == 2


def test_a_dry_run_counts_and_writes_nothing(desk: OverrideDesk) -> None:
    desk.override("b", variant="off")
    head = desk.store.audit_head()
    report = desk.overrides.import_rows([row(2, "b"), row(3, "c")], author=ADA, dry_run=True)
    assert report == ImportedOverrides(dry_run=True, created=1, updated=1)
    assert desk.store.audit_head() == head
    assert desk.overrides.get("default", "banner", "c") is None


def test_every_row_has_its_audit_event(desk: OverrideDesk) -> None:
    before = desk.store.audit_head()[0]
    desk.overrides.import_rows([row(line, f"u-{line}") for line in range(2, 12)], author=ADA)
    events = desk.store.audit_range(first=before + 1, limit=100)
    assert [event.action for event in events] == ["override.created"] * 10
    assert first_broken(desk.store.audit_range(first=1, limit=100)) is None


@pytest.mark.parametrize(
    ("content", "pointer", "code"),
    [
        ({"flag_key": "nothing"}, "/3/flagKey", "unknown-flag"),
        ({"flag_set": "shop"}, "/3/flagKey", "unknown-flag"),
        ({"variant": "most"}, "/3/variant", "unknown-variant"),
        ({"status": FlagStatus.ENABLED}, "/3/status", "status-or-variant"),
        ({"expires_at": THE_DAY}, "/3/expiresAt", "invalid-expiry"),
        ({"targeting_key": ""}, "/3/targetingKey", "invalid-targeting-key"),
        ({"targeting_key": "good"}, "/3", "repeated"),
    ],
)
def test_one_bad_row_and_nothing_is_written(
    desk: OverrideDesk, content: dict[str, Any], pointer: str, code: str
) -> None:
    head = desk.store.audit_head()
    subject = content.pop("targeting_key", "bad")
    with pytest.raises(InvalidInputError) as caught:
        desk.overrides.import_rows([row(2, "good"), row(3, subject, **content)], author=ADA)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [(pointer, code)]
    assert desk.store.audit_head() == head


@pytest.mark.parametrize(
    ("bad", "told"), [(MAX_FAULTS - 1, MAX_FAULTS - 1), (MAX_FAULTS, MAX_FAULTS), (900, MAX_FAULTS)]
)
def test_so_many_faults_are_listed_and_no_more(desk: OverrideDesk, bad: int, told: int) -> None:
    with pytest.raises(InvalidInputError) as caught:
        desk.overrides.import_rows([row(line, f"u-{line}", variant="x") for line in range(bad)], author=ADA)
    assert len(caught.value.faults) == told


class TestInSeveralTransactions:
    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(override_import, "ROWS_AT_ONCE", 3)

    @pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 6, 7])
    def test_all_rows_are_written(self, desk: OverrideDesk, number: int) -> None:
        report = desk.overrides.import_rows([row(line, f"u-{line}") for line in range(number)], author=ADA)
        assert report.created == number
        assert len(desk.overrides.of_flag("default", "banner")) == number

    def test_one_that_was_overtaken_is_made_again(
        self, desk: OverrideDesk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = desk.kept.write_overrides

        def overtaken(changes: list[OverrideChange]) -> tuple[AuditEvent, ...]:
            monkeypatch.setattr(desk.kept, "write_overrides", write)
            desk.override("u-4", variant="off")
            return write(changes)

        monkeypatch.setattr(desk.kept, "write_overrides", overtaken)
        rows = [row(line, f"u-{line}") for line in range(3, 6)]
        report = desk.overrides.import_rows(rows, author=ADA)
        assert (report.created, report.updated) == (2, 1)

    def test_what_was_written_before_a_failure_is_known_and_the_rest_can_follow(
        self, desk: OverrideDesk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write, calls = desk.kept.write_overrides, []

        def failing(changes: list[OverrideChange]) -> tuple[AuditEvent, ...]:
            calls.append(len(changes))
            if len(calls) == 2:
                raise UnavailableError("full")
            return write(changes)

        monkeypatch.setattr(desk.kept, "write_overrides", failing)
        rows = [row(line, f"u-{line}") for line in range(5)]
        with pytest.raises(UnavailableError):
            desk.overrides.import_rows(rows, author=ADA)
        assert desk.resolved("banner", {"targetingKey": "u-0"}).variant == "on"
        report = desk.overrides.import_rows(rows, author=ADA)
        assert (report.unchanged, report.created) == (3, 2)
