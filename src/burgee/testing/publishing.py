"""Put flags into a store as a publisher would: the versions and revisions follow from what is there."""

from collections.abc import Iterable

import msgspec

from burgee.model.audit import AuditEvent
from burgee.model.change import ChangeSet, IdempotencyRecord
from burgee.model.flag import Flag, Tombstone
from burgee.ports import FlagStore
from burgee.testing.builders import a_change_set, a_flag_set, a_tombstone


def next_change(
    store: FlagStore,
    *flags: Flag,
    delete: Iterable[str] = (),
    flag_set: str = "checkout",
    at: float | None = None,
    actor: str | None = None,
    idempotency: IdempotencyRecord | None = None,
) -> ChangeSet:
    """The change that gives each of `flags` its next version and deletes the keys of `delete`."""
    before = store.flag_set(flag_set)
    after = before if before is not None else a_flag_set(key=flag_set, revision=0)
    after = msgspec.structs.replace(
        after,
        revision=after.revision + 1,
        updated_at=after.updated_at + 1 if at is None else at,
        updated_by=after.updated_by if actor is None else actor,
    )
    stamped = (
        msgspec.structs.replace(flag, version=version_of(store, flag.flag_set, flag.key) + 1)
        for flag in flags
    )
    graves = (
        a_tombstone(
            flag_set=flag_set,
            key=key,
            version=version_of(store, flag_set, key) + 1,
            revision=after.revision,
            deleted_at=after.updated_at,
        )
        for key in delete
    )
    return a_change_set(stamped, graves, flag_set=after, idempotency=idempotency)


def publish(
    store: FlagStore,
    *flags: Flag,
    delete: Iterable[str] = (),
    flag_set: str = "checkout",
    at: float | None = None,
    actor: str | None = None,
    idempotency: IdempotencyRecord | None = None,
) -> tuple[AuditEvent, ...]:
    """Commit `next_change`."""
    change = next_change(
        store, *flags, delete=delete, flag_set=flag_set, at=at, actor=actor, idempotency=idempotency
    )
    return store.commit([change])


def version_of(store: FlagStore, flag_set: str, key: str) -> int:
    """The version that a writer of that key must expect; 0 where the key never lived."""
    current: Flag | Tombstone | None = store.flag(flag_set, key) or store.tombstone(flag_set, key)
    return current.version if current is not None else 0
