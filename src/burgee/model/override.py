"""Override: one subject pinned to a status or a variant of one flag."""

import msgspec

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
