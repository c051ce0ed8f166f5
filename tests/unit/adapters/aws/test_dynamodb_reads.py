"""Overrides read for one evaluation: Burgee's items, the source's, and what the source wrote over ours."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from burgee.adapters.aws.dynamodb_reads import REST_SECONDS, DynamoOverrideReads, user_id
from burgee.adapters.dynamodb import layout
from burgee.errors import StoreDamagedError, UnavailableError
from burgee.model.flag import FlagStatus
from burgee.model.override import Override
from burgee.testing.override_builders import an_override
from burgee.testing.snapshot_objects import simple_flag
from burgee.testing.workshop import HandClock

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

    def reads(self, **more: Any) -> DynamoOverrideReads:
        return DynamoOverrideReads(
            self,  # type: ignore[arg-type]
            "table",
            flags={FLAG.id: FLAG}.get,
            flag_id=lambda flag_set, key: FLAG.id if (flag_set, key) == ("web", "banner") else None,
            **more,
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


class SlowTable(Table):
    """Calls that take `seconds`, or as long as they may and then fail."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self.clock, self.seconds = clock, 0.0
        self.error: UnavailableError | None = None

    def call(self, name: str, request: Any, *, deadline_seconds: float = 2.0, **_: Any) -> dict[str, Any]:
        self.asked.append(deadline_seconds)
        self.clock.now += min(self.seconds, deadline_seconds)
        if self.error is not None or self.seconds > deadline_seconds:
            raise self.error or UnavailableError("timed out")
        return {}

    def query(self, request: Any, *, deadline_seconds: float = 2.0, **_: Any) -> Any:
        self.call("Query", request, deadline_seconds=deadline_seconds)
        return iter(())


READS: list[Callable[[DynamoOverrideReads], object]] = [
    lambda reads: reads.override("web", "banner", "ada"),
    lambda reads: reads.overrides_of_subject("ada", limit=10),
]


@pytest.mark.parametrize("read", READS, ids=["one", "all"])
def test_f10_a_read_has_a_deadline_of_its_own_and_after_one_that_was_missed_nothing_is_asked(
    read: Callable[[DynamoOverrideReads], object],
) -> None:
    clock = HandClock(100.0)
    table = SlowTable(clock)
    reads = table.reads(seconds=0.25, monotonic=clock)
    table.seconds = 9
    for _ in range(100):
        with pytest.raises(UnavailableError):
            read(reads)
    assert clock.now == 100.25
    assert table.asked == [0.25]
    clock.now += REST_SECONDS
    with pytest.raises(UnavailableError):
        read(reads)
    assert len(table.asked) == 2
    table.seconds = 0.01
    clock.now += REST_SECONDS - 0.01
    with pytest.raises(UnavailableError):
        read(reads)
    clock.now += 0.01
    for _ in range(3):
        read(reads)
    assert len(table.asked) == 5


def test_f9_one_refusal_is_no_outage_and_two_are() -> None:
    clock = HandClock(100.0)
    table = SlowTable(clock)
    reads = table.reads(monotonic=clock)
    table.error = UnavailableError("throttled")
    for _ in range(10):
        with pytest.raises(UnavailableError):
            reads.override("web", "banner", "ada")
    assert len(table.asked) == 2
