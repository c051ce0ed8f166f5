"""What a migration refuses, what it notices, and what it leaves alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("boto3")

from burgee.adapters.dynamodb import restore as dynamo_restore
from burgee.adapters.dynamodb.client import DynamoClient
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.items import text
from burgee.adapters.dynamodb.open import open_dynamodb_stores
from burgee.adapters.dynamodb.restore import DynamoRestore
from burgee.adapters.dynamodb.tables import TableNames
from burgee.adapters.sqlite.restore import SqliteRestore
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.adapters.sqlite.usage import SqliteUsageStore
from burgee.entrypoints.cli import _migration
from burgee.entrypoints.migration import open_migration
from burgee.errors import ConfigurationError, ConflictError, StoreDamagedError, UnavailableError
from burgee.model.budget import RequestBudget
from burgee.model.resolution import Reason
from burgee.model.usage import UsageCount
from burgee.ports.migration import MigrationReport, OverridePage
from burgee.settings import Settings
from burgee.surfaces.cli.command_line import run
from burgee.surfaces.cli.environment import Environment
from burgee.surfaces.cli.exit_codes import ExitCode
from burgee.testing.aws.source_items import a_source_flag, a_source_mapping
from burgee.testing.builders import THE_DAY, a_flag
from burgee.testing.override_builders import override_subject
from burgee.testing.publishing import publish

pytestmark = pytest.mark.aws

WRITES = {"put_item", "update_item", "delete_item", "batch_write_item", "transact_write_items"}
USAGE = UsageCount(
    flag_set="checkout", flag_key="k0", hour=3600, variant="on", reason=Reason.STATIC, count=2, last_at=3601.0
)


def move(data: Path, source: str, target: str, **more: Any) -> MigrationReport:
    settings = Settings.from_mapping({"BURGEE_DATA": str(data)})
    with open_migration(settings, source=source, target=target, clock=lambda: THE_DAY) as moving:
        return moving.run(**more)


def source(data: Path, *, flags: int = 3) -> SqliteFlagStore:
    """A store with a few flags, open."""
    data.mkdir(mode=0o700)
    store = SqliteFlagStore(data / "flags.db", lambda: THE_DAY)
    publish(store, *(a_flag(key=f"k{number}") for number in range(flags)))
    return store


@pytest.fixture
def one(tmp_path: Path) -> Path:
    source(tmp_path / "one").close()
    return tmp_path / "one"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every operation that any client is asked for."""
    heard: list[str] = []
    original = DynamoClient._attempt

    def attempt(self: DynamoClient, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        heard.append(operation)
        return original(self, operation, request)

    monkeypatch.setattr(DynamoClient, "_attempt", attempt)
    return heard


def stop_at(monkeypatch: pytest.MonkeyPatch, restore: type, method: str) -> None:
    """Let the next run end before `method`, and no other."""

    def stop(*_: object, **__: object) -> None:
        monkeypatch.setattr(restore, method, original)
        raise KeyboardInterrupt

    original = getattr(restore, method)
    monkeypatch.setattr(restore, method, stop)


# --- targets


@pytest.mark.parametrize(
    ("table", "item"),
    [
        ("featureFlag", a_source_flag("1", "somebody's")),
        ("featureFlagUserMapping", a_source_mapping("ada", "1")),
        ("burgee", {"pk": text("usage#a#b"), "sk": text("1")}),
        ("requestLimit", {"limitType": text("pendingLimit"), "limitValue": {"N": "7"}}),
    ],
)
def test_tables_that_hold_anything_are_refused(
    one: Path, dynalite_client: DynamoClient, calls: list[str], table: str, item: dict[str, Any]
) -> None:
    dynalite_client.call("put_item", TableName=table, Item=item)
    calls.clear()
    for options in ({}, {"dry_run": True}, {"start_over": True}):
        with pytest.raises(ConflictError, match=f"table {table} holds .* already"):
            move(one, "sqlite", "dynamodb", **options)
    assert WRITES.isdisjoint(calls)
    assert list(dynalite_client.scan(table)) == [item]


def test_what_a_server_leaves_that_was_only_started_is_no_store(
    one: Path, tmp_path: Path, dynalite_client: DynamoClient
) -> None:
    stores = open_dynamodb_stores(TableNames(), lambda: THE_DAY, client=dynalite_client)
    stores.budgets.seed(RequestBudget(limit_type="pendingLimit", limit_value=9, limit=9))
    stores.codes.put("hash", expires_at=THE_DAY + 60)
    assert move(one, "sqlite", "dynamodb").verified
    (tmp_path / "two").mkdir()
    SqliteFlagStore(tmp_path / "two" / "flags.db", lambda: THE_DAY).close()
    assert move(tmp_path / "two", "dynamodb", "sqlite").verified


def test_a_folder_whose_store_is_lost_is_refused(
    one: Path, tmp_path: Path, dynalite_client: DynamoClient
) -> None:
    move(one, "sqlite", "dynamodb")
    source(tmp_path / "lost").close()
    for ending in ("", "-wal", "-shm"):
        (tmp_path / "lost" / f"flags.db{ending}").unlink(missing_ok=True)
    with pytest.raises(ConflictError, match=r"a store was in .* and is lost"):
        move(tmp_path / "lost", "dynamodb", "sqlite")


def test_a_folder_without_a_store_is_no_source(tmp_path: Path, dynalite_client: DynamoClient) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no .*flags.db to move"):
        move(tmp_path / "none", "sqlite", "dynamodb")
    assert not (tmp_path / "none").exists()


def test_half_a_copy_of_another_store_is_thrown_away_only_when_asked(
    one: Path, dynalite_client: DynamoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, DynamoRestore, "put_records")
    with pytest.raises(KeyboardInterrupt):
        move(one, "sqlite", "dynamodb")
    store = SqliteFlagStore(one / "flags.db", lambda: THE_DAY)
    publish(store, delete=["k0"])
    store.close()
    for options in ({}, {"dry_run": True}):
        with pytest.raises(ConflictError, match=r"half a copy of another store.*--start-over"):
            move(one, "sqlite", "dynamodb", **options)
    assert move(one, "sqlite", "dynamodb", start_over=True).amounts["events"].count == 4
    snapshot = DynamoFlagStore(dynalite_client, lambda: THE_DAY).snapshot("checkout")
    assert snapshot is not None
    assert [flag.key for flag in snapshot.flags] == ["k1", "k2"]
    there = {item["id"]["S"] for item in dynalite_client.scan("featureFlag")}
    assert there == {flag.id for flag in snapshot.flags}


def test_half_a_copy_of_another_store_in_a_folder_too(
    one: Path, tmp_path: Path, dynalite_client: DynamoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    dynalite_client.call("put_item", TableName="featureFlag", Item=a_source_flag("1", "One"))
    stop_at(monkeypatch, SqliteRestore, "put_records")
    with pytest.raises(KeyboardInterrupt):
        move(tmp_path / "two", "rds-dynamodb", "sqlite")
    dynalite_client.call("put_item", TableName="featureFlag", Item=a_source_flag("2", "Two"))
    with pytest.raises(ConflictError, match=r"half a copy of another store.*--start-over"):
        move(tmp_path / "two", "rds-dynamodb", "sqlite")
    assert move(tmp_path / "two", "rds-dynamodb", "sqlite", start_over=True).amounts["flags"].count == 2


# --- a source that changes


def test_a_source_that_is_published_to_meanwhile_is_found(
    one: Path, dynalite_client: DynamoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    during(monkeypatch, lambda: publish_into(one))
    with pytest.raises(ConflictError, match=r"has changed while it was read: event 4, .*k9"):
        move(one, "sqlite", "dynamodb")
    with pytest.raises(UnavailableError, match="half a copy"):
        DynamoFlagStore(dynalite_client, lambda: THE_DAY).audit_head()


def test_the_command_says_so_and_fails(
    one: Path,
    dynalite_client: DynamoClient,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment = Environment(
        connect=lambda _: None,  # type: ignore[arg-type,return-value]
        serve=lambda _: 0,
        clock=lambda: THE_DAY,
        migration=_migration,
    )
    during(monkeypatch, lambda: publish_into(one))
    arguments = ["migrate", "--from", "sqlite", "--to", "dynamodb", "--data", str(one)]
    assert run(arguments, environment) == ExitCode.CONFLICT
    assert "the source has changed while it was read: event 4" in capsys.readouterr().err
    assert run(arguments, environment) == ExitCode.CONFLICT
    assert "--start-over" in capsys.readouterr().err
    assert run([*arguments, "--start-over"], environment) == ExitCode.OK


def test_a_count_that_grows_meanwhile_is_found_and_the_next_run_has_it(
    one: Path, dynalite_client: DynamoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    during(monkeypatch, lambda: count_into(one))
    with pytest.raises(StoreDamagedError, match="usage: checkout/k0 in hour 3600, on STATIC is missing"):
        move(one, "sqlite", "dynamodb")
    report = move(one, "sqlite", "dynamodb")
    assert (report.resumed, report.verified, report.amounts["usage"].count) == (True, True, 1)


def test_a_source_service_that_writes_meanwhile_is_found(
    tmp_path: Path, dynalite_client: DynamoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = dynalite_client.call
    put("put_item", TableName="featureFlag", Item=a_source_flag("1", "One"))
    put("put_item", TableName="featureFlagUserMapping", Item=a_source_mapping("ada", "1"))
    changed = a_source_mapping("ada", "1", status="DISABLED")
    during(
        monkeypatch,
        lambda: put("put_item", TableName="featureFlagUserMapping", Item=changed),
        restore=SqliteRestore,
    )
    with pytest.raises(ConflictError, match="overrides: default/One of ada differs"):
        move(tmp_path / "two", "rds-dynamodb", "sqlite")
    assert not (tmp_path / "two" / "flags.db").exists()
    report = move(tmp_path / "two", "rds-dynamodb", "sqlite", start_over=True)
    assert report.amounts["overrides"].count == 1
    again = move(tmp_path / "two", "rds-dynamodb", "sqlite")
    assert (again.already, again.amounts) == (True, report.amounts)


def test_a_target_that_is_used_after_the_move_is_another_store(
    one: Path, dynalite_client: DynamoClient
) -> None:
    move(one, "sqlite", "dynamodb")
    stores = open_dynamodb_stores(TableNames(), lambda: THE_DAY, client=dynalite_client)
    stores.access_times.note({"an id": THE_DAY})
    with pytest.raises(StoreDamagedError, match="accessTimes: an id is too much"):
        move(one, "sqlite", "dynamodb")


# --- a dry run


def test_a_dry_run_says_all_and_writes_nothing(
    one: Path, tmp_path: Path, dynalite_client: DynamoClient, calls: list[str]
) -> None:
    before = sorted((file.name, file.read_bytes()) for file in one.iterdir() if file.suffix == ".db")
    dry = move(one, "sqlite", "dynamodb", dry_run=True)
    assert (dry.dry_run, dry.verified, dry.already, dry.resumed) == (True, False, False, False)
    assert WRITES.isdisjoint(calls)
    assert "scan" in calls  # of the target: whether it is empty
    assert sorted((f.name, f.read_bytes()) for f in one.iterdir() if f.suffix == ".db") == before
    assert dry.amounts == move(one, "sqlite", "dynamodb").amounts
    calls.clear()
    back = move(tmp_path / "two", "dynamodb", "sqlite", dry_run=True)
    assert (back.amounts, WRITES.isdisjoint(calls)) == (dry.amounts, True)
    assert not (tmp_path / "two").exists()
    again = move(one, "sqlite", "dynamodb", dry_run=True)
    assert (again.already, WRITES.isdisjoint(calls)) == (True, True)


# --- in detail


def test_overrides_are_put_a_page_at_a_time_whatever_their_number(
    tmp_path: Path, dynalite_client: DynamoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from burgee.adapters.sqlite import migration_source
    from burgee.adapters.sqlite.overrides import SqliteOverrideStore

    store = source(tmp_path / "one")
    overrides = SqliteOverrideStore(store)
    for number in range(25):
        override_subject(overrides, f"subject {number}", flag_key="k1")
    store.close()
    sizes: list[int] = []
    original = DynamoRestore.put_overrides

    def put(self: DynamoRestore, page: OverridePage) -> None:
        sizes.append(len(page.overrides))
        original(self, page)

    monkeypatch.setattr(migration_source, "PAGE", 10)
    monkeypatch.setattr(dynamo_restore.DynamoRestore, "put_overrides", put)
    assert move(tmp_path / "one", "sqlite", "dynamodb").amounts["overrides"].count == 25
    assert sizes == [10, 10, 5]


def during(
    monkeypatch: pytest.MonkeyPatch, do: Callable[[], object], *, restore: type = DynamoRestore
) -> None:
    """Do something once, just before the next copy is bound together."""
    original = restore.seal  # type: ignore[attr-defined]

    def seal(self: Any, **more: Any) -> None:
        monkeypatch.setattr(restore, "seal", original)
        do()
        original(self, **more)

    monkeypatch.setattr(restore, "seal", seal)


def publish_into(data: Path) -> None:
    store = SqliteFlagStore(data / "flags.db", lambda: THE_DAY)
    publish(store, a_flag(key="k9"))
    store.close()


def count_into(data: Path) -> None:
    usage = SqliteUsageStore(data / "usage.db")
    usage.add([USAGE])
    usage.close()
