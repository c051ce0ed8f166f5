"""Importing overrides: all rows are checked first, then written in transactions that hold nobody up."""

from collections.abc import Sequence

import msgspec

from burgee.errors import Fault, InvalidInputError, VersionConflictError
from burgee.model.flag import Flag
from burgee.ports import Clock, FlagStore, OverrideStore
from burgee.service.intent import Author
from burgee.service.override_drafts import OverrideDraft, faults_of
from burgee.service.override_plans import Plan, plan

ROWS_AT_ONCE = 1_000
"""In one transaction: a publish waits for one of them at most."""

MAX_FAULTS = 100
"""More are not listed: a file with another column order has one in every row."""

_ATTEMPTS = 16


class OverrideRow(msgspec.Struct, frozen=True):
    """One row of a file, with the number of its line."""

    line: int
    draft: OverrideDraft


class ImportedOverrides(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many overrides an import made, changed and left as they were, or would in a dry run."""

    dry_run: bool
    created: int = 0
    updated: int = 0
    unchanged: int = 0


class OverrideImporter:
    """Puts many overrides."""

    def __init__(self, store: OverrideStore, flags: FlagStore, *, clock: Clock) -> None:
        self._store = store
        self._flags = flags
        self._clock = clock

    def run(self, rows: Sequence[OverrideRow], *, author: Author, dry_run: bool = False) -> ImportedOverrides:
        """Put every row; nothing is written where one of them has a fault.

        Rows are written a thousand at a time: where the store fails on the way, those before stay, and the
        same import can be sent again.

        Raises InvalidInputError with pointers such as `/17/variant`, for the line 17.
        """
        flags = self._checked(rows)
        counts = {"created": 0, "updated": 0, "unchanged": 0}
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            for planned in self._put(some, flags, author=author, dry_run=dry_run):
                kind = "unchanged" if planned.change is None else "updated" if planned.version else "created"
                counts[kind] += 1
        return ImportedOverrides(dry_run=dry_run, **counts)

    def _checked(self, rows: Sequence[OverrideRow]) -> dict[tuple[str, str], Flag]:
        now = self._clock()
        flags: dict[tuple[str, str], Flag | None] = {}
        lines: dict[tuple[str, str, str], int] = {}
        faults: list[Fault] = []
        for row in rows:
            draft, within = row.draft, f"/{row.line}"
            place = (draft.flag_set, draft.flag_key)
            if place not in flags:
                flags[place] = self._flags.flag(*place)
            flag = flags[place]
            if flag is None:
                message = f"there is no flag {draft.flag_key} in flag set {draft.flag_set}"
                faults.append(Fault(f"{within}/flagKey", "unknown-flag", message))
            else:
                faults += faults_of(draft, flag, now=now, within=within)
            if lines.setdefault(draft.place, row.line) != row.line:
                message = f"line {lines[draft.place]} is of the same flag and subject"
                faults.append(Fault(within, "repeated", message))
            if len(faults) >= MAX_FAULTS:
                break
        if faults:
            raise InvalidInputError(faults[:MAX_FAULTS])
        return {place: flag for place, flag in flags.items() if flag is not None}

    def _put(
        self,
        rows: Sequence[OverrideRow],
        flags: dict[tuple[str, str], Flag],
        *,
        author: Author,
        dry_run: bool,
    ) -> list[Plan]:
        for _ in range(_ATTEMPTS):
            now = self._clock()
            plans = [
                plan(
                    row.draft,
                    flags[row.draft.flag_set, row.draft.flag_key],
                    self._store.override(*row.draft.place),
                    author=author,
                    now=now,
                )
                for row in rows
            ]
            try:
                if not dry_run:
                    changes = [planned.change for planned in plans if planned.change is not None]
                    self._store.write_overrides(changes)
            except VersionConflictError as error:
                conflict = error
            else:
                return plans
        raise conflict
