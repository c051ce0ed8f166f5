"""Publishing flags known by their names: made without a key, deleted only where that is allowed."""

import logging
import uuid

import msgspec

from burgee.errors import AlreadyExistsError, UnavailableError
from burgee.model.audit import AuditDraft
from burgee.model.flag import Flag, Tombstone
from burgee.model.slug import SLUG_CHARACTERS, slug
from burgee.service.drafts import FlagDraft
from burgee.service.flag_names import name_of
from burgee.service.flag_publishing import FlagPublishing
from burgee.service.intent import NO_CONDITION, Author, Published

_log = logging.getLogger("burgee.publish")


class NamedFlagPublishing(FlagPublishing):
    """Publishes of flags by name."""

    def create_named_flag(self, flag_set: str, name: str, draft: FlagDraft, *, author: Author) -> Published:
        """Create a flag of that name, of which there is then exactly one however many try at once.

        Its key is the slug of the name, with `-` and 8 digits of its id where that is taken or still
        reserved: a deleted flag's key is never given to another one here.

        Raises AlreadyExistsError where a flag of the set has the name, or has it for a key and no name.
        """

        def attempt() -> Published:
            base = self._committer.base(flag_set)
            if any(name_of(flag) == name for flag in base.flags):
                raise AlreadyExistsError(f"a flag named {name} exists already in flag set {flag_set}")
            flag_id = str(uuid.uuid4())
            key = slug(name)
            there = self._committer.entity(flag_set, key)
            if self._is_taken(there):
                key = f"{key[:SLUG_CHARACTERS]}-{flag_id[:8]}"
                there = self._committer.entity(flag_set, key)
                if self._is_taken(there):  # a chance of one in four thousand million
                    raise AlreadyExistsError(f"the key {key} is taken; try again")
            named = msgspec.structs.replace(draft, name=name)
            return self._write(
                base,
                key,
                named,
                there,
                action="flag.created",
                author=author,
                remember=None,
                new_id=flag_id,
            )

        return self._attempt(attempt, NO_CONDITION)

    def record_refused_deletion(self, flag_set: str, name: str, *, author: Author, reason: str) -> None:
        """Audit that a writer was not let delete; that the store takes no event changes nothing."""
        draft = AuditDraft(
            at=self._clock(),
            actor=author.subject,
            action="flag.deletion_refused",
            entity=f"flag-sets/{flag_set}",
            flag_set=flag_set,
            after={"name": name},
            request_id=author.request_id,
            reason=reason,
            client=author.client,
        )
        try:
            self._store.append_audit(draft)
        except UnavailableError as error:
            _log.warning("flag.deletion_refused", extra={"problem": str(error), "audited": False})

    def _is_taken(self, there: Flag | Tombstone | None) -> bool:
        if isinstance(there, Tombstone):
            return self._clock() < there.reserved_until
        return there is not None
