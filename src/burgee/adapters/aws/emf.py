"""Metrics as lines of the log (CloudWatch's embedded metric format): no call, no permission, no wait."""

import json
import sys
from collections.abc import Callable

import msgspec

NAMESPACE = "Burgee"
DIMENSION = "Function"
"""The one dimension: the name of the function."""


class Metric(msgspec.Struct, frozen=True):
    """A metric that Burgee emits; `unit` is CloudWatch's word."""

    name: str
    unit: str
    meaning: str


ERRORS = Metric(
    "Errors", "Count", "answers with a status of 500 and above, and events that could not be handled"
)
REFUSED = Metric("Refused", "Count", "requests answered 429 by the application")
ADMITTED = Metric("Admitted", "Count", "requests answered in any other way")
PUBLISH_LAG = Metric(
    "PublishLag", "Milliseconds", "from a change to the snapshot or audit line that holds it"
)
SNAPSHOT_AGE = Metric("SnapshotAge", "Seconds", "since the store last confirmed what is evaluated")
DEAD_LETTERS = Metric("DeadLetters", "Count", "records that were given up and put into the dead-letter queue")
AUDIT_LINES = Metric("AuditLines", "Count", "audit events handed over to Firehose")
USAGE_OUTCOMES = Metric("UsageOutcomes", "Count", "counts of evaluations that were written to the store")

METRICS = (
    ERRORS,
    REFUSED,
    ADMITTED,
    PUBLISH_LAG,
    SNAPSHOT_AGE,
    DEAD_LETTERS,
    AUDIT_LINES,
    USAGE_OUTCOMES,
)
"""Every metric there is: alarms and dashboards may name no other."""


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Emf:
    """Writes metrics of `function`, one line a call of `emit`; `clock` is Unix seconds."""

    def __init__(
        self, function: str, *, clock: Callable[[], float], write: Callable[[str], None] = _print
    ) -> None:
        self._function, self._clock, self._write = function, clock, write

    def emit(self, *values: tuple[Metric, float]) -> None:
        """Write one line with all `values`; nothing where there are none."""
        if not values:
            return
        definition = {
            "Namespace": NAMESPACE,
            "Dimensions": [[DIMENSION]],
            "Metrics": [{"Name": metric.name, "Unit": metric.unit} for metric, _ in values],
        }
        line = {
            "_aws": {"Timestamp": int(self._clock() * 1000), "CloudWatchMetrics": [definition]},
            DIMENSION: self._function,
            **{metric.name: value for metric, value in values},
        }
        self._write(json.dumps(line, separators=(",", ":")))

    def answered(self, status: int) -> None:
        """Count one answer to a request: refused, or admitted; and an error where it was one of ours."""
        values: list[tuple[Metric, float]] = [(REFUSED if status == 429 else ADMITTED, 1)]
        if status >= 500:
            values.append((ERRORS, 1))
        self.emit(*values)
