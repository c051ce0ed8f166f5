"""Adopting a source service's tables where they stand, with its own attributes compared before and after."""

import hashlib

import msgspec

from burgee.adapters.dynamodb import source_remarks
from burgee.adapters.dynamodb.client import Item
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.items import int_of, source_flag, status_of, text_of
from burgee.adapters.dynamodb.source_overrides import SourceOverrides
from burgee.errors import ConflictError
from burgee.ports.migration import Amount, MigrationReport, Remark, Tell

_FLAG = ("id",)
_MAPPING = ("userId", "flagId")


class InPlaceAdoption:
    """A Move of a source service's tables into the store that uses the same tables.

    Each flag and mapping is adopted by a commit like any other: an interrupted run leaves whole ones, and
    the next takes the rest. The request limit is read as it stands, and nothing is written into it.
    """

    def __init__(self, store: DynamoFlagStore, *, seed_limit: int) -> None:
        self._store, self._seed_limit = store, seed_limit

    def run(
        self,
        *,
        dry_run: bool = False,
        start_over: bool = False,
        tell: Tell = lambda _what, _count, _total: None,
    ) -> MigrationReport:
        del start_over  # there is never half of anything
        before, remarks, adopted = self._amounts(), tuple(self._remarks()), 0
        if not dry_run:
            adopted += self._store.adopt()
            tell("flags", before["flags"].count, before["flags"].count)
            total = before["mappings"].count

            def heard(count: int) -> None:
                nonlocal adopted
                adopted += count
                tell("overrides", count, total)

            SourceOverrides(self._store).adopt(tell=heard)
            after = self._amounts()
            changed = [what for what in before if after[what] != before[what]]
            if changed:
                raise ConflictError(
                    f"the source has changed its {' and '.join(changed)} meanwhile: stop its writers and run "
                    "it again"
                )
        return MigrationReport(
            source="rds-dynamodb",
            target="dynamodb",
            dry_run=dry_run,
            verified=not dry_run,
            amounts=before,
            head="" if dry_run else self._store.audit_head()[1],
            already=not dry_run and not adopted,
            remarks=remarks,
        )

    def _remarks(self) -> list[Remark]:
        client, names = self._store.client, self._store.names
        remarks = list(source_remarks.of_flags(client.scan(names.flags, ConsistentRead=True)))
        known = {
            text_of(item, "id")
            for item in client.scan(names.flags, ConsistentRead=True)
            if "document" in item or source_flag(item) is not None
        }
        for item in client.scan(names.overrides, ConsistentRead=True):
            remarks += source_remarks.of_mapping(item, has_flag=known.__contains__)
        for item in client.scan(names.budgets, ConsistentRead=True):
            remarks += source_remarks.of_budget(item, seed_limit=self._seed_limit)
        return remarks

    def _amounts(self) -> dict[str, Amount]:
        names = self._store.names
        return {
            "flags": self._amount(names.flags, _FLAG),
            "mappings": self._amount(names.overrides, _MAPPING),
        }

    def _amount(self, table: str, ids: tuple[str, ...]) -> Amount:
        """The order of a scan is not that of the next one: the hashes of all items are added."""
        count = total = 0
        for item in self._store.client.scan(table, ConsistentRead=True):
            count += 1
            total += int.from_bytes(hashlib.sha256(_source_attributes(item, ids)).digest())
        return Amount(count=count, sha256=f"{total % 2**256:064x}")


def _source_attributes(item: Item, ids: tuple[str, ...]) -> bytes:
    """What the source says in an item, read as it is for an adoption: what it lacks is written by that."""
    status = status_of(item)
    created_at, created_by = int_of(item, "createdAt"), text_of(item, "createdBy")
    return msgspec.json.encode(
        (
            [text_of(item, name) for name in ids],
            text_of(item, "name") or text_of(item, "Name") or text_of(item, "id"),
            text_of(item, "description") or text_of(item, "Description"),
            status.value if status else text_of(item, "status"),
            (created_at, int_of(item, "updatedAt", created_at)),
            (created_by, text_of(item, "updatedBy") or created_by),
        )
    )
