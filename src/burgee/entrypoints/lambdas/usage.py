"""The usage function: adds up the counts that evaluation functions have written into their log.

The same log says when SDK keys were last used.
"""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from burgee.adapters.aws.emf import USAGE_OUTCOMES, Emf
from burgee.adapters.aws.log_events import log_lines
from burgee.bootstrap.stores import open_key_uses, open_usage_store
from burgee.formats.usage_lines import read_key_uses, read_usage_line
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
        self._settings = Settings.from_mapping(environment)
        store = open_usage_store(self._settings)
        self._note_key_uses: Callable[[Mapping[str, float]], None] | None = None
        self._counting = UsageCounting(store, clock=time.time)
        self._emf = Emf(environment.get("AWS_LAMBDA_FUNCTION_NAME", "usage"), clock=time.time)

    def __call__(self, event: Mapping[str, Any]) -> dict[str, int]:
        """How many outcomes were written, and uses of keys noted. Raises NoLinesError, UnavailableError."""
        sent = log_lines(event)
        written = self._counting.add([_Counted(line.id, read_usage_line(line.message)) for line in sent])
        self._emf.emit((USAGE_OUTCOMES, written))
        # Noting a use again changes nothing: what was added above is known when the event comes again.
        uses: dict[str, float] = {}
        for line in sent:
            for key_id, at in read_key_uses(line.message).items():
                uses[key_id] = max(at, uses.get(key_id, at))
        if uses:
            self._note(uses)
        return {"outcomes": written, "keys": len(uses)}

    def _note(self, uses: Mapping[str, float]) -> None:
        if self._note_key_uses is None:
            self._note_key_uses = open_key_uses(self._settings)
        self._note_key_uses(uses)


_usage: CountUsage | None = CountUsage(os.environ) if "AWS_LAMBDA_RUNTIME_API" in os.environ else None


def handler(event: Mapping[str, Any], _: object) -> dict[str, int]:
    """What Lambda calls."""
    global _usage
    if _usage is None:
        _usage = CountUsage(os.environ)
    return _usage(event)
