"""Adopting a source service's tables where they stand, with its own attributes compared before and after."""

import hashlib

import msgspec

from burgee.adapters.dynamodb.client import Item
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.items import int_of, status_of, text_of
from burgee.adapters.dynamodb.source_overrides import SourceOverrides
from burgee.errors import StoreDamagedError
from burgee.ports.migration import Amount, MigrationReport, Tell

_FLAG = ("id", "name", "description", "createdBy", "updatedBy")
_MAPPING = ("userId", "flagId", "createdBy", "updatedBy")


class InPlaceAdoption:
    """A Move of a source service's tables into the store that uses the same tables."""

    def __init__(self, store: DynamoFlagStore) -> None:
        self._store = store

    def run(
        self, *, dry_run: bool = False, tell: Tell = lambda _what, _count, _total: None
    ) -> MigrationReport:
        before = self._amounts()
        if not dry_run:
            tell("flags", self._store.adopt(), before["flags"].count)
            total = before["mappings"].count
            SourceOverrides(self._store).adopt(tell=lambda count: tell("overrides", count, total))
            if self._amounts() != before:
                raise StoreDamagedError("the source's attributes changed meanwhile: stop its writers")
        mappings = self._store.client.scan(self._store.names.overrides)
        left = sum("document" not in item for item in mappings)
        return MigrationReport(
            source="rds-dynamodb",
            target="dynamodb",
            dry_run=dry_run,
            verified=not dry_run,
            amounts=before,
            head="" if dry_run else self._store.audit_head()[1],
            skipped=0 if dry_run else left,
        )

    def _amounts(self) -> dict[str, Amount]:
        names = self._store.names
        return {
            "flags": self._amount(names.flags, _FLAG),
            "mappings": self._amount(names.overrides, _MAPPING),
        }

    def _amount(self, table: str, texts: tuple[str, ...]) -> Amount:
        """The order of a scan is not that of the next one: the hashes of all items are added."""
        count = total = 0
        for item in self._store.client.scan(table, ConsistentRead=True):
            count += 1
            total += int.from_bytes(hashlib.sha256(_source_attributes(item, texts)).digest())
        return Amount(count=count, sha256=f"{total % 2**256:064x}")


def _source_attributes(item: Item, texts: tuple[str, ...]) -> bytes:
    status = status_of(item)
    times = (int_of(item, "createdAt"), int_of(item, "updatedAt"))
    return msgspec.json.encode(
        ([text_of(item, name) for name in texts], status.value if status else text_of(item, "status"), times)
    )
