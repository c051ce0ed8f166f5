"""Importing: all of it or nothing, one revision for each set, and a dry run that tells the truth."""

import msgspec
import pytest

from burgee.errors import InvalidInputError, KeyReservedError
from burgee.formats.flagd import FlagSetDocument
from burgee.model.change import IdempotencyRecord
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.limits import Limits
from burgee.ports import AuditQuery
from burgee.service.drafts import FlagSetDraft
from burgee.service.publish import ImportReport
from burgee.testing.builders import an_idempotency_record
from burgee.testing.workshop import ADA, Workshop, broken_document


def on(key: str, default: str | None = "on", **fields: object) -> Flag:
    flag = Flag(id="", key=key, variants={"on": True, "off": False}, default_variant=default)
    return msgspec.structs.replace(flag, **fields)


def document(*flags: Flag, key: str = "default", **fields: object) -> FlagSetDocument:
    flag_set = msgspec.structs.replace(FlagSet(key=key), **fields)
    return FlagSetDocument(flag_set=flag_set, flags=flags)


def changes(report: ImportReport) -> dict[str, str]:
    return {f"{change.flag_set}/{change.key}": change.change for change in report.changes}


def test_several_sets_are_published_at_one_revision_each(workshop: Workshop) -> None:
    report = workshop.publisher.import_documents(
        [document(on("a"), on("b")), document(on("c"), key="shop")], author=ADA
    )
    assert report.revisions == {"default": 1, "shop": 1}
    assert changes(report) == {"default/a": "created", "default/b": "created", "shop/c": "created"}
    assert workshop.evaluate("a").value is True
    assert workshop.evaluate("c", flag_set="shop").value is True


def test_the_same_document_again_changes_nothing(workshop: Workshop) -> None:
    documents = [document(on("a"), metadata={"stage": "x"}, source="file.json")]
    workshop.publisher.import_documents(documents, author=ADA)
    head = workshop.store.audit_head()
    again = workshop.publisher.import_documents(documents, author=ADA)
    assert changes(again) == {"default/a": "unchanged"}
    assert again.revisions == {"default": 1}
    assert workshop.store.audit_head() == head


def test_each_flag_and_the_import_itself_are_audited(workshop: Workshop) -> None:
    workshop.put("a", default_variant="off")
    workshop.publisher.import_documents([document(on("a"), on("b"), source="f")], author=ADA)
    events = workshop.store.audit_events(AuditQuery())
    assert [event.action for event in events] == [
        "flag_set.updated",
        "flags.imported",
        "flag.created",
        "flag.updated",
        "flag.created",
    ]
    assert events[1].after == {"source": "f", "created": 1, "updated": 1, "deleted": 0}


def test_a_dry_run_shows_the_changes_and_makes_none(workshop: Workshop) -> None:
    workshop.put("a", default_variant="off")
    report = workshop.publisher.import_documents([document(on("a"), on("b"))], author=ADA, dry_run=True)
    assert report.dry_run
    assert changes(report) == {"default/a": "updated", "default/b": "created"}
    (updated,) = (change for change in report.changes if change.key == "a")
    assert updated.before is not None
    assert updated.after is not None
    assert (updated.before.default_variant, updated.after.default_variant) == ("off", "on")
    assert report.revisions == {"default": 1}
    assert workshop.live.current.revisions == {"default": 1}


def test_what_the_format_cannot_say_is_kept(workshop: Workshop) -> None:
    workshop.put("a", name="A", description="d", tags=("t",), default_variant="off")
    workshop.publisher.put_flag_set("default", FlagSetDraft(priority=7), author=ADA)
    workshop.publisher.import_documents([document(on("a"))], author=ADA)
    flag = workshop.store.flag("default", "a")
    assert flag is not None
    assert (flag.name, flag.description, flag.tags, flag.default_variant) == ("A", "d", ("t",), "on")
    assert workshop.live.current.programs["default"].snapshot.flag_set.priority == 7


@pytest.mark.parametrize("replace", [True, False])
def test_other_flags_go_only_where_the_document_replaces(workshop: Workshop, replace: bool) -> None:
    workshop.put("old")
    report = workshop.publisher.import_documents([document(on("new"))], author=ADA, replace=replace)
    assert ("default/old" in changes(report)) is replace
    assert ("old" in workshop.live.current.programs["default"].flags) is not replace
    assert (workshop.store.tombstone("default", "old") is not None) is replace


def test_one_faulty_flag_refuses_all_and_every_fault_is_named(workshop: Workshop) -> None:
    faulty = on("b", default="gone"), on("a/c", default="gone")
    with pytest.raises(InvalidInputError) as caught:
        workshop.publisher.import_documents([document(on("a"), *faulty)], author=ADA)
    pointers = {fault.pointer for fault in caught.value.faults}
    assert "/flags/b/defaultVariant" in pointers
    assert any(pointer.startswith("/flags/a~1c") for pointer in pointers)
    assert workshop.store.audit_head()[0] == 0


@pytest.mark.parametrize("lenient", [True, False])
def test_a_faulty_rule_is_a_fault_or_leniently_a_warning(workshop: Workshop, lenient: bool) -> None:
    def act() -> ImportReport:
        return workshop.publisher.import_documents(
            [broken_document(), document(on("fine"), key="other")], author=ADA, lenient=lenient
        )

    if not lenient:
        with pytest.raises(InvalidInputError, match="targeting"):
            act()
        return
    assert {warning.flag_key for warning in act().warnings} == {"broken"}
    assert workshop.evaluate("fine", flag_set="other").value is True


def test_leniency_ends_at_structure(workshop: Workshop) -> None:
    with pytest.raises(InvalidInputError, match="defaultVariant"):
        workshop.publisher.import_documents([document(on("a", default="gone"))], author=ADA, lenient=True)


def test_a_reserved_key_needs_force(workshop: Workshop) -> None:
    workshop.put("a")
    workshop.publisher.delete_flag("default", "a", author=ADA)
    with pytest.raises(KeyReservedError):
        workshop.publisher.import_documents([document(on("a"))], author=ADA)
    report = workshop.publisher.import_documents([document(on("a"))], author=ADA, force=True)
    assert changes(report) == {"default/a": "created"}


@pytest.mark.parametrize(("count", "accepted"), [(2, True), (3, True), (4, False)])
def test_the_limit_of_a_set_holds_for_imports(count: int, accepted: bool) -> None:
    workshop = Workshop(limits=Limits(flags_per_set=3))
    documents = [document(*(on(f"f{number}") for number in range(count)))]
    if accepted:
        assert len(workshop.publisher.import_documents(documents, author=ADA).changes) == count
        return
    with pytest.raises(InvalidInputError, match="4 flags"):
        workshop.publisher.import_documents(documents, author=ADA)


def test_two_documents_of_one_set_are_one_and_the_later_flag_stays(workshop: Workshop) -> None:
    documents = [document(on("a", "off"), on("b")), document(on("a"))]
    report = workshop.publisher.import_documents(documents, author=ADA)
    assert report.revisions == {"default": 1}
    assert workshop.evaluate("a").value is True


def test_an_import_is_remembered_with_its_report(workshop: Workshop) -> None:
    reports: list[ImportReport] = []

    def remember(report: ImportReport) -> IdempotencyRecord:
        reports.append(report)
        return an_idempotency_record(key="k", actor="ada", expires_at=workshop.clock.now + 1)

    report = workshop.publisher.import_documents([document(on("a"))], author=ADA, remember=remember)
    assert reports == [report]
    assert workshop.publisher.recall("k", actor="ada", fingerprint="ab" * 32) is not None


def test_an_empty_document_for_a_new_set_creates_it(workshop: Workshop) -> None:
    assert workshop.publisher.import_documents([document(key="new")], author=ADA).revisions == {"new": 1}
