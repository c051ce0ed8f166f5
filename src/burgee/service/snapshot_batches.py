"""Batches of stream records: each flag set published once, stopping where something fails."""

import logging
from collections.abc import Callable, Sequence

from burgee.errors import BurgeeError
from burgee.formats.stream_records import Trigger
from burgee.service.snapshot_publishing import SnapshotPublisher

_log = logging.getLogger("burgee.snapshot")

REMEMBERED = 10_000
"""Of how many records this process remembers that they are done."""


class SnapshotBatches:
    """Works records off, in the order of their stream. `adopt` takes over what a source service wrote.

    What is published is read then, so it holds what every later record of the batch says of that set. A
    record that comes again is passed over: AWS delivers from the lowest that failed on.
    """

    def __init__(self, publisher: SnapshotPublisher, *, adopt: Callable[[], object]) -> None:
        self._publisher, self._adopt = publisher, adopt
        self._done: dict[str, None] = {}

    def work(self, triggers: Sequence[Trigger]) -> str | None:
        """The sequence number of the first record that failed; nothing behind it was tried, or is done."""
        left = [each for each in triggers if each.event_id not in self._done]
        published: set[str] = set()
        has_access = has_adopted = False
        for place, trigger in enumerate(left):
            try:
                if trigger.is_foreign and not has_adopted:
                    self._adopt()
                    has_adopted = True
                if trigger.flag_set and trigger.flag_set not in published:
                    subjects = [
                        each.subject
                        for each in left[place:]
                        if each.flag_set == trigger.flag_set and each.subject is not None
                    ]
                    self._publisher.publish(trigger.flag_set, subjects=subjects)
                    published.add(trigger.flag_set)
                if trigger.changes_access and not has_access:
                    self._publisher.publish_access()
                    has_access = True
            except BurgeeError as error:
                _log.warning("snapshot.publish_failed", extra={"problem": str(error)})
                return trigger.sequence_number
            self._remember(trigger.event_id)
        return None

    def _remember(self, event_id: str) -> None:
        self._done[event_id] = None
        while len(self._done) > REMEMBERED:
            del self._done[next(iter(self._done))]
