"""Publishing one flag: put, patch, delete, restore."""

from burgee.errors import Fault, InvalidInputError, KeyReservedError, LimitExceededError, NotFoundError
from burgee.model.change import FlagWrite
from burgee.model.flag import Flag, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.json import JsonObject
from burgee.service.audit_drafts import flag_event
from burgee.service.commit import Base
from burgee.service.drafts import FlagDraft, draft_of_flag, flag_draft, form_of, same_content
from burgee.service.history import flag_at
from burgee.service.intent import NO_CONDITION, Author, Precondition, Published, Remember
from burgee.service.merge_patch import merge
from burgee.service.next_version import next_flag
from burgee.service.publishing import Publishing

TOMBSTONE_SECONDS = 30 * 86_400
"""How long the key of a deleted flag is not given to another one (reliability.md R1)."""


class FlagPublishing(Publishing):
    """Publishes of one flag."""

    def put_flag(
        self,
        flag_set: str,
        key: str,
        draft: FlagDraft,
        *,
        author: Author,
        precondition: Precondition = NO_CONDITION,
        force: bool = False,
        remember: Remember | None = None,
        new_id: str = "",
    ) -> Published:
        """Create the flag or replace its content; a flag set that does not exist is created with it.

        `new_id` is the UUID of a flag that is created; "" makes one. Raises AlreadyExistsError,
        VersionConflictError, and KeyReservedError for a key deleted in the last 30 days unless `force`.
        """

        def attempt() -> Published:
            base = self._committer.base(flag_set)
            there = self._committer.entity(flag_set, key)
            before = there if isinstance(there, Flag) else None
            precondition.require(f"flag {key}", 0 if before is None else before.version)
            self._require_free(there, force=force)
            action = "flag.created" if before is None else "flag.updated"
            return self._write(
                base, key, draft, there, action=action, author=author, remember=remember, new_id=new_id
            )

        return self._attempt(attempt, precondition)

    def patch_flag(
        self,
        flag_set: str,
        key: str,
        patch: JsonObject,
        *,
        author: Author,
        precondition: Precondition = NO_CONDITION,
        remember: Remember | None = None,
    ) -> Published:
        """Apply a JSON merge patch (RFC 7396) to what a client writes of the flag.

        Raises NotFoundError, VersionConflictError.
        """

        def attempt() -> Published:
            base = self._committer.base(flag_set)
            before = self._existing(flag_set, key, precondition)
            draft = flag_draft(merge(form_of(draft_of_flag(before)), patch))
            return self._write(
                base, key, draft, before, action="flag.updated", author=author, remember=remember
            )

        return self._attempt(attempt, precondition)

    def delete_flag(
        self,
        flag_set: str,
        key: str,
        *,
        author: Author,
        precondition: Precondition = NO_CONDITION,
        remember: Remember | None = None,
    ) -> Published:
        """Delete the flag; its key stays reserved for 30 days, its history for good.

        Raises NotFoundError, VersionConflictError.
        """

        def attempt() -> Published:
            base = self._committer.base(flag_set)
            before = self._existing(flag_set, key, precondition)
            after_set = self._next_set(base, author)
            tombstone = Tombstone(
                flag_set=flag_set,
                key=key,
                version=before.version + 1,
                revision=after_set.revision,
                deleted_at=after_set.updated_at,
                reserved_until=after_set.updated_at + TOMBSTONE_SECONDS,
            )
            write = FlagWrite(expected_version=before.version, tombstone=tombstone)
            event = flag_event("flag.deleted", after_set=after_set, before=before, after=None, author=author)
            published = Published(flag_set=after_set, before=before)
            return self._commit(base, published, writes=(write,), audit=(event,), remember=remember)

        return self._attempt(attempt, precondition)

    def restore_flag(
        self,
        flag_set: str,
        key: str,
        *,
        revision: int,
        author: Author,
        precondition: Precondition = NO_CONDITION,
        remember: Remember | None = None,
    ) -> Published:
        """Give the flag, deleted or not, the content again that it had at `revision` of its set.

        That it is the same flag as before is why the tombstone of its key does not stand in the way.

        Raises NotFoundError where it did not exist then or the set has not come to that revision,
        VersionConflictError.
        """

        def attempt() -> Published:
            base = self._committer.base(flag_set)
            there = self._committer.entity(flag_set, key)
            precondition.require(f"flag {key}", there.version if isinstance(there, Flag) else 0)
            step = flag_at(self._store, base.flag_set, key, revision=revision)
            if step.flag is None:
                raise NotFoundError(f"there was no flag {key} in flag set {flag_set} at revision {revision}")
            return self._write(
                base,
                key,
                draft_of_flag(step.flag),
                there,
                action="flag.restored",
                author=author,
                remember=remember,
                origin=step.flag,
            )

        return self._attempt(attempt, precondition)

    def _existing(self, flag_set: str, key: str, precondition: Precondition) -> Flag:
        before = self._store.flag(flag_set, key)
        if before is None:
            raise NotFoundError(f"there is no flag {key} in flag set {flag_set}")
        precondition.require(f"flag {key}", before.version)
        return before

    def _require_free(self, there: Flag | Tombstone | None, *, force: bool) -> None:
        if isinstance(there, Tombstone) and not force and self._clock() < there.reserved_until:
            raise key_reserved(there)

    def _write(
        self,
        base: Base,
        key: str,
        draft: FlagDraft,
        there: Flag | Tombstone | None,
        *,
        action: str,
        author: Author,
        remember: Remember | None,
        origin: Flag | None = None,
        new_id: str = "",
    ) -> Published:
        before = there if isinstance(there, Flag) else None
        if before is not None and same_content(draft, draft_of_flag(before)):
            return Published(flag_set=base.flag_set, flag=before, before=before, changed=False)
        after_set = self._next_set(base, author)
        flag = next_flag(
            draft, key=key, there=there, origin=origin, flag_set=after_set, author=author, new_id=new_id
        )
        # What leaves the rule alone must work on a flag that was let in leniently: above all, to disable it.
        known = before if before is not None else origin
        lenient = origin is not None or (known is not None and _same_rule(known, flag))
        findings = self._inspector.flag(flag, after_set, lenient=lenient)
        faults = (*self._set_key_faults(base, after_set), *findings.faults)
        if faults:
            raise InvalidInputError(faults)
        if before is None and len(base.flags) >= self._limits.flags_per_set:
            raise LimitExceededError(
                "", "too-many-flags", f"a flag set holds {self._limits.flags_per_set} flags"
            )
        event = flag_event(action, after_set=after_set, before=before, after=flag, author=author)
        published = Published(
            flag_set=after_set,
            flag=flag,
            before=before,
            created=before is None,
            warnings=findings.warnings,
        )
        write = FlagWrite(expected_version=flag.version - 1, flag=flag)
        return self._commit(base, published, writes=(write,), audit=(event,), remember=remember)

    def _set_key_faults(self, base: Base, after: FlagSet) -> tuple[Fault, ...]:
        if base.program is not None:
            return ()
        return tuple(
            Fault("/flagSet", fault.code, fault.message)
            for fault in self._inspector.flag_set(FlagSet(key=after.key))
        )


def key_reserved(tombstone: Tombstone) -> KeyReservedError:
    """The refusal to use the key of a deleted flag for another one."""
    message = f"flag {tombstone.key} was deleted; its key stays reserved for 30 days unless this is forced"
    return KeyReservedError(message, until=tombstone.reserved_until)


def _same_rule(one: Flag, other: Flag) -> bool:
    return one.targeting == other.targeting and one.variants.keys() == other.variants.keys()
