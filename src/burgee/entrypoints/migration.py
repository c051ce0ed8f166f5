"""Both stores of a migration, opened: imported only by the command that moves them."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from burgee.adapters.checkpoint_file import JsonCheckpointFile
from burgee.adapters.data_folder import open_data_folder
from burgee.adapters.dynamodb.adoption import InPlaceAdoption
from burgee.adapters.dynamodb.client import dynamodb_client
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.restore import DynamoRestore
from burgee.adapters.dynamodb.source_reading import read_hatton, read_rds
from burgee.adapters.dynamodb.tables import TableNames
from burgee.adapters.sqlite.overrides import SqliteOverrideStore
from burgee.adapters.sqlite.restore import SqliteRestore
from burgee.adapters.sqlite.sdk_keys import SqliteSdkKeys
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.errors import ConfigurationError
from burgee.ports import Clock
from burgee.ports.migration import Move, StoreParts
from burgee.service.migrate import Migration
from burgee.settings import Settings


@contextmanager
def open_migration(
    settings: Settings,
    *,
    source: str,
    target: str,
    hatton_table: str = "flags",
    checkpoint: str | Path = "burgee-migration.json",
    clock: Clock = time.time,
) -> Iterator[Move]:
    """A migration from `source` to `target`; what these may be, `burgee migrate` says.

    Raises ConfigurationError, StoreRefusedError where a server has the data folder, UnavailableError.
    """
    names = TableNames(
        flags=settings.flag_table,
        overrides=settings.override_table,
        budgets=settings.budget_table,
        main=settings.table,
    )
    if source == target:
        raise ConfigurationError(f"the source and the target are both {source}")
    if settings.is_memory and "sqlite" in (source, target):
        raise ConfigurationError("BURGEE_DATA: a migration needs a data folder, not memory")
    with ExitStack() as stack:
        client = dynamodb_client(read_seconds=10, total_seconds=30)
        stack.callback(client.close)
        if (source, target) == ("rds-dynamodb", "dynamodb"):
            yield InPlaceAdoption(DynamoFlagStore(client, clock, names=names))
            return
        database = None
        if "sqlite" in (source, target):
            folder = open_data_folder(settings.data)
            stack.enter_context(folder.lock())
            database = folder.database
        restore: SqliteRestore | DynamoRestore
        if target == "sqlite":
            assert database is not None
            restore = SqliteRestore(database, clock)
        else:
            restore = DynamoRestore(DynamoFlagStore(client, clock, names=names))
        stack.callback(restore.close)
        skipped = 0
        if source == "sqlite":
            assert database is not None
            local = SqliteFlagStore(database, clock)
            stack.callback(local.close)
            parts = StoreParts(local, SqliteOverrideStore(local), SqliteSdkKeys(local))
        elif source == "dynamodb":
            parts = DynamoRestore(DynamoFlagStore(client, clock, names=names)).open()
        elif source == "rds-dynamodb":
            parts, skipped = read_rds(client, names, clock=clock)
        else:
            parts, skipped = read_hatton(client, hatton_table, clock=clock)
        yield Migration(
            parts, restore, JsonCheckpointFile(checkpoint), names=(source, target), skipped=skipped
        )
