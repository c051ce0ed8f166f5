"""Override: one subject pinned to a status or a variant of one flag."""

import msgspec

from burgee.model.audit import AuditDraft
from burgee.model.flag import DEFAULT_FLAG_SET, FlagStatus


class Override(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one subject gets of one flag, whatever its targeting says.

    Exactly one of `status` and `variant` is set: ENABLED gives the variant `on` (or, where the flag has
    none of that name, its default), DISABLED gives `off`. Times are Unix seconds; `expires_at` None is for
    good, and an override that has expired is as if it were not there. `version` starts at 1.
    """

    flag_key: str
    targeting_key: str
    flag_set: str = DEFAULT_FLAG_SET
    status: FlagStatus | None = None
    variant: str | None = None
    reason: str = ""
    expires_at: float | None = None
    version: int = 1
    created_at: float = 0
    created_by: str = ""
    updated_at: float = 0
    updated_by: str = ""


class OverrideChange(msgspec.Struct, frozen=True, kw_only=True):
    """One write of one override: its next version, or its deletion where `override` is None.

    `expected_version` is the version read, 0 where nothing was there. The audit event is written with it.
    """

    flag_set: str
    flag_key: str
    targeting_key: str
    expected_version: int
    override: Override | None
    audit: AuditDraft

    @property
    def place(self) -> tuple[str, str, str]:
        """Flag set, flag key and targeting key."""
        return self.flag_set, self.flag_key, self.targeting_key


def check_override_change(change: OverrideChange) -> None:
    """Refuse what no use case may hand to a store; stores call it before they write.

    Raises ValueError: an override of another place or with a version that does not follow the expected one,
    one with not exactly one of status and variant, a deletion of nothing.
    """
    override = change.override
    if override is None:
        if change.expected_version < 1:
            raise ValueError("there is nothing to delete")
        return
    if (override.flag_set, override.flag_key, override.targeting_key) != change.place:
        raise ValueError(f"the override is of another place than {change.place}")
    if override.version != change.expected_version + 1:
        raise ValueError(f"version {override.version} does not follow {change.expected_version}")
    if (override.status is None) == (override.variant is None):
        raise ValueError("an override holds a status or a variant")
