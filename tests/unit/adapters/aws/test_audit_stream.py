"""From records of the stream to lines: what is one, what never will be, and what comes again."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from burgee.adapters.audit_files import NdjsonFiles
from burgee.adapters.aws.audit_changes import NotSoundError, audit_line
from burgee.adapters.aws.audit_stream import AuditStream
from burgee.adapters.aws.emf import Emf
from burgee.adapters.aws.firehose import RECORD_BYTES
from burgee.errors import UnavailableError
from burgee.model.audit import GENESIS_HASH, AuditDraft, AuditEvent, chain


def events(count: int) -> list[AuditEvent]:
    made: list[AuditEvent] = []
    previous = GENESIS_HASH
    for sequence in range(1, count + 1):
        draft = AuditDraft(
            at=1_790_000_000.25 + sequence,
            actor="ada",
            action="flag.created",
            entity=f"flags/default/f{sequence}",
            flag_set="default",
            flag_key=f"f{sequence}",
            revision=sequence,
            after={"key": "é", "number": 1e16, "nothing": None},
            reason="because \n of it",
        )
        made.append(chain(draft, sequence=sequence, previous_hash=previous))
        previous = made[-1].hash
    return made


def record(event: AuditEvent, *, name: str = "INSERT", document: str | None = None) -> dict[str, Any]:
    text = msgspec.json.encode(event).decode() if document is None else document
    return {
        "eventName": name,
        "dynamodb": {
            "SequenceNumber": f"{event.sequence:021d}",
            "Keys": {"pk": {"S": "audit#00000000"}, "sk": {"S": f"{event.sequence:016d}"}},
            "NewImage": {"document": {"S": text}},
        },
    }


class Taker:
    """Takes lines, but those whose places (of all that were ever put) are in `refused`."""

    def __init__(self, refused: Sequence[int] = ()) -> None:
        self.refused, self.lines, self.seen = set(refused), [], 0  # type: ignore[var-annotated]

    def put(self, lines: Sequence[bytes]) -> set[int]:
        missed = {place for place in range(len(lines)) if self.seen + place in self.refused}
        self.lines += [line for place, line in enumerate(lines) if place not in missed]
        self.seen += len(lines)
        return missed


class Stream:
    """An AuditStream, what it was given, and what it gave."""

    def __init__(self, taker: Taker, *, queue_is_away: bool = False) -> None:
        self.taker, self.buried, self.metrics = taker, [], []  # type: ignore[var-annotated]

        def bury(text: str) -> None:
            if queue_is_away:
                raise UnavailableError("away")
            self.buried.append(json.loads(text))

        def write(line: str) -> None:
            self.metrics.append(json.loads(line))

        self.stream = AuditStream(taker, bury, Emf("audit", clock=lambda: 0.0, write=write))

    def __call__(self, *records: dict[str, Any]) -> list[str]:
        answer = self.stream.handle({"Records": records})
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_a_line_is_what_the_ndjson_sink_writes(tmp_path: Path) -> None:
    made = events(3)
    NdjsonFiles(tmp_path, max_bytes=1_000_000).deliver(made)
    written = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert b"".join((audit_line(record(event)) or b"") + b"\n" for event in made) == written


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"eventName": "INSERT"},
        {"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": "sets"}}}},
        {"eventName": "INSERT", "dynamodb": {"Keys": {"id": {"S": "audit#"}}}},
        {"eventName": "REMOVE", "dynamodb": {"Keys": {"pk": {"S": "idempotency#audit#"}}}},
    ],
)
def test_what_is_no_audit_event_is_no_line(other: dict[str, Any]) -> None:
    assert audit_line(other) is None


@pytest.mark.parametrize(
    "spoilt",
    [
        record(events(1)[0], name="MODIFY"),
        record(events(1)[0], name="REMOVE"),
        record(events(1)[0], document="{"),
        record(events(1)[0], document="{}"),
        record(events(1)[0], document=""),
        record(msgspec.structs.replace(events(1)[0], actor="eve")),
    ],
)
def test_what_was_tampered_with_is_not_sound(spoilt: dict[str, Any]) -> None:
    with pytest.raises(NotSoundError):
        audit_line(spoilt)


def test_all_is_delivered_in_order() -> None:
    stream = Stream(Taker())
    assert stream(*map(record, events(5))) == []
    assert [json.loads(line)["sequence"] for line in stream.taker.lines] == [1, 2, 3, 4, 5]
    assert stream.metrics[0]["AuditLines"] == 5


def test_the_first_line_that_is_not_taken_is_named_and_those_behind_it_come_once() -> None:
    made = list(map(record, events(5)))
    stream = Stream(Taker(refused=[1, 3]))
    assert stream(*made) == [f"{2:021d}"]
    assert stream(*made[1:]) == []  # as Lambda does: from the one that was named
    assert sorted(json.loads(line)["sequence"] for line in stream.taker.lines) == [1, 2, 3, 4, 5]
    assert [line.get("Errors") for line in stream.metrics] == [1, None]


def test_a_batch_that_comes_again_is_not_delivered_again() -> None:
    made = list(map(record, events(3)))
    stream = Stream(Taker())
    stream(*made)
    assert stream(*made) == []
    assert len(stream.taker.lines) == 3


def test_a_record_that_is_not_sound_goes_to_the_queue_and_holds_nothing_up() -> None:
    first, second, third = events(3)
    stream = Stream(Taker())
    assert stream(record(first), record(second, document="{"), record(third)) == []
    assert [json.loads(line)["sequence"] for line in stream.taker.lines] == [1, 3]
    assert stream.buried[0]["record"]["dynamodb"]["SequenceNumber"] == f"{2:021d}"
    assert stream.metrics[0]["DeadLetters"] == 1


def test_where_the_queue_is_away_everything_before_goes_and_the_record_comes_again() -> None:
    first, second, third = events(3)
    stream = Stream(Taker(), queue_is_away=True)
    assert stream(record(first), record(second, document="{"), record(third)) == [f"{2:021d}"]
    assert [json.loads(line)["sequence"] for line in stream.taker.lines] == [1]


def test_an_empty_batch_is_a_success() -> None:
    stream = Stream(Taker())
    assert (stream(), stream.metrics) == ([], [])


def first_evaluation(*, name: str = "INSERT", at: str = "1790000000.5") -> dict[str, Any]:
    return {
        "eventName": name,
        "dynamodb": {
            "SequenceNumber": "7",
            "Keys": {"pk": {"S": "usage-last#default#banner"}, "sk": {"S": "last"}},
            "NewImage": {"flagSet": {"S": "default"}, "flagKey": {"S": "banner"}, "lastAt": {"N": at}},
        },
    }


def test_the_first_evaluation_of_a_flag_is_a_line_of_no_sequence() -> None:
    line = audit_line(first_evaluation())
    assert line is not None
    assert json.loads(line) == {
        "sequence": 0,
        "at": 1_790_000_000.5,
        "action": "flag.evaluated",
        "entity": "flags/default/banner",
        "flagSet": "default",
        "flagKey": "banner",
    }


@pytest.mark.parametrize("name", ["MODIFY", "REMOVE"])
def test_later_evaluations_are_no_lines(name: str) -> None:
    assert audit_line(first_evaluation(name=name)) is None


def test_a_first_evaluation_without_a_time_is_buried() -> None:
    with pytest.raises(NotSoundError, match="first evaluation"):
        audit_line(first_evaluation(at="soon"))


def test_a_record_that_stands_twice_in_a_batch_is_one_line() -> None:
    first, second = map(record, events(2))
    stream = Stream(Taker())
    assert stream(first, first, second, first) == []
    assert len(stream.taker.lines) == 2


@pytest.mark.parametrize("nameless", [{}, {"dynamodb": {}}, {"dynamodb": {"SequenceNumber": ""}}, None, "x"])
def test_a_record_without_a_number_stops_the_batch_before_anything_is_delivered(nameless: Any) -> None:
    """Were it passed over as done, or named by nothing, it would be lost without a word."""
    stream = Stream(Taker())
    with pytest.raises(ValueError, match="sequence number"):
        stream(record(events(1)[0]), nameless)
    assert stream.taker.lines == []


@pytest.mark.parametrize(("more", "is_buried"), [(0, False), (1, True)])
def test_a_line_that_firehose_never_takes_is_buried_and_holds_nothing_up(more: int, is_buried: bool) -> None:
    first = events(1)[0]
    room = RECORD_BYTES - len(msgspec.json.encode(first)) + len(first.reason.replace("\n", "\\n"))
    draft = AuditDraft(
        at=first.at,
        actor="ada",
        action="flag.created",
        entity="flags/default/f1",
        flag_set="default",
        flag_key="f1",
        revision=1,
        after=first.after,
        reason="x" * (room + more),
    )
    long = chain(draft, sequence=1, previous_hash=GENESIS_HASH)
    assert len(msgspec.json.encode(long)) == RECORD_BYTES + more
    stream = Stream(Taker())
    assert stream(record(long), record(events(2)[1])) == []
    assert len(stream.buried) == is_buried
    assert len(stream.taker.lines) == 2 - is_buried
