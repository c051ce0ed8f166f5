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
    place_of,
    transact_item,
    unpacked,
)
from burgee.adapters.dynamodb.client import Cancelled, DynamoClient, Item
from burgee.adapters.dynamodb.guards import NEW, beneath, unchanged
from burgee.adapters.dynamodb.head import Head, counted, head_of, moved
from burgee.adapters.dynamodb.items import number, text_of
from burgee.adapters.dynamodb.layout import HEAD_KEY, event_key, main_key
from burgee.adapters.dynamodb.plans import Plan, Planned, Refused, chained, head_after
from burgee.adapters.dynamodb.tables import TTL_ATTRIBUTE, TableNames
from burgee.errors import StoreDamagedError, UnavailableError, VersionConflictError
from burgee.model.audit import AuditEvent
from burgee.ports import Clock

ATTEMPTS = 24
PATIENCE_SECONDS = 8.0
"""How long a commit that others keep overtaking is tried; a store that does not answer ends it at once."""
STAGED_SECONDS = 30 * 86_400
"""How long staged parts are kept where nobody could write them out."""

_log = logging.getLogger("burgee.dynamodb")


class Writer:
    """All writes that are audited. Thread-safe."""

    def __init__(
        self, client: DynamoClient, names: TableNames, clock: Clock, *, is_moving: bool = False
    ) -> None:
        self.client, self.names = client, names
        self.known: Head | None = None
        self._is_moving = is_moving
        self._clock = clock

    def head(self) -> Head:
        """The head as it is now, with nothing left to be written out."""
        return self.settled(self.client.get(self.names.main, HEAD_KEY))

    def settled(self, item: Item | None) -> Head:
        """The head of `item`, once what is pending there is written out, by whoever."""
        head = head_of(item, is_moving=self._is_moving)
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
            events = chained(planned.audit, head)
            after = head_after(head, planned, events, commit=commit)
            tried.append(events)
            try:
                self._commit(head, after, planned, events)
            except Refused as refusal:
                on_refused(refusal.actions)
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
            self._transact([moved(self.names.main, head, after), *map(transact_item, actions)])
            return
        self._require_guards(planned.actions)
        parts = packed(actions)
        self._stage(after.commit, parts)
        decided = msgspec.structs.replace(after, pending=after.commit, parts=len(parts))
        try:
            self._transact([moved(self.names.main, head, decided)])
        except Cancelled:
            # It may be refused because an earlier attempt, whose answer was lost, has decided it: then its
            # parts are all there is of it.
            if head_of(self.client.get(self.names.main, HEAD_KEY)).pending != after.commit:
                self._unstage(after.commit, len(parts))
            raise
        while decided.pending == after.commit:
            decided = self._write_out(decided, actions=actions)

    def _require_guards(self, actions: Sequence[Action]) -> None:
        """Look at the source's items before a decision that no condition on them can be a part of.

        Raises Refused.
        """
        guarded = {action.place: action for action in actions if action.guard is not None}
        found = self.client.get_many((action.table, action.key) for action in guarded.values())
        there = {place_of(table, self.names.keys_of(table), item): item for table, item in found}
        refused = [
            each for place, each in guarded.items() if each.guard and not each.guard.holds(there.get(place))
        ]
        if refused:
            raise Refused(refused)

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
            step = counted(self.names.main, head.pending, index, is_last=is_last)
            if not self._write_chunk(step, chunk):
                time.sleep(random.uniform(0.005, 0.05))  # noqa: S311
                return head_of(self.client.get(self.names.main, HEAD_KEY))
        self._unstage(head.pending, head.parts)
        return msgspec.structs.replace(head, pending="", parts=0, done=0)

    def _write_chunk(self, step: dict[str, Any], chunk: Sequence[Action]) -> bool:
        """Write `chunk` and count it; False where it has to be looked at again whether another one did.

        What a source service wrote since the decision is kept: Burgee's write goes beneath it.
        """
        for _ in range(ATTEMPTS):
            try:
                self._transact([step, *(transact_item(each, is_decided=True) for each in chunk)])
            except Cancelled as refusal:
                first, *rest = [*refusal.reasons, *([""] * (1 + len(chunk) - len(refusal.reasons)))]
                if first != "None" or "ConditionalCheckFailed" not in rest:
                    return False
                chunk = [
                    after
                    for each, reason in zip(chunk, rest, strict=False)
                    for after in (self._beneath(each) if reason == "ConditionalCheckFailed" else [each])
                ]
            else:
                return True
        return False

    def _beneath(self, action: Action) -> list[Action]:
        """`action` as it is to be after a source service has written its item since the decision."""
        found = self.client.get_many([(action.table, action.key)])  # what the roles allow on these tables
        if not found:
            return [msgspec.structs.replace(action, guard=NEW)]
        there = found[0][1]
        guard = unchanged(there)
        if action.item is not None:
            return [msgspec.structs.replace(action, item=beneath(action.item, there), guard=guard)]
        # What it changed is deleted all the same; what it made anew is not what was to be deleted.
        return [msgspec.structs.replace(action, guard=guard)] if "document" in there else []

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
