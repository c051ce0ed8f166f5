"""Adopting flags: what a source service wrote into its own table becomes flags of Burgee, by a publish."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from burgee.adapters.dynamodb.client import DynamoClient, Item
from burgee.adapters.dynamodb.items import IS_OURS, OWN_NAMES, flag_of, source_flag, text_of, unsealed
from burgee.adapters.dynamodb.tables import TableNames
from burgee.errors import StoreDamagedError, VersionConflictError
from burgee.model.audit import AuditDraft, AuditEvent
from burgee.model.change import ChangeSet, FlagWrite
from burgee.model.flag import DEFAULT_FLAG_SET, Flag
from burgee.model.flag_set import FlagSet
from burgee.model.json import JsonValue
from burgee.model.slug import SLUG_CHARACTERS, slug
from burgee.ports import Clock, FlagStore

ACTOR = "source-service"
_ATTEMPTS = 4
_log = logging.getLogger("burgee.dynamodb")

Commit = Callable[[Sequence[ChangeSet], Mapping[str, Item]], tuple[AuditEvent, ...]]


class SourceFlags:
    """What is in the table of flags and was last written by somebody else than Burgee.

    `used` tells which of some keys of the default set are, or were, those of flags.
    """

    def __init__(
        self,
        client: DynamoClient,
        names: TableNames,
        store: FlagStore,
        *,
        clock: Clock,
        used: Callable[[Collection[str]], set[str]],
    ) -> None:
        self._client, self._names, self._store, self._clock = client, names, store, clock
        self._used = used

    def adopt(self, commit: Commit) -> int:
        """Publish them all; how many there were.

        Raises VersionConflictError where others keep publishing at the same time.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            items = {text_of(item, "id"): item for item in self._foreign()}
            changes = list(self._changes(items))
            if not changes:
                return 0
            try:
                commit(changes, items)
            except VersionConflictError:
                if attempt == _ATTEMPTS:
                    raise
            else:
                count = sum(len(change.writes) for change in changes)
                _log.info("flags.adopted", extra={"flags": count})
                return count
        return 0

    def _foreign(self) -> list[Item]:
        return list(
            self._client.scan(
                self._names.flags,
                FilterExpression=f"NOT ({IS_OURS})",
                ExpressionAttributeNames=OWN_NAMES,
                ConsistentRead=True,
            )
        )

    def _changes(self, items: Mapping[str, Item]) -> list[ChangeSet]:
        flags: dict[str, list[tuple[Flag, Flag | None]]] = {}
        unknown = []
        for item in items.values():
            before = _published(item)
            if before is not None:
                after = msgspec.structs.replace(flag_of(item), version=before.version + 1)
                flags.setdefault(before.flag_set, []).append((after, before))
            elif "document" not in item and (flag := source_flag(item)) is not None:
                unknown.append(flag)
        if unknown:
            flags.setdefault(DEFAULT_FLAG_SET, []).extend((flag, None) for flag in self._keyed(unknown))
        return [self._change(flag_set, some) for flag_set, some in flags.items()]

    def _keyed(self, flags: Sequence[Flag]) -> list[Flag]:
        """`flags` with the slugs of their names for keys, the eldest first; no key is used twice."""
        first = {flag.id: slug(flag.name) for flag in flags}
        times = Counter(first.values())
        used = self._used(times)
        second = {
            flag.id: f"{first[flag.id][:SLUG_CHARACTERS]}-{slug(flag.id)[:8]}"
            for flag in flags
            if times[first[flag.id]] > 1 or first[flag.id] in used
        }
        used |= self._used(set(second.values()))
        keyed: list[Flag] = []
        # A key that only one flag would have is its own before any other's second choice.
        taken = {key for key, count in times.items() if count == 1}
        for flag in sorted(flags, key=lambda each: (each.created_at, each.id)):
            key = first[flag.id]
            if flag.id in second and (key in taken or key in used):
                key = second[flag.id]
                if key in taken or key in used:
                    key = slug(flag.id)
                    number = 2
                    while key in taken or self._used({key}):  # of ids that nothing of a key is left of
                        key, number = f"{slug(flag.id)[:SLUG_CHARACTERS]}-{number}", number + 1
            taken.add(key)
            keyed.append(msgspec.structs.replace(flag, key=key))
        return keyed

    def _change(self, key: str, flags: Sequence[tuple[Flag, Flag | None]]) -> ChangeSet:
        now = self._clock()
        stored = self._store.flag_set(key)
        before = stored if stored is not None else FlagSet(key=key, created_at=now, created_by=ACTOR)
        after = msgspec.structs.replace(
            before, revision=before.revision + 1, updated_at=now, updated_by=ACTOR
        )
        return ChangeSet(
            flag_set=after,
            expected_revision=before.revision,
            writes=tuple(FlagWrite(expected_version=flag.version - 1, flag=flag) for flag, _ in flags),
            audit=tuple(adopted_event(flag, old, after, now) for flag, old in flags),
        )


def adopted_event(flag: Flag, before: Flag | None, flag_set: FlagSet, now: float) -> AuditDraft:
    """What is recorded of a flag that is taken over."""
    return AuditDraft(
        at=now,
        actor=flag.updated_by or ACTOR,
        action="flag.adopted",
        entity=f"flags/{flag.flag_set}/{flag.key}",
        flag_set=flag.flag_set,
        flag_key=flag.key,
        revision=flag_set.revision,
        before=_form(before) if before is not None else None,
        after=_form(flag),
        reason="written by the source service",
    )


def _form(flag: Flag) -> JsonValue:
    form: JsonValue = msgspec.json.decode(msgspec.json.encode(flag))
    return form


def _published(item: Item) -> Flag | None:
    """The flag that Burgee wrote into this item before the source service changed it."""
    try:
        return unsealed(item, Flag, "a flag") if "document" in item else None
    except StoreDamagedError:
        return None  # its history still has it; what is damaged is not taken over
