"""Lines of a log group as its subscription sends them to a function: compressed JSON in base64."""

import base64
import binascii
import gzip
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

LARGEST_BYTES = 32 * 1024 * 1024
"""What one message may become when it is unpacked: CloudWatch sends some 6 MB at most."""


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line; `id` is the same however often it is sent."""

    id: str
    message: str


class _Message(msgspec.Struct):
    messageType: str = ""  # noqa: N815 - the name is CloudWatch's
    logEvents: list[LogLine] = []  # noqa: N815


class NoLinesError(ValueError):
    """An event that no subscription sends."""


def log_lines(event: Mapping[str, Any]) -> list[LogLine]:
    """The lines in `event`; none in a message that only tests the subscription.

    Raises NoLinesError.
    """
    logs = event.get("awslogs")
    data = logs.get("data") if isinstance(logs, dict) else None
    if not isinstance(data, str):
        raise NoLinesError("the event holds no lines of a log")
    try:
        unpacked = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(
            base64.b64decode(data, validate=True), LARGEST_BYTES
        )
        message = msgspec.json.decode(unpacked, type=_Message)
    except (binascii.Error, zlib.error, gzip.BadGzipFile, msgspec.DecodeError, UnicodeError) as error:
        raise NoLinesError("the lines of the log cannot be read") from error
    return message.logEvents if message.messageType == "DATA_MESSAGE" else []
