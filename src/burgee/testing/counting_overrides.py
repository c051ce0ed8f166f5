"""An override store that counts how often it is read, and fails on demand."""

from collections.abc import Iterator, Sequence

from burgee.errors import UnavailableError
from burgee.model.audit import AuditEvent
from burgee.model.override import Override, OverrideChange
from burgee.ports import OverrideMark, OverrideStore


class CountingOverrideStore:
    """`reads` counts look-ups of overrides; looks at the mark and at the list of subjects are not among them.

    With `fails` every method raises UnavailableError.
    """

    def __init__(self, inner: OverrideStore) -> None:
        self.inner = inner
        self.reads = 0
        self.scans = 0
        self.fails = False

    def override(self, flag_set: str, flag_key: str, targeting_key: str) -> Override | None:
        self.reads += 1
        return self._store().override(flag_set, flag_key, targeting_key)

    def overrides_of_subject(
        self,
        targeting_key: str,
        *,
        flag_set: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 1000,
    ) -> tuple[Override, ...]:
        self.reads += 1
        return self._store().overrides_of_subject(targeting_key, flag_set=flag_set, after=after, limit=limit)

    def overrides_of_flag(
        self, flag_set: str, flag_key: str, *, after: str = "", limit: int = 100
    ) -> tuple[Override, ...]:
        self.reads += 1
        return self._store().overrides_of_flag(flag_set, flag_key, after=after, limit=limit)

    def write_override(self, change: OverrideChange) -> AuditEvent:
        return self._store().write_override(change)

    def write_overrides(self, changes: Sequence[OverrideChange]) -> tuple[AuditEvent, ...]:
        return self._store().write_overrides(changes)

    def override_mark(self) -> OverrideMark:
        return self._store().override_mark()

    def overridden_subjects(self) -> Iterator[str]:
        self.scans += 1
        return self._store().overridden_subjects()

    def subjects_changed_since(self, sequence: int, *, limit: int = 1000) -> tuple[tuple[int, str], ...]:
        return self._store().subjects_changed_since(sequence, limit=limit)

    def change_token(self) -> int:
        return self._store().change_token()

    def _store(self) -> OverrideStore:
        if self.fails:
            raise UnavailableError("the store is away")
        return self.inner
