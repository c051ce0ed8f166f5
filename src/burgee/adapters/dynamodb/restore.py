"""Restoring a whole store into empty tables, whose head says until the end that it is half of one."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from burgee.adapters.dynamodb import restored_items
from burgee.adapters.dynamodb.actions import Action, batch_request
from burgee.adapters.dynamodb.client import BATCH_WRITE, ConditionFailed, Item, pages
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.head import MIGRATION, Head, head_item, head_of
from burgee.adapters.dynamodb.items import float_of, number, text, text_of
from burgee.adapters.dynamodb.layout import HEAD_KEY
from burgee.adapters.dynamodb.migration_source import DynamoBeside
from burgee.adapters.dynamodb.override_writes import entries_of
from burgee.errors import ConflictError
from burgee.model.audit import AuditEvent
from burgee.model.flag_set import FlagSet
from burgee.ports import OverrideMark
from burgee.ports.migration import FlagHistory, Holding, Holds, OverridePage, Record, StoreParts

WRITERS = 8
"""How many batches are on their way at a time."""

_LEFT_BY_A_START = ("adoption", "usage-purged", "code#")
"""What a server leaves in tables where nothing was done yet."""


class DynamoRestore:
    """A Restore into the tables of `store`, which must be one that `is_moving`."""

    def __init__(self, store: DynamoFlagStore) -> None:
        self._store = store
        self._client, self._names = store.client, store.names
        self._job = ""
        self._pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="burgee-migrate")

    def holding(self) -> Holding:
        item = self._client.get(self._names.main, HEAD_KEY)
        if item is None:
            self._require_empty()
            return Holding(Holds.NOTHING)
        if MIGRATION in item:
            self._job = text_of(item, MIGRATION)
            positions = {name: text_of({name: at}, name) for name, at in item["progress"]["M"].items()}
            return Holding(Holds.HALF, job=self._job, began_at=float_of(item, "beganAt"), progress=positions)
        head = head_of(item)
        first = self._store.audit_range(first=1, limit=1)
        return Holding(Holds.STORE, began_at=first[0].at if first else None, head=(head.sequence, head.hash))

    def begin(self, job: str, *, at: float) -> None:
        self._job = job
        marked = self._marked(Head(commit=restored_items.COMMIT), at=at)
        try:
            self._client.call(
                "put_item",
                TableName=self._names.main,
                Item=marked,
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ConditionFailed:
            raise ConflictError(f"somebody has begun to write to table {self._names.main}") from None
        self._empty(self._names.budgets)  # of a budget that a start has seeded

    def discard(self) -> None:
        """The head goes last: until then it is still half a copy."""
        names = self._names
        for table in (names.flags, names.overrides, names.budgets, names.main):
            self._empty(table)
        self._client.call("delete_item", TableName=names.main, Key=HEAD_KEY)

    def put_flags(self, flag_set: str, page: int, histories: Sequence[FlagHistory], *, position: str) -> None:
        self._write_all(restored_items.of_flags(self._names, flag_set, page, histories))
        self._keep("flags", position)

    def put_set(self, flag_set: FlagSet, *, position: str) -> None:
        self._write_all([restored_items.of_set(self._names, flag_set)])
        self._keep("sets", position)

    def put_events(self, events: Sequence[AuditEvent], *, position: str) -> None:
        self._write_all(restored_items.of_events(self._names, events))
        self._keep("events", position)

    def put_overrides(self, page: OverridePage) -> None:
        places = [(each.flag_set, each.flag_key) for _, each in page.overrides]
        ids = {place: entry.id for place, entry in entries_of(self._store, places).items()}
        self._write_all(restored_items.of_overrides(self._names, page.overrides, ids))
        self._keep("overrides", page.position)

    def put_records(self, records: Sequence[Record], *, is_first: bool) -> None:
        """Those of an earlier run are written over; one that is gone since shows in the comparison."""
        del is_first
        self._write_all(
            action for record in records for action in restored_items.of_record(self._names, record)
        )

    def seal(self, *, head: tuple[int, str], mark: OverrideMark, key_changes: int) -> None:
        sequence, audit_hash = head
        values = {
            "sequence": number(sequence),
            "hash": text(audit_hash),
            "overrideSequence": number(mark.sequence),
            "overrideCount": number(mark.count),
            "keyChanges": number(key_changes),
        }
        self._update_head("SET " + ", ".join(f"#{name} = :{name}" for name in values), values)

    def open(self) -> StoreParts:
        return StoreParts(self._store, DynamoBeside(self._store))

    def finish(self) -> None:
        if self._job:
            self._update_head(f"REMOVE #{MIGRATION}, #progress, #beganAt", {})
            self._job = ""

    def close(self) -> None:
        """Wait for what is on its way; the client is closed by whoever opened it."""
        self._pool.shutdown(cancel_futures=True)

    # --- in detail

    def _require_empty(self) -> None:
        names = self._names
        for table in (names.flags, names.overrides):
            if next(self._client.scan(table, Limit=1), None) is not None:
                raise ConflictError(f"table {table} holds items already: name empty tables")
        for item in self._client.scan(names.main, Limit=100):
            if not text_of(item, "pk").startswith(_LEFT_BY_A_START):
                raise ConflictError(f"table {names.main} holds items already: name empty tables")
        for item in self._client.scan(names.budgets, Limit=100):
            if text_of(item, "by") or text_of(item, "changeId") or "epoch" not in item:
                raise ConflictError(
                    f"table {names.budgets} holds a budget already that somebody has set: name empty tables"
                )

    def _empty(self, table: str) -> None:
        keys = self._names.keys_of(table)
        self._write_all(
            Action(table=table, key={name: item[name] for name in keys})
            for item in self._client.scan(table, ConsistentRead=True)
            if item.get("pk") != HEAD_KEY["pk"]
        )

    def _marked(self, head: Head, *, at: float) -> Item:
        marks: Item = {MIGRATION: text(self._job), "beganAt": number(float(at)), "progress": {"M": {}}}
        return head_item(head) | marks

    def _keep(self, kind: str, position: str) -> None:
        self._update_head(f"SET #progress.#{kind} = :position", {"position": text(position)})

    def _update_head(self, update: str, values: Item) -> None:
        """Change the head of this very copy.

        Raises ConflictError where it is no longer there.
        """
        words = update.replace(",", " ").replace(".", " ").split()
        names = {word: word[1:] for word in words if word.startswith("#")} | {"#job": MIGRATION}
        try:
            self._client.call(
                "update_item",
                TableName=self._names.main,
                Key=HEAD_KEY,
                UpdateExpression=update,
                ConditionExpression="#job = :job",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={f":{name}": each for name, each in values.items()}
                | {":job": text(self._job)},
            )
        except ConditionFailed:
            raise ConflictError(f"somebody else has written to table {self._names.main} meanwhile") from None

    def _write_all(self, actions: Iterable[Action]) -> None:
        """Several batches at a time, and no more of them in memory than that."""
        batches = pages(map(batch_request, actions), BATCH_WRITE)
        for some in pages(batches, WRITERS):
            for _ in self._pool.map(self._client.write_many, some):
                pass
