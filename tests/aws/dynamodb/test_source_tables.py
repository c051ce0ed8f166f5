"""Tables that the source services have written: read as they stand, adopted, and left readable for them."""

import uuid
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")

from burgee.adapters.dynamodb.client import DynamoClient  # noqa: E402
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore  # noqa: E402
from burgee.adapters.dynamodb.items import hatton_flag  # noqa: E402
from burgee.adapters.dynamodb.open import DynamoStores, open_dynamodb_stores  # noqa: E402
from burgee.adapters.dynamodb.overrides import DynamoOverrideStore  # noqa: E402
from burgee.adapters.dynamodb.source_overrides import SourceOverrides  # noqa: E402
from burgee.adapters.dynamodb.tables import TableNames  # noqa: E402
from burgee.model.flag import FlagStatus  # noqa: E402
from burgee.testing.aws.source_items import a_hatton_flag, a_source_flag, a_source_mapping  # noqa: E402
from burgee.testing.aws.source_service import SourceService  # noqa: E402
from burgee.testing.builders import THE_DAY, a_flag  # noqa: E402
from burgee.testing.override_builders import an_override, override_subject  # noqa: E402
from burgee.testing.publishing import publish  # noqa: E402
from burgee.testing.store_checks import disagreements  # noqa: E402

pytestmark = pytest.mark.aws

ONE, TWO, THREE = (str(uuid.UUID(int=number, version=4)) for number in (1, 2, 3))


@pytest.fixture
def source(client: DynamoClient) -> "Source":
    return Source(client)


class Source(SourceService):
    """A source service, and Burgee opened on its tables."""

    def open(self) -> DynamoStores:
        return open_dynamodb_stores(TableNames(), lambda: THE_DAY, client=self._client)


def test_flags_get_keys_by_their_names_the_eldest_first(source: Source) -> None:
    source.put("featureFlag", a_source_flag(TWO, "Dark mode", at=1_745_400_002))
    source.put("featureFlag", a_source_flag(ONE, "Dark mode", at=1_745_400_001, status="disabled"))
    source.put("featureFlag", a_source_flag(THREE, "Größe!", at=1_745_400_003))
    store = source.open().flags
    snapshot = store.snapshot("default")
    assert snapshot is not None
    assert {flag.key: (flag.id, flag.status) for flag in snapshot.flags} == {
        "dark-mode": (ONE, FlagStatus.DISABLED),
        f"dark-mode-{TWO[:8]}": (TWO, FlagStatus.ENABLED),
        "groe": (THREE, FlagStatus.ENABLED),
    }
    first = store.flag("default", "dark-mode")
    assert first is not None
    assert (first.name, first.description) == ("Dark mode", "about Dark mode")
    assert (first.created_at, first.created_by) == (1_745_400_001, "XAF7rSUvk4p0d098qWYS")
    assert (first.variants, first.default_variant, first.version) == ({"on": True, "off": False}, "on", 1)
    assert {event.action for event in store.audit_range(first=1, limit=10)} == {"flag.adopted"}
    assert disagreements(store) == []


def test_adopting_again_changes_nothing(source: Source) -> None:
    source.put("featureFlag", a_source_flag(ONE, "Dark mode"))
    assert source.open().flags.audit_head()[0] == 1
    store = source.open().flags
    assert store.adopt() == 0
    assert store.audit_head()[0] == 1


def test_a_flag_that_the_source_makes_later_is_found_by_its_id_at_once(source: Source) -> None:
    store = source.open().flags
    source.put("featureFlag", a_source_flag(ONE, "Dark mode"))
    flag = store.flag_by_id("default", ONE)
    assert flag is not None
    assert flag.key == "dark-mode"
    assert store.flag("default", "dark-mode") == flag


def test_what_the_source_changes_later_is_read_and_becomes_a_version(source: Source) -> None:
    source.put("featureFlag", a_source_flag(ONE, "Dark mode"))
    store = source.open().flags
    source.patch(ONE, "disabled")
    flag = store.flag("default", "dark-mode")
    assert flag is not None
    assert (flag.status, flag.updated_at, flag.updated_by) == (FlagStatus.DISABLED, 1_800_000_000, "them")
    assert store.adopt() == 1
    versions = store.flag_versions("default", "dark-mode")
    assert [(step.version, step.actor) for step in versions] == [(2, "them"), (1, "XAF7rSUvk4p0d098qWYS")]
    assert disagreements(store) == []


def test_a_publish_does_not_write_over_what_the_source_changed_meanwhile(source: Source) -> None:
    source.put("featureFlag", a_source_flag(ONE, "Dark mode"))
    store = source.open().flags
    before = store.flag("default", "dark-mode")
    assert before is not None
    source.patch(ONE, "DISABLED")
    with pytest.raises(Exception, match="is at revision 2"):
        publish(store, before, flag_set="default")
    after = store.flag("default", "dark-mode")
    assert after is not None
    assert (after.status, after.version) == (FlagStatus.DISABLED, 2)


def test_what_burgee_writes_keeps_the_attributes_that_the_source_reads(
    source: Source, client: DynamoClient
) -> None:
    stores = source.open()
    publish(stores.flags, a_flag(id=ONE))
    override_subject(stores.overrides, "ada", flag_key="banner-colour")
    item = client.get("featureFlag", {"id": {"S": ONE}})
    assert item is not None
    for name, kind in a_source_flag(ONE, "x").items():
        assert item[name].keys() == kind.keys(), name
    assert item["createdAt"]["N"].isdigit()
    mapping = client.get("featureFlagUserMapping", {"userId": {"S": "ada"}, "flagId": {"S": ONE}})
    assert mapping is not None
    for name, kind in a_source_mapping("ada", ONE).items():
        assert mapping[name].keys() == kind.keys(), name


def test_mappings_are_read_before_they_are_adopted_and_listed_afterwards(source: Source) -> None:
    source.put("featureFlag", a_source_flag(ONE, "Dark mode"))
    store = source.open().flags
    source.put("featureFlagUserMapping", a_source_mapping("ada", ONE, status="enabled"))
    source.put("featureFlagUserMapping", a_source_mapping("bob", TWO))
    overrides = DynamoOverrideStore(store)
    found = overrides.override("default", "dark-mode", "ada")
    assert found is not None
    assert (found.status, found.created_at) == (FlagStatus.ENABLED, 1_745_400_100)
    assert overrides.overrides_of_flag("default", "dark-mode") == ()
    assert SourceOverrides(store).adopt() == 1
    assert [each.targeting_key for each in overrides.overrides_of_flag("default", "dark-mode")] == ["ada"]
    assert list(overrides.overridden_subjects()) == ["ada"]
    assert overrides.override_mark().count == 1
    assert SourceOverrides(store).adopt() == 0


def test_a_mapping_that_is_not_adopted_can_be_changed_and_is_then_counted(source: Source) -> None:
    source.put("featureFlag", a_source_flag(ONE, "Dark mode"))
    stores = source.open()
    source.put("featureFlagUserMapping", a_source_mapping("ada", ONE))
    changed = override_subject(stores.overrides, "ada", flag_set="default", flag_key="dark-mode")
    assert changed.version == 2
    assert stores.overrides.override("default", "dark-mode", "ada") == changed
    assert stores.overrides.override_mark().count == 1


def test_a_mapping_that_the_source_changes_later_is_read_and_adopted(source: Source) -> None:
    source.put("featureFlag", a_source_flag(ONE, "Dark mode"))
    stores = source.open()
    fields = {"flag_set": "default", "flag_key": "dark-mode"}
    override_subject(stores.overrides, "ada", variant=None, status=FlagStatus.ENABLED, **fields)
    source.patch_mapping("ada", ONE, "DISABLED")
    found = stores.overrides.override("default", "dark-mode", "ada")
    assert found is not None
    assert found.status is FlagStatus.DISABLED
    assert SourceOverrides(stores.flags).adopt() == 1
    (listed,) = stores.overrides.overrides_of_flag("default", "dark-mode")
    assert (listed.status, listed.version) == (FlagStatus.DISABLED, 2)


def test_an_override_follows_its_flag_to_another_id(source: Source, client: DynamoClient) -> None:
    stores = source.open()
    override_subject(stores.overrides, "ada")  # of no flag yet
    publish(stores.flags, a_flag(id=ONE))
    override_subject(stores.overrides, "ada", variant="plain")
    items = list(client.scan("featureFlagUserMapping"))
    assert [item["flagId"]["S"] for item in items] == [ONE]
    assert stores.overrides.overrides_of_subject("ada") == (
        an_override(targeting_key="ada", version=2, variant="plain"),
    )


def test_a_flag_whose_item_is_lost_or_damaged_is_read_from_its_history(
    source: Source, client: DynamoClient
) -> None:
    store = source.open().flags
    publish(store, a_flag(id=ONE), a_flag(key="other", id=TWO))
    expected = store.snapshot("checkout")
    client.call("delete_item", TableName="featureFlag", Key={"id": {"S": ONE}})
    item = client.get("featureFlag", {"id": {"S": TWO}})
    assert item is not None
    source.put("featureFlag", {**item, "document": {"S": item["document"]["S"].replace("loud", "dark")}})
    assert store.snapshot("checkout") == expected
    publish(store, a_flag(id=ONE, name="again"))
    assert disagreements(store) == []


@pytest.mark.parametrize(
    "item",
    [
        {"id": {"S": ONE}},
        {"id": {"S": ONE}, "name": {"S": "x"}, "status": {"S": "MAYBE"}},
        {"id": {"S": ONE}, "status": {"BOOL": True}},
    ],
)
def test_an_item_that_is_no_flag_is_left_alone(source: Source, item: Any) -> None:
    source.put("featureFlag", item)
    store = source.open().flags
    assert store.flag_sets() == ()
    assert store.flag_by_id("default", ONE) is None


@pytest.mark.parametrize("value", [True, False])
def test_a_flag_of_hattons_answers_what_it_answered(value: bool) -> None:
    flag = hatton_flag(a_hatton_flag("MyFlag", value=value))
    assert flag is not None
    assert (flag.key, flag.name) == ("MyFlag", "MyFlag")
    assert flag.default_variant is not None
    assert flag.variants[flag.default_variant] is value
    assert uuid.UUID(flag.id).version == 4
    assert flag == hatton_flag(a_hatton_flag("MyFlag", value=value))


def test_two_stores_see_each_other(client: DynamoClient) -> None:
    ours, theirs = (DynamoFlagStore(client, lambda: THE_DAY) for _ in range(2))
    token = theirs.change_token()
    publish(ours, a_flag())
    assert theirs.change_token() != token
    assert theirs.snapshot("checkout") == ours.snapshot("checkout")


def test_a_start_on_many_flags_of_a_source_asks_for_their_keys_by_the_hundred(
    source: Source, client: DynamoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, calls, call = 150, list[str](), DynamoClient.call
    client.write_many(
        ("featureFlag", {"PutRequest": {"Item": a_source_flag(f"id-{number}", f"Flag {number // 2}")}})
        for number in range(count)
    )

    def counted(self: DynamoClient, operation: str, **request: Any) -> Any:
        calls.append(operation)
        return call(self, operation, **request)

    monkeypatch.setattr(DynamoClient, "call", counted)
    store = source.open().flags
    reads = [each for each in calls if each in {"get_item", "batch_get_item", "query", "scan"}]
    assert len(reads) < 30
    snapshot = store.snapshot("default")
    assert snapshot is not None
    assert len({flag.key for flag in snapshot.flags}) == count
