"""The server's log on standard error: one line an event, with everything that came along as key=value."""

import logging
import re
import time

import msgspec

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_UNSEEN = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What JSON leaves as it is, and terminals and readers of lines do not: C1 controls, line ends, directions.
"""
_BARE = re.compile(r"[A-Za-z0-9_.:/@+-]+")


class LogLines(logging.Formatter):
    """`2026-11-21T08:37:05.120Z WARNING refresh.failed problem="the disk is full"`.

    A value that is not one plain word is JSON, so that no value can end its line or pretend to be another.
    A mapping in `fields` is written as its members.
    """

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """The line without a traceback, which follows on lines of its own."""
        extras = {name: value for name, value in vars(record).items() if name not in _OWN}
        fields = extras.pop("fields", {})
        extras |= fields if isinstance(fields, dict) else {"fields": fields}
        return " ".join(
            [super().formatMessage(record), *(f"{name}={_text(value)}" for name, value in extras.items())]
        )


def log_to_stderr() -> None:
    """Give this process's log that form; a program that has set up logging already keeps its own."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def _text(value: object) -> str:
    if isinstance(value, str) and _BARE.fullmatch(value):
        return value
    text = msgspec.json.encode(value, enc_hook=repr).decode()
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
