"""Overrides read for one evaluation: Burgee's items, the source's, and what the source wrote over ours."""

from typing import Any

import msgspec
import pytest

from burgee.adapters.aws.dynamodb_reads import DynamoOverrideReads, user_id
from burgee.adapters.dynamodb import layout
from burgee.errors import StoreDamagedError
from burgee.model.flag import FlagStatus
from burgee.model.override import Override
from burgee.testing.override_builders import an_override
from burgee.testing.snapshot_objects import simple_flag

FLAG = simple_flag("banner", flag_set="web")
OURS = an_override(flag_set="web", flag_key="banner", targeting_key="ada", variant="off", status=None)


class Table:
    """Calls that answer with these items."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = items
        self.asked: list[Any] = []

    def call(self, name: str, request: Any, **_: Any) -> dict[str, Any]:
        self.asked.append((name, request))
        return {"Item": self.items[0]} if self.items else {}

    def query(self, request: Any, **_: Any) -> Any:
        self.asked.append(("Query", request))
        return iter(self.items)

    def reads(self) -> DynamoOverrideReads:
        return DynamoOverrideReads(
            self,  # type: ignore[arg-type]
            "table",
            flags={FLAG.id: FLAG}.get,
            flag_id=lambda flag_set, key: FLAG.id if (flag_set, key) == ("web", "banner") else None,
        )


def item(**changes: Any) -> dict[str, Any]:
    return {
        "userId": {"S": "ada"},
        "flagId": {"S": FLAG.id},
        "status": {"S": "ENABLED"},
        "createdAt": {"N": "3"},
        "createdBy": {"S": "c"},
        "updatedAt": {"N": "5"},
        "updatedBy": {"S": "u"},
        **changes,
    }


def written(**changes: Any) -> dict[str, Any]:
    document = msgspec.json.encode(OURS).decode()
    return item(document={"S": document}, publishedAt={"N": "5"}, publishedStatus={"S": "ENABLED"}, **changes)


def test_an_item_of_ours_is_its_document() -> None:
    table = Table(written())
    assert table.reads().override("web", "banner", "ada") == OURS
    name, request = table.asked[0]
    assert (name, request["Key"]) == ("GetItem", {"userId": {"S": "ada"}, "flagId": {"S": FLAG.id}})


@pytest.mark.parametrize("change", [{"status": {"S": "disabled"}}, {"updatedAt": {"N": "6"}}])
def test_what_the_source_wrote_over_it_counts(change: dict[str, Any]) -> None:
    found = Table(written(**change)).reads().override("web", "banner", "ada")
    assert found is not None
    expected = FlagStatus.DISABLED if "status" in change else FlagStatus.ENABLED
    assert (found.status, found.variant) == (expected, None)


def test_an_item_of_the_source_is_a_status_for_its_flag() -> None:
    assert Table(item()).reads().overrides_of_subject("ada", limit=10) == (
        Override(
            flag_set="web",
            flag_key="banner",
            targeting_key="ada",
            status=FlagStatus.ENABLED,
            created_at=3,
            created_by="c",
            updated_at=5,
            updated_by="u",
        ),
    )


def test_items_of_flags_that_are_not_served_are_none() -> None:
    assert Table(item(flagId={"S": "other"})).reads().overrides_of_subject("ada", limit=10) == ()


def test_a_flag_that_is_not_served_is_not_asked_for() -> None:
    table = Table(item())
    assert table.reads().override("web", "other", "ada") is None
    assert table.asked == []


@pytest.mark.parametrize(
    "broken",
    [item(status={"S": "MAYBE"}), item(flagId={"N": "1"}), item(document={"S": "{"}), item(document={})],
)
def test_an_item_that_cannot_be_read_is_damage(broken: dict[str, Any]) -> None:
    with pytest.raises(StoreDamagedError):
        Table(broken).reads().overrides_of_subject("ada", limit=10)


@pytest.mark.parametrize(
    "subject", ["", "ada", "\x00ada", "x" * 1_000, "x" * 1_001, "ä" * 500, "ä" * 501, "\U0001f600" * 300]
)
def test_subjects_have_the_key_that_the_store_gives_them(subject: str) -> None:
    assert user_id(subject) == layout.user_id(subject)
