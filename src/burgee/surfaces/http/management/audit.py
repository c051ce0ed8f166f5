"""The audit log: who changed what, and whether the record was tampered with."""

import msgspec

from burgee.model.delivery import DeadLetter
from burgee.ports import AuditQuery
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.management.cursors import invalid_cursor, read_cursor, write_cursor
from burgee.surfaces.http.management.flags import DEFAULT_PAGE
from burgee.surfaces.http.management.scope import sets_in_scope
from burgee.surfaces.http.management.views import AuditPage, VerificationView


def list_audit(call: Call) -> Answer:
    """A page of audit events, newest first; they tell of every subject."""
    call.services.access.require_subject(call.identity, None)
    limit = call.integer("limit", DEFAULT_PAGE)
    query = AuditQuery(
        # Within the query, not after it: gaps in a page would tell how much happens in other sets, and when.
        within=sets_in_scope(call),
        actor=call.maybe_text("actor"),
        flag_set=call.maybe_text("flagSet"),
        flag_key=call.maybe_text("key"),
        action=call.maybe_text("action"),
        since=call.maybe_number("since"),
        until=call.maybe_number("until"),
        before=_before(call),
        limit=limit,
    )
    events = call.services.audit_log.list(query)
    more = len(events) == limit and events[-1].sequence > 1
    page = AuditPage(
        items=events,
        next_cursor=write_cursor(call, str(events[-1].sequence) if more else None),
    )
    return json_answer(page)


def verify_audit(call: Call) -> Answer:
    """Walk the whole hash chain."""
    verification = call.services.audit_log.verify()
    return json_answer(
        VerificationView(
            ok=verification.ok, checked=verification.checked, first_broken=verification.first_broken
        )
    )


class DeadLetterPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Events that a sink never got, newest first, and the cursor of the next page."""

    items: tuple[DeadLetter, ...]
    next_cursor: str | None


def list_dead_letters(call: Call) -> Answer:
    """A page of the events that a sink never got, newest first; they tell of every subject."""
    call.services.access.require_subject(call.identity, None)
    limit = call.integer("limit", DEFAULT_PAGE)
    letters = call.services.audit_log.dead_letters(before=_before(call), limit=limit)
    more = len(letters) == limit and letters[-1].number > 1
    cursor = write_cursor(call, str(letters[-1].number) if more else None)
    return json_answer(DeadLetterPage(items=letters, next_cursor=cursor))


def _before(call: Call) -> int | None:
    place = read_cursor(call)
    if place is None:
        return None
    if not (place.isascii() and place.isdecimal() and len(place) <= 15):
        raise invalid_cursor()
    return int(place)
