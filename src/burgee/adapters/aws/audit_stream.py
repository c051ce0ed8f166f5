"""Audit events from the table's stream to Firehose: in order, at least once, up to the first failure."""

import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from burgee.adapters.aws.audit_changes import NotSoundError, Record, audit_line, sequence_number
from burgee.adapters.aws.emf import AUDIT_LINES, DEAD_LETTERS, ERRORS, Emf, Metric
from burgee.adapters.aws.firehose import RECORD_BYTES
from burgee.errors import UnavailableError

_log = logging.getLogger("burgee.audit")

REMEMBERED = 20_000
"""How many records a sandbox knows that it has delivered: a batch that comes again costs no second line."""


class Lines(Protocol):
    """Where lines go."""

    def put(self, lines: Sequence[bytes]) -> set[int]:
        """The places of those that were not taken."""
        ...


class AuditStream:
    """Handles batches of stream records, for the life of a sandbox.

    `bury` takes the text of a record that will never be a line; it raises UnavailableError.
    """

    def __init__(self, lines: Lines, bury: Callable[[str], None], emf: Emf) -> None:
        self._lines, self._bury, self._emf = lines, bury, emf
        self._done: OrderedDict[str, None] = OrderedDict()

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Deliver the records of `event`; names the first one that has to come again, where there is one.

        Raises ValueError where a record has no number, before anything was delivered.
        """
        found: list[tuple[str, bytes]] = []
        buried, stopped_at, seen = 0, "", set[str]()
        for record in event.get("Records") or ():
            number = sequence_number(record)
            if not number:
                # It could be named neither as failed nor as done: Lambda sends the batch again, in halves.
                raise ValueError("a record has no sequence number")
            if number in self._done or number in seen:
                continue
            seen.add(number)
            try:
                line = audit_line(record)
                if line is not None and len(line) > RECORD_BYTES:
                    raise NotSoundError(f"its line has {len(line)} bytes, more than Firehose takes")
            except NotSoundError as error:
                if not self._buried(record, str(error)):
                    stopped_at = number
                    break
                buried += 1
                self._remember(number)
                continue
            if line is not None:
                found.append((number, line))
        missed = self._lines.put([line for _, line in found]) if found else set()
        for place, (number, _) in enumerate(found):
            if place not in missed:
                self._remember(number)
        # What comes after the first failure comes again; what was taken of it is known, and not put twice.
        failed = found[min(missed)][0] if missed else stopped_at
        self._count(delivered=len(found) - len(missed), buried=buried, failed=bool(failed))
        return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}

    def _buried(self, record: Record, problem: str) -> bool:
        _log.error("audit.not_sound", extra={"problem": problem, "record": sequence_number(record)})
        try:
            self._bury(json.dumps({"problem": problem, "record": record}, default=str))
        except UnavailableError as error:
            _log.warning("audit.not_buried", extra={"problem": str(error)})
            return False
        return True

    def _remember(self, number: str) -> None:
        self._done[number] = None
        if len(self._done) > REMEMBERED:
            self._done.popitem(last=False)

    def _count(self, *, delivered: int, buried: int, failed: bool) -> None:
        values: list[tuple[Metric, float]] = []
        for metric, value in ((AUDIT_LINES, delivered), (DEAD_LETTERS, buried), (ERRORS, int(failed))):
            if value:
                values.append((metric, value))
        self._emf.emit(*values)
