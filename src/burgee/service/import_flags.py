"""Importing: many flags of several sets, published in one transaction or not at all."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import msgspec

from burgee.engine.lint import LintWarning
from burgee.errors import Fault, InvalidInputError
from burgee.formats.flagd import FlagSetDocument
from burgee.model.audit import AuditDraft
from burgee.model.change import FlagWrite, IdempotencyRecord
from burgee.model.flag import Flag, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.limits import Limits
from burgee.ports import Clock
from burgee.service.audit_drafts import flag_event, flag_set_event
from burgee.service.commit import Base, Committer, Plan
from burgee.service.drafts import draft_of_flag, draft_of_flag_set, escape, same_content
from burgee.service.flag_publishing import TOMBSTONE_SECONDS, key_reserved
from burgee.service.inspection import Inspector
from burgee.service.intent import Author
from burgee.service.next_version import next_flag, next_flag_set
from burgee.service.standing import require_same_standing

Change: TypeAlias = Literal["created", "updated", "deleted", "unchanged"]


class FlagChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an import does to one flag."""

    flag_set: str
    key: str
    change: Change
    before: Flag | None = None
    after: Flag | None = None


class ImportReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an import did, or would do (`dry_run`); `revisions` are those of the sets it names, afterwards."""

    changes: tuple[FlagChange, ...]
    warnings: tuple[LintWarning, ...] = ()
    revisions: dict[str, int] = {}
    dry_run: bool = False


class Importer:
    """Turns documents into one commit."""

    def __init__(self, committer: Committer, inspector: Inspector, *, limits: Limits, clock: Clock) -> None:
        self._committer = committer
        self._inspector = inspector
        self._limits = limits
        self._clock = clock

    def run(
        self,
        documents: Sequence[FlagSetDocument],
        *,
        author: Author,
        replace: bool = False,
        dry_run: bool = False,
        lenient: bool = False,
        force: bool = False,
        remember: Callable[[ImportReport], IdempotencyRecord] | None = None,
    ) -> ImportReport:
        """Publish `documents`; a flag set that is already as its document says keeps its revision.

        `replace` makes each named set exactly its document and deletes the other flags; otherwise flags,
        evaluators and metadata are added or replaced one by one. What the flagd format does not say (name,
        description, tags, priority) stays as it is. `lenient` lets faulty targeting in, as a warning.

        Raises InvalidInputError with the faults of all documents, KeyReservedError unless `force`, and
        ForbiddenError for a bound author who would change how a set stands among the others.
        """
        drafts = [
            _SetImport(self._committer, self._inspector, document, at=self._clock(), author=author)
            for document in _joined(documents)
        ]
        faults: list[Fault] = []
        for draft in drafts:
            faults += draft.read(replace=replace, lenient=lenient, force=force, limits=self._limits)
        if faults:
            raise InvalidInputError(faults)
        plans = [plan for draft in drafts if (plan := draft.plan()) is not None]
        revisions = {draft.base.flag_set.key: draft.base.flag_set.revision for draft in drafts}
        if not dry_run:
            revisions |= {plan.flag_set.key: plan.flag_set.revision for plan in plans}
        report = ImportReport(
            changes=tuple(change for draft in drafts for change in draft.changes),
            warnings=tuple(warning for draft in drafts for warning in draft.warnings),
            revisions=revisions,
            dry_run=dry_run,
        )
        if plans and not dry_run:
            self._committer.commit(plans, idempotency=remember(report) if remember is not None else None)
        return report


class _SetImport:
    """One flag set of an import."""

    def __init__(
        self,
        committer: Committer,
        inspector: Inspector,
        document: FlagSetDocument,
        *,
        at: float,
        author: Author,
    ) -> None:
        self.base: Base = committer.base(document.flag_set.key)
        self.changes: list[FlagChange] = []
        self.warnings: list[LintWarning] = []
        self._after = next_flag_set(self.base.flag_set, at=at, author=author)
        self._writes: list[FlagWrite] = []
        self._committer = committer
        self._inspector = inspector
        self._document = document
        self._author = author

    def read(self, *, replace: bool, lenient: bool, force: bool, limits: Limits) -> list[Fault]:
        """Compare the document with what is there; returns everything that forbids the import."""
        wanted = self._document.flag_set
        self._after = _flag_set_after(self._after, wanted, replace=replace)
        require_same_standing(self.base.flag_set, self._after, author=self._author)
        faults = [
            fault._replace(pointer=_set_pointer(fault.pointer))
            for fault in self._inspector.flag_set(self._after)
        ]
        present = {flag.key: flag for flag in self.base.flags}
        imported = {flag.key: flag for flag in self._document.flags}
        for key, flag in imported.items():
            faults += self._write(flag, present.get(key), lenient=lenient, force=force)
        others = [flag for key, flag in present.items() if key not in imported]
        if replace:
            for flag in others:
                self._delete(flag)
        elif self._after.evaluators != self.base.flag_set.evaluators:
            faults += self._broken(others, lenient=lenient)
        count = len(imported) + (0 if replace else len(others))
        if count > limits.flags_per_set:
            message = (
                f"flag set {self._after.key} would hold {count} flags, {limits.flags_per_set} are allowed"
            )
            faults.append(Fault("/flags", "too-many-flags", message))
        return faults

    def plan(self) -> Plan | None:
        """What is to be committed, None where the set is already as the document says."""
        same_set = same_content(draft_of_flag_set(self._after), draft_of_flag_set(self.base.flag_set))
        if not self._writes and same_set and self.base.program is not None:
            return None
        events = [self._event(change) for change in self.changes if change.change != "unchanged"]
        counts = {
            kind: sum(change.change == kind for change in self.changes)
            for kind in ("created", "updated", "deleted")
        }
        events.append(
            flag_set_event(
                "flags.imported",
                before=self.base.flag_set,
                after=self._after,
                author=self._author,
                detail={"source": self._after.source, **counts},
            )
        )
        if not same_set:
            before = None if self.base.program is None else self.base.flag_set
            action = "flag_set.created" if before is None else "flag_set.updated"
            events.append(flag_set_event(action, before=before, after=self._after, author=self._author))
        return Plan(base=self.base, flag_set=self._after, writes=tuple(self._writes), audit=tuple(events))

    def _write(self, wanted: Flag, before: Flag | None, *, lenient: bool, force: bool) -> list[Fault]:
        key = wanted.key
        draft = draft_of_flag(wanted)
        there: Flag | Tombstone | None = before
        if before is not None:
            # The flagd format has no words for these: silence does not erase them.
            draft = msgspec.structs.replace(
                draft,
                name=draft.name or before.name,
                description=draft.description or before.description,
                tags=draft.tags or before.tags,
            )
        else:
            there = self._committer.entity(self._after.key, key)
            if isinstance(there, Tombstone) and not force and there.reserved_until > self._after.updated_at:
                raise key_reserved(there)
        flag = next_flag(draft, key=key, there=there, flag_set=self._after, author=self._author)
        findings = self._inspector.flag(flag, self._after, lenient=lenient)
        self.warnings += findings.warnings
        if before is not None and same_content(draft, draft_of_flag(before)):
            self._note("unchanged", key, before, before)
        else:
            self._writes.append(FlagWrite(expected_version=flag.version - 1, flag=flag))
            self._note("created" if before is None else "updated", key, before, flag)
        where = f"/flags/{escape(key)}"
        return [fault._replace(pointer=where + fault.pointer) for fault in findings.faults]

    def _delete(self, flag: Flag) -> None:
        tombstone = Tombstone(
            flag_set=flag.flag_set,
            key=flag.key,
            version=flag.version + 1,
            revision=self._after.revision,
            deleted_at=self._after.updated_at,
            reserved_until=self._after.updated_at + TOMBSTONE_SECONDS,
        )
        self._writes.append(FlagWrite(expected_version=flag.version, tombstone=tombstone))
        self._note("deleted", flag.key, flag, None)

    def _broken(self, others: Sequence[Flag], *, lenient: bool) -> list[Fault]:
        broken = self._inspector.new_faults(others, before=self.base.flag_set, after=self._after)
        if lenient:
            self.warnings += [
                LintWarning(flag_key=flag.key, pointer=each.pointer, code=each.code, message=each.message)
                for flag, each in broken
            ]
            return []
        return [
            Fault("/$evaluators", fault.code, f"flag {flag.key} at {fault.pointer}: {fault.message}")
            for flag, fault in broken
        ]

    def _note(self, change: Change, key: str, before: Flag | None, after: Flag | None) -> None:
        self.changes.append(
            FlagChange(flag_set=self._after.key, key=key, change=change, before=before, after=after)
        )

    def _event(self, change: FlagChange) -> AuditDraft:
        return flag_event(
            f"flag.{change.change}",
            after_set=self._after,
            before=change.before,
            after=change.after,
            author=self._author,
        )


def _joined(documents: Sequence[FlagSetDocument]) -> list[FlagSetDocument]:
    """One document for each flag set; of two flags with one key the later stays."""
    joined: dict[str, FlagSetDocument] = {}
    for document in documents:
        key = document.flag_set.key
        if key in joined:
            first = joined[key]
            flags = {flag.key: flag for flag in (*first.flags, *document.flags)}
            flag_set = _flag_set_after(first.flag_set, document.flag_set, replace=False)
            joined[key] = msgspec.structs.replace(first, flag_set=flag_set, flags=tuple(flags.values()))
        else:
            joined[key] = document
    return list(joined.values())


def _flag_set_after(base: FlagSet, wanted: FlagSet, *, replace: bool) -> FlagSet:
    return msgspec.structs.replace(
        base,
        source=wanted.source or base.source,
        priority=wanted.priority or base.priority,
        fractional=wanted.fractional if wanted.fractional is not None else base.fractional,
        metadata=wanted.metadata if replace else {**base.metadata, **wanted.metadata},
        evaluators=wanted.evaluators if replace else {**base.evaluators, **wanted.evaluators},
    )


def _set_pointer(pointer: str) -> str:
    return (
        "/$evaluators" + pointer.removeprefix("/evaluators") if pointer.startswith("/evaluators") else pointer
    )
