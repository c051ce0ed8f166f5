"""Flags, flag sets and change sets for tests, with every field away from its default.

A test that only ever sees defaults cannot see a field that a store forgets.
"""

import uuid
from collections.abc import Iterable
from typing import Any

import msgspec

from burgee.model.audit import AuditDraft
from burgee.model.change import ChangeSet, FlagWrite, IdempotencyRecord
from burgee.model.flag import Flag, FlagStatus, Tombstone
from burgee.model.flag_set import FlagSet, FractionalGeneration
from burgee.model.json import JsonValue

THE_DAY = 1_767_225_600.25
"""2026-01-01 and a quarter of a second, where the builders' times start."""

DAY_SECONDS = 86_400


def a_flag(**changes: Any) -> Flag:
    """A flag at version 3 with an object for each variant; `changes` replace fields."""
    flag_set, key = changes.get("flag_set", "checkout"), changes.get("key", "banner-colour")
    fields: dict[str, Any] = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{flag_set}/{key}")),
        "key": key,
        "flag_set": flag_set,
        "name": "Banner colour",
        "description": "What colour the banner of the checkout has: größer ist nicht besser.",
        "status": FlagStatus.DISABLED,
        "variants": {
            "plain": {"colour": "white", "width": 10, "ratio": 10.0, "shades": [], "note": None},
            "loud": {"colour": "rot", "width": -1, "ratio": 0.5, "shades": ["a", {"b": False}], "note": ""},
        },
        "default_variant": "plain",
        "targeting": {"if": [{"==": [{"var": "tier"}, "gold"]}, "loud", None]},
        "metadata": {"team": "checkout", "ticket": 417, "share": 1.0, "temporary": True},
        "tags": ("banner", "kept ünicode"),
        "version": 3,
        "created_at": THE_DAY,
        "created_by": "ada",
        "updated_at": THE_DAY + 60,
        "updated_by": "grace",
    }
    return Flag(**{**fields, **changes})


def a_flag_set(**changes: Any) -> FlagSet:
    """A flag set at revision 5; `changes` replace fields."""
    fields: dict[str, Any] = {
        "key": "checkout",
        "revision": 5,
        "source": "flags/checkout.flagd.json",
        "priority": 2,
        "fractional": FractionalGeneration.V3,
        "metadata": {"stage": "production", "weight": 2.0, "rank": 2, "open": False},
        "evaluators": {"is_gold": {"==": [{"var": "tier"}, "gold"]}},
        "created_at": THE_DAY - DAY_SECONDS,
        "created_by": "linus",
        "updated_at": THE_DAY + 61,
        "updated_by": "barbara",
    }
    return FlagSet(**{**fields, **changes})


def a_tombstone(**changes: Any) -> Tombstone:
    """A key deleted with version 4, reserved for 30 days; `changes` replace fields."""
    fields: dict[str, Any] = {
        "flag_set": "checkout",
        "key": "banner-colour",
        "version": 4,
        "revision": 6,
        "deleted_at": THE_DAY + 120,
        "reserved_until": THE_DAY + 120 + 30 * DAY_SECONDS,
    }
    return Tombstone(**{**fields, **changes})


def an_audit_draft(**changes: Any) -> AuditDraft:
    """An event about one flag; `changes` replace fields."""
    fields: dict[str, Any] = {
        "at": THE_DAY + 61,
        "actor": "grace",
        "action": "flag.updated",
        "entity": "flags/checkout/banner-colour",
        "flag_set": "checkout",
        "flag_key": "banner-colour",
        "revision": 6,
        "before": {"status": "ENABLED", "width": 10},
        "after": {"status": "DISABLED", "width": 10.0},
        "request_id": "01J9-request",
        "reason": "the sale is over",
        "client": "192.0.2.1",
    }
    return AuditDraft(**{**fields, **changes})


def an_idempotency_record(**changes: Any) -> IdempotencyRecord:
    """The answer to one request, good for a day; `changes` replace fields."""
    fields: dict[str, Any] = {
        "key": "7c2f",
        "actor": "grace",
        "fingerprint": "ab" * 32,
        "status": 201,
        "headers": (("ETag", '"3"'), ("Location", "/api/v1/flags/banner-colour")),
        "response": b'{"key":"banner-colour"}\n\x00\xff',
        "expires_at": THE_DAY + DAY_SECONDS,
    }
    return IdempotencyRecord(**{**fields, **changes})


def a_change_set(
    flags: Iterable[Flag] = (),
    tombstones: Iterable[Tombstone] = (),
    *,
    flag_set: FlagSet | None = None,
    idempotency: IdempotencyRecord | None = None,
) -> ChangeSet:
    """A publish of `flags` and deletions as they stand: each expects the version just below its own.

    `flag_set` is the set as it shall be afterwards; its `revision` is the new one. There is one audit
    event for each write, and one for the set where nothing else is written.
    """
    after = flag_set if flag_set is not None else a_flag_set(revision=1)
    written: tuple[Flag | Tombstone, ...] = (*flags, *tombstones)
    drafts = [_draft_of(entity, after) for entity in written]
    return ChangeSet(
        flag_set=after,
        expected_revision=after.revision - 1,
        writes=tuple(_write_of(entity) for entity in written),
        audit=tuple(drafts) or (_draft_of(after, after),),
        idempotency=idempotency,
    )


def _write_of(entity: Flag | Tombstone) -> FlagWrite:
    if isinstance(entity, Flag):
        return FlagWrite(expected_version=entity.version - 1, flag=entity)
    return FlagWrite(expected_version=entity.version - 1, tombstone=entity)


def _draft_of(entity: Flag | Tombstone | FlagSet, after: FlagSet) -> AuditDraft:
    form: JsonValue = msgspec.json.decode(msgspec.json.encode(entity))
    if isinstance(entity, FlagSet):
        action, name, path = "flag_set.updated", "", f"flag-sets/{after.key}"
    else:
        deleted = isinstance(entity, Tombstone)
        action = "flag.deleted" if deleted else "flag.created" if entity.version == 1 else "flag.updated"
        name, path = entity.key, f"flags/{after.key}/{entity.key}"
    return an_audit_draft(
        at=after.updated_at,
        actor=after.updated_by,
        action=action,
        entity=path,
        flag_set=after.key,
        flag_key=name,
        revision=after.revision,
        before=None,
        after=None if isinstance(entity, Tombstone) else form,
    )
