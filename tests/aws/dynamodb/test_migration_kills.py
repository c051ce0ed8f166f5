"""A migration that is killed: half a copy is never taken for a store, and the next run ends it.

On dynalite, which is quicker than moto; a copy needs no transactions.
"""

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("boto3")

from burgee.adapters.dynamodb.client import DynamoClient
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.tables import TableNames
from burgee.errors import UnavailableError
from burgee.testing.aws.dying_migration import Orders, dying_migrations
from burgee.testing.aws.dynamodb_stores import with_tables
from burgee.testing.aws.emulators import ENVIRONMENT
from burgee.testing.builders import THE_DAY
from burgee.testing.lived_in import live_in, rows

pytestmark = pytest.mark.aws

KILLS = int(os.environ.get("MIGRATION_KILLS_EXAMPLES", "20"))
STEPS = 40


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("lived") / "data"
    live_in(data, seed=20_261_121, steps=STEPS)
    return data


@pytest.fixture(scope="module")
def orders(dynalite_server: str) -> Iterator[Orders]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with dying_migrations(dynalite_server) as orders:
            yield orders


def tables(client: DynamoClient, number: int) -> tuple[TableNames, dict[str, str]]:
    """Fresh tables, and the settings that name them."""
    made = {name: f"{name}{number}" for name in ("flags", "overrides", "budgets", "main")}
    names = TableNames(**made)
    with_tables(client, names, streams=False)
    settings = ("BURGEE_FLAG_TABLE", "BURGEE_OVERRIDE_TABLE", "BURGEE_BUDGET_TABLE", "BURGEE_TABLE")
    return names, dict(zip(settings, made.values(), strict=True))


def moments(seed: int, last: int) -> list[int]:
    """The calls with which the processes die: the first, the last, and some between."""
    chance = random.Random(seed)
    return [1, last, *(chance.randrange(2, last) for _ in range(KILLS - 2))]


def items(client: DynamoClient, names: TableNames) -> list[str]:
    """Everything in the tables; the order of maps in an item is that of its writer."""
    found = [
        repr(sorted(item.items()))
        for table in (names.flags, names.overrides, names.budgets, names.main)
        for item in client.scan(table)
    ]
    return sorted(found)


def test_a_copy_into_dynamodb_survives_being_killed(
    lived_in: Path, tmp_path: Path, orders: Orders, dynalite_client: DynamoClient
) -> None:
    names, settings = tables(dynalite_client, 0)
    source = {"BURGEE_DATA": str(lived_in)}
    whole = orders.run("sqlite", "dynamodb", source | settings)
    expected, halves = items(dynalite_client, names), 0
    for number, moment in enumerate(moments(1, whole["calls"] - 40), 1):
        names, settings = tables(dynalite_client, number)
        assert orders.run("sqlite", "dynamodb", source | settings, calls=moment) == {"killed": True}
        store = DynamoFlagStore(dynalite_client, lambda: THE_DAY, names=names)
        try:
            head = store.audit_head()[0]
        except UnavailableError as refused:
            assert "half a copy" in str(refused)
            halves += 1
        else:
            assert items(dynalite_client, names) == expected if head else items(dynalite_client, names) == []
        assert "calls" in orders.run("sqlite", "dynamodb", source | settings)
        assert items(dynalite_client, names) == expected
    assert halves > KILLS // 2


def test_a_copy_into_sqlite_survives_being_killed(
    lived_in: Path, tmp_path: Path, orders: Orders, dynalite_client: DynamoClient
) -> None:
    _, settings = tables(dynalite_client, 0)
    assert "calls" in orders.run("sqlite", "dynamodb", {"BURGEE_DATA": str(lived_in), **settings})
    whole = orders.run("dynamodb", "sqlite", {"BURGEE_DATA": str(tmp_path / "whole"), **settings})
    expected, halves = rows(lived_in), 0
    assert rows(tmp_path / "whole") == expected
    for number, moment in enumerate(moments(2, whole["calls"] - 20)):
        data = tmp_path / str(number)
        order = {"BURGEE_DATA": str(data), **settings}
        assert orders.run("dynamodb", "sqlite", order, calls=moment) == {"killed": True}
        if (data / "flags.db").exists():
            assert rows_but_marks(data) == expected
        halves += (data / "flags.db-migration").exists()
        assert "calls" in orders.run("dynamodb", "sqlite", order)
        assert rows(data) == expected
        assert sorted(file.name for file in data.iterdir() if "migration" in file.name) == []
        shutil.rmtree(data)
    assert halves > KILLS // 2


def rows_but_marks(data: Path) -> dict[str, list[tuple[object, ...]]]:
    """A store in its place may still carry the marks of the copy, until the next run."""
    return {name: found for name, found in rows(data).items() if not name.startswith("migration")}
