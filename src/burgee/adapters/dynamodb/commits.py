"""Committing: one transaction, guarded by the head; what is too large is staged, decided, written out.

Every commit moves the head and demands that it stands where the commit's plan has read it. A plan that reads
the head first therefore sees one state, whatever it reads after it: where anything has changed in between,
its commit is refused and planned anew.
"""

import logging
import random
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from burgee.adapters.dynamodb import audit_items
from burgee.adapters.dynamodb.actions import (
    Action,
    batch_request,
    chunks,
    fits,
    packed,
    transact_item,
    unpacked,
)
from burgee.adapters.dynamodb.client import Cancelled, DynamoClient, Item
from burgee.adapters.dynamodb.head import UNMOVED, Head, head_item, head_of
from burgee.adapters.dynamodb.items import number, text_of
from burgee.adapters.dynamodb.layout import HEAD_KEY, event_key, main_key
from burgee.adapters.dynamodb.tables import TTL_ATTRIBUTE, TableNames
from burgee.errors import StoreDamagedError, UnavailableError, VersionConflictError
from burgee.model.audit import AuditDraft, AuditEvent, chain
from burgee.ports import Clock

ATTEMPTS = 24
PATIENCE_SECONDS = 8.0
"""How long a commit that others keep overtaking is tried; a store that does not answer ends it at once."""
STAGED_SECONDS = 30 * 86_400
"""How long staged parts are kept where nobody could write them out."""

_log = logging.getLogger("burgee.dynamodb")


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What a commit writes beside the head and its audit events.

    `override_count` is how many overrides there are then, None where none is written.
    """

    actions: Sequence[Action]
    audit: Sequence[AuditDraft]
    override_count: int | None = None
    key_changes: int = 0


Plan = Callable[[Head], Planned]
"""Reads what it needs at that head, and says what is to be written. Raises conflicts."""


class Writer:
    """All writes that are audited. Thread-safe."""

    def __init__(self, client: DynamoClient, names: TableNames, clock: Clock) -> None:
        self.client, self.names = client, names
        self.known: Head | None = None
        self._clock = clock

    def head(self) -> Head:
        """The head as it is now, with nothing left to be written out."""
        return self.settled(self.client.get(self.names.main, HEAD_KEY))

    def settled(self, item: Item | None) -> Head:
        """The head of `item`, once what is pending there is written out, by whoever."""
        head = head_of(item)
        while head.pending:
            head = self._write_out(head)
        if self.known is None or self.known.sequence <= head.sequence:
            self.known = head
        return head

    def write(
        self, plan: Plan, *, on_refused: Callable[[Sequence[Action]], None] = lambda _: None
    ) -> tuple[AuditEvent, ...]:
        """Commit what `plan` plans, exactly once; `on_refused` hears which actions did not hold.

        Raises what `plan` raises, VersionConflictError where others kept overtaking it, LimitExceededError,
        UnavailableError (then it may have been applied, as after every lost answer).
        """
        commit, tried = uuid.uuid4().hex, list[tuple[AuditEvent, ...]]()
        latest = time.monotonic() + PATIENCE_SECONDS
        in_time = time.monotonic() + self.client.total_seconds
        for attempt in range(ATTEMPTS):
            head = self.head()
            applied = self._applied(head, commit, tried)
            if applied is not None:
                return applied
            planned = plan(head)
            if not planned.audit:
                return ()
            events = _chained(planned.audit, head)
            after = _after(head, planned, events, commit=commit)
            tried.append(events)
            try:
                self._commit(head, after, planned, events)
            except Cancelled as refusal:
                refused = [
                    a for a, r in zip(planned.actions, refusal.reasons[1:], strict=False) if r != "None"
                ]
                if refusal.reasons[:1] == ("None",) and refused:
                    on_refused(refused)
            except UnavailableError:
                # Applied or not: the next look at the head tells, if there is still time for one.
                if time.monotonic() + self.client.total_seconds / 2 > in_time:
                    raise
            else:
                self.known = after
                return events
            if time.monotonic() > latest:
                break
            time.sleep(random.uniform(0, min(0.4, 0.01 * 2**attempt)))  # noqa: S311
        raise VersionConflictError(
            "others kept writing to the store at the same time; try again", current=self.head().sequence
        )

    # --- one transaction, or a decision first

    def _commit(self, head: Head, after: Head, planned: Planned, events: Sequence[AuditEvent]) -> None:
        recorded = [audit_items.action(self.names, event, commit=after.commit) for event in events]
        actions = [*planned.actions, *recorded]
        if fits(actions, beside=1):
            self._transact([self._move(head, after), *map(transact_item, actions)])
            return
        parts = packed(actions)
        self._stage(after.commit, parts)
        decided = msgspec.structs.replace(after, pending=after.commit, parts=len(parts))
        try:
            self._transact([self._move(head, decided)])
        except Cancelled:
            # It may be refused because an earlier attempt, whose answer was lost, has decided it: then its
            # parts are all there is of it.
            if head_of(self.client.get(self.names.main, HEAD_KEY)).pending != after.commit:
                self._unstage(after.commit, len(parts))
            raise
        while decided.pending == after.commit:
            decided = self._write_out(decided, actions=actions)

    def _move(self, head: Head, after: Head) -> dict[str, Any]:
        body: dict[str, Any] = {"TableName": self.names.main, "Item": head_item(after)}
        if head.commit:
            body["ConditionExpression"] = UNMOVED
            body["ExpressionAttributeNames"] = {f"#{name}": name for name in ("sequence", "hash", "pending")}
            body["ExpressionAttributeValues"] = {
                ":sequence": number(head.sequence),
                ":hash": {"S": head.hash},
            }
        else:
            body["ConditionExpression"] = "attribute_not_exists(pk)"
        return {"Put": body}

    def _transact(self, items: list[dict[str, Any]]) -> None:
        # The token makes the client's own second attempt at the same transaction harmless.
        self.client.call("transact_write_items", TransactItems=items, ClientRequestToken=uuid.uuid4().hex)

    def _applied(
        self, head: Head, commit: str, tried: Sequence[tuple[AuditEvent, ...]]
    ) -> tuple[AuditEvent, ...] | None:
        """The events of an attempt whose answer was lost, where it is the one that counts."""
        for events in {
            each[0].sequence: each for each in tried if each[0].sequence <= head.sequence
        }.values():
            item = self.client.get(self.names.main, event_key(events[0].sequence))
            if item is not None and text_of(item, "commit") == commit:
                return next(each for each in tried if each[0].hash == text_of(item, "hash"))
        return None

    # --- what is staged

    def _stage(self, commit: str, parts: Sequence[bytes]) -> None:
        ttl = number(int(self._clock()) + STAGED_SECONDS)
        for index, part in enumerate(parts):
            item = {**_part_key(commit, index), "part": {"B": part}, TTL_ATTRIBUTE: ttl}
            self.client.call("put_item", TableName=self.names.main, Item=item)

    def _unstage(self, commit: str, parts: int) -> None:
        keys = [_part_key(commit, index) for index in range(parts)]
        try:
            self.client.write_many((self.names.main, {"DeleteRequest": {"Key": key}}) for key in keys)
        except UnavailableError as error:
            _log.warning("commit.parts_left", extra={"problem": str(error)})  # they expire

    def _write_out(self, head: Head, *, actions: Sequence[Action] | None = None) -> Head:
        """Write out the rest of what is pending at `head`; the head afterwards.

        Several may do it at once: each chunk is applied once, by a transaction that counts it at the head.
        """
        actions = self._staged(head) if actions is None else actions
        if actions is None:
            return head_of(self.client.get(self.names.main, HEAD_KEY))
        if head.done == 0:
            self.client.write_many(batch_request(each) for each in actions if each.lasting)
        changing = list(chunks([each for each in actions if not each.lasting]))
        for index in range(head.done, max(1, len(changing))):
            is_last = index >= len(changing) - 1
            chunk = changing[index] if index < len(changing) else []
            step = self._count(head.pending, index, is_last=is_last)
            try:
                self._transact([step, *(transact_item(each, guarded=False) for each in chunk)])
            except Cancelled:
                time.sleep(random.uniform(0.005, 0.05))  # noqa: S311
                return head_of(self.client.get(self.names.main, HEAD_KEY))
        self._unstage(head.pending, head.parts)
        return msgspec.structs.replace(head, pending="", parts=0, done=0)

    def _count(self, pending: str, index: int, *, is_last: bool) -> dict[str, Any]:
        names = {"#pending": "pending", "#done": "done"}
        values = {":pending": {"S": pending}, ":done": number(index)}
        if is_last:
            names["#parts"] = "parts"
            expression = "REMOVE #pending, #done, #parts"
        else:
            values[":next"] = number(index + 1)
            expression = "SET #done = :next"
        return {
            "Update": {
                "TableName": self.names.main,
                "Key": HEAD_KEY,
                "UpdateExpression": expression,
                "ConditionExpression": "#pending = :pending AND #done = :done",
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            }
        }

    def _staged(self, head: Head) -> list[Action] | None:
        """What was staged; None where another has written it out meanwhile."""
        found = self.client.get_many(
            (self.names.main, _part_key(head.pending, index)) for index in range(head.parts)
        )
        parts = {text_of(item, "sk"): item["part"]["B"] for _, item in found}
        try:
            return unpacked([bytes(parts[sk]) for sk in sorted(parts)])
        except ValueError as error:
            if head_of(self.client.get(self.names.main, HEAD_KEY)).pending != head.pending:
                return None
            raise StoreDamagedError(f"commit {head.pending} is decided, but {error}") from error


def _part_key(commit: str, index: int) -> Item:
    """Where a part of a staged commit is."""
    return main_key(f"staged#{commit}", f"part#{index:04d}")


def _chained(drafts: Sequence[AuditDraft], head: Head) -> tuple[AuditEvent, ...]:
    events: list[AuditEvent] = []
    sequence, previous = head.sequence, head.hash
    for draft in drafts:
        event = chain(draft, sequence=sequence + 1, previous_hash=previous)
        events.append(event)
        sequence, previous = event.sequence, event.hash
    return tuple(events)


def _after(head: Head, planned: Planned, events: Sequence[AuditEvent], *, commit: str) -> Head:
    last = events[-1]
    overridden = planned.override_count is not None
    return msgspec.structs.replace(
        head,
        sequence=last.sequence,
        hash=last.hash,
        commit=commit,
        override_sequence=last.sequence if overridden else head.override_sequence,
        override_count=planned.override_count if planned.override_count is not None else head.override_count,
        key_changes=head.key_changes + planned.key_changes,
    )
