"""Moving stores: there and back without loss, stopped on the way, and from the source services."""

from pathlib import Path
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")

import msgspec  # noqa: E402
from click.testing import CliRunner  # noqa: E402

from burgee.adapters.dynamodb.client import DynamoClient  # noqa: E402
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore  # noqa: E402
from burgee.adapters.dynamodb.open import open_dynamodb_stores  # noqa: E402
from burgee.adapters.dynamodb.restore import DynamoRestore  # noqa: E402
from burgee.adapters.dynamodb.tables import TableNames, table_requests  # noqa: E402
from burgee.adapters.sqlite import migration_source  # noqa: E402
from burgee.adapters.sqlite.overrides import SqliteOverrideStore  # noqa: E402
from burgee.adapters.sqlite.sdk_keys import SqliteSdkKeys  # noqa: E402
from burgee.adapters.sqlite.store import SqliteFlagStore  # noqa: E402
from burgee.entrypoints.cli import _migration  # noqa: E402
from burgee.entrypoints.migration import open_migration  # noqa: E402
from burgee.errors import ConfigurationError, ConflictError, StoreDamagedError, UnavailableError  # noqa: E402
from burgee.model.flag import FlagStatus  # noqa: E402
from burgee.model.override import Override  # noqa: E402
from burgee.ports import FlagStore  # noqa: E402
from burgee.ports.migration import MigrationReport  # noqa: E402
from burgee.service import migrate  # noqa: E402
from burgee.settings import Settings  # noqa: E402
from burgee.surfaces.cli.command_line import burgee  # noqa: E402
from burgee.surfaces.cli.environment import Environment  # noqa: E402
from burgee.testing.aws.source_items import a_hatton_flag, a_source_flag, a_source_mapping  # noqa: E402
from burgee.testing.builders import THE_DAY, a_flag, an_audit_draft  # noqa: E402
from burgee.testing.contracts import FlagStoreContract  # noqa: E402
from burgee.testing.override_builders import a_deletion, override_subject  # noqa: E402
from burgee.testing.publishing import publish  # noqa: E402
from burgee.testing.sdk_key_store_contract import a_key_event, an_sdk_key  # noqa: E402
from burgee.testing.store_checks import disagreements  # noqa: E402

pytestmark = pytest.mark.aws

ONE, TWO = "5fa5f0d5-9f0e-4a38-8f21-0d1b7f1a2c3d", "6fa5f0d5-9f0e-4a38-8f21-0d1b7f1a2c3e"


@pytest.fixture(autouse=True)
def _endpoint(serial_moto: str, client: DynamoClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", serial_moto)


def fill(folder: Path) -> None:
    """A little of everything: sets, versions, tombstones, overrides, keys, events of nothing."""
    folder.mkdir(mode=0o700)
    store = SqliteFlagStore(folder / "flags.db", lambda: THE_DAY)
    overrides, keys = SqliteOverrideStore(store), SqliteSdkKeys(store)
    publish(store, *(a_flag(key=f"k{number}") for number in range(4)))
    publish(store, a_flag(key="k1", name="second"), delete=["k2"])
    publish(store, flag_set="checkout")
    publish(store, a_flag(flag_set="other"), flag_set="other")
    publish(store, a_flag(key="k2", name="again", id="another-id"))
    store.append_audit(an_audit_draft(action="session.opened", flag_set="", flag_key="", revision=0))
    for subject in ("ada", "größer/42", "", "x" * 1_000):
        override_subject(overrides, subject, flag_key="k1")
    override_subject(overrides, "ada", flag_key="nobody")
    overrides.write_override(a_deletion(override_subject(overrides, "gone", flag_key="k1")))
    keys.add_sdk_key(an_sdk_key("a1"), a_key_event("a1"), most=2)
    keys.add_sdk_key(an_sdk_key("b2"), a_key_event("b2"), most=2)
    keys.revoke_sdk_key("a1", a_key_event("a1", action="key.revoked", at=THE_DAY + 1))
    keys.note_sdk_key_uses({"b2": THE_DAY + 2.5})
    store.close()


def move(data: Path, source: str, target: str, **more: Any) -> MigrationReport:
    settings = Settings.from_mapping({"BURGEE_DATA": str(data)})
    with open_migration(settings, source=source, target=target, clock=lambda: THE_DAY) as moving:
        return moving.run(**more)


def left(report: MigrationReport) -> list[str]:
    return [remark.id for remark in report.remarks if not remark.is_taken]


def sqlite(data: Path) -> SqliteFlagStore:
    return SqliteFlagStore(data / "flags.db", lambda: THE_DAY)


def everything(store: FlagStore) -> tuple[object, ...]:
    return FlagStoreContract.everything(store)


def test_sqlite_to_dynamodb_and_back_again_loses_nothing(tmp_path: Path, client: DynamoClient) -> None:
    fill(tmp_path / "one")
    there = move(tmp_path / "one", "sqlite", "dynamodb")
    back = move(tmp_path / "two", "dynamodb", "sqlite")
    assert there.verified
    assert there.amounts == back.amounts
    assert {what: amount.count for what, amount in there.amounts.items() if amount.count} == {
        "flagSets": 2,
        "flags": 5,
        "versions": 8,
        "events": 20,
        "overrides": 5,
        "keys": 2,
    }
    one, two, dynamo = (
        sqlite(tmp_path / "one"),
        sqlite(tmp_path / "two"),
        DynamoFlagStore(client, lambda: THE_DAY),
    )
    assert everything(one) == everything(two) == everything(dynamo)
    assert SqliteOverrideStore(one).override_mark() == SqliteOverrideStore(two).override_mark()
    assert SqliteSdkKeys(one).sdk_keys() == SqliteSdkKeys(two).sdk_keys()
    two.verify()
    for store in (two, dynamo):
        assert disagreements(store) == []
        publish(store, a_flag(key="k0", name="afterwards"))
        assert disagreements(store) == []
    stores = open_dynamodb_stores(TableNames(), lambda: THE_DAY, client=client)
    assert override_subject(stores.overrides, "ada", flag_key="k1").version == 2
    assert stores.overrides.override_mark().count == 5


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path, client: DynamoClient) -> None:
    fill(tmp_path / "one")
    report = move(tmp_path / "one", "sqlite", "dynamodb", dry_run=True)
    assert (report.dry_run, report.verified, report.amounts["flags"].count) == (True, False, 5)
    assert list(client.scan("burgee")) == list(client.scan("featureFlag")) == []


def test_a_target_that_holds_a_store_is_refused(tmp_path: Path, client: DynamoClient) -> None:
    fill(tmp_path / "one")
    store = DynamoFlagStore(client, lambda: THE_DAY)
    publish(store, a_flag())
    before = everything(store)
    with pytest.raises(ConflictError, match="holds a store already"):
        move(tmp_path / "one", "sqlite", "dynamodb")
    with pytest.raises(ConflictError, match="holds a store already"):
        move(tmp_path / "one", "dynamodb", "sqlite")
    assert everything(store) == before


def test_a_store_is_not_moved_onto_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="both sqlite"):
        move(tmp_path / "one", "sqlite", "sqlite")


def test_a_run_that_is_complete_is_only_compared_again(tmp_path: Path) -> None:
    fill(tmp_path / "one")
    first = move(tmp_path / "one", "sqlite", "dynamodb")
    again = move(tmp_path / "one", "sqlite", "dynamodb")
    assert not first.already
    assert again == msgspec.structs.replace(first, already=True)


def test_what_is_not_there_as_it_was_read_is_told(
    tmp_path: Path, client: DynamoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "one")
    monkeypatch.setattr(DynamoRestore, "put_overrides", lambda *_: None)
    with pytest.raises(StoreDamagedError, match=r"overrides: .*k1 of ada is missing, .*x is missing"):
        move(tmp_path / "one", "sqlite", "dynamodb")
    with pytest.raises(UnavailableError, match="half a copy"):
        DynamoFlagStore(client, lambda: THE_DAY).flag_sets()


def test_pages_of_one_record_move_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "one")
    whole = move(tmp_path / "one", "sqlite", "dynamodb", dry_run=True)
    for module, name in ((migrate, "PAGE"), (migrate, "FLAGS_AT_ONCE"), (migration_source, "PAGE")):
        monkeypatch.setattr(module, name, 1)
    assert move(tmp_path / "one", "sqlite", "dynamodb").amounts == whole.amounts


# --- from the source services


def rds(client: DynamoClient) -> None:
    for item in (
        a_source_flag(ONE, "Dark mode", status="enabled"),
        a_source_flag(TWO, "Dark mode", at=1_745_500_000),
    ):
        client.call("put_item", TableName="featureFlag", Item=item)
    for user, flag in (("ada", ONE), ("bob", TWO), ("bob", "a flag that is not there")):
        mapping = a_source_mapping(user, flag, status="DISABLED")
        client.call("put_item", TableName="featureFlagUserMapping", Item=mapping)


def test_a_source_service_moves_into_sqlite_and_on_into_other_tables(
    tmp_path: Path, client: DynamoClient
) -> None:
    rds(client)
    report = move(tmp_path / "one", "rds-dynamodb", "sqlite")
    assert (report.verified, len(left(report)), report.amounts["overrides"].count) == (True, 1, 2)
    store = sqlite(tmp_path / "one")
    flag = store.flag_by_id("default", ONE)
    assert flag is not None
    assert (flag.key, flag.status, flag.created_at) == ("dark-mode", FlagStatus.ENABLED, 1_745_400_000)
    override = SqliteOverrideStore(store).override("default", "dark-mode", "ada")
    assert isinstance(override, Override)
    assert (override.status, override.created_by) == (FlagStatus.DISABLED, "XAF7rSUvk4p0d098qWYS")
    store.verify()
    assert disagreements(store) == []
    assert all("document" not in item for item in client.scan("featureFlag"))  # the source is as it was


def test_a_source_service_is_adopted_where_it_stands(tmp_path: Path, client: DynamoClient) -> None:
    rds(client)
    heard: list[tuple[str, int, int]] = []
    report = move(tmp_path / "one", "rds-dynamodb", "dynamodb", tell=lambda *told: heard.append(told))
    assert (report.verified, len(left(report))) == (True, 1)
    assert heard == [("flags", 2, 2), ("overrides", 2, 3)]
    assert move(tmp_path / "one", "rds-dynamodb", "dynamodb").amounts == report.amounts
    stores = open_dynamodb_stores(TableNames(), lambda: THE_DAY, client=client, adopt=False)
    assert stores.overrides.override_mark().count == 2
    assert disagreements(stores.flags) == []


@pytest.mark.parametrize("target", ["sqlite", "dynamodb"])
def test_hattons_table_moves(tmp_path: Path, client: DynamoClient, target: str) -> None:
    (request, *_) = table_requests(TableNames(flags="flags"), streams=False)
    request["KeySchema"][0]["AttributeName"] = request["AttributeDefinitions"][0]["AttributeName"] = "name"
    client.call("create_table", **request)
    for item in (a_hatton_flag("MyFlag"), a_hatton_flag("my flag", value=False), {"name": {"S": "odd"}}):
        client.call("put_item", TableName="flags", Item=item)
    report = move(tmp_path / "one", "hatton-dynamodb", target)
    assert (report.verified, len(left(report)), report.amounts["flags"].count) == (True, 1, 2)
    store: FlagStore = (
        sqlite(tmp_path / "one") if target == "sqlite" else DynamoFlagStore(client, lambda: THE_DAY)
    )
    snapshot = store.snapshot("default")
    assert snapshot is not None
    assert {flag.key: (flag.name, flag.default_variant) for flag in snapshot.flags} == {
        "MyFlag": ("MyFlag", "on"),
        "my-flag": ("my flag", "off"),
    }


def test_the_command_moves_and_says_what(tmp_path: Path) -> None:
    fill(tmp_path / "one")
    environment = Environment(
        connect=lambda _: None,  # type: ignore[arg-type,return-value]
        serve=lambda _: 0,
        clock=lambda: THE_DAY,
        migration=_migration,
    )
    arguments = ["migrate", "--from", "sqlite", "--to", "dynamodb", "--data", str(tmp_path / "one")]
    told = CliRunner().invoke(burgee, [*arguments, "--dry-run"], obj=environment, catch_exceptions=False)
    assert "nothing was written" in told.output
    told = CliRunner().invoke(burgee, arguments, obj=environment, catch_exceptions=False)
    assert "verified" in told.output
    told = CliRunner().invoke(burgee, [*arguments, "--json"], obj=environment, catch_exceptions=False)
    report = msgspec.json.decode(told.stdout)
    assert (report["verified"], report["amounts"]["events"]["count"]) == (True, 20)
