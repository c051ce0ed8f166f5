"""The audit events that publishes write."""

import msgspec

from burgee.model.audit import AuditDraft
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.json import JsonValue
from burgee.service.intent import Author


def flag_event(
    action: str, *, after_set: FlagSet, before: Flag | None, after: Flag | None, author: Author
) -> AuditDraft:
    """What happened to one flag; at least one of `before` and `after` is a flag."""
    flag = after if after is not None else before
    key = flag.key if flag is not None else ""
    return AuditDraft(
        at=after_set.updated_at,
        actor=author.subject,
        action=action,
        entity=f"flags/{after_set.key}/{key}",
        flag_set=after_set.key,
        flag_key=key,
        revision=after_set.revision,
        before=_form(before),
        after=_form(after),
        request_id=author.request_id,
        reason=author.reason,
        client=author.client,
    )


def flag_set_event(
    action: str, *, before: FlagSet | None, after: FlagSet, author: Author, detail: JsonValue = None
) -> AuditDraft:
    """What happened to a flag set as a whole; `detail` stands for the forms before and after."""
    return AuditDraft(
        at=after.updated_at,
        actor=author.subject,
        action=action,
        entity=f"flag-sets/{after.key}",
        flag_set=after.key,
        revision=after.revision,
        before=_form(before) if detail is None else None,
        after=_form(after) if detail is None else detail,
        request_id=author.request_id,
        reason=author.reason,
        client=author.client,
    )


def _form(entity: Flag | FlagSet | None) -> JsonValue:
    form: JsonValue = None if entity is None else msgspec.to_builtins(entity)
    return form
