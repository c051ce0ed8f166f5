"""Records of the tables' streams, as far as snapshots depend on them (docs/decisions/0042)."""

from typing import Any

import msgspec

from burgee.errors import MalformedError
from burgee.model.flag import DEFAULT_FLAG_SET


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """What one record asks for: a flag set to publish ("" for none), and what to do besides.

    `subject` may have an override from now on. `changes_access`: keys, or the stop of evaluation, may be
    others. `is_foreign`: a source service wrote it, which must be taken over first. `event_id` is unique
    among all streams, as `sequence_number` is not.
    """

    sequence_number: str
    event_id: str = ""
    flag_set: str = ""
    subject: str | None = None
    changes_access: bool = False
    is_foreign: bool = False


class _Subject(msgspec.Struct, rename="camel"):
    targeting_key: str


def sequence_number_of(record: Any) -> str:
    """The number by which a record is reported. Raises MalformedError where it has none."""
    try:
        found = record["dynamodb"]["SequenceNumber"]
    except (KeyError, TypeError):
        found = None
    if not isinstance(found, str) or not found:
        raise MalformedError("no-sequence-number", "a stream record has no sequence number")
    return found


def read_record(record: Any) -> Trigger:
    """What a record of any of the tables means. Raises MalformedError for what is no such record."""
    trigger = _read(record, sequence_number_of(record))
    event_id = record.get("eventID") or f"{record.get('eventSourceARN', '')}#{trigger.sequence_number}"
    return msgspec.structs.replace(trigger, event_id=str(event_id))


def _read(record: Any, number: str) -> Trigger:
    try:
        change = record["dynamodb"]
        keys, new = change["Keys"], change.get("NewImage") or {}
        image = new or change.get("OldImage") or {}
        if "pk" in keys:
            return _of_main_table(number, keys["pk"]["S"], keys["sk"]["S"], new)
        if "userId" in keys:
            return Trigger(
                sequence_number=number,
                flag_set=_text(image, "flagSet", DEFAULT_FLAG_SET),
                subject=_subject(keys["userId"]["S"], image) if new else None,
                is_foreign=bool(new) and _is_foreign(new),
            )
        if "id" in keys:
            return Trigger(
                sequence_number=number,
                flag_set=_text(image, "flagSet", DEFAULT_FLAG_SET),
                is_foreign=bool(new) and _is_foreign(new),
            )
    except (KeyError, TypeError, AttributeError, msgspec.DecodeError) as error:
        raise MalformedError("no-stream-record", f"a stream record cannot be read: {error!r}") from error
    raise MalformedError("unknown-table", "a stream record is of a table that is not known")


def _of_main_table(number: str, pk: str, sk: str, new: dict[str, Any]) -> Trigger:
    """Of Burgee's own table only sets and audit events matter: every change has its event."""
    if pk == "sets":
        return Trigger(sequence_number=number, flag_set=sk if new else "")
    if pk.startswith("audit#"):
        noun = _text(new, "action").partition(".")[0]
        return Trigger(sequence_number=number, changes_access=noun in ("key", "budget"))
    return Trigger(sequence_number=number)


def _is_foreign(new: dict[str, Any]) -> bool:
    """Whether a source service was the last to write it: ours says what we wrote."""
    if "document" not in new:
        return True
    return "publishedAt" in new and (
        new.get("updatedAt") != new["publishedAt"] or new.get("status") != new.get("publishedStatus")
    )


def _subject(user_id: str, image: dict[str, Any]) -> str:
    """The subject of an override: one that no key can hold stands in the document alone."""
    if not user_id.startswith("\x00"):
        return user_id
    return msgspec.json.decode(_text(image, "document"), type=_Subject).targeting_key


def _text(image: dict[str, Any], name: str, default: str = "") -> str:
    return str(image.get(name, {}).get("S", default)) or default
