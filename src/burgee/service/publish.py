"""Publishing: the only way in which definitions change."""

from collections.abc import Callable, Sequence

from burgee.errors import IdempotencyReuseError
from burgee.formats.flagd import FlagSetDocument
from burgee.model.change import IdempotencyRecord
from burgee.service.drafts import FlagDraft, FlagSetDraft
from burgee.service.flag_set_publishing import FlagSetPublishing
from burgee.service.import_flags import FlagChange, Importer, ImportReport
from burgee.service.intent import NO_CONDITION, Author, Precondition, Published, Remember
from burgee.service.named_publishing import NamedFlagPublishing

__all__ = [
    "Author",
    "FlagChange",
    "FlagDraft",
    "FlagSetDraft",
    "ImportReport",
    "Precondition",
    "Published",
    "Publisher",
    "Remember",
]


class Publisher(NamedFlagPublishing, FlagSetPublishing):
    """Checks, compiles, commits and serves every change; one at a time in one process.

    Every method raises InvalidInputError with all faults, UnavailableError where the store cannot write.
    A change that would leave everything as it is publishes nothing and answers what is there. Without a
    precondition, a change that another process overtook is made again on top of that.
    """

    def import_documents(
        self,
        documents: Sequence[FlagSetDocument],
        *,
        author: Author,
        replace: bool = False,
        dry_run: bool = False,
        lenient: bool = False,
        force: bool = False,
        remember: Callable[[ImportReport], IdempotencyRecord] | None = None,
    ) -> ImportReport:
        """Publish many flags in one transaction, or nothing; see `Importer.run`."""
        importer = Importer(self._committer, self._inspector, limits=self._limits, clock=self._clock)
        return self._attempt(
            lambda: importer.run(
                documents,
                author=author,
                replace=replace,
                dry_run=dry_run,
                lenient=lenient,
                force=force,
                remember=remember,
            ),
            NO_CONDITION,
        )

    def recall(self, key: str, *, actor: str, fingerprint: str) -> IdempotencyRecord | None:
        """The answer that this very request already got, None where it is new.

        Raises IdempotencyReuseError where the key was used for another request.
        """
        record = self._store.idempotency_record(key, actor)
        if record is not None and record.fingerprint != fingerprint:
            raise IdempotencyReuseError(f"the Idempotency-Key {key} was used for another request")
        return record
