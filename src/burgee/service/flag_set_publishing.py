"""Publishing what holds for a whole flag set: its source, priority, metadata and evaluators."""

import msgspec

from burgee.errors import Fault, InvalidInputError, NotFoundError
from burgee.model.flag import DEFAULT_FLAG_SET
from burgee.model.json import JsonObject
from burgee.service.audit_drafts import flag_set_event
from burgee.service.commit import Base
from burgee.service.drafts import FlagSetDraft, draft_of_flag_set, flag_set_draft, form_of, same_content
from burgee.service.intent import NO_CONDITION, Author, Precondition, Published, Remember
from burgee.service.merge_patch import merge
from burgee.service.publishing import Publishing
from burgee.service.standing import require_same_standing


class FlagSetPublishing(Publishing):
    """Publishes of a flag set itself."""

    def put_flag_set(
        self,
        key: str,
        draft: FlagSetDraft,
        *,
        author: Author,
        precondition: Precondition = NO_CONDITION,
        remember: Remember | None = None,
    ) -> Published:
        """Create the flag set or replace what is written of it; its flags stay.

        Raises AlreadyExistsError, VersionConflictError (`current` is a revision), and ForbiddenError for a
        bound author who would change how the set stands among the others.
        """

        def attempt() -> Published:
            base = self._committer.base(key)
            precondition.require(f"flag set {key}", base.flag_set.revision)
            return self._write_set(base, draft, author=author, remember=remember)

        return self._attempt(attempt, precondition)

    def patch_flag_set(
        self,
        key: str,
        patch: JsonObject,
        *,
        author: Author,
        precondition: Precondition = NO_CONDITION,
        remember: Remember | None = None,
    ) -> Published:
        """Apply a JSON merge patch (RFC 7396) to what a client writes of the flag set.

        Raises NotFoundError, VersionConflictError (`current` is a revision), ForbiddenError as a put does.
        """

        def attempt() -> Published:
            base = self._committer.base(key)
            if base.program is None and key != DEFAULT_FLAG_SET:
                raise NotFoundError(f"there is no flag set {key}")
            precondition.require(f"flag set {key}", base.flag_set.revision)
            draft = flag_set_draft(merge(form_of(draft_of_flag_set(base.flag_set)), patch))
            return self._write_set(base, draft, author=author, remember=remember)

        return self._attempt(attempt, precondition)

    def _write_set(
        self, base: Base, draft: FlagSetDraft, *, author: Author, remember: Remember | None
    ) -> Published:
        created = base.program is None
        if not created and same_content(draft, draft_of_flag_set(base.flag_set)):
            return Published(flag_set=base.flag_set, changed=False)
        content = {name: getattr(draft, name) for name in FlagSetDraft.__struct_fields__}
        after = msgspec.structs.replace(self._next_set(base, author), **content)
        require_same_standing(base.flag_set, after, author=author)
        faults = list(self._inspector.flag_set(after))
        if after.evaluators != base.flag_set.evaluators:
            broken = self._inspector.new_faults(base.flags, before=base.flag_set, after=after)
            faults += [
                Fault("/evaluators", fault.code, f"flag {flag.key} at {fault.pointer}: {fault.message}")
                for flag, fault in broken
            ]
        if faults:
            raise InvalidInputError(faults)
        event = flag_set_event(
            "flag_set.created" if created else "flag_set.updated",
            before=None if created else base.flag_set,
            after=after,
            author=author,
        )
        published = Published(flag_set=after, created=created)
        return self._commit(base, published, writes=(), audit=(event,), remember=remember)
