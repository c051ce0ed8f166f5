"""Whole documents in flagd's format: import, export, validate."""

from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from burgee.engine.lint import LintWarning
from burgee.errors import InvalidInputError
from burgee.formats import flagd
from burgee.formats.fault_list import FaultList, TooManyFaultsError
from burgee.model.flag import DEFAULT_FLAG_SET
from burgee.model.limits import Limits
from burgee.service.access import Permission
from burgee.service.drafts import escape
from burgee.service.inspection import Inspector
from burgee.service.publish import ImportReport
from burgee.surfaces.http.exchange import JSON_TYPE, Answer, Call, json_answer
from burgee.surfaces.http.idempotency import once, record_of
from burgee.surfaces.http.management.views import (
    Change,
    ChangeView,
    ImportView,
    ValidationView,
    warning_views,
)
from burgee.surfaces.http.operation import YAML
from burgee.surfaces.http.parameters import Place
from burgee.surfaces.http.problems import FaultView


def import_document(call: Call) -> Answer:
    """Publish every flag of a document, all of them or none; with dryRun only say what would change."""
    reading = _read(call, call.services.limits)
    documents = reading.documents
    for document in documents:
        call.services.access.require(call.identity, Permission.WRITE, document.flag_set.key)

    def attempt() -> Answer:
        if reading.faults:
            raise InvalidInputError(_all_faults(call, reading))
        dry_run = call.is_set("dryRun")
        keyed = call.maybe_text("Idempotency-Key") is not None and not dry_run
        report = call.services.publisher.import_documents(
            documents,
            replace=call.is_set("replace"),
            dry_run=dry_run,
            lenient=call.is_set("lenient"),
            force=call.is_set("force"),
            author=call.author,
            remember=(lambda made: record_of(call, _answer(made))) if keyed else None,
        )
        return _answer(report)

    return once(call, attempt)


def export_document(call: Call) -> Answer:
    """A flag set as a document that flagd reads."""
    snapshot = call.services.browser.snapshot(call.text("flagSet", DEFAULT_FLAG_SET))
    return Answer(body=flagd.render(snapshot), headers=(JSON_TYPE,))


def validate_document(call: Call) -> Answer:
    """Every fault of a document and every warning; nothing is written."""
    limits = call.services.limits
    faults = FaultList(limits.faults)
    warnings: list[LintWarning] = []
    try:
        reading = _read(call, limits)
        faults += reading.faults
        _inspect(call.services.inspector, reading.documents, faults, warnings)
    except TooManyFaultsError:
        pass  # the last of them says so
    except InvalidInputError as error:
        faults += error.faults
    views = tuple(
        FaultView(place=Place.BODY, pointer=fault.pointer, code=fault.code, detail=fault.message)
        for fault in faults
    )
    return json_answer(
        ValidationView(
            valid=not faults, faults=views, warnings=warning_views(tuple(warnings[: limits.faults]))
        )
    )


def _read(call: Call, limits: Limits) -> flagd.Reading:
    return flagd.read(
        call.body,
        syntax="yaml" if call.media_type == YAML else "json",
        flag_set=call.maybe_text("flagSet"),
        source=call.text("source"),
        limits=limits,
    )


def _all_faults(call: Call, reading: flagd.Reading) -> FaultList:
    faults = FaultList(call.services.limits.faults)
    faults += reading.faults
    with suppress(TooManyFaultsError):
        _inspect(call.services.inspector, reading.documents, faults, [])
    return faults


def _inspect(
    inspector: Inspector,
    documents: Sequence[flagd.FlagSetDocument],
    faults: FaultList,
    warnings: list[LintWarning],
) -> None:
    for number, document in enumerate(documents):
        # All sets of one document have the same evaluators: their faults are told once.
        flag_set = document.flag_set if number == 0 else replace(document.flag_set, evaluators={})
        for fault in inspector.flag_set(flag_set):
            faults.add(*fault)
        for flag in document.flags:
            findings = inspector.flag(flag, document.flag_set)
            for fault in findings.faults:
                faults.add(f"/flags/{escape(flag.key)}{fault.pointer}", fault.code, fault.message)
            warnings += findings.warnings


def _answer(report: ImportReport) -> Answer:
    # The two sides of every change are for reviewing; a publish of 10,000 flags does not send them back.
    changes = tuple(
        ChangeView(flag_set=change.flag_set, key=change.key, change=Change(change.change))
        if not report.dry_run
        else ChangeView(
            flag_set=change.flag_set,
            key=change.key,
            change=Change(change.change),
            before=change.before,
            after=change.after,
        )
        for change in report.changes
    )
    view = ImportView(
        dry_run=report.dry_run,
        changes=changes,
        warnings=warning_views(report.warnings),
        revisions=report.revisions,
    )
    return json_answer(view)
