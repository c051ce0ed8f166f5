"""Items of the source services in every odd shape: taken over, or named with the reason; never dropped."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("boto3")

from click.testing import CliRunner

from burgee.adapters.dynamodb.client import DynamoClient
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.overrides import DynamoOverrideStore
from burgee.adapters.dynamodb.tables import TableNames, table_requests
from burgee.adapters.sqlite.access_times import SqliteAccessTimes
from burgee.adapters.sqlite.budgets import SqliteBudgetStore
from burgee.adapters.sqlite.overrides import SqliteOverrideStore
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.entrypoints.cli import _migration
from burgee.entrypoints.migration import open_migration
from burgee.model.flag import FlagStatus
from burgee.ports import FlagStore, OverrideStore
from burgee.ports.migration import MigrationReport, Remark
from burgee.settings import Settings
from burgee.surfaces.cli.command_line import burgee
from burgee.surfaces.cli.environment import Environment
from burgee.testing.aws.source_items import a_hatton_flag, a_source_flag, a_source_mapping
from burgee.testing.builders import THE_DAY

pytestmark = pytest.mark.aws

NO_STATUS = "neither ENABLED nor DISABLED"


def without(item: dict[str, Any], *names: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in names} | more


FLAGS = (
    a_source_flag("plain", "Plain"),
    a_source_flag("no-status", "No status") | {"status": {"S": ""}},
    without(a_source_flag("gone-status", "Gone"), "status"),
    a_source_flag("odd-status", "Odd", status="PAUSED"),
    a_source_flag("lower", "Lower", status="disabled"),
    without(
        a_source_flag("bare", "x"), "name", "description", "createdAt", "createdBy", "updatedAt", "updatedBy"
    ),
    without(a_source_flag("texts", "Texts"), createdAt={"S": "1745400000"}, updatedAt={"S": "yesterday"}),
    without(a_source_flag("infinite", "Infinite"), updatedAt={"S": "inf"}),
    without(a_source_flag("numbers", "x"), name={"N": "7"}),
    a_source_flag("größe/日本", "Größe"),
    a_source_flag("日本", "日本"),
    a_source_flag("中国", "日本", at=1_745_400_001),
    a_source_flag("韓国", "日本", at=1_745_400_002),
    a_source_flag("later", "Plain", at=1_745_400_001),
    a_source_flag("more", "More") | {"rollout": {"N": "50"}, "owner": {"S": "ada"}},
)
MAPPINGS = (
    a_source_mapping("ada", "plain", status="DISABLED"),
    a_source_mapping("ünï/code 名前", "größe/日本"),
    a_source_mapping("ada", "a flag that is gone"),
    a_source_mapping("ada", "odd-status"),
    a_source_mapping("bob", "plain", status="maybe"),
    without(a_source_mapping("carl", "plain"), "createdAt", "createdBy", updatedAt={"S": "1745400007"}),
    a_source_mapping("\x00odd", "plain"),
)


@pytest.fixture
def rds(client: DynamoClient, serial_moto: str, monkeypatch: pytest.MonkeyPatch) -> DynamoClient:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", serial_moto)
    for table, items in (("featureFlag", FLAGS), ("featureFlagUserMapping", MAPPINGS)):
        client.write_many((table, {"PutRequest": {"Item": item}}) for item in items)
    limit = {"limitType": {"S": "pendingLimit"}, "limitValue": {"N": "77"}}
    odd = {"limitType": {"S": "oddLimit"}, "limitValue": {"S": "many"}}
    client.write_many(("requestLimit", {"PutRequest": {"Item": item}}) for item in (limit, odd))
    return client


def move(data: Path, source: str, target: str, **more: Any) -> MigrationReport:
    settings = Settings.from_mapping({"BURGEE_DATA": str(data)})
    with open_migration(settings, source=source, target=target, clock=lambda: THE_DAY) as moving:
        return moving.run(**more)


def reasons(remarks: Sequence[Remark], *, is_taken: bool) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for each in remarks:
        if each.is_taken is is_taken:
            found.setdefault((each.kind, each.id), []).append(each.reason)
    return found


LEFT = {
    ("flag", "no-status"): [f"its status is '', {NO_STATUS}"],
    ("flag", "gone-status"): [f"its status is missing, {NO_STATUS}"],
    ("flag", "odd-status"): [f"its status is 'PAUSED', {NO_STATUS}"],
    ("mapping", "ada a flag that is gone"): ["its flag is not there, or was left out"],
    ("mapping", "ada odd-status"): ["its flag is not there, or was left out"],
    ("mapping", "bob plain"): [f"its status is 'maybe', {NO_STATUS}"],
    ("mapping", "'\\x00odd plain'"): ["its userId can be no targeting key"],
    ("budget", "oddLimit"): ["the request budget that is stored cannot be understood"],
}
TAKEN = {
    ("flag", "bare"): [
        "it has no name",
        "it has no description",
        "it has no createdBy",
        "it has no updatedBy",
        "it has no createdAt",
        "it has no updatedAt",
    ],
    ("flag", "texts"): [
        "createdAt is '1745400000', read as a number",
        "updatedAt is 'yesterday', no number: left out",
    ],
    ("flag", "infinite"): ["updatedAt is 'inf', no number: left out"],
    ("flag", "numbers"): ["name is '7', no text: left out"],
    ("flag", "later"): ["another flag's name gives the key Plain too: its key has a part of its id"],
    ("flag", "中国"): ["another flag's name gives the key flag too: its key has a part of its id"],
    ("flag", "韓国"): ["another flag's name gives the key flag too: its key has a part of its id"],
    ("flag", "more"): ["Burgee has no place for owner, rollout"],
    ("mapping", "carl plain"): [
        "it has no createdBy",
        "it has no createdAt",
        "updatedAt is '1745400007', read as a number",
    ],
    ("budget", "pendingLimit"): ["it says how many calls are left, not the limit: the limit is 1000"],
}


@pytest.mark.parametrize("target", ["sqlite", "dynamodb"])
def test_every_odd_item_is_taken_over_or_named(tmp_path: Path, rds: DynamoClient, target: str) -> None:
    dry = move(tmp_path / "one", "rds-dynamodb", target, dry_run=True)
    report = move(tmp_path / "one", "rds-dynamodb", target)
    assert dry.remarks == report.remarks
    assert reasons(report.remarks, is_taken=False) == LEFT
    assert reasons(report.remarks, is_taken=True) == TAKEN
    store: FlagStore
    overrides: OverrideStore
    if target == "sqlite":
        store = SqliteFlagStore(tmp_path / "one" / "flags.db", lambda: THE_DAY)
        overrides = SqliteOverrideStore(store)
        budget = SqliteBudgetStore(store.connections).read("pendingLimit")
        assert budget is not None
        assert (budget.limit_value, budget.limit) == (77, 1000)
    else:
        store = DynamoFlagStore(rds, lambda: THE_DAY)
        overrides = DynamoOverrideStore(store)
    snapshot = store.snapshot("default")
    assert snapshot is not None
    flags = {flag.id: flag for flag in snapshot.flags}
    left = {flag_id for kind, flag_id in LEFT if kind == "flag"}
    assert flags.keys() == {item["id"]["S"] for item in FLAGS} - left  # each is there, or named
    assert len({flag.key for flag in snapshot.flags}) == len(FLAGS) - len(left)
    assert flags["lower"].status is FlagStatus.DISABLED
    assert (flags["bare"].name, flags["bare"].created_at) == ("bare", 0.0)
    assert (flags["texts"].created_at, flags["texts"].updated_at) == (1_745_400_000.0, 1_745_400_000.0)
    assert flags["infinite"].updated_at == flags["infinite"].created_at
    pinned = {
        (each.targeting_key, each.flag_key): each.status
        for subject in ("ada", "bob", "carl", "ünï/code 名前", "\x00odd")
        for each in overrides.overrides_of_subject(subject)
    }
    assert pinned == {
        ("ada", flags["plain"].key): FlagStatus.DISABLED,
        ("carl", flags["plain"].key): FlagStatus.ENABLED,
        ("ünï/code 名前", flags["größe/日本"].key): FlagStatus.ENABLED,
    }
    again = move(tmp_path / "one", "rds-dynamodb", target)
    assert (again.already, reasons(again.remarks, is_taken=False)) == (True, LEFT)


def test_what_burgee_has_adopted_is_moved_as_its_own(tmp_path: Path, rds: DynamoClient) -> None:
    move(tmp_path / "one", "rds-dynamodb", "dynamodb")
    report = move(tmp_path / "two", "rds-dynamodb", "sqlite", dry_run=True)
    adopted = {name for name, said in reasons(report.remarks, is_taken=False).items() if "adopted" in said[0]}
    assert ("flag", "plain") in adopted
    assert ("mapping", "carl plain") in adopted
    back = move(tmp_path / "two", "dynamodb", "sqlite")
    assert (back.amounts["flags"].count, back.amounts["overrides"].count) == (12, 3)
    left = set(reasons(back.remarks, is_taken=False))
    assert {("flag", "odd-status"), ("mapping", "bob plain"), ("budget", "oddLimit")} <= left


HATTON = (
    (a_hatton_flag("Plain"), None),
    (a_hatton_flag("my flag", value=False), "its name can be no key: its key begins with my-flag"),
    (without(a_hatton_flag("text"), value={"S": "true"}), "its value is 'true', not true or false"),
    (without(a_hatton_flag("none"), "value"), "its value is missing, not true or false"),
    (
        without(a_hatton_flag("never"), lastAccessed={"S": "soon"}),
        "lastAccessed is 'soon', no time: left out",
    ),
    (without(a_hatton_flag("unread"), "lastAccessed"), None),
    (a_hatton_flag("more") | {"owner": {"S": "ada"}}, "Burgee has no place for owner"),
)


@pytest.mark.parametrize("target", ["sqlite", "dynamodb"])
def test_hattons_odd_flags_are_taken_over_or_named(
    tmp_path: Path, client: DynamoClient, serial_moto: str, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", serial_moto)
    (request, *_) = table_requests(TableNames(flags="flags"), streams=False)
    request["KeySchema"][0]["AttributeName"] = request["AttributeDefinitions"][0]["AttributeName"] = "name"
    client.call("create_table", **request)
    client.write_many(("flags", {"PutRequest": {"Item": item}}) for item, _ in HATTON)
    report = move(tmp_path / "one", "hatton-dynamodb", target)
    assert {each.id: each.reason for each in report.remarks} == {
        item["name"]["S"]: reason for item, reason in HATTON if reason is not None
    }
    assert {each.id for each in report.remarks if not each.is_taken} == {"text", "none"}
    assert (report.amounts["flags"].count, report.amounts["accessTimes"].count) == (5, 3)
    assert move(tmp_path / "one", "hatton-dynamodb", target).already
    if target == "sqlite":
        store = SqliteFlagStore(tmp_path / "one" / "flags.db", lambda: THE_DAY)
        flag = store.flag("default", "Plain")
        assert flag is not None
        assert SqliteAccessTimes(store).last(flag.id) == 1_679_940_251.512


def test_the_command_names_what_stays_behind(tmp_path: Path, rds: DynamoClient) -> None:
    environment = Environment(
        connect=lambda _: None,  # type: ignore[arg-type,return-value]
        serve=lambda _: 0,
        clock=lambda: THE_DAY,
        migration=_migration,
    )
    arguments = ["migrate", "--from", "rds-dynamodb", "--to", "sqlite", "--data", str(tmp_path / "one")]
    told = CliRunner().invoke(burgee, [*arguments, "--dry-run"], obj=environment, catch_exceptions=False)
    assert f"stays behind: flag odd-status: its status is 'PAUSED', {NO_STATUS}\n" in told.stderr
    assert "taken over in part: flag more: Burgee has no place for owner, rollout\n" in told.stderr
    assert "nothing was written: this would be moved from rds-dynamodb to sqlite\n" in told.stderr
    assert not (tmp_path / "one").exists()
    told = CliRunner().invoke(burgee, arguments, obj=environment, catch_exceptions=False)
    assert "overrides: 3 of 3\n" in told.stderr  # no terminal: plain lines
    assert "moved from rds-dynamodb to sqlite, and verified\n" in told.stderr
    told = CliRunner().invoke(burgee, arguments, obj=environment, catch_exceptions=False)
    assert "all of it was there already: nothing was moved" in told.stderr
