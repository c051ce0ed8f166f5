"""Records of the main table's stream that hold audit events, as lines of the audit."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from burgee.model.audit import AuditEvent, event_hash

Record: TypeAlias = Mapping[str, Any]

PARTITION = "audit#"
"""How the partition keys of audit events begin."""


FIRST_EVALUATIONS = "usage-last#"
"""How the partition keys of what says when a flag was last evaluated begin; it is inserted once."""


class NotSoundError(Exception):
    """A change in the audit's partitions that is no new event: nothing of ours makes such a change."""


def audit_line(record: Record) -> bytes | None:
    """The event that `record` adds to the audit, as the NDJSON sink writes it without its line end.

    The first evaluation of a flag is a line too, of sequence 0 since it is no audit event: with it one can
    ask the lines for flags that nobody evaluates. None for a change of anything else. Raises NotSoundError
    for an event that cannot be read or fails its hash, and for a change of one that was there.
    """
    change = _mapping(record.get("dynamodb"))
    partition = _mapping(_mapping(change.get("Keys")).get("pk")).get("S", "")
    if str(partition).startswith(FIRST_EVALUATIONS):
        return _first_evaluation(change) if record.get("eventName") == "INSERT" else None
    if not str(partition).startswith(PARTITION):
        return None
    if record.get("eventName") != "INSERT":
        raise NotSoundError(f"an audit event was changed after it was written: {record.get('eventName')}")
    document = _mapping(_mapping(change.get("NewImage")).get("document")).get("S", "")
    try:
        event = msgspec.json.decode(str(document), type=AuditEvent)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise NotSoundError("an audit event cannot be read") from error
    if event.hash != event_hash(event):
        raise NotSoundError(f"audit event {event.sequence} fails its hash")
    return msgspec.json.encode(event)


def _first_evaluation(change: Mapping[str, Any]) -> bytes:
    image = _mapping(change.get("NewImage"))
    flag_set, key = (str(_mapping(image.get(name)).get("S", "")) for name in ("flagSet", "flagKey"))
    try:
        at = float(_mapping(image.get("lastAt")).get("N", ""))
    except ValueError as error:
        raise NotSoundError("a first evaluation cannot be read") from error
    line = {"sequence": 0, "at": at, "action": "flag.evaluated", "entity": f"flags/{flag_set}/{key}"}
    return msgspec.json.encode({**line, "flagSet": flag_set, "flagKey": key})


def sequence_number(record: Record) -> str:
    """The place of `record` in its stream, "" where it says none."""
    return str(_mapping(_mapping(record).get("dynamodb")).get("SequenceNumber") or "")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
