"""A workshop: the use cases on one store, for tests that publish and look what came of it."""

from collections.abc import Mapping
from typing import Any

from burgee.adapters.memory import MemoryFlagStore
from burgee.formats.flagd import FlagSetDocument
from burgee.model.flag import DEFAULT_FLAG_SET, Flag
from burgee.model.flag_set import FlagSet
from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.model.resolution import Resolution
from burgee.ports import FlagStore, SnapshotFile
from burgee.service.catalogue import LiveCatalogue
from burgee.service.commit import Committer
from burgee.service.compiler import SetCompiler
from burgee.service.drafts import FlagDraft
from burgee.service.inspection import Inspector
from burgee.service.intent import Author, Published
from burgee.service.publish import Publisher
from burgee.service.refresh import Refresher
from burgee.testing.builders import THE_DAY

ADA = Author(subject="ada", request_id="request-1", reason="because")


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = THE_DAY) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Workshop:
    """One process: a publisher, a live catalogue and a refresher on `store`.

    Several workshops on one store are several processes of one server.
    """

    def __init__(
        self,
        store: FlagStore | None = None,
        *,
        clock: HandClock | None = None,
        limits: Limits = DEFAULT_LIMITS,
        snapshot_file: SnapshotFile | None = None,
    ) -> None:
        self.clock = clock if clock is not None else HandClock()
        self.store: FlagStore = store if store is not None else MemoryFlagStore(self.clock)
        self.live = LiveCatalogue()
        self.compiler = SetCompiler(limits=limits, clock=self.clock)
        self.inspector = Inspector(self.compiler)
        self.refresher = Refresher(
            self.store, self.live, self.compiler, clock=self.clock, snapshot_file=snapshot_file
        )
        self.committer = Committer(self.store, self.live, self.compiler, catch_up=self.refresher.catch_up)
        self.publisher = Publisher(
            self.store, self.committer, self.inspector, limits=limits, clock=self.clock
        )

    def put(self, key: str, *, flag_set: str = DEFAULT_FLAG_SET, **content: Any) -> Published:
        """Publish a flag that is on by default; `content` replaces fields of its draft."""
        fields: dict[str, Any] = {"variants": {"on": True, "off": False}, "default_variant": "on"}
        return self.publisher.put_flag(flag_set, key, FlagDraft(**{**fields, **content}), author=ADA)

    def evaluate(
        self, key: str, context: Mapping[str, Any] | None = None, *, flag_set: str = DEFAULT_FLAG_SET
    ) -> Resolution:
        """What this process answers now."""
        return self.live.current.programs[flag_set].evaluate(key, dict(context or {}))


def broken_document() -> FlagSetDocument:
    """A document with one flag `broken`, whose rule no strict import lets in."""
    flag = Flag(id="", key="broken", variants={"on": True}, default_variant="on", targeting={"bogus": [1]})
    return FlagSetDocument(flag_set=FlagSet(), flags=(flag,))
