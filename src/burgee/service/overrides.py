"""Overrides, in the memory of one process: a stand-in until slice A brings the real ones."""

import threading

import msgspec

from burgee.engine.program import CompiledFlag
from burgee.errors import AlreadyExistsError, Fault, InvalidInputError, NotFoundError, VersionConflictError
from burgee.model.flag import DEFAULT_FLAG_SET, FlagStatus
from burgee.model.override import Override
from burgee.model.resolution import Reason, Resolution
from burgee.ports import Clock, FlagStore
from burgee.service.intent import Author


class OverrideDraft(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a client writes of an override."""

    flag_set: str = DEFAULT_FLAG_SET
    flag_key: str
    targeting_key: str
    status: FlagStatus | None = None
    variant: str | None = None
    reason: str = ""
    expires_at: float | None = None


class Overrides:
    """Reads and writes overrides; what has expired is as if it were not there."""

    def __init__(self, store: FlagStore, clock: Clock) -> None:
        self._store, self._clock, self._lock = store, clock, threading.Lock()
        self._all: dict[tuple[str, str, str], Override] = {}

    def get(self, flag_set: str, flag_key: str, targeting_key: str) -> Override | None:
        """The override, None where there is none that has not expired."""
        found = self._all.get((targeting_key, flag_set, flag_key))
        expired = found is not None and found.expires_at is not None and found.expires_at <= self._clock()
        return None if expired else found

    def of_subject(
        self,
        targeting_key: str,
        *,
        flag_set: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 1000,
    ) -> tuple[Override, ...]:
        """A subject's overrides, ordered by (flag set, flag key)."""
        places = sorted(place for place in list(self._all) if place[0] == targeting_key)
        wanted = [
            place
            for place in places
            if flag_set in (None, place[1]) and (after is None or (place[1], place[2]) > after)
        ]
        found = (self.get(place[1], place[2], place[0]) for place in wanted)
        return tuple(each for each in found if each is not None)[:limit]

    def put(
        self,
        draft: OverrideDraft,
        *,
        author: Author,
        must_not_exist: bool = False,
        version: int | None = None,
    ) -> Override:
        """Write an override.

        Raises NotFoundError, InvalidInputError, AlreadyExistsError, VersionConflictError.
        """
        flag = self._store.flag(draft.flag_set, draft.flag_key)
        if flag is None:
            raise NotFoundError(f"there is no flag {draft.flag_key}")
        if draft.variant is not None and draft.variant not in flag.variants:
            raise InvalidInputError([Fault("/variant", "unknown-variant", "there is no such variant")])
        with self._lock:
            before = self.get(draft.flag_set, draft.flag_key, draft.targeting_key)
            current = before.version if before is not None else 0
            if must_not_exist and before is not None:
                raise AlreadyExistsError("the override exists already")
            if version is not None and version != current:
                raise VersionConflictError("the override has changed", current=current)
            now = self._clock()
            made = Override(
                **{name: getattr(draft, name) for name in OverrideDraft.__struct_fields__},
                version=current + 1,
                created_at=before.created_at if before is not None else now,
                created_by=before.created_by if before is not None else author.subject,
                updated_at=now,
                updated_by=author.subject,
            )
            self._all[draft.targeting_key, draft.flag_set, draft.flag_key] = made
        return made

    def delete(self, flag_set: str, flag_key: str, targeting_key: str, *, author: Author) -> None:  # noqa: ARG002
        """Forget an override. Raises NotFoundError."""
        with self._lock:
            if self.get(flag_set, flag_key, targeting_key) is None:
                raise NotFoundError("there is no such override")
            del self._all[targeting_key, flag_set, flag_key]

    @staticmethod
    def resolve(resolution: Resolution, flag: CompiledFlag, override: Override | None) -> Resolution:
        """The answer where `flag` answers `resolution` by itself and the subject has `override`."""
        if override is None:
            return resolution
        wanted = override.variant or ("off" if override.status is FlagStatus.DISABLED else "on")
        name = wanted if wanted in flag.variants else flag.source.default_variant
        return Resolution(
            flag_key=flag.key,
            reason=Reason.TARGETING_MATCH,
            value=flag.variants.get(name or ""),
            variant=name,
            metadata={**resolution.metadata, "override": True},
        )
