"""Items of audit events; the events seal themselves by their hash chain."""

from collections.abc import Iterator

import msgspec

from burgee.adapters.dynamodb.actions import Action, put
from burgee.adapters.dynamodb.client import DynamoClient, Item
from burgee.adapters.dynamodb.items import int_of, number, text, text_of
from burgee.adapters.dynamodb.layout import EVENTS_IN_PARTITION, event_key, event_partition
from burgee.adapters.dynamodb.tables import TableNames
from burgee.adapters.queries import event_matches
from burgee.errors import StoreDamagedError
from burgee.model.audit import AuditEvent, event_hash
from burgee.ports import AuditQuery

_PAGE = 1_000


def action(names: TableNames, event: AuditEvent, *, commit: str) -> Action:
    """The event as an item of its own; what listens to the table's stream finds it in `document`."""
    item = {
        **event_key(event.sequence),
        "sequence": number(event.sequence),
        "at": number(event.at),
        "actor": text(event.actor),
        "action": text(event.action),
        "entity": text(event.entity),
        "flagSet": text(event.flag_set),
        "flagKey": text(event.flag_key),
        "revision": number(event.revision),
        "hash": text(event.hash),
        "commit": text(commit),
        "document": text(msgspec.json.encode(event).decode()),
    }
    return put(names, names.main, item, what=f"the audit event of {event.entity}", lasting=True)


def find(client: DynamoClient, names: TableNames, query: AuditQuery, *, last: int) -> Iterator[AuditEvent]:
    """The events that `query` asks for, newest first, from `last` down.

    Raises StoreDamagedError where one fails its own hash.
    """
    below = last + 1 if query.before is None else min(query.before, last + 1)
    while below > 1:
        partition = event_partition(below - 1)
        lowest = (below - 1) // EVENTS_IN_PARTITION * EVENTS_IN_PARTITION
        items = client.query(
            names.main,
            "pk = :pk AND sk < :below",
            limit=_page_of(query),
            ScanIndexForward=False,
            ExpressionAttributeValues={":pk": text(partition), ":below": text(f"{below:016d}")},
        )
        for item in items:
            event = _sound(event_of(item))
            if event_matches(event, query):
                yield event
        below = lowest


def read_range(
    client: DynamoClient, names: TableNames, *, first: int, last: int, limit: int
) -> Iterator[AuditEvent]:
    """Events as they stand, unchecked, oldest first, from `first` to `last`."""
    start = max(1, first)
    while start <= last and limit > 0:
        partition = event_partition(start)
        highest = (start // EVENTS_IN_PARTITION + 1) * EVENTS_IN_PARTITION - 1
        items = client.query(
            names.main,
            "pk = :pk AND sk BETWEEN :start AND :end",
            limit=min(_PAGE, limit),
            ExpressionAttributeValues={
                ":pk": text(partition),
                ":start": text(f"{start:016d}"),
                ":end": text(f"{min(last, highest):016d}"),
            },
        )
        for item in items:
            yield event_of(item)
            limit -= 1
            if limit <= 0:
                return
        start = highest + 1


def event_of(item: Item) -> AuditEvent:
    """The event of an item; one that cannot be read breaks the chain at its place."""
    document = text_of(item, "document").encode("utf-8", "surrogatepass")
    try:
        event = msgspec.json.decode(document, type=AuditEvent)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _unreadable(item)
    as_written = document == msgspec.json.encode(event) and f"{event.sequence:016d}" == text_of(item, "sk")
    return event if as_written else _unreadable(item)


def _unreadable(item: Item) -> AuditEvent:
    return AuditEvent(
        at=0,
        actor="",
        action="event.unreadable",
        entity="",
        sequence=int_of(item, "sequence"),
        previous_hash="",
        hash="",
    )


def _sound(event: AuditEvent) -> AuditEvent:
    if event.hash != event_hash(event):
        raise StoreDamagedError(f"audit event {event.sequence} fails its hash")
    return event


def _page_of(query: AuditQuery) -> int:
    filters = (query.actor, query.flag_set, query.flag_key, query.action, query.since, query.until)
    is_plain = all(each is None for each in filters)
    return max(1, min(_PAGE, query.limit)) if is_plain else _PAGE
