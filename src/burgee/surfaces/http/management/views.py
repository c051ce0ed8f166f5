"""The JSON forms that only the management API has; everything else is the model's own form."""

from enum import Enum

import msgspec

from burgee.engine.lint import LintWarning
from burgee.model.audit import AuditEvent
from burgee.model.flag import Flag, FlagVersion
from burgee.model.flag_set import FlagSet
from burgee.model.sdk_key import SdkKind
from burgee.service.access import Role
from burgee.surfaces.http.management.usage import FlagListing
from burgee.surfaces.http.problems import FaultView


class WarningView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that is allowed, and probably not meant."""

    flag_key: str
    pointer: str
    code: str
    message: str


class FlagView(Flag, frozen=True, kw_only=True, rename="camel"):
    """A flag as it was published, with the warnings that it earned, where it earned any."""

    warnings: tuple[WarningView, ...] | msgspec.UnsetType = msgspec.UNSET


class FlagSetView(FlagSet, frozen=True, kw_only=True, rename="camel"):
    """A flag set as it was published, with the warnings that it earned, where it earned any."""

    warnings: tuple[WarningView, ...] | msgspec.UnsetType = msgspec.UNSET


class FlagPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Flags, and the cursor of the next page; null on the last one."""

    items: tuple[FlagListing, ...]
    next_cursor: str | None


class FlagSetPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All flag sets that the caller may read; there is only one page."""

    items: tuple[FlagSet, ...]
    next_cursor: None = None


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A flag's versions, newest first, and the cursor of the next page."""

    items: tuple[FlagVersion, ...]
    next_cursor: str | None


class AuditPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Audit events, newest first, and the cursor of the next page."""

    items: tuple[AuditEvent, ...]
    next_cursor: str | None


class Change(Enum):
    """What an import does to one flag."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    UNCHANGED = "unchanged"


class ChangeView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an import does to one flag; before and after only in a dry run."""

    flag_set: str
    key: str
    change: Change
    before: Flag | msgspec.UnsetType | None = msgspec.UNSET
    after: Flag | msgspec.UnsetType | None = msgspec.UNSET


class ImportView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an import did, or would do; `revisions` are those of the sets afterwards."""

    dry_run: bool
    changes: tuple[ChangeView, ...]
    warnings: tuple[WarningView, ...]
    revisions: dict[str, int]


class ValidationView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether a document would be accepted, every reason why not, and what is doubtful in it."""

    valid: bool
    faults: tuple[FaultView, ...]
    warnings: tuple[WarningView, ...]


class RestoreRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which revision's content a flag gets back."""

    revision: int


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whom a token is for, what it allows, for how long, and in which flag sets (none: in all)."""

    subject: str
    role: Role
    ttl_seconds: int
    flag_sets: tuple[str, ...] = ()


class TokenView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A new token, shown this once; `expiresAt` in Unix seconds."""

    token: str
    expires_at: float


class SdkKeyRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a key is for, where it is used, what it opens (no set: all of them), how long (null: for good)."""

    name: str
    kind: SdkKind
    flag_sets: tuple[str, ...] = ()
    ttl_seconds: int | None = None


class SdkKeyView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A key without its secret; `prefix` is how it begins. Times in Unix seconds."""

    id: str
    prefix: str
    name: str
    kind: SdkKind
    flag_sets: tuple[str, ...]
    active: bool
    created_at: float
    created_by: str
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None


class NewSdkKeyView(SdkKeyView, frozen=True, kw_only=True, rename="camel"):
    """A new key with the `key` itself, shown this once."""

    key: str


class SdkKeyPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Keys, and the cursor of the next page; null on the last one."""

    items: tuple[SdkKeyView, ...]
    next_cursor: str | None


class IdentityView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who the caller is; no flag sets means all of them."""

    subject: str
    role: Role
    expires_at: float
    flag_sets: tuple[str, ...]


class VerificationView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether the audit chain holds; `firstBroken` is the sequence where it does not."""

    ok: bool
    checked: int
    first_broken: int | None


class StatusView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What this server evaluates from, so that a mixed fleet shows in one call."""

    version: str
    revisions: dict[str, int]
    hash: str
    snapshot_age_seconds: float | None
    read_only: bool
    stale: bool
    message: str


def warning_views(warnings: tuple[LintWarning, ...]) -> tuple[WarningView, ...]:
    """The wire form of lint warnings."""
    return tuple(
        WarningView(flag_key=w.flag_key, pointer=w.pointer, code=w.code, message=w.message) for w in warnings
    )


def flag_view(flag: Flag, warnings: tuple[LintWarning, ...] = ()) -> FlagView:
    """The wire form of a flag that was just published."""
    fields = {name: getattr(flag, name) for name in Flag.__struct_fields__}
    return FlagView(**fields, warnings=warning_views(warnings) or msgspec.UNSET)


def flag_set_view(flag_set: FlagSet, warnings: tuple[LintWarning, ...] = ()) -> FlagSetView:
    """The wire form of a flag set that was just published."""
    fields = {name: getattr(flag_set, name) for name in FlagSet.__struct_fields__}
    return FlagSetView(**fields, warnings=warning_views(warnings) or msgspec.UNSET)
