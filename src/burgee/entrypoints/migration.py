"""Both stores of a migration, opened: imported only by the command that moves them."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from burgee.adapters.data_folder import DataFolder, open_data_folder
from burgee.adapters.dynamodb.adoption import InPlaceAdoption
from burgee.adapters.dynamodb.client import DynamoClient, dynamodb_client
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.migration_source import DynamoBeside
from burgee.adapters.dynamodb.restore import DynamoRestore
from burgee.adapters.dynamodb.source_reading import read_hatton, read_rds
from burgee.adapters.dynamodb.tables import TableNames
from burgee.adapters.sqlite.migration_source import SqliteBeside
from burgee.adapters.sqlite.restore import SqliteRestore
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.errors import ConfigurationError
from burgee.ports import Clock
from burgee.ports.migration import Move, Restore, StoreParts
from burgee.service.migrate import Migration
from burgee.settings import Settings

_USAGE = "usage.db"


@contextmanager
def open_migration(
    settings: Settings,
    *,
    source: str,
    target: str,
    hatton_table: str = "flags",
    clock: Clock = time.time,
) -> Iterator[Move]:
    """A migration from `source` to `target`; what these may be, `burgee migrate` says.

    Nothing is written before it runs. Raises ConfigurationError, StoreRefusedError where a server has the
    data folder, UnavailableError.
    """
    if source == target:
        raise ConfigurationError(f"the source and the target are both {source}")
    if settings.is_memory and "sqlite" in (source, target):
        raise ConfigurationError("BURGEE_DATA: a migration needs a data folder, not memory")
    with ExitStack() as stack:
        client = dynamodb_client(read_seconds=10, total_seconds=30)
        stack.callback(client.close)
        ends = _Ends(stack, settings, client, clock, hatton_table)
        if (source, target) == ("rds-dynamodb", "dynamodb"):
            store = DynamoFlagStore(client, clock, names=ends.names)
            yield InPlaceAdoption(store, seed_limit=settings.budget_limit)
            return
        restore = ends.restore(target)
        yield Migration(ends.source(source, restore), restore, names=(source, target), clock=clock)


class _Ends:
    """Opens what a migration goes from and to, and has `stack` close it."""

    def __init__(
        self, stack: ExitStack, settings: Settings, client: DynamoClient, clock: Clock, hatton_table: str
    ) -> None:
        self._stack, self._settings, self._client = stack, settings, client
        self._clock, self._hatton_table = clock, hatton_table
        self.names = TableNames(
            flags=settings.flag_table,
            overrides=settings.override_table,
            budgets=settings.budget_table,
            main=settings.table,
        )

    def restore(self, target: str) -> Restore:
        restore: SqliteRestore | DynamoRestore
        if target == "sqlite":
            folder = DataFolder(Path(self._settings.data).absolute())
            if folder.path.exists():
                self._stack.enter_context(folder.lock())
            restore = SqliteRestore(folder.database, folder.path / _USAGE, self._clock)
        else:
            names = self.names
            restore = DynamoRestore(DynamoFlagStore(self._client, self._clock, names=names, is_moving=True))
        self._stack.callback(restore.close)
        return restore

    def source(self, source: str, restore: Restore) -> StoreParts:
        client, seed_limit = self._client, self._settings.budget_limit
        if source == "sqlite":
            return self._sqlite()
        if source == "dynamodb":
            store = DynamoFlagStore(client, self._clock, names=self.names)
            return StoreParts(store, DynamoBeside(store, seed_limit=seed_limit))
        # What they hold has no history: it begins now, or when an earlier run said that it did.
        began_at = restore.holding().began_at
        now = float(self._clock() if began_at is None else began_at)
        if source == "rds-dynamodb":
            return read_rds(client, self.names, now=now, seed_limit=seed_limit)
        return read_hatton(client, self._hatton_table, now=now)

    def _sqlite(self) -> StoreParts:
        place = Path(self._settings.data).absolute() / "flags.db"
        if not place.exists():
            raise ConfigurationError(f"BURGEE_DATA: there is no {place} to move")
        folder = open_data_folder(self._settings.data)
        self._stack.enter_context(folder.lock())
        store = SqliteFlagStore(folder.database, self._clock)
        self._stack.callback(store.close)
        store.verify()
        return StoreParts(store, SqliteBeside(store, folder.path / _USAGE))
