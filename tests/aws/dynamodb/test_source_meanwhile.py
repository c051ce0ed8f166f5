"""A source service writes while Burgee does: either Burgee's write is refused, or the source's is kept."""

from collections.abc import Callable
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")

from burgee.adapters.dynamodb.client import DynamoClient  # noqa: E402
from burgee.adapters.dynamodb.commits import Writer  # noqa: E402
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore  # noqa: E402
from burgee.adapters.dynamodb.overrides import DynamoOverrideStore  # noqa: E402
from burgee.adapters.dynamodb.source_overrides import SourceOverrides  # noqa: E402
from burgee.errors import AlreadyExistsError, VersionConflictError  # noqa: E402
from burgee.model.flag import Flag, FlagStatus  # noqa: E402
from burgee.testing.aws.source_items import a_source_flag, a_source_mapping  # noqa: E402
from burgee.testing.aws.source_service import SourceService  # noqa: E402
from burgee.testing.builders import THE_DAY, a_flag  # noqa: E402
from burgee.testing.override_builders import a_deletion, an_override, an_override_change  # noqa: E402
from burgee.testing.publishing import next_change, publish  # noqa: E402
from burgee.testing.store_checks import disagreements  # noqa: E402

pytestmark = pytest.mark.aws

FEW, MANY = 2, 8
"""One transaction, and a staged commit of several, where one holds no more than `AT_ONCE` actions."""

AT_ONCE = 12


@pytest.fixture(autouse=True)
def small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burgee.adapters.dynamodb.actions.MAX_ACTIONS", AT_ONCE)


@pytest.fixture
def store(client: DynamoClient) -> DynamoFlagStore:
    return DynamoFlagStore(client, lambda: THE_DAY)


@pytest.fixture
def pins(store: DynamoFlagStore) -> DynamoOverrideStore:
    return DynamoOverrideStore(store)


@pytest.fixture
def source(client: DynamoClient) -> SourceService:
    return SourceService(client)


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Do something once, just before the transaction of that number: 0 decides, the others write out."""

    def arrange(number: int, *acts: Callable[[], object]) -> None:
        transact, left = Writer._transact, [number]

        def interrupted(self: Writer, items: list[dict[str, Any]]) -> None:
            left[0] -= 1
            if left[0] == -1:
                for act in acts:
                    act()
            transact(self, items)

        monkeypatch.setattr(Writer, "_transact", interrupted)

    return arrange


def many(count: int, **changes: Any) -> list[Flag]:
    changes = {"status": FlagStatus.ENABLED} | changes
    return [a_flag(key=f"k{number:04d}", id=f"id-{number}", **changes) for number in range(count)]


def flag_at(store: DynamoFlagStore, number: int = 0) -> Flag:
    flag = store.flag("checkout", f"k{number:04d}")
    assert flag is not None
    return flag


def subjects(count: int) -> list[str]:
    return [f"u{number:04d}" for number in range(count)]


def pinned(count: int, *, version: int = 1, **changes: Any) -> list[Any]:
    return [
        an_override_change(an_override(targeting_key=each, version=version, flag_key="k0000", **changes))
        for each in subjects(count)
    ]


@pytest.mark.parametrize("count", [FEW, MANY])
def test_a_publish_that_the_source_overtakes_before_it_is_decided_is_refused(
    store: DynamoFlagStore, source: SourceService, before: Any, count: int
) -> None:
    publish(store, *many(count))
    change = next_change(store, *many(count, name="after"))
    source.patch("id-0", "DISABLED")
    with pytest.raises(VersionConflictError):
        store.commit([change])
    flag = flag_at(store)
    assert (flag.status, flag.version, flag.updated_by) == (FlagStatus.DISABLED, 2, "them")
    assert flag.name != "after"
    assert disagreements(store) == []


@pytest.mark.parametrize("transaction", [0, 1, 2])
def test_what_the_source_writes_after_a_large_publish_was_checked_is_kept(
    store: DynamoFlagStore, source: SourceService, before: Any, transaction: int
) -> None:
    publish(store, *many(MANY))
    before(
        transaction,
        lambda: source.patch("id-0", "DISABLED"),
        lambda: source.patch(f"id-{MANY - 1}", "DISABLED"),
    )
    publish(store, *many(MANY, name="after"))
    # The first chunk is written by transaction 1: what the source did later, it did to the new flag.
    for number in (0, MANY - 1):
        flag = flag_at(store, number)
        assert (flag.name, flag.status, flag.updated_by) == ("after", FlagStatus.DISABLED, "them")
    assert store.adopt() == 2
    assert [flag_at(store, each).version for each in (0, 1, MANY - 1)] == [3, 2, 3]
    assert disagreements(store) == []
    assert store.adopt() == 0


@pytest.mark.parametrize("count", [FEW, MANY])
def test_the_id_of_another_flag_is_refused_however_many_are_published(
    store: DynamoFlagStore, count: int
) -> None:
    publish(store, a_flag(key="other", id="id-0"))
    with pytest.raises(AlreadyExistsError, match="id-0"):
        publish(store, *many(count))
    assert store.flag("checkout", "other") is not None
    assert disagreements(store) == []


def test_a_large_deletion_that_the_source_overtakes_is_refused(
    store: DynamoFlagStore, source: SourceService
) -> None:
    publish(store, *many(MANY))
    change = next_change(store, delete=[flag.key for flag in many(MANY)])
    source.patch("id-0", "DISABLED")
    with pytest.raises(VersionConflictError):
        store.commit([change])
    assert flag_at(store).status is FlagStatus.DISABLED


def test_a_flag_that_the_source_makes_anew_while_a_large_deletion_is_written_out_stays(
    store: DynamoFlagStore, source: SourceService, before: Any, client: DynamoClient
) -> None:
    publish(store, *many(MANY))
    anew = a_source_flag("id-0", "Again", status="enabled")
    before(1, lambda: source.patch("id-1", "DISABLED"), lambda: source.put("featureFlag", anew))
    publish(store, delete=[flag.key for flag in many(MANY)])
    assert client.get("featureFlag", {"id": {"S": "id-0"}}) == anew
    assert client.get("featureFlag", {"id": {"S": "id-1"}}) is None
    found = store.flag_by_id("default", "id-0")
    assert found is not None
    assert found.name == "Again"


@pytest.mark.parametrize("count", [FEW, MANY])
@pytest.mark.parametrize("is_deleted", [False, True])
def test_an_override_that_the_source_changed_meanwhile_is_not_written_over(
    store: DynamoFlagStore,
    pins: DynamoOverrideStore,
    source: SourceService,
    count: int,
    is_deleted: bool,
) -> None:
    publish(store, *many(1))
    pins.write_overrides(pinned(count, status=FlagStatus.ENABLED, variant=None))
    source.patch_mapping("u0001", "id-0", "DISABLED")
    changes = (
        [a_deletion(change.override) for change in pinned(count)] if is_deleted else pinned(count, version=2)
    )
    with pytest.raises(VersionConflictError):
        pins.write_overrides(changes)
    found = pins.override("checkout", "k0000", "u0001")
    assert found is not None
    assert (found.status, found.version, found.updated_by) == (FlagStatus.DISABLED, 2, "them")
    listed = pins.overrides_of_flag("checkout", "k0000")
    assert [(each.targeting_key, each.version) for each in listed[:2]] == [("u0000", 1), ("u0001", 2)]


@pytest.mark.parametrize("count", [FEW, MANY])
def test_a_mapping_that_the_source_made_meanwhile_is_not_written_over(
    store: DynamoFlagStore, pins: DynamoOverrideStore, source: SourceService, before: Any, count: int
) -> None:
    publish(store, *many(1))
    mapping = a_source_mapping("u0000", "id-0", status="enabled")
    if count == FEW:
        before(0, lambda: source.put("featureFlagUserMapping", mapping))
    else:
        source.put("featureFlagUserMapping", mapping)
    with pytest.raises(VersionConflictError):
        pins.write_overrides(pinned(count))
    found = pins.override("checkout", "k0000", "u0000")
    assert found is not None
    assert found.status is FlagStatus.ENABLED


@pytest.mark.parametrize("transaction", [0, 1, 2])
def test_what_the_source_writes_after_many_overrides_were_checked_is_kept(
    store: DynamoFlagStore, pins: DynamoOverrideStore, source: SourceService, before: Any, transaction: int
) -> None:
    publish(store, *many(1))
    pins.write_overrides(pinned(MANY, status=FlagStatus.ENABLED, variant=None))
    before(transaction, lambda: source.patch_mapping("u0000", "id-0", "DISABLED"))
    pins.write_overrides(pinned(MANY, version=2))
    found = pins.override("checkout", "k0000", "u0000")
    assert found is not None
    assert (found.status, found.version, found.updated_by) == (FlagStatus.DISABLED, 2, "them")
    assert SourceOverrides(store).adopt() == 1
    (listed,) = pins.overrides_of_flag("checkout", "k0000", limit=1)
    assert (listed.status, listed.version) == (FlagStatus.DISABLED, 3)
