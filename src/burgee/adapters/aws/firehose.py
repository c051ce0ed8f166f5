"""Lines into a Firehose delivery stream, which puts them together into objects in S3."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from burgee.adapters.aws.failures import calling
from burgee.errors import UnavailableError

_log = logging.getLogger("burgee.firehose")

BATCH_RECORDS = 500
BATCH_BYTES = 3_000_000
"""A call may have 4 MB in all; whether that is before or after base64 the documents leave open."""

RECORD_BYTES = 1_000 * 1024
"""What one record may have, before base64: a call with a longer one is refused whole, every time."""

ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.1


class FirehoseLines:
    """Puts lines into `stream` by `client` of boto3; the stream adds the line ends.

    A call is made up to ATTEMPTS times, each for what the last one refused; the pause before doubles.
    """

    def __init__(
        self,
        client: Any,
        stream: str,
        *,
        dice: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._stream = client, stream
        self._dice, self._sleep = dice, sleep

    def put(self, lines: Sequence[bytes]) -> set[int]:
        """Put `lines`; the places of those that were not taken, after which nothing was tried."""
        for batch in batches(lines):
            if left := self._put_batch(lines, batch):
                return {*left, *range(batch.stop, len(lines))}
        return set()

    def _put_batch(self, lines: Sequence[bytes], batch: range) -> list[int]:
        left = list(batch)
        pause = FIRST_PAUSE_SECONDS
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(pause * (0.5 + self._dice() / 2))
                pause *= 2
            try:
                with calling("Firehose"):
                    answer = self._client.put_record_batch(
                        DeliveryStreamName=self._stream, Records=[{"Data": lines[place]} for place in left]
                    )
            except UnavailableError as error:
                _log.warning("audit.not_delivered", extra={"problem": str(error)})
                continue
            if not answer["FailedPutCount"]:
                return []
            outcomes = zip(left, answer["RequestResponses"], strict=True)
            left = [place for place, outcome in outcomes if outcome.get("ErrorCode")]
        return left


def batches(lines: Sequence[bytes]) -> Iterator[range]:
    """The places of `lines` in parts that one call may carry: BATCH_RECORDS and BATCH_BYTES."""
    start = size = 0
    for place, line in enumerate(lines):
        if place > start and (place - start >= BATCH_RECORDS or size + len(line) > BATCH_BYTES):
            yield range(start, place)
            start, size = place, 0
        size += len(line)
    if start < len(lines):
        yield range(start, len(lines))
