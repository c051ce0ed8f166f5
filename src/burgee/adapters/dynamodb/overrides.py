"""DynamoOverrideStore: overrides as mappings of the source, with an index by flag and one by time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import msgspec

from burgee.adapters.dynamodb.actions import Action, put
from burgee.adapters.dynamodb.client import Item
from burgee.adapters.dynamodb.commits import Planned
from burgee.adapters.dynamodb.flag_reads import KeyEntry
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.head import Head
from burgee.adapters.dynamodb.items import (
    flag_of,
    int_of,
    number,
    override_item,
    override_of,
    sealed,
    source_override,
    text,
    text_of,
)
from burgee.adapters.dynamodb.layout import (
    change_key,
    index_key,
    is_key_text,
    subject_of_user_id,
    subject_sort,
    user_id,
)
from burgee.errors import StoreDamagedError, VersionConflictError
from burgee.model.audit import AuditEvent
from burgee.model.flag import Flag
from burgee.model.override import Override, OverrideChange, check_override_change
from burgee.ports import OverrideMark

Place = tuple[str, str, str]


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An override that is there. `sequence` 0: a source service wrote it, and nothing counts it yet."""

    override: Override
    flag_id: str
    sequence: int


class DynamoOverrideStore:
    """The OverrideStore beside a DynamoFlagStore, whose audit chain it shares.

    A mapping that a source service has written is read as it stands, by its subject; `adopt` makes it known
    to the lists and to the filter of subjects too.
    """

    def __init__(self, store: DynamoFlagStore) -> None:
        self._store = store
        self._client, self._names = store.client, store.names

    def override(self, flag_set: str, flag_key: str, targeting_key: str) -> Override | None:
        found = self._of_subject(targeting_key)
        return next((each for each in found if (each.flag_set, each.flag_key) == (flag_set, flag_key)), None)

    def overrides_of_subject(
        self,
        targeting_key: str,
        *,
        flag_set: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 1000,
    ) -> tuple[Override, ...]:
        if limit <= 0:
            return ()
        places = {(each.flag_set, each.flag_key): each for each in self._of_subject(targeting_key)}
        found = (
            override
            for place, override in sorted(places.items())
            if (flag_set is None or place[0] == flag_set) and (after is None or place > after)
        )
        return tuple(islice(found, limit))

    def overrides_of_flag(
        self, flag_set: str, flag_key: str, *, after: str = "", limit: int = 100
    ) -> tuple[Override, ...]:
        if limit <= 0:
            return ()
        items = self._client.query(
            self._names.main,
            "pk = :pk AND sk > :after",
            limit=min(limit, 1_000),
            ExpressionAttributeValues={
                ":pk": index_key(flag_set, flag_key, "")["pk"],
                # The empty subject comes first and is after nothing.
                ":after": text(subject_sort(after) if after else " "),
            },
        )
        return tuple(override_of(item) for item in islice(items, limit))

    def write_override(self, change: OverrideChange) -> AuditEvent:
        return self.write_overrides([change])[0]

    def write_overrides(self, changes: Sequence[OverrideChange]) -> tuple[AuditEvent, ...]:
        for change in changes:
            check_override_change(change)
        if not changes:
            return ()

        def plan(head: Head) -> Planned:
            stored = self._stored({change.place for change in changes})
            _expect(changes, stored)
            actions = _Writes(self._store, stored).actions(changes, sequence=head.sequence)
            return Planned(
                actions=actions,
                audit=[change.audit for change in changes],
                override_count=head.override_count + _growth(changes, stored),
            )

        return self._store.writer.write(plan)

    def override_mark(self) -> OverrideMark:
        head = self._store.writer.head()
        return OverrideMark(sequence=head.override_sequence, count=head.override_count)

    def overridden_subjects(self) -> Iterator[str]:
        before = self._store.writer.head()
        seen: set[str] = set()
        count = 0
        for item in self._changes(after=0):
            count += 1
            subject = text_of(item, "subject")
            if subject not in seen:
                seen.add(subject)
                yield subject
        after = self._store.writer.head()
        if before.override_sequence == after.override_sequence and count != before.override_count:
            raise StoreDamagedError("the overrides are not those that were last committed")

    def subjects_changed_since(self, sequence: int, *, limit: int = 1000) -> tuple[tuple[int, str], ...]:
        items = self._changes(after=max(0, sequence))
        return tuple(
            (int(text_of(item, "sk")), text_of(item, "subject")) for item in islice(items, max(0, limit))
        )

    def change_token(self) -> int:
        return self._store.change_token()

    # --- in detail

    def _of_subject(self, targeting_key: str) -> Iterator[Override]:
        try:
            key = user_id(targeting_key)
        except UnicodeEncodeError:  # half a character: no stored text is that
            return
        items = list(
            self._client.query(
                self._names.overrides, "userId = :user", ExpressionAttributeValues={":user": text(key)}
            )
        )
        yield from (override_of(item) for item in items if "document" in item)
        foreign = [item for item in items if "document" not in item]
        flags = self._flags(text_of(item, "flagId") for item in foreign)
        for item in foreign:
            flag = flags.get(text_of(item, "flagId"))
            found = source_override(item, flag=flag, targeting_key=targeting_key) if flag else None
            if found is not None:
                yield found

    def _flags(self, flag_ids: Iterable[str]) -> dict[str, Flag]:
        """The flags with those ids that Burgee knows."""
        keys = [(self._names.flags, {"id": text(flag_id)}) for flag_id in flag_ids]
        found = (item for _, item in self._client.get_many(keys))
        return {flag.id: flag for flag in (flag_of(item) for item in found if "document" in item)}

    def _stored(self, places: set[Place]) -> dict[Place, _Stored]:
        """What stands at each of `places`, also what only a source service knows of."""
        stored: dict[Place, _Stored] = {}
        for _, item in self._client.get_many((self._names.main, index_key(*place)) for place in places):
            override = override_of(item)
            stored[_place(override)] = _Stored(
                override=override, flag_id=text_of(item, "flagId"), sequence=int_of(item, "sequence")
            )
        missing = [place for place in places if place not in stored]
        for place, item in self._mappings(missing).items():
            if "document" in item:
                continue  # an earlier flag of the same id: the index would have it
            flag = Flag(id=text_of(item, "flagId"), key=place[1], flag_set=place[0], variants={})
            found = source_override(item, flag=flag, targeting_key=place[2])
            if found is not None:
                stored[place] = _Stored(override=found, flag_id=flag.id, sequence=0)
        return stored

    def _mappings(self, places: Sequence[Place]) -> dict[Place, Item]:
        """The mappings of `places` by the ids of their flags."""
        entries = entries_of(self._store, places)
        wanted = {
            (user_id(place[2]), entry.id): place
            for place in places
            if (entry := entries.get(place[:2])) is not None and entry.id
        }
        keys = [
            (self._names.overrides, {"userId": text(user), "flagId": text(flag)}) for user, flag in wanted
        ]
        found = (item for _, item in self._client.get_many(keys))
        return {wanted[text_of(item, "userId"), text_of(item, "flagId")]: item for item in found}

    def _changes(self, *, after: int) -> Iterator[Item]:
        return self._client.query(
            self._names.main,
            "pk = :pk AND sk > :after",
            ExpressionAttributeValues={
                ":pk": change_key(0)["pk"],
                ":after": change_key(after)["sk"],
            },
        )


class _Writes:
    """The actions of changes of overrides: one for each item, the last change of a place counts."""

    def __init__(self, store: DynamoFlagStore, stored: Mapping[Place, _Stored]) -> None:
        self._store, self._names, self._stored = store, store.names, stored

    def actions(self, changes: Sequence[OverrideChange], *, sequence: int) -> list[Action]:
        """Those of `changes`, whose events come after `sequence`."""
        entries = entries_of(self._store, [change.place for change in changes])
        last = {change.place: (number, change) for number, change in enumerate(changes, sequence + 1)}
        found: dict[tuple[str, ...], Action] = {}
        for at, change in last.values():
            entry = entries.get(change.place[:2])
            for action in self._of(change, at, flag_id=entry.id if entry is not None else ""):
                found[action.place] = action
        return list(found.values())

    def _of(self, change: OverrideChange, at: int, *, flag_id: str) -> Iterator[Action]:
        before = self._stored.get(change.place)
        user = user_id(change.targeting_key)
        # A mapping of no flag still needs a key; no id of a flag has a slash.
        new_id = flag_id or (before.flag_id if before is not None else f"{change.flag_set}/{change.flag_key}")
        if before is not None and (change.override is None or before.flag_id != new_id):
            key = {"userId": text(user), "flagId": text(before.flag_id)}
            yield Action(table=self._names.overrides, key=key)
        if before is not None and before.sequence:
            yield Action(table=self._names.main, key=change_key(before.sequence))
        if change.override is None:
            yield Action(table=self._names.main, key=index_key(*change.place))
            return
        mapping = override_item(change.override, user_id=user, flag_id=new_id, sequence=at)
        what = f"the override of {change.flag_key}"
        yield put(self._names, self._names.overrides, mapping, what=what)
        index = {
            **index_key(*change.place),
            "flagId": text(new_id),
            "sequence": number(at),
            **sealed(change.override),
        }
        yield put(self._names, self._names.main, index, what=what)
        noted = {**change_key(at), "subject": text(change.targeting_key)}
        yield put(self._names, self._names.main, noted, what=what)


def entries_of(store: DynamoFlagStore, places: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], KeyEntry]:
    """What stands at the keys of `places`, by flag set and key."""
    keys: dict[str, set[str]] = {}
    for place in places:
        if is_key_text(place[0], limit=1_000):
            keys.setdefault(place[0], set()).add(place[1])
    return {
        (flag_set, key): entry
        for flag_set, some in keys.items()
        for key, entry in store.reads.entries_of(flag_set, some).items()
    }


def subject_of(item: Item) -> str | None:
    """The subject of a mapping, None where it cannot be told."""
    if "document" in item:
        return override_of(item).targeting_key
    return subject_of_user_id(text_of(item, "userId"))


def _place(override: Override) -> Place:
    return override.flag_set, override.flag_key, override.targeting_key


def _expect(changes: Sequence[OverrideChange], stored: Mapping[Place, _Stored]) -> None:
    versions = {place: each.override.version for place, each in stored.items()}
    for change in changes:
        current = versions.get(change.place, 0)
        if current != change.expected_version:
            message = f"the override of {change.flag_key} is at version {current}"
            raise VersionConflictError(message, current=current)
        versions[change.place] = change.override.version if change.override is not None else 0


def _growth(changes: Sequence[OverrideChange], stored: Mapping[Place, _Stored]) -> int:
    """How many more overrides are counted afterwards."""
    last = {change.place: change.override is not None for change in changes}
    counted = sum(1 for place in last if place in stored and stored[place].sequence)
    return sum(last.values()) - counted
