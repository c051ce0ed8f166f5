"""The answers of one selection of flags, kept as bytes once they were built."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from burgee.engine.program import CompiledFlag
from burgee.formats.strict_json import encode
from burgee.model.flag import MetadataValue
from burgee.model.json import JsonObject, JsonValue
from burgee.model.override import Override
from burgee.model.resolution import ErrorCode, Reason, Resolution
from burgee.service.applied_overrides import AppliedOverrides
from burgee.service.tally import Cell, Tally
from burgee.surfaces.http.answer import GZIP_FROM_BYTES, Answer, json_answer
from burgee.surfaces.http.counters import EVALUATIONS

STATUS_OF_ERROR = {
    ErrorCode.FLAG_NOT_FOUND: 404,
    ErrorCode.PARSE_ERROR: 400,
    ErrorCode.TYPE_MISMATCH: 400,
    ErrorCode.TARGETING_KEY_MISSING: 400,
    ErrorCode.INVALID_CONTEXT: 400,
    ErrorCode.GENERAL: 400,
}

DETAILS = {
    ErrorCode.FLAG_NOT_FOUND: "flag `{key}` does not exist",
    ErrorCode.PARSE_ERROR: "error parsing the flag `{key}`",
}
"""flagd's own words; every failure carries errorDetails, which the Python client needs."""

GENERAL_DETAILS = "error processing the flag for evaluation"
STOPPED_RETRY_SECONDS = 60
NO_VARIANT = ""
"""What a disabled flag or a code default carries as variant: docs/decisions/0020."""

OUTCOME = {reason: EVALUATIONS.index(reason.value) for reason in Reason}


class Ready(NamedTuple):
    """A finished 200 answer: its bytes after the date header, which outcome to count, and where."""

    tail: bytes
    outcome: int
    cell: Cell


class SelectionAnswers:
    """Bytes of every resolution of one selection, made when first needed.

    Keyed by the identity of the resolution, which a program keeps for a flag as long as it does not
    change: the next revision of a selection takes over what is still true (`following`).
    """

    __slots__ = (
        "_bound",
        "_evaluators",
        "_ordered",
        "_places",
        "_uses_clock",
        "flags",
        "fragments",
        "outcomes",
        "ready",
        "reflection",
        "tally",
    )

    def __init__(
        self,
        flags: dict[str, CompiledFlag],
        ordered: tuple[CompiledFlag, ...],
        reflection: dict[str, MetadataValue],
        *,
        tally: Tally,
        previous: "SelectionAnswers | None" = None,
    ) -> None:
        self.flags = flags
        self.tally = tally
        self.reflection = reflection
        self._ordered = ordered
        self._places: dict[tuple[str, str], int] = {}
        self._evaluators: list[Callable[[JsonObject], Resolution]] | None = None
        self._uses_clock = False
        self._bound = 1000 + 2 * sum([len(flag.variants) + 3 for flag in ordered])
        kept = previous is not None and len(previous.fragments) <= self._bound
        self.ready: dict[Resolution, Ready] = previous.ready if previous and kept else {}
        self.fragments: dict[Resolution, bytes] = previous.fragments if previous and kept else {}
        self.outcomes: dict[Resolution, int] = previous.outcomes if previous and kept else {}

    def single(self, resolution: Resolution) -> Answer:
        """The whole answer for one flag; successes below the gzip threshold are kept in `ready`."""
        status = 200 if resolution.error_code is None else STATUS_OF_ERROR[resolution.error_code]
        answer = json_answer(status, encode(self.describe(resolution)))
        if status == 200 and len(answer.body) < GZIP_FROM_BYTES:
            if len(self.ready) > self._bound:
                self.ready.clear()
            self.ready[resolution] = Ready(
                answer.tail(), OUTCOME[resolution.reason], self.tally.cell(resolution)
            )
        return answer

    @property
    def uses_clock(self) -> bool:
        """Whether any answer may change with time alone."""
        self._settled()
        return self._uses_clock

    def _settled(self) -> list[Callable[[JsonObject], Resolution]]:
        """The functions of all flags, whose rules are compiled for it where that was put off."""
        known = self._evaluators
        if known is None:
            for flag in self._ordered:
                flag.settle()
            self._uses_clock = any(flag.uses_clock for flag in self._ordered)
            known = self._evaluators = [flag.evaluate for flag in self._ordered]
        return known

    def bulk(self, context: JsonObject, overrides: Sequence[Override] = ()) -> list[bytes]:
        """One JSON fragment a flag, in order; failures stand inline."""
        resolutions = [evaluate(context) for evaluate in self._settled()]
        if overrides:
            self._override(resolutions, overrides)
        self.tally.count(resolutions)
        fragments = self.fragments
        try:
            return [fragments[resolution] for resolution in resolutions]
        except KeyError:
            if len(fragments) > self._bound:
                fragments.clear()
            for resolution in resolutions:
                if resolution not in fragments:
                    fragments[resolution] = encode(self.describe(resolution))
            return [fragments[resolution] for resolution in resolutions]

    def _override(self, resolutions: list[Resolution], overrides: Sequence[Override]) -> None:
        if not self._places:
            self._places = {(flag.flag_set, flag.key): place for place, flag in enumerate(self._ordered)}
        for override in overrides:
            place = self._places.get((override.flag_set, override.flag_key))
            if place is not None:
                flag = self._ordered[place]
                resolutions[place] = AppliedOverrides.resolve(resolutions[place], flag, override)

    def describe(self, resolution: Resolution) -> JsonObject:
        """The OFREP form of a resolution (flagd.md section 3)."""
        metadata: JsonObject = {**self.reflection, **resolution.metadata}
        if resolution.error_code is not None:
            return failure(resolution.flag_key, resolution.error_code, metadata)
        answer: JsonObject = {"key": resolution.flag_key, "reason": resolution.reason.value}
        if resolution.variant is None:
            return {**answer, "variant": NO_VARIANT, "metadata": metadata}
        return {**answer, "variant": resolution.variant, "value": resolution.value, "metadata": metadata}


def stopped_answer() -> Answer:
    """What is answered while an administrator has stopped evaluation."""
    words = encode({"errorDetails": "an administrator has stopped evaluation"})
    return json_answer(429, words, (b"retry-after", b"%d" % STOPPED_RETRY_SECONDS))


def failure(key: str | None, code: ErrorCode, metadata: JsonValue = None, *, details: str = "") -> JsonObject:
    """An OFREP failure; `key` None is that of a whole bulk request."""
    words = details or DETAILS.get(code, GENERAL_DETAILS).format(key=key)
    body: JsonObject = {} if key is None else {"key": key}
    body |= {"errorCode": code.value, "errorDetails": words}
    if key is not None:
        body["metadata"] = metadata if metadata is not None else {}
    return body
