"""DynamoOverrideStore: overrides as mappings of the source, with an index by flag and one by time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from burgee.adapters.dynamodb.actions import Action
from burgee.adapters.dynamodb.adopted_overrides import adoption
from burgee.adapters.dynamodb.client import Item
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.head import Head
from burgee.adapters.dynamodb.items import flag_of, is_ours, override_of, source_override, text, text_of
from burgee.adapters.dynamodb.layout import change_key, index_key, subject_sort, user_id
from burgee.adapters.dynamodb.override_writes import OverrideWrites
from burgee.adapters.dynamodb.plans import Planned
from burgee.errors import StoreDamagedError, VersionConflictError
from burgee.model.audit import AuditEvent
from burgee.model.flag import Flag
from burgee.model.override import Override, OverrideChange, check_override_change
from burgee.ports import OverrideMark


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

        return self._write(changes, seen={})

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
        items = self._changes(after=max(0, sequence), page=max(1, limit))
        return tuple(
            (int(text_of(item, "sk")), text_of(item, "subject")) for item in islice(items, max(0, limit))
        )

    def change_token(self) -> int:
        return self._store.change_token()

    def adopt(self, items: Sequence[Item]) -> int:
        """Take over mappings that a source service has written; how many were.

        One of a flag that is not there, and one that somebody else writes at this moment, stay as they are.
        """
        flags = self._flags(text_of(item, "flagId") for item in items)
        seen, changes = dict[tuple[str, str], Item](), list[OverrideChange]()
        for item in items:
            change = adoption(item, flags.get(text_of(item, "flagId")), now=self._store.clock())
            if change is not None:
                seen[text_of(item, "userId"), text_of(item, "flagId")] = item
                changes.append(change)
        if not changes:
            return 0
        try:
            self._write(changes, seen=seen)
        except VersionConflictError:
            # Somebody writes some of them at this moment, perhaps adopts them: those are theirs.
            left = self._not_ours(items)
            if len(left) < len(items):
                return self.adopt(left)
            return sum(self._adopt_one(change, seen) for change in changes)
        return len(changes)

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

    def _write(
        self, changes: Sequence[OverrideChange], *, seen: Mapping[tuple[str, str], Item]
    ) -> tuple[AuditEvent, ...]:
        def plan(head: Head) -> Planned:
            writes = OverrideWrites(self._store, changes, seen=seen)
            writes.require_versions()
            return Planned(
                actions=writes.actions(sequence=head.sequence),
                audit=[change.audit for change in changes],
                override_count=head.override_count + writes.growth,
            )

        return self._store.writer.write(plan, on_refused=_seen_no_more if seen else self._refused)

    def _adopt_one(self, change: OverrideChange, seen: Mapping[tuple[str, str], Item]) -> int:
        try:
            self._write([change], seen=seen)
        except VersionConflictError:
            return 0
        return 1

    def _refused(self, actions: Sequence[Action]) -> None:
        """A mapping is not as Burgee left it: a source service has written it meanwhile."""
        self.adopt(self._not_ours([each.key for each in actions if each.table == self._names.overrides]))

    def _not_ours(self, mappings: Iterable[Item]) -> list[Item]:
        """Those of `mappings`, or of their keys, that a source service was the last to write, as they are."""
        keys = [
            (self._names.overrides, {name: each[name] for name in ("userId", "flagId")}) for each in mappings
        ]
        return [item for _, item in self._client.get_many(keys) if not is_ours(item)]

    def _changes(self, *, after: int, page: int | None = None) -> Iterator[Item]:
        return self._client.query(
            self._names.main,
            "pk = :pk AND sk > :after",
            limit=page,
            ExpressionAttributeValues={
                ":pk": change_key(0)["pk"],
                ":after": change_key(after)["sk"],
            },
        )


def _seen_no_more(actions: Sequence[Action]) -> None:
    """What was to be adopted has changed once more: only who reads it anew can adopt it."""
    raise VersionConflictError(f"{len(actions)} overrides were written meanwhile", current=0)
