"""Overrides and their changes for tests, with every field away from its default."""

from typing import Any

import msgspec

from burgee.model.audit import AuditDraft
from burgee.model.json import JsonValue
from burgee.model.override import Override, OverrideChange
from burgee.ports import OverrideStore
from burgee.testing.builders import THE_DAY, an_audit_draft


def an_override(**changes: Any) -> Override:
    """An override at version 1 with a pinned variant; `changes` replace fields."""
    fields: dict[str, Any] = {
        "flag_set": "checkout",
        "flag_key": "banner-colour",
        "targeting_key": "größer/42@example.com",
        "variant": "loud",
        "reason": "asked for it: ünsure",
        "expires_at": THE_DAY + 3600.5,
        "created_at": THE_DAY,
        "created_by": "ada",
        "updated_at": THE_DAY + 60,
        "updated_by": "grace",
    }
    return Override(**{**fields, **changes})


def an_override_change(override: Override) -> OverrideChange:
    """The write of `override`, which follows the version below its own."""
    return OverrideChange(
        flag_set=override.flag_set,
        flag_key=override.flag_key,
        targeting_key=override.targeting_key,
        expected_version=override.version - 1,
        override=override,
        audit=_draft(override, "override.updated" if override.version > 1 else "override.created"),
    )


def a_deletion(override: Override) -> OverrideChange:
    """The deletion of `override` at the version it has."""
    return OverrideChange(
        flag_set=override.flag_set,
        flag_key=override.flag_key,
        targeting_key=override.targeting_key,
        expected_version=override.version,
        override=None,
        audit=_draft(override, "override.deleted"),
    )


def override_subject(store: OverrideStore, subject: str, **changes: Any) -> Override:
    """Write the next version of an override of `subject`, and return it."""
    draft = an_override(targeting_key=subject, **changes)
    stored = store.override(draft.flag_set, draft.flag_key, subject)
    override = msgspec.structs.replace(draft, version=stored.version + 1 if stored is not None else 1)
    store.write_override(an_override_change(override))
    return override


def _draft(override: Override, action: str) -> AuditDraft:
    form: JsonValue = msgspec.to_builtins(override)
    return an_audit_draft(
        action=action,
        entity=f"overrides/{override.flag_set}/{override.flag_key}/{override.targeting_key}",
        flag_set=override.flag_set,
        flag_key=override.flag_key,
        revision=0,
        before=None,
        after=None if action == "override.deleted" else form,
    )
