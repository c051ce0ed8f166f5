"""Adopting overrides: mappings that a source service wrote become known to every list and filter."""

import logging
import time
from collections.abc import Callable

from burgee.adapters.dynamodb.client import Item, pages
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.items import IS_OURS, OWN_NAMES, text
from burgee.adapters.dynamodb.layout import main_key
from burgee.adapters.dynamodb.overrides import DynamoOverrideStore
from burgee.errors import ConflictError, UnavailableError
from burgee.ports import Clock

AT_ONCE = 500
SCANNED_AT_ONCE = 2_000
"""Mappings that one page of the scan looks at: about what a round of two seconds can adopt."""

_log = logging.getLogger("burgee.dynamodb")
_MARK = main_key("adoption", "overrides")
_AFTER, _DONE = "after", "at"


class SourceOverrides:
    """Mappings that were last written by somebody else than Burgee.

    How far the table was gone through stands in the store: whoever goes on begins there, on any machine.
    """

    def __init__(self, store: DynamoFlagStore, *, monotonic: Clock = time.monotonic) -> None:
        self._store, self._monotonic = store, monotonic
        self._overrides = DynamoOverrideStore(store)

    def is_done(self) -> bool:
        """Whether the whole table was gone through once."""
        return _DONE in self._mark()

    def adopt(self, *, tell: Callable[[int], None] = lambda _: None) -> int:
        """Adopt all of them; how many were. `tell` hears of each batch.

        A mapping of a flag that is not there stays as it is. What was adopted is passed over when it is
        called again; where another one was interrupted, it goes on there, and then looks at the rest.
        """
        after = _place(self._mark())
        adopted = self._scan(after, tell=tell)
        return adopted + (self._scan(None, tell=tell) if after else 0)

    def go_on(self, *, seconds: float) -> bool:
        """Adopt for `seconds`, and perhaps the time of one batch more; True once all was gone through."""
        mark = self._mark()
        if _DONE not in mark:
            self._scan(_place(mark), until=self._monotonic() + seconds)
        return self.is_done()

    def _scan(
        self, after: Item | None, *, until: float | None = None, tell: Callable[[int], None] = lambda _: None
    ) -> int:
        adopted = 0
        found = self._store.client.scan_pages(
            self._store.names.overrides,
            after=after,
            Limit=SCANNED_AT_ONCE,
            FilterExpression=f"NOT ({IS_OURS})",
            ExpressionAttributeNames=OWN_NAMES,
            ConsistentRead=True,
        )
        for items, last in found:
            for some in pages(items, AT_ONCE):
                count = self._overrides.adopt(some)
                adopted += count
                tell(count)
                if count and until is not None and self._monotonic() >= until:
                    return adopted  # the page is begun again: what is adopted of it is passed over
            self._note(last)
            if until is not None and self._monotonic() >= until:
                break
        return adopted

    def _note(self, last: Item | None) -> None:
        """Note that all up to `last` was gone through; without it, all of the table."""
        names = {"#after": _AFTER}
        if last is not None:
            # What was done once stays done, whoever goes through it again.
            expression, values = "SET #after = :after", {":after": {"M": last}}
        else:
            names["#done"] = _DONE
            expression, values = "SET #done = :at REMOVE #after", {":at": text(str(self._store.clock()))}
        self._store.client.call(
            "update_item",
            TableName=self._store.names.main,
            Key=_MARK,
            UpdateExpression=expression,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )

    def _mark(self) -> Item:
        return self._store.client.get(self._store.names.main, _MARK) or {}


def _place(mark: Item) -> Item | None:
    return mark[_AFTER]["M"] if _AFTER in mark else None


class AdoptionRounds:
    """Adopts flags and mappings of a source service, `seconds` at each call, until all was gone through.

    A store that cannot be reached, or that others keep writing to, is left to the next call.
    """

    def __init__(self, store: DynamoFlagStore, *, seconds: float) -> None:
        self._store, self._seconds = store, seconds
        self._knows_flags = False
        self.is_done = False

    def __call__(self) -> None:
        """One round."""
        if self.is_done:
            return
        try:
            if not self._knows_flags:
                self._store.adopt()
                self._knows_flags = True
            self.is_done = SourceOverrides(self._store).go_on(seconds=self._seconds)
        except (UnavailableError, ConflictError) as error:
            _log.warning("store.adoption_failed", extra={"problem": str(error)})
