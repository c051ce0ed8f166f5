"""Parameters: what an operator allows while the server runs, read at most every few seconds."""

import logging
import threading
from collections.abc import Sequence
from typing import NamedTuple

from burgee.errors import UnavailableError
from burgee.ports import Clock, ParameterSource

_log = logging.getLogger("burgee.parameters")

CACHE_SECONDS = 5.0
"""How long an answer is believed."""


class _Answer(NamedTuple):
    is_true: bool
    read_at: float


class Parameters:
    """Asks `sources` in turn; the first that has a parameter decides."""

    def __init__(self, sources: Sequence[ParameterSource], *, clock: Clock) -> None:
        self._sources = tuple(sources)
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: dict[str, _Answer] = {}

    def is_true(self, name: str) -> bool:
        """Whether the parameter is set to `true`, in any case of letters.

        Everything else is no: another text, a missing parameter, and a source that cannot be read, whatever
        the sources after it say.
        """
        with self._lock:  # one reads, the others wait for what it found
            now = self._clock()
            answer = self._answers.get(name)
            if answer is None or not 0 <= now - answer.read_at < CACHE_SECONDS:
                answer = _Answer(self._read(name), now)
                self._answers[name] = answer
            return answer.is_true

    def _read(self, name: str) -> bool:
        try:
            texts = (source.parameter(name) for source in self._sources)
            text = next((text for text in texts if text is not None), "")
        except UnavailableError as error:
            _log.warning("parameter.unreadable", extra={"parameter": name, "problem": str(error)})
            return False
        return text.strip().lower() == "true"
