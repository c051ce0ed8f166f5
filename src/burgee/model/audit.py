"""Audit events and the hash chain that makes tampering visible."""

import hashlib
from collections.abc import Sequence

import msgspec

from burgee.model.json import JsonValue

GENESIS_HASH = "0" * 64
"""The `previous_hash` of the first event."""


class AuditDraft(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An audit event before the store has given it its place in the chain.

    `action` is `noun.past_participle` (`flag.created`), `entity` a path such as `flags/default/banner`,
    `before` and `after` the JSON forms of the entity, None where it did not exist. `client` is the network
    address that the change came from; left out where it came from this server itself, and in old events,
    whose hashes it would change.
    """

    at: float
    actor: str
    action: str
    entity: str
    flag_set: str = ""
    flag_key: str = ""
    revision: int = 0
    before: JsonValue = None
    after: JsonValue = None
    request_id: str = ""
    reason: str = ""
    client: str | msgspec.UnsetType = msgspec.UNSET


class AuditEvent(AuditDraft, frozen=True, kw_only=True, rename="camel"):
    """An audit event in the chain; `sequence` starts at 1 and has no gaps."""

    sequence: int
    previous_hash: str
    hash: str


_canonical = msgspec.json.Encoder(order="sorted")


def chain(draft: AuditDraft, *, sequence: int, previous_hash: str) -> AuditEvent:
    """Give `draft` its place: SHA-256 (hex) over the canonical JSON of everything in it but the hash."""
    fields = {name: getattr(draft, name) for name in AuditDraft.__struct_fields__}
    fields["at"] = float(draft.at)  # a whole number would come back from a store as 10.0, with another hash
    event = AuditEvent(**fields, sequence=sequence, previous_hash=previous_hash, hash="")
    return msgspec.structs.replace(event, hash=event_hash(event))


def event_hash(event: AuditEvent) -> str:
    """The hash that `event` must carry: hex SHA-256 over its canonical JSON with an empty `hash`."""
    bare = msgspec.structs.replace(event, hash="")
    return hashlib.sha256(_canonical.encode(bare)).hexdigest()


def first_broken(
    events: Sequence[AuditEvent], *, previous_hash: str = GENESIS_HASH, first: int = 1
) -> int | None:
    """The sequence of the first event that does not continue the chain, or None where all do.

    `events` are in order and start at sequence `first`, whose predecessor had `previous_hash`.
    """
    for expected, event in enumerate(events, start=first):
        if (
            event.sequence != expected
            or event.previous_hash != previous_hash
            or event.hash != event_hash(event)
        ):
            return expected
        previous_hash = event.hash
    return None
