"""Overrides in evaluation: what one subject gets of one flag, whatever the flag says by itself.

It stands apart from reading and writing them (`burgee.service.overrides`): evaluation on Lambda needs only
this half.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from burgee.engine.program import CompiledFlag
from burgee.errors import UnavailableError
from burgee.model.flag import FlagStatus, MetadataValue
from burgee.model.json import JsonObject
from burgee.model.override import Override
from burgee.model.resolution import Resolution
from burgee.service.catalogue import LiveCatalogue
from burgee.service.override_drafts import is_alive

if TYPE_CHECKING:
    from burgee.ports import Clock

_log = logging.getLogger("burgee.overrides")

_ALL = 10_000
"""How many overrides of one subject one read brings: as many as a flag set has flags."""

UNSURE: dict[str, MetadataValue] = {"stale": True, "staleReason": "the overrides cannot be read now"}
"""In the metadata of an answer that might be another one, could the overrides of its subject be read."""


class Unread(tuple[Override, ...]):
    """No overrides, since they cannot be read; what is evaluated without them is marked with UNSURE."""

    __slots__ = ()


UNREAD = Unread()
_KNOWN_UNSURE = 1_000

ON, OFF = "on", "off"
"""The variants that a status stands for."""


class Subjects(Protocol):
    """Who has overrides at all, known without a read. `any` is False where nobody has.

    `mark` is another number after every change of overrides that is known here.
    """

    @property
    def any(self) -> bool: ...

    @property
    def mark(self) -> int: ...

    def may_have(self, subject: object) -> bool:
        """False only for a subject without overrides."""
        ...


class OverrideReads(Protocol):
    """The two reads that an evaluation may need. Each may raise UnavailableError."""

    def override(self, flag_set: str, flag_key: str, targeting_key: str) -> Override | None: ...

    def overrides_of_subject(self, targeting_key: str, *, limit: int) -> tuple[Override, ...]:
        """Ordered by (flag set, flag key)."""
        ...


class AppliedOverrides:
    """Applies overrides to evaluations.

    An override that has expired, or that was made for an earlier flag of the same key, is as if it were not
    there. `subjects` says, without a read, who has none.
    """

    def __init__(
        self, reads: OverrideReads, subjects: Subjects, live: LiveCatalogue, *, clock: "Clock"
    ) -> None:
        self.subjects = subjects
        self._reads = reads
        self._live = live
        self._clock = clock
        self._fails = False
        self._unsure: dict[Resolution, Resolution] = {}

    def for_context(self, context: JsonObject) -> tuple[Override, ...]:
        """All that hold for the subject of `context`: one read, none for a subject without. Never raises.

        UNREAD where they cannot be read.
        """
        subject = context.get("targetingKey")
        if type(subject) is not str or not self.subjects.may_have(subject):
            return ()
        return self._read(lambda: self._reads.overrides_of_subject(subject, limit=_ALL))

    def evaluate(self, flag: CompiledFlag, context: JsonObject) -> Resolution:
        """What `flag` answers for `context`, its override included; one read at most. Never raises.

        Where the override cannot be read it is what the flag says by itself, marked with UNSURE.
        """
        resolution = flag.evaluate(context)
        found = self.find(flag, context)
        if found is UNREAD:
            return self._marked(resolution)
        return self.resolve(resolution, flag, found[0] if found else None)

    def find(self, flag: CompiledFlag, context: JsonObject) -> tuple[Override, ...]:
        """The one override of `flag` that holds for the subject of `context`, or none. Never raises.

        One read at most; UNREAD where it cannot be read.
        """
        subject = context.get("targetingKey")
        if type(subject) is not str or not self.subjects.may_have(subject):
            return ()
        return self._read(lambda: (self._reads.override(flag.flag_set, flag.key, subject),))

    @staticmethod
    def resolve(resolution: Resolution, flag: CompiledFlag, override: Override | None) -> Resolution:
        """The answer where `flag` answers `resolution` by itself and the subject has `override`.

        A pinned variant that the flag no longer has pins nothing. ENABLED gives `on`, and the default where
        there is no variant of that name; DISABLED gives `off`, and the caller's code default.
        """
        if override is None:
            return resolution
        if override.variant is not None:
            return flag.pinned(override.variant) if override.variant in flag.variants else resolution
        if override.status is FlagStatus.DISABLED:
            return flag.pinned(OFF)
        return flag.pinned(ON if ON in flag.variants else flag.source.default_variant)

    def _read(self, read: Callable[[], tuple[Override | None, ...]]) -> tuple[Override, ...]:
        """What holds of what is read, for an evaluation: without the store there are no overrides."""
        try:
            found = read()
        except UnavailableError as error:
            self._fail(error)
            return UNREAD
        self._fails = False
        now, programs = self._clock(), self._live.current.programs
        return tuple(
            each
            for each in found
            if each is not None
            and (program := programs.get(each.flag_set)) is not None
            and (flag := program.flags.get(each.flag_key)) is not None
            and is_alive(each, flag.source, now=now)
        )

    def _marked(self, resolution: Resolution) -> Resolution:
        """`resolution` with its mark; the same object each time, as bytes are kept by it."""
        marked = self._unsure.get(resolution)
        if marked is None:
            if len(self._unsure) >= _KNOWN_UNSURE:
                self._unsure.clear()
            marked = msgspec.structs.replace(resolution, metadata={**resolution.metadata, **UNSURE})
            self._unsure[resolution] = marked
        return marked

    def _fail(self, error: UnavailableError) -> None:
        if not self._fails:
            _log.warning("overrides.read_failed", extra={"problem": str(error)})
        self._fails = True
