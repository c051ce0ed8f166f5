"""What all publishing handlers share: the condition, the remembered answer, and the 412 with its diff."""

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import msgspec

from burgee.errors import AlreadyExistsError, VersionConflictError
from burgee.model.change import IdempotencyRecord
from burgee.model.json import JsonObject
from burgee.service.publish import Precondition, Published
from burgee.surfaces.http.differences import differences
from burgee.surfaces.http.exchange import Answer, Call
from burgee.surfaces.http.idempotency import once, record_of
from burgee.surfaces.http.preconditions import read_condition
from burgee.surfaces.http.problems import PreconditionFailedError

Remember: TypeAlias = Callable[[Published], IdempotencyRecord]
Write: TypeAlias = Callable[[Precondition, "Remember | None"], Published]
Entity = TypeVar("Entity", bound=msgspec.Struct)


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """How to find the three sides of a conflict; each gives a draft form, None where there is none.

    `current` answers the stored version too (0 where nothing is stored); `yours` is the draft that the
    request would leave behind, given what is stored.
    """

    current: Callable[[], tuple[int, JsonObject | None]]
    at_version: Callable[[int], JsonObject | None]
    yours: Callable[[JsonObject | None], JsonObject | None]


def publish(call: Call, write: Write, *, answer: Callable[[Published], Answer], sides: Sides) -> Answer:
    """Run `write` under the request's condition, once per Idempotency-Key.

    Raises PreconditionFailedError with the diff where the condition does not hold.
    """

    def attempt() -> Answer:
        condition = read_condition(call)
        if condition.must_exist and sides.current()[0] == 0:
            raise PreconditionFailedError("nothing is stored here", current_version=0)
        precondition = Precondition(version=condition.version, must_not_exist=condition.must_not_exist)
        keyed = call.maybe_text("Idempotency-Key") is not None
        remember: Remember | None = (lambda published: record_of(call, answer(published))) if keyed else None
        try:
            return answer(write(precondition, remember))
        except (VersionConflictError, AlreadyExistsError) as error:
            if not condition.is_given:
                raise
            raise _precondition_failed(condition.version, sides) from error

    return once(call, attempt)


def _precondition_failed(read: int | None, sides: Sides) -> PreconditionFailedError:
    version, current = sides.current()
    before = sides.at_version(read) if read else None
    diff = differences(
        before=before, yours=sides.yours(current), current=current if current is not None else {}
    )
    if not version:
        message = "nothing is stored here"
    elif read is None:
        message = f"it exists already, at version {version}"
    else:
        message = f"version {read} was sent, version {version} is stored"
    return PreconditionFailedError(message, current_version=version, diff=diff)
