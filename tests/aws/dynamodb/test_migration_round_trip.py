"""There and back again: a store that people have worked with comes back row for row, and works in between."""

import os
from pathlib import Path

import pytest

pytest.importorskip("boto3")

from burgee.adapters.dynamodb.client import DynamoClient
from burgee.adapters.dynamodb.open import DynamoStores, open_dynamodb_stores
from burgee.adapters.dynamodb.tables import TableNames
from burgee.adapters.sqlite.access_times import SqliteAccessTimes
from burgee.adapters.sqlite.budgets import SqliteBudgetStore
from burgee.adapters.sqlite.overrides import SqliteOverrideStore
from burgee.adapters.sqlite.sdk_keys import SqliteSdkKeys
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.adapters.sqlite.usage import SqliteUsageStore
from burgee.entrypoints.connection import connect
from burgee.entrypoints.migration import open_migration
from burgee.ports import AccessTimes, BudgetStore, FlagStore, OverrideStore, SdkKeyStore, UsageStore
from burgee.ports.migration import MigrationReport
from burgee.settings import Settings
from burgee.surfaces.cli.environment import Target
from burgee.testing.contracts import FlagStoreContract
from burgee.testing.lived_in import live_in, rows
from burgee.testing.store_checks import disagreements

pytestmark = pytest.mark.aws

SEEDS = range(int(os.environ.get("MIGRATION_EXAMPLES", "2")))
STEPS = 100
NOW = 1_500_000_000.0
"""Before anything of the past expires."""


def move(data: Path, source: str, target: str) -> MigrationReport:
    settings = Settings.from_mapping({"BURGEE_DATA": str(data)})
    with open_migration(settings, source=source, target=target) as moving:
        return moving.run()


def answers_of_sqlite(data: Path) -> object:
    store = SqliteFlagStore(data / "flags.db", lambda: NOW)
    usage = SqliteUsageStore(data / "usage.db")
    times, budgets = SqliteAccessTimes(store), SqliteBudgetStore(store.connections)
    found = answers(store, SqliteOverrideStore(store), SqliteSdkKeys(store), budgets, usage, times)
    usage.close()
    store.close()
    return found


def answers_of_dynamodb(stores: DynamoStores) -> object:
    beside = stores.budgets, stores.usage, stores.access_times
    return answers(stores.flags, stores.overrides, stores.sdk_keys, *beside)


def answers(
    flags: FlagStore,
    overrides: OverrideStore,
    keys: SdkKeyStore,
    budgets: BudgetStore,
    usage: UsageStore,
    times: AccessTimes,
) -> dict[str, object]:
    """What the ports say, of everything."""
    events = flags.audit_range(first=1, limit=10_000)
    places = sorted({(event.flag_set, event.flag_key) for event in events if event.flag_key})
    ids = sorted(
        {
            step.flag.id
            for place in places
            for step in flags.flag_versions(*place, limit=1_000)
            if step.flag is not None
        }
    )
    return {
        "flags": FlagStoreContract.everything(flags),
        "tombstones": [flags.tombstone(*place) for place in places],
        "overrides": [overrides.overrides_of_flag(*place, limit=1_000) for place in places],
        "subjects": sorted(overrides.overridden_subjects()),
        "changed": overrides.subjects_changed_since(0, limit=10_000),
        "mark": overrides.override_mark(),
        "keys": (keys.sdk_keys(limit=1_000), keys.sdk_key_changes()),
        "budget": budgets.read("pendingLimit"),
        "usage": [usage.counts(*place, since=0) for place in places],
        "last": usage.last_evaluated(places),
        "access": [times.last(flag_id) for flag_id in ids],
        "requests": [
            flags.idempotency_record(f"step-{step}", actor)
            for step in range(STEPS)
            for actor in sorted({event.actor for event in events})
        ],
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_a_store_comes_back_row_for_row(tmp_path: Path, dynalite_client: DynamoClient, seed: int) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    statuses = live_in(one, seed=seed, steps=STEPS)
    there, back = move(one, "sqlite", "dynamodb"), move(two, "dynamodb", "sqlite")
    assert there.amounts == back.amounts
    assert (there.verified, back.verified, there.remarks, back.remarks) == (True, True, (), ())
    # Something of every kind was there to be lost, or the test would show nothing.
    empty = [kind for kind, amount in there.amounts.items() if not amount.count]
    assert (empty, {200, 201, 204} <= set(statuses)) == ([], True)
    stores = open_dynamodb_stores(TableNames(), lambda: NOW, client=dynalite_client)
    assert answers_of_sqlite(one) == answers_of_dynamodb(stores) == answers_of_sqlite(two)
    assert disagreements(stores.flags) == []
    assert rows(one) == rows(two)
    with connect(Target(data=str(two))) as http:
        verified = http.get("/api/v1/audit/verify")
        assert verified.json() == {"ok": True, "checked": there.amounts["events"].count, "firstBroken": None}
        assert http.get("/api/v1/status").status_code == 200
