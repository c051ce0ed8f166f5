"""The usage function: adds up the counts that evaluation functions have written into their log."""

import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from burgee.adapters.aws.emf import USAGE_OUTCOMES, Emf
from burgee.adapters.aws.log_events import log_lines
from burgee.bootstrap.stores import open_usage_store
from burgee.formats.usage_lines import read_usage_line
from burgee.model.usage import UsageCount
from burgee.service.usage_counting import UsageCounting
from burgee.settings import Settings


class _Counted(NamedTuple):
    id: str
    counts: list[UsageCount]


class CountUsage:
    """Handles what the subscription of a log group sends, for the life of a sandbox.

    An event that fails is raised: Lambda sends it again, and then to the dead-letter queue.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        store = open_usage_store(Settings.from_mapping(environment))
        self._counting = UsageCounting(store, clock=time.time)
        self._emf = Emf(environment.get("AWS_LAMBDA_FUNCTION_NAME", "usage"), clock=time.time)

    def __call__(self, event: Mapping[str, Any]) -> dict[str, int]:
        """How many outcomes were written. Raises NoLinesError, UnavailableError."""
        lines = [_Counted(line.id, read_usage_line(line.message)) for line in log_lines(event)]
        written = self._counting.add(lines)
        self._emf.emit((USAGE_OUTCOMES, written))
        return {"outcomes": written}


_usage: CountUsage | None = CountUsage(os.environ) if "AWS_LAMBDA_RUNTIME_API" in os.environ else None


def handler(event: Mapping[str, Any], _: object) -> dict[str, int]:
    """What Lambda calls."""
    global _usage
    if _usage is None:
        _usage = CountUsage(os.environ)
    return _usage(event)
