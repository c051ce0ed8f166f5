"""Records of the tables' streams: what each asks for."""

from typing import Any

import pytest

from burgee.errors import MalformedError
from burgee.formats.stream_records import Trigger, read_record


def text(value: str) -> dict[str, str]:
    return {"S": value}


def record(
    keys: dict[str, str], new: dict[str, Any] | None = None, old: dict[str, Any] | None = None
) -> dict[str, Any]:
    images = {"NewImage": new, "OldImage": old}
    return {
        "eventID": "e7",
        "dynamodb": {
            "SequenceNumber": "7",
            "Keys": {name: text(value) for name, value in keys.items()},
            **{name: image for name, image in images.items() if image is not None},
        },
    }


def trigger(**more: Any) -> Trigger:
    return Trigger(sequence_number="7", event_id="e7", **more)


OURS = {
    "document": text("{}"),
    "updatedAt": {"N": "5"},
    "publishedAt": {"N": "5"},
    "status": text("ENABLED"),
    "publishedStatus": text("ENABLED"),
}
WEB = {**OURS, "flagSet": text("web")}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (record({"id": "1"}, new=WEB), trigger(flag_set="web")),
        (record({"id": "1"}, old=WEB), trigger(flag_set="web")),
        (record({"id": "1"}, new={"id": text("1")}), trigger(flag_set="default", is_foreign=True)),
        (
            record({"id": "1"}, new={**WEB, "status": text("DISABLED")}),
            trigger(flag_set="web", is_foreign=True),
        ),
        (
            record({"id": "1"}, new={**WEB, "updatedAt": {"N": "6"}}),
            trigger(flag_set="web", is_foreign=True),
        ),
        (record({"userId": "ada", "flagId": "1"}, new=WEB), trigger(flag_set="web", subject="ada")),
        (record({"userId": "ada", "flagId": "1"}, old=WEB), trigger(flag_set="web")),
        (
            record({"userId": "ada", "flagId": "1"}, new={"status": text("ENABLED")}),
            trigger(flag_set="default", subject="ada", is_foreign=True),
        ),
        (
            record(
                {"userId": "\x00abc", "flagId": "1"}, new={**WEB, "document": text('{"targetingKey":"long"}')}
            ),
            trigger(flag_set="web", subject="long"),
        ),
        (record({"pk": "sets", "sk": "web"}, new={"x": text("y")}), trigger(flag_set="web")),
        (record({"pk": "sets", "sk": "web"}, old={"x": text("y")}), trigger()),
        (
            record({"pk": "audit#00000000", "sk": "1"}, new={"action": text("key.revoked")}),
            trigger(changes_access=True),
        ),
        (
            record({"pk": "audit#00000000", "sk": "1"}, new={"action": text("budget.stopped")}),
            trigger(changes_access=True),
        ),
        (record({"pk": "audit#00000000", "sk": "1"}, new={"action": text("flag.updated")}), trigger()),
        (record({"pk": "snapshot#all.snapshot", "sk": "head"}, new={"tag": text("t")}), trigger()),
        (record({"pk": "head", "sk": "head"}, new={}), trigger()),
    ],
)
def test_a_record_asks_for(found: dict[str, Any], expected: Trigger) -> None:
    assert read_record(found) == expected


@pytest.mark.parametrize(
    "found",
    [
        None,
        {},
        {"dynamodb": {}},
        {"dynamodb": {"SequenceNumber": 7}},
        {"dynamodb": {"SequenceNumber": "7"}},
        {"dynamodb": {"SequenceNumber": "7", "Keys": {"else": text("x")}}},
        {"dynamodb": {"SequenceNumber": "7", "Keys": {"pk": text("sets")}}},
        {"dynamodb": {"SequenceNumber": "7", "Keys": {"userId": {"N": "1"}}, "NewImage": WEB}},
        record({"userId": "\x00abc", "flagId": "1"}, new={"document": text("no json")}),
    ],
)
def test_what_is_no_record_is_refused(found: Any) -> None:
    with pytest.raises(MalformedError):
        read_record(found)


def test_a_record_without_an_id_goes_by_its_stream_and_its_number() -> None:
    found = record({"pk": "head", "sk": "head"}, new={})
    del found["eventID"]
    assert read_record(found).event_id == "#7"
    assert read_record({**found, "eventSourceARN": "arn"}).event_id == "arn#7"
