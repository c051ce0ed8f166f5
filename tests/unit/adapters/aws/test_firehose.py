"""Lines into Firehose: parts that a call may carry, what was refused again, and where it ends."""

from typing import Any

import pytest

from burgee.adapters.aws.failures import AnsweredError
from burgee.adapters.aws.firehose import (
    ATTEMPTS,
    BATCH_BYTES,
    BATCH_RECORDS,
    FIRST_PAUSE_SECONDS,
    FirehoseLines,
    batches,
)


class Stream:
    """A client whose calls answer `answers` in turn: places of the call that are refused, or an error."""

    def __init__(self, *answers: set[int] | Exception) -> None:
        self.answers = list(answers)
        self.calls: list[list[bytes]] = []
        self.pauses: list[float] = []
        self.lines = FirehoseLines(self, "audit", dice=lambda: 1.0, sleep=self.pauses.append)

    def put_record_batch(self, *, DeliveryStreamName: str, Records: list[dict[str, bytes]]) -> dict[str, Any]:
        assert DeliveryStreamName == "audit"
        self.calls.append([each["Data"] for each in Records])
        answer = self.answers.pop(0) if self.answers else set[int]()
        if isinstance(answer, Exception):
            raise answer
        responses = [
            {"ErrorCode": "Busy"} if place in answer else {"RecordId": "r"} for place in range(len(Records))
        ]
        return {"FailedPutCount": len(answer), "RequestResponses": responses}


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], []),
        ([1] * BATCH_RECORDS, [BATCH_RECORDS]),
        ([1] * (BATCH_RECORDS + 1), [BATCH_RECORDS, 1]),
        ([BATCH_BYTES // 2, BATCH_BYTES // 2], [2]),
        ([BATCH_BYTES // 2, BATCH_BYTES // 2 + 1], [1, 1]),
        ([BATCH_BYTES + 1, 1], [1, 1]),
    ],
)
def test_a_call_carries_so_many_records_and_bytes_and_no_more(sizes: list[int], parts: list[int]) -> None:
    found = list(batches([b"x" * size for size in sizes]))
    assert [len(each) for each in found] == parts
    assert [place for part in found for place in part] == list(range(len(sizes)))


def test_what_is_refused_is_put_again_alone_after_a_pause_that_doubles() -> None:
    stream = Stream({0, 2}, {1})
    assert stream.lines.put([b"a", b"b", b"c"]) == set()
    assert stream.calls == [[b"a", b"b", b"c"], [b"a", b"c"], [b"c"]]
    assert stream.pauses == [FIRST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2]


def test_after_the_last_attempt_what_is_left_and_everything_behind_it_was_not_taken() -> None:
    stream = Stream(*[{1}] + [{0}] * (ATTEMPTS - 1))
    lines = [b"x"] * (BATCH_RECORDS + 3)
    assert stream.lines.put(lines) == {1, BATCH_RECORDS, BATCH_RECORDS + 1, BATCH_RECORDS + 2}
    assert len(stream.calls) == ATTEMPTS


def test_a_call_that_fails_has_taken_nothing_that_is_known() -> None:
    error = AnsweredError({"Error": {"Code": "ServiceUnavailableException"}})
    assert Stream(*[error] * ATTEMPTS).lines.put([b"a", b"b"]) == {0, 1}
    again = Stream(error)
    assert again.lines.put([b"a", b"b"]) == set()
    assert len(again.calls) == 2
