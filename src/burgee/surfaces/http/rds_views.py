"""What the RDS dialect answers: the source's objects, with their fields in its order and Unix seconds."""

import msgspec

from burgee.engine.program import CompiledFlag
from burgee.model.flag import Flag, FlagStatus
from burgee.model.json import JsonValue
from burgee.model.override import Override
from burgee.model.resolution import Resolution


class RdsFlag(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A flag as it is read."""

    id: str
    name: str
    description: str
    status: FlagStatus
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str


class RdsCreatedFlag(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A flag as its creation answers it: the same fields, the status last."""

    id: str
    name: str
    description: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    status: FlagStatus


class RdsCreated(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a creation."""

    data: RdsCreatedFlag
    message: str


class RdsMapping(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one user gets of one flag."""

    user_id: str
    flag_id: str
    status: FlagStatus
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str


class RdsEvaluation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a flag is for one user, its mapping, status and targeting taken together.

    `status` is ENABLED where the user has it. `value` and `variant` are null where the caller's own default
    counts. `reason` is OpenFeature's; `override` says that the mapping decided.
    """

    user_id: str
    flag_id: str
    name: str
    status: FlagStatus
    value: JsonValue
    variant: str | None
    reason: str
    override: bool


STALE_OVERRIDES = ("burgee-stale", "overrides")
"""The header of an evaluation that might be another one, could the overrides of the user be read."""


def resolved_view(compiled: CompiledFlag, user: str, resolution: Resolution) -> RdsEvaluation:
    """`resolution` of `compiled` for `user`, overrides applied."""
    flag = compiled.source
    return RdsEvaluation(
        user_id=user,
        flag_id=flag.id,
        name=flag.name or flag.key,
        status=status_of(resolution.value),
        value=resolution.value,
        variant=resolution.variant,
        reason=resolution.reason.value,
        override=resolution.metadata.get("override") is True,
    )


def flag_view(flag: Flag) -> RdsFlag:
    """`flag`; one that has no name goes by its key."""
    return RdsFlag(
        id=flag.id,
        name=flag.name or flag.key,
        description=flag.description,
        status=flag.status,
        created_at=int(flag.created_at),
        created_by=flag.created_by,
        updated_at=int(flag.updated_at),
        updated_by=flag.updated_by,
    )


def created_view(flag: Flag) -> RdsCreated:
    """The answer to the creation of `flag`."""
    data = RdsCreatedFlag(**msgspec.structs.asdict(flag_view(flag)))
    return RdsCreated(data=data, message="Created feature flag successfully")


def mapping_view(override: Override, flag: Flag) -> RdsMapping:
    """`override` as a mapping; one that pins a variant of `flag` has the status that its value stands for."""
    return RdsMapping(
        user_id=override.targeting_key,
        flag_id=flag.id,
        status=override.status or status_of(flag.variants.get(override.variant or "")),
        created_at=int(override.created_at),
        created_by=override.created_by,
        updated_at=int(override.updated_at),
        updated_by=override.updated_by,
    )


def status_of(value: JsonValue) -> FlagStatus:
    """What a value means to a client that knows only on and off: false and nothing are off."""
    return FlagStatus.DISABLED if value is None or value is False else FlagStatus.ENABLED
