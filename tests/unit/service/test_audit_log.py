"""The audit log: an honest chain verifies, any change in it is found."""

import msgspec
import pytest

from burgee.model.audit import AuditEvent
from burgee.ports import AuditQuery
from burgee.service.audit_log import AuditLog, Verification
from burgee.testing.builders import an_audit_draft
from burgee.testing.workshop import Workshop


def test_an_empty_log_verifies(workshop: Workshop) -> None:
    assert AuditLog(workshop.store).verify() == Verification(ok=True, checked=0)


@pytest.mark.parametrize("count", [1, 999, 1000, 1001])
def test_a_whole_log_verifies_over_its_pages(workshop: Workshop, count: int) -> None:
    for _ in range(count):
        workshop.store.append_audit(an_audit_draft())
    assert AuditLog(workshop.store).verify() == Verification(ok=True, checked=count)


@pytest.mark.parametrize("at", [1, 5, 9])
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_the_first_bad_event_is_named(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, at: int, damage: str
) -> None:
    for _ in range(9):
        workshop.store.append_audit(an_audit_draft())
    honest = workshop.store.audit_range

    def tampered(*, first: int, limit: int) -> tuple[AuditEvent, ...]:
        events = honest(first=first, limit=limit)
        if damage == "missing":
            return tuple(event for event in events if event.sequence != at)
        return tuple(
            msgspec.structs.replace(event, actor="mallory") if event.sequence == at else event
            for event in events
        )

    monkeypatch.setattr(workshop.store, "audit_range", tampered)
    assert AuditLog(workshop.store).verify() == Verification(ok=False, checked=at - 1, first_broken=at)


def test_the_list_is_the_store_s(workshop: Workshop) -> None:
    workshop.put("a")
    assert [event.action for event in AuditLog(workshop.store).list(AuditQuery())] == ["flag.created"]
