"""Plans: what a commit is to write, made from reads at one head."""

from collections.abc import Callable, Sequence

import msgspec

from burgee.adapters.dynamodb.actions import Action
from burgee.adapters.dynamodb.head import Head
from burgee.model.audit import AuditDraft, AuditEvent, chain


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


class Refused(Exception):
    """Guards of `actions` do not hold; nothing was decided."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self.actions = actions
        super().__init__(f"{len(actions)} items were written meanwhile")


def chained(drafts: Sequence[AuditDraft], head: Head) -> tuple[AuditEvent, ...]:
    """The events of `drafts`, which follow what stands at `head`."""
    events: list[AuditEvent] = []
    sequence, previous = head.sequence, head.hash
    for draft in drafts:
        event = chain(draft, sequence=sequence + 1, previous_hash=previous)
        events.append(event)
        sequence, previous = event.sequence, event.hash
    return tuple(events)


def head_after(head: Head, planned: Planned, events: Sequence[AuditEvent], *, commit: str) -> Head:
    """The head once `planned` is committed with `events`."""
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
