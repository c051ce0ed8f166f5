"""What becomes of a mapping that a source service has written, once it is taken over."""

import msgspec

from burgee.adapters.dynamodb.client import Item
from burgee.adapters.dynamodb.items import override_of, source_override, text_of, unsealed
from burgee.adapters.dynamodb.layout import subject_of_user_id
from burgee.adapters.dynamodb.source_flags import ACTOR
from burgee.errors import StoreDamagedError
from burgee.model.audit import AuditDraft
from burgee.model.flag import Flag
from burgee.model.json import JsonValue
from burgee.model.override import Override, OverrideChange


def adoption(item: Item, flag: Flag | None, *, now: float) -> OverrideChange | None:
    """The write that takes over `item`, a mapping of `flag`; None where it cannot be."""
    before: Override | None = None
    if "document" in item:
        try:
            before, after = unsealed(item, Override, "an override"), override_of(item)
        except StoreDamagedError:
            return None
    else:
        subject = subject_of_user_id(text_of(item, "userId"))
        found = source_override(item, flag=flag, targeting_key=subject) if flag and subject else None
        if found is None:
            return None
        after = found
    version = after.version
    after = msgspec.structs.replace(after, version=version + 1)
    return OverrideChange(
        flag_set=after.flag_set,
        flag_key=after.flag_key,
        targeting_key=after.targeting_key,
        expected_version=version,
        override=after,
        audit=adopted_override_event(after, before, now),
    )


def adopted_override_event(override: Override, before: Override | None, now: float) -> AuditDraft:
    """What is recorded of an override that is taken over."""
    place = f"{override.flag_set}/{override.flag_key}/{override.targeting_key}"
    return AuditDraft(
        at=now,
        actor=override.updated_by or ACTOR,
        action="override.adopted",
        entity=f"overrides/{place}",
        flag_set=override.flag_set,
        flag_key=override.flag_key,
        before=_form(before) if before is not None else None,
        after=_form(override),
        reason="written by the source service",
    )


def _form(override: Override) -> JsonValue:
    form: JsonValue = msgspec.to_builtins(override)
    return form
