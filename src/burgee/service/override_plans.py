"""Plans: what a put or a deletion of an override will write, with its audit event."""

import msgspec

from burgee.model.audit import AuditDraft
from burgee.model.flag import Flag
from burgee.model.json import JsonValue
from burgee.model.override import Override, OverrideChange
from burgee.service.drafts import escape
from burgee.service.intent import Author
from burgee.service.override_drafts import OverrideDraft, is_alive, says_the_same


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`override` is what there will be, `version` what there is now (0: none that holds).

    `change` None: it is as asked for already.
    """

    override: Override
    version: int
    change: OverrideChange | None = None


def plan(draft: OverrideDraft, flag: Flag, stored: Override | None, *, author: Author, now: float) -> Plan:
    """What a put of `draft` will write where `stored` is there; what no longer holds counts as not there."""
    alive = stored if stored is not None and is_alive(stored, flag, now=now) else None
    if alive is not None and says_the_same(draft, alive):
        return Plan(override=alive, version=alive.version)
    version = stored.version if stored is not None else 0
    override = _next(draft, flag, alive, version=version + 1, by=author.subject, now=now)
    action = "override.updated" if alive is not None else "override.created"
    audit = _event(action, override, before=alive, after=override, author=author, at=now)
    change = _change(override, version, override, audit)
    return Plan(override=override, version=alive.version if alive is not None else 0, change=change)


def deletion(stored: Override, *, author: Author, now: float) -> OverrideChange:
    """What a deletion of `stored` will write."""
    audit = _event("override.deleted", stored, before=stored, after=None, author=author, at=now)
    return _change(stored, stored.version, None, audit)


def _next(
    draft: OverrideDraft, flag: Flag, alive: Override | None, *, version: int, by: str, now: float
) -> Override:
    # Never before its flag, whatever the clock did meanwhile: it would be taken for that of an earlier one.
    at = max(now, flag.created_at)
    return Override(
        flag_set=draft.flag_set,
        flag_key=draft.flag_key,
        targeting_key=draft.targeting_key,
        status=draft.status,
        variant=draft.variant,
        reason=draft.reason,
        expires_at=None if draft.expires_at is None else float(draft.expires_at),
        version=version,
        created_at=alive.created_at if alive is not None else at,
        created_by=alive.created_by if alive is not None else by,
        updated_at=at,
        updated_by=by,
    )


def _change(at: Override, expected: int, after: Override | None, audit: AuditDraft) -> OverrideChange:
    return OverrideChange(
        flag_set=at.flag_set,
        flag_key=at.flag_key,
        targeting_key=at.targeting_key,
        expected_version=expected,
        override=after,
        audit=audit,
    )


def _event(
    action: str,
    of: Override,
    *,
    before: Override | None,
    after: Override | None,
    author: Author,
    at: float,
) -> AuditDraft:
    return AuditDraft(
        at=at,
        actor=author.subject,
        action=action,
        entity=f"overrides/{of.flag_set}/{of.flag_key}/{escape(of.targeting_key)}",
        flag_set=of.flag_set,
        flag_key=of.flag_key,
        before=_form(before),
        after=_form(after),
        request_id=author.request_id,
        reason=author.reason or (after.reason if after is not None else ""),
        client=author.client,
    )


def _form(override: Override | None) -> JsonValue:
    form: JsonValue = None if override is None else msgspec.to_builtins(override)
    return form
