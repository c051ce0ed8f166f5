"""The stores that settings name: in memory, in a data folder, or in DynamoDB."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from burgee.adapters.data_folder import DataFolder, open_data_folder
from burgee.adapters.memory import MemoryFlagStore, MemorySignInCodes
from burgee.adapters.memory_usage import MemoryUsageStore
from burgee.adapters.snapshot_file import JsonSnapshotFile
from burgee.errors import ConfigurationError
from burgee.ports import (
    AccessTimes,
    BudgetStore,
    Clock,
    Deliveries,
    FlagStore,
    OverrideStore,
    SdkKeyStore,
    SignInCodes,
    SnapshotFile,
    UsageStore,
)
from burgee.settings import Settings

if TYPE_CHECKING:
    from burgee.adapters.dynamodb.tables import TableNames


def open_folder(settings: Settings) -> DataFolder | None:
    """The data folder; with DynamoDB only where one is named, for the last good snapshot and the key."""
    is_named = not settings.is_dynamodb or settings.data != Settings().data
    return open_data_folder(settings.data) if is_named and not settings.is_memory else None


class Stores(NamedTuple):
    """Everything that is kept.

    `usage` is None where each worker has a file of its own; `deliveries` gives what remembers how far each of
    the sinks of those names has come, None where the store's own stream does. `go_on` is called again and
    again, and takes over more of what a source service has written; None where there is nothing left.
    """

    flags: FlagStore
    codes: SignInCodes
    sdk_keys: SdkKeyStore
    overrides: OverrideStore
    budgets: BudgetStore
    access_times: AccessTimes
    usage: UsageStore | None
    deliveries: Callable[[Sequence[str]], Deliveries | None]
    snapshot_file: SnapshotFile | None
    go_on: Callable[[], object] | None = None


def open_stores(settings: Settings, folder: DataFolder | None, clock: Clock, *, adopt: bool = True) -> Stores:
    """The stores of `settings`, open; each kind is imported by whom it serves alone.

    `adopt` takes over what source services have written.
    """
    if settings.is_dynamodb:
        return _tables(settings, folder, clock, adopt=adopt)
    from burgee.adapters.sqlite.access_times import access_times_beside
    from burgee.adapters.sqlite.budgets import budget_store_beside
    from burgee.adapters.sqlite.deliveries import deliveries_beside
    from burgee.adapters.sqlite.open import open_sqlite_store
    from burgee.adapters.sqlite.overrides import overrides_beside
    from burgee.adapters.sqlite.sdk_keys import sdk_keys_beside
    from burgee.adapters.sqlite.sign_in_codes import sign_in_codes_beside

    if folder is None:
        store: FlagStore = MemoryFlagStore(clock)
        codes: SignInCodes = MemorySignInCodes()
        snapshot_file = None
    else:
        snapshot_file = JsonSnapshotFile(folder.snapshot)
        store = open_sqlite_store(folder.database, clock=clock, snapshot_file=snapshot_file)
        codes = sign_in_codes_beside(store)
    return Stores(
        flags=store,
        codes=codes,
        sdk_keys=sdk_keys_beside(store),
        overrides=overrides_beside(store),
        budgets=budget_store_beside(store),
        access_times=access_times_beside(store),
        usage=None,
        deliveries=lambda names: deliveries_beside(store, sinks=names),
        snapshot_file=snapshot_file,
    )


def _tables(settings: Settings, folder: DataFolder | None, clock: Clock, *, adopt: bool) -> Stores:
    from burgee.adapters.dynamodb.open import open_dynamodb_stores

    if settings.webhook_url or settings.audit_files:
        raise ConfigurationError(
            "BURGEE_STORE: on dynamodb the audit leaves by the table's stream, "
            "not by BURGEE_WEBHOOK_URL or BURGEE_AUDIT_FILES"
        )
    stores = open_dynamodb_stores(_names(settings), clock, adopt=adopt, seed_limit=settings.budget_limit)
    return Stores(
        **stores._asdict(),
        deliveries=lambda _: None,
        snapshot_file=JsonSnapshotFile(folder.snapshot) if folder is not None else None,
    )


def local_usage(folder: DataFolder | None, *, writer: bool) -> UsageStore:
    """Counts that every worker writes by itself: their file is none of the flags'."""
    if folder is None:
        return MemoryUsageStore()
    from burgee.adapters.sqlite.usage import SqliteUsageStore

    return SqliteUsageStore(folder.path / "usage.db", repair=writer)


def open_usage_store(settings: Settings) -> UsageStore:
    """The store of counts alone, for who does nothing else."""
    if not settings.is_dynamodb:
        return local_usage(open_folder(settings), writer=True)
    from burgee.adapters.dynamodb.client import dynamodb_client
    from burgee.adapters.dynamodb.usage import DynamoUsageStore

    return DynamoUsageStore(dynamodb_client(), _names(settings))


def open_key_uses(settings: Settings) -> Callable[[Mapping[str, float]], None]:
    """Where the last uses of SDK keys are noted, for who does nothing else; nowhere but on DynamoDB."""
    if not settings.is_dynamodb:
        return lambda _: None
    from burgee.adapters.dynamodb.open import open_dynamodb_stores

    return open_dynamodb_stores(_names(settings), time.time, adopt=False).sdk_keys.note_sdk_key_uses


def _names(settings: Settings) -> "TableNames":
    from burgee.adapters.dynamodb.tables import TableNames

    return TableNames(
        flags=settings.flag_table,
        overrides=settings.override_table,
        budgets=settings.budget_table,
        main=settings.table,
    )
