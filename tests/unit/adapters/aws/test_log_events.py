"""Lines of a log group as a subscription sends them, and counts of evaluations in them."""

import base64
import gzip
import json
from typing import Any

import pytest

from burgee.adapters.aws.log_events import NoLinesError, log_lines
from burgee.adapters.usage_lines import UsageLog
from burgee.formats.usage_lines import COUNTS_IN_LINE, read_usage_line, usage_lines
from burgee.model.resolution import Reason
from burgee.model.usage import UsageCount


def count(number: int = 1, *, key: str = "banner") -> UsageCount:
    return UsageCount(
        flag_set="default",
        flag_key=key,
        hour=3_600,
        variant="on",
        reason=Reason.TARGETING_MATCH,
        count=number,
        last_at=3_700.5,
    )


def sent(*lines: str, kind: str = "DATA_MESSAGE") -> dict[str, Any]:
    message = {
        "messageType": kind,
        "owner": "123456789012",
        "logGroup": "evaluate",
        "logEvents": [
            {"id": str(place), "timestamp": 0, "message": line} for place, line in enumerate(lines)
        ],
    }
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(message).encode())).decode()}}


def test_lines_arrive_with_their_ids() -> None:
    assert [(line.id, line.message) for line in log_lines(sent("a", "b"))] == [("0", "a"), ("1", "b")]


def test_a_control_message_holds_no_lines() -> None:
    assert log_lines(sent("x", kind="CONTROL_MESSAGE")) == []


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"awslogs": None},
        {"awslogs": {"data": 1}},
        {"awslogs": {"data": "%"}},
        {"awslogs": {"data": base64.b64encode(b"plain").decode()}},
        {"awslogs": {"data": base64.b64encode(gzip.compress(b"[]")).decode()}},
        {"awslogs": {"data": base64.b64encode(gzip.compress(b"{")).decode()}},
    ],
)
def test_what_no_subscription_sends_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(NoLinesError):
        log_lines(event)


def test_counts_come_back_from_the_log_as_they_were() -> None:
    written: list[str] = []
    UsageLog(written.append).add([count(3), count(5, key="other")])
    assert len(written) == 1
    assert "\n" not in written[0]
    assert read_usage_line(written[0]) == [count(3), count(5, key="other")]


@pytest.mark.parametrize(("counts", "lines"), [(0, 0), (1, 1), (COUNTS_IN_LINE, 1), (COUNTS_IN_LINE + 1, 2)])
def test_many_counts_are_several_lines_that_each_fit_into_the_log(counts: int, lines: int) -> None:
    written = list(usage_lines([count(key="k" * 128)] * counts))
    assert len(written) == lines
    assert all(len(line) < 256 * 1024 for line in written)
    assert sum(len(read_usage_line(line)) for line in written) == counts


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: 1",
        "{}",
        '{"burgee":"other","counts":[]}',
        '{"burgee":"usage"}',
        '{"burgee":"usage","counts":[{"flagSet":1}]}',
        '{"burgee":"usage","counts":[{"flagSet":"a","flagKey":"b","hour":0,"reason":"?"}]}',
    ],
)
def test_other_lines_count_nothing(line: str) -> None:
    assert read_usage_line(line) == []


@pytest.mark.parametrize(("number", "kept"), [(-1, 0), (0, 0), (1, 1)])
def test_a_count_that_is_none_is_left_out(number: int, kept: int) -> None:
    assert len(read_usage_line(next(usage_lines([count(number)])))) == kept
