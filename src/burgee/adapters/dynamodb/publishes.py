"""What the publishes of one commit write."""

import zlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from burgee.adapters.dynamodb.actions import Action, put
from burgee.adapters.dynamodb.client import DynamoClient, Item, pages
from burgee.adapters.dynamodb.flag_reads import FlagReads, KeyEntry
from burgee.adapters.dynamodb.guards import NEW, OURS, Guard, unchanged
from burgee.adapters.dynamodb.items import (
    flag_item,
    int_of,
    number,
    sealed,
    text,
    text_of,
    unsealed,
)
from burgee.adapters.dynamodb.layout import (
    flag_key,
    idempotency_key,
    revision_prefix,
    set_key,
    version_key,
)
from burgee.adapters.dynamodb.tables import TTL_ATTRIBUTE, TableNames
from burgee.errors import (
    AlreadyExistsError,
    IdempotencyReuseError,
    StoreDamagedError,
    VersionConflictError,
)
from burgee.model.change import ChangeSet, IdempotencyRecord, history_steps, written
from burgee.model.flag import Flag, Tombstone
from burgee.model.flag_set import FlagSet

KEYS_IN_ITEM = 2_000
_PART_BYTES = 300_000
_NEW_SET = "attribute_not_exists(pk)"

Place = tuple[str, str]


class Publishes:
    """The actions of a commit's change sets, checked against what is stored; one action for each item."""

    def __init__(
        self, client: DynamoClient, names: TableNames, *, now: float, seen: Mapping[str, Item]
    ) -> None:
        self._client, self._names, self._now = client, names, now
        self._reads = FlagReads(client, names)
        self._seen = seen
        self._actions: dict[tuple[str, ...], Action] = {}
        self._sets: dict[str, FlagSet] = {}
        self._entries: dict[Place, KeyEntry] = {}
        self._stored: dict[Place, KeyEntry] = {}

    def actions(self, changes: Sequence[ChangeSet]) -> list[Action]:
        """Raises VersionConflictError, IdempotencyReuseError, AlreadyExistsError, LimitExceededError."""
        self._read(changes)
        stored = dict(self._sets)
        for change in changes:
            self._publish(change)
            if change.idempotency is not None:
                self._remember(change.idempotency)
        for key, flag_set in self._sets.items():
            if flag_set is not stored.get(key):
                self._put_set(flag_set, stored.get(key))
        return list(self._actions.values())

    def _read(self, changes: Sequence[ChangeSet]) -> None:
        sets = {change.flag_set.key for change in changes}
        for _, item in self._client.get_many((self._names.main, set_key(key)) for key in sets):
            flag_set = set_of(item)
            self._sets[flag_set.key] = flag_set
        for name in sets:
            keys = {
                written(w).key for change in changes if change.flag_set.key == name for w in change.writes
            }
            for key, entry in self._reads.entries_of(name, keys).items():
                self._entries[name, key] = self._stored[name, key] = entry

    def _publish(self, change: ChangeSet) -> None:
        key = change.flag_set.key
        before = self._sets.get(key)
        revision = before.revision if before is not None else 0
        _expect(f"flag set {key} is at revision", revision, change.expected_revision)
        for write, step in zip(change.writes, history_steps(change), strict=True):
            entity = written(write)
            current = self._entries.get((key, entity.key))
            version = current.version if current is not None else 0
            _expect(f"flag {entity.key} is at version", version, write.expected_version)
            self._replace(entity, change.flag_set.revision)
            item = {
                **version_key(key, entity.key, entity.version),
                "revision": number(change.flag_set.revision),
                **sealed(step),
            }
            self._add(put(self._names, self._names.main, item, what=f"flag {entity.key}", lasting=True))
        self._note_revision(change)
        self._sets[key] = change.flag_set

    def _replace(self, entity: Flag | Tombstone, revision: int) -> None:
        place = (entity.flag_set, entity.key)
        before, stored = self._entries.get(place), self._stored.get(place)
        flag_id = entity.id if isinstance(entity, Flag) else ""
        if before is not None and before.id and before.id != flag_id:
            self._delete_flag(before.id, stored)
        if isinstance(entity, Flag):
            self._put_flag(entity, is_known=stored is not None and stored.id == flag_id)
        item: Item = {
            **flag_key(*place),
            "version": number(entity.version),
            "revision": number(revision),
            **({"id": text(flag_id)} if isinstance(entity, Flag) else sealed(entity)),
        }
        self._add(
            put(
                self._names,
                self._names.main,
                item,
                what=f"flag {entity.key}",
                condition=_NEW_SET if stored is None else "#version = :version",
                expression_names={} if stored is None else {"#version": "version"},
                values={} if stored is None else {":version": number(stored.version)},
            )
        )
        self._entries[place] = KeyEntry(key=entity.key, version=entity.version, revision=revision, id=flag_id)

    def _put_flag(self, flag: Flag, *, is_known: bool) -> None:
        guard = self._guard(flag.id) if is_known or flag.id in self._seen else NEW
        item = flag_item(flag)
        self._add(put(self._names, self._names.flags, item, what=f"flag {flag.key}", guard=guard))

    def _delete_flag(self, flag_id: str, stored: KeyEntry | None) -> None:
        action = Action(table=self._names.flags, key={"id": text(flag_id)}, guard=self._guard(flag_id))
        if stored is None or stored.id != flag_id:
            self._actions.pop(action.place, None)  # made and taken away by this very commit
        else:
            self._add(action)

    def _guard(self, flag_id: str) -> Guard:
        """Nobody has written the item since it was read, or since Burgee wrote it."""
        return unchanged(self._seen[flag_id]) if flag_id in self._seen else OURS

    def _note_revision(self, change: ChangeSet) -> None:
        keys = [written(write).key for write in change.writes]
        for index, some in enumerate(pages(keys, KEYS_IN_ITEM)):
            sort = f"{revision_prefix(change.flag_set.revision)}#{index:04d}"
            item: Item = {
                "pk": text(f"set#{change.flag_set.key}"),
                "sk": text(sort),
                "keys": text(msgspec.json.encode(some).decode()),
            }
            self._add(put(self._names, self._names.main, item, what="a revision", lasting=True))

    def _put_set(self, flag_set: FlagSet, stored: FlagSet | None) -> None:
        item = {**set_key(flag_set.key), "revision": number(flag_set.revision), **sealed(flag_set)}
        self._add(
            put(
                self._names,
                self._names.main,
                item,
                what=f"flag set {flag_set.key}",
                condition=_NEW_SET if stored is None else "#revision = :revision",
                expression_names={} if stored is None else {"#revision": "revision"},
                values={} if stored is None else {":revision": number(stored.revision)},
            )
        )

    def _remember(self, record: IdempotencyRecord) -> None:
        known = read_record(self._client, self._names, record.key, record.actor, now=self._now)
        pending = Action(table=self._names.main, key=idempotency_key(record.key, record.actor))
        if known is not None and known.fingerprint != record.fingerprint:
            raise IdempotencyReuseError(f"Idempotency-Key {record.key} was used for another request")
        if known is not None or pending.place in self._actions:
            raise AlreadyExistsError(f"the request with Idempotency-Key {record.key} is already applied")
        for item in record_items(record):
            self._add(put(self._names, self._names.main, item, what="the answer to a request"))

    def _add(self, action: Action) -> None:
        self._actions[action.place] = action


def set_of(item: Item) -> FlagSet:
    """The flag set of an item.

    Raises StoreDamagedError.
    """
    return unsealed(item, FlagSet, f"flag set {text_of(item, 'sk')}")


def read_record(
    client: DynamoClient, names: TableNames, key: str, actor: str, *, now: float
) -> IdempotencyRecord | None:
    """The unexpired record of that key and actor."""
    first = client.get(names.main, idempotency_key(key, actor))
    if first is None:
        return None
    parts = int_of(first, "parts", 1)
    rest = client.get_many((names.main, idempotency_key(key, actor, part)) for part in range(1, parts))
    record = record_of([first, *(item for _, item in rest)])
    same = (record.key, record.actor) == (key, actor)
    return record if same and record.expires_at > now else None


def record_of(items: Iterable[Item]) -> IdempotencyRecord:
    """The record of its items.

    Raises StoreDamagedError.
    """
    content = {text_of(item, "sk"): bytes(item["part"]["B"]) for item in items}
    try:
        packed = zlib.decompress(b"".join(content[sk] for sk in sorted(content)))
        return msgspec.json.decode(packed, type=IdempotencyRecord)
    except (zlib.error, msgspec.DecodeError) as error:
        raise StoreDamagedError("the answer to a request cannot be read") from error


def record_items(record: IdempotencyRecord) -> Iterable[Item]:
    """The items of a record: its answer may be larger than one."""
    content = zlib.compress(msgspec.json.encode(record))
    parts = [content[start : start + _PART_BYTES] for start in range(0, len(content), _PART_BYTES)]
    for index, part in enumerate(parts):
        yield {
            **idempotency_key(record.key, record.actor, index),
            "parts": number(len(parts)),
            "part": {"B": part},
            TTL_ATTRIBUTE: number(int(record.expires_at) + 1),
        }


def _expect(what: str, current: int, expected: int) -> None:
    if current != expected:
        raise VersionConflictError(f"{what} {current}, not {expected}", current=current)
