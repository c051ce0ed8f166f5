"""What a client may write of an override, and what can be wrong with it."""

import math

import msgspec

from burgee.errors import Fault
from burgee.model.flag import DEFAULT_FLAG_SET, Flag, FlagStatus
from burgee.model.override import Override

MAX_TARGETING_KEY_CHARACTERS = 256
MAX_REASON_CHARACTERS = 1_000
LAST_MOMENT = 1e11
"""Unix seconds of the latest expiry, in the year 5138: beyond, somebody has sent milliseconds."""


class OverrideDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An override as it is asked for: exactly one of `status` and `variant`."""

    flag_key: str
    targeting_key: str
    flag_set: str = DEFAULT_FLAG_SET
    status: FlagStatus | None = None
    variant: str | None = None
    reason: str = ""
    expires_at: float | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        """Flag set, flag key and targeting key."""
        return self.flag_set, self.flag_key, self.targeting_key

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"the override of {self.flag_key} for {self.targeting_key!r}"


def faults_of(draft: OverrideDraft, flag: Flag, *, now: float, within: str = "") -> list[Fault]:
    """Everything that is wrong with `draft` for `flag`; `within` is where its members stand."""
    faults = []

    def fault(member: str, code: str, message: str) -> None:
        faults.append(Fault(f"{within}/{member}", code, message))

    if not is_targeting_key(draft.targeting_key):
        longest = MAX_TARGETING_KEY_CHARACTERS
        fault("targetingKey", "invalid-targeting-key", f"1 to {longest} characters, none of them a control")
    if (draft.status is None) == (draft.variant is None):
        fault("status", "status-or-variant", "an override has a status or a variant, and not both")
    if draft.variant is not None and draft.variant not in flag.variants:
        known = ", ".join(flag.variants)
        fault("variant", "unknown-variant", f"flag {flag.key} has no such variant, only {known}")
    if len(draft.reason) > MAX_REASON_CHARACTERS:
        fault("reason", "too-long", f"a reason has at most {MAX_REASON_CHARACTERS} characters")
    if draft.expires_at is not None and not now < draft.expires_at <= LAST_MOMENT:
        fault("expiresAt", "invalid-expiry", "an expiry is a time to come, in Unix seconds")
    return faults


def is_targeting_key(text: str) -> bool:
    """Whether `text` can be the targeting key of an override."""
    return 0 < len(text) <= MAX_TARGETING_KEY_CHARACTERS and not any(
        ord(each) < 32 or 127 <= ord(each) < 160 or 0xD800 <= ord(each) < 0xE000 for each in text
    )


def says_the_same(draft: OverrideDraft, override: Override) -> bool:
    """Whether `override` is as `draft` asks for."""
    return (draft.status, draft.variant, draft.reason) == (
        override.status,
        override.variant,
        override.reason,
    ) and _moment(draft.expires_at) == _moment(override.expires_at)


def is_alive(override: Override, flag: Flag | None, *, now: float) -> bool:
    """Whether `override` holds: not expired, and made for this `flag`, not for an earlier one of its key."""
    return flag is not None and _moment(override.expires_at) > now and override.updated_at >= flag.created_at


def _moment(expires_at: float | None) -> float:
    return math.inf if expires_at is None else expires_at
