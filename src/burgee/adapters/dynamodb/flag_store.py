"""DynamoFlagStore: the FlagStore of any number of machines."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from burgee.adapters.dynamodb import audit_items
from burgee.adapters.dynamodb.actions import Action, place_of
from burgee.adapters.dynamodb.client import DynamoClient, Item
from burgee.adapters.dynamodb.commits import Writer
from burgee.adapters.dynamodb.flag_reads import FAR_REVISIONS, FlagReads, KeyEntry, entry_of
from burgee.adapters.dynamodb.head import Head
from burgee.adapters.dynamodb.items import flag_of, is_ours, text, text_of
from burgee.adapters.dynamodb.layout import HEAD_KEY, flag_key, is_key_text, set_key
from burgee.adapters.dynamodb.plans import Planned
from burgee.adapters.dynamodb.publishes import Publishes, read_record, set_of
from burgee.adapters.dynamodb.source_flags import SourceFlags
from burgee.adapters.dynamodb.tables import TableNames
from burgee.adapters.queries import flag_matches
from burgee.errors import AlreadyExistsError, StoreDamagedError, UnavailableError, VersionConflictError
from burgee.model.audit import AuditDraft, AuditEvent
from burgee.model.change import ChangeSet, IdempotencyRecord, check_change_set
from burgee.model.flag import DEFAULT_FLAG_SET, Flag, FlagVersion, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.snapshot import Snapshot
from burgee.ports import AuditQuery, Clock, FlagQuery

_CONSISTENT_READS = 16
_PAGE = 100


class DynamoFlagStore:
    """A FlagStore in the tables `names`; reads of it are consistent, whoever writes.

    `adopt` takes over what a source service has written into its table of flags. Half a copy of another
    store is none: every look at its head raises UnavailableError, save where `is_moving` reads it back.
    """

    read_only_reason: str | None = None

    def __init__(
        self,
        client: DynamoClient,
        clock: Clock,
        *,
        names: TableNames | None = None,
        is_moving: bool = False,
    ) -> None:
        self.client = client
        self.names = names if names is not None else TableNames()
        self.clock = clock
        self.writer = Writer(client, self.names, clock, is_moving=is_moving)
        self.reads = FlagReads(client, self.names)

    # --- sets

    def flag_sets(self) -> tuple[FlagSet, ...]:
        self.writer.head()
        items = self.client.query(
            self.names.main, "pk = :pk", ExpressionAttributeValues={":pk": text("sets")}
        )
        return tuple(sorted(map(set_of, items), key=lambda each: (each.priority, each.key)))

    def flag_set(self, key: str) -> FlagSet | None:
        _, item = self._with_head(set_key(key)) if is_key_text(key, limit=1_000) else (None, None)
        return None if item is None else set_of(item)

    def snapshot(self, flag_set: str) -> Snapshot | None:
        before = self.flag_set(flag_set)
        if before is None:
            return None
        flags = {flag.key: flag for flag in self.reads.flags(flag_set, self.reads.entries(flag_set))}
        for _ in range(_CONSISTENT_READS):
            now = self.flag_set(flag_set)
            if now is None:
                raise StoreDamagedError(f"flag set {flag_set} is gone")
            # What was written while the flags were read is in the history, whether it was read or not.
            steps = self.changes_since(flag_set, before.revision) if now != before else ()
            if all(step.revision <= now.revision for step in steps):
                for step in steps:
                    flags.pop(step.key, None)
                    if step.flag is not None:
                        flags[step.key] = step.flag
                return Snapshot(flag_set=now, flags=tuple(flag for _, flag in sorted(flags.items())))
        raise UnavailableError(f"flag set {flag_set} changes faster than it can be read")

    # --- flags

    def flag(self, flag_set: str, key: str) -> Flag | None:
        entry = self._entry(flag_set, key)
        return next(iter(self.reads.flags(flag_set, [entry])), None) if entry is not None else None

    def flag_by_id(self, flag_set: str, flag_id: str) -> Flag | None:
        if not is_key_text(flag_id):
            return None
        item = self._flag_item(flag_id)
        if item is not None and not is_ours(item):
            self.adopt()
            item = self._flag_item(flag_id)
        if item is None or "document" not in item:
            return None
        flag = flag_of(item)
        return flag if flag.flag_set == flag_set and flag.id == flag_id else None

    def find_flags(self, query: FlagQuery) -> tuple[Flag, ...]:
        return tuple(islice(self._found(query), max(0, query.limit)))

    def tombstone(self, flag_set: str, key: str) -> Tombstone | None:
        entry = self._entry(flag_set, key)
        return entry.tombstone if entry is not None else None

    # --- history

    def flag_versions(
        self, flag_set: str, key: str, *, before: int | None = None, limit: int = 100
    ) -> tuple[FlagVersion, ...]:
        self.writer.head()
        newest = None if before is None else before - 1
        return tuple(islice(self.reads.versions(flag_set, key, newest=newest, page=limit), max(0, limit)))

    def flag_at(self, flag_set: str, key: str, *, revision: int) -> FlagVersion | None:
        self.writer.head()
        return self.reads.at_revision(flag_set, key, revision)

    def changes_since(self, flag_set: str, revision: int) -> tuple[FlagVersion, ...]:
        stored = self.flag_set(flag_set)
        if stored is None or stored.revision <= revision:
            return ()
        if stored.revision - revision <= FAR_REVISIONS:
            keys = self.reads.changed_keys(flag_set, after=max(0, revision))
            entries = self.reads.entries_of(flag_set, keys)
            if entries.keys() != keys:
                raise StoreDamagedError(f"keys of flag set {flag_set} are gone")
            changed = [entry for _, entry in sorted(entries.items())]
        else:
            changed = [entry for entry in self.reads.entries(flag_set) if entry.revision > revision]
        return tuple(self.reads.steps_of(flag_set, changed))

    # --- writing

    def commit(self, changes: Sequence[ChangeSet]) -> tuple[AuditEvent, ...]:
        return self._commit(changes, seen={})

    def append_audit(self, draft: AuditDraft) -> AuditEvent:
        return self.writer.write(lambda _: Planned(actions=(), audit=(draft,)))[0]

    def adopt(self) -> int:
        """Publish what a source service has made or changed in its table of flags; how many flags that is."""
        source = SourceFlags(self.client, self.names, self, clock=self.clock, used=self._used)
        return source.adopt(self._commit)

    # --- audit

    def audit_events(self, query: AuditQuery) -> tuple[AuditEvent, ...]:
        if query.limit <= 0:
            return ()
        events = audit_items.find(self.client, self.names, query, last=self.writer.head().sequence)
        return tuple(islice(events, query.limit))

    def audit_range(self, *, first: int, limit: int) -> tuple[AuditEvent, ...]:
        last = self.writer.head().sequence
        # What begins at 0 counts from there: there is no event 0, as in the other stores.
        return tuple(audit_items.read_range(self.client, self.names, first=first, last=last, limit=limit))

    def audit_head(self) -> tuple[int, str]:
        head = self.writer.head()
        return head.sequence, head.hash

    def idempotency_record(self, key: str, actor: str) -> IdempotencyRecord | None:
        self.writer.head()
        return read_record(self.client, self.names, key, actor, now=self.clock())

    def change_token(self) -> int:
        return self.writer.head().sequence

    def close(self) -> None:
        self.client.close()

    # --- in detail

    def _commit(self, changes: Sequence[ChangeSet], seen: Mapping[str, Item]) -> tuple[AuditEvent, ...]:
        for change in changes:
            check_change_set(change)
        audit = [draft for change in changes for draft in change.audit]
        if not changes:
            return ()

        def plan(_: Head) -> Planned:
            publishes = Publishes(self.client, self.names, now=self.clock(), seen=seen)
            return Planned(actions=publishes.actions(changes), audit=audit)

        return self.writer.write(plan, on_refused=_seen_no_more if seen else self._refused)

    def _used(self, keys: Collection[str]) -> set[str]:
        self.writer.head()
        return set(self.reads.entries_of(DEFAULT_FLAG_SET, keys))

    def _refused(self, actions: Sequence[Action]) -> None:
        """A flag's item is not as Burgee left it: a source service changed it, or another flag is there."""
        refused = {action.place: action for action in actions if action.table == self.names.flags}
        has_changed = False
        for table, there in self.client.get_many((each.table, each.key) for each in refused.values()):
            item = refused[place_of(table, ("id",), there)].item
            has_changed |= not is_ours(there)
            if is_ours(there) and item is not None and (place := _place(there)) != _place(item):
                raise AlreadyExistsError(f"the id {text_of(there, 'id')} is that of flag {'/'.join(place)}")
        if has_changed:
            self.adopt()

    def _with_head(self, key: Item, *, table: str | None = None) -> tuple[Head, Item | None]:
        """The item at `key` after everything that is decided, in one read."""
        place = table if table is not None else self.names.main
        while True:
            found = self.client.get_many([(self.names.main, HEAD_KEY), (place, key)])
            heads = [item for _, item in found if item.get("pk") == HEAD_KEY["pk"]]
            others = [item for _, item in found if item.get("pk") != HEAD_KEY["pk"]]
            head_item = heads[0] if heads else None
            was_pending = head_item is not None and "pending" in head_item
            head = self.writer.settled(head_item)
            if not was_pending:
                return head, others[0] if others else None

    def _entry(self, flag_set: str, key: str) -> KeyEntry | None:
        if not (is_key_text(key, limit=1_000) and is_key_text(flag_set, limit=1_000)):
            return None
        _, item = self._with_head(flag_key(flag_set, key))
        return None if item is None else entry_of(item)

    def _flag_item(self, flag_id: str) -> Item | None:
        return self._with_head({"id": text(flag_id)}, table=self.names.flags)[1]

    def _found(self, query: FlagQuery) -> Iterator[Flag]:
        for flag_set in sorted(each.key for each in self.flag_sets()):
            if query.flag_set is not None and flag_set != query.flag_set:
                continue
            if query.within is not None and flag_set not in query.within:
                continue
            if query.after is not None and flag_set < query.after[0]:
                continue
            after = query.after[1] if query.after is not None and flag_set == query.after[0] else ""
            page = max(1, min(_PAGE, query.limit))
            for flag in self.reads.flags(flag_set, self.reads.entries(flag_set, after=after, page=page)):
                if flag_matches(flag, query):
                    yield flag


def _seen_no_more(actions: Sequence[Action]) -> None:
    """What was to be adopted has changed once more: only who reads it anew can adopt it."""
    raise VersionConflictError(f"{len(actions)} flags were written meanwhile", current=0)


def _place(item: Item) -> tuple[str, str]:
    return text_of(item, "flagSet"), text_of(item, "key")
