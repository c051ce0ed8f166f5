"""What a flag is for one user, in the RDS dialect: mapping, status and targeting in one answer.

The source left it to every client to put these together.
"""

from burgee.engine.program import CompiledFlag, Program
from burgee.errors import UnavailableError
from burgee.model.flag import DEFAULT_FLAG_SET
from burgee.model.json import JsonObject
from burgee.model.override import Override
from burgee.service.access import Role
from burgee.service.applied_overrides import UNREAD
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.rds_errors import RdsError
from burgee.surfaces.http.rds_flags import flag_of, program_of
from burgee.surfaces.http.rds_users import ACCESS, user_of
from burgee.surfaces.http.rds_views import STALE_OVERRIDES, resolved_view


def evaluate_flag(call: Call) -> Answer:
    """One flag for one user."""
    user = _subject(call)
    _spend(call)
    flag = _served(call)
    services = call.services
    services.overrides.subjects.catch_up()
    context, overrides = _context(user), services.overrides
    found = overrides.find(flag, context)
    resolution = overrides.resolve(flag.evaluate(context), flag, found[0] if found else None)
    services.usage.tally.count((resolution,))
    return _answer(resolved_view(flag, user, resolution), found)


def evaluate_flags(call: Call) -> Answer:
    """Every flag of the default flag set for one user, ordered by key."""
    user = _subject(call)
    _spend(call)
    services, context = call.services, _context(user)
    program = program_of(call)
    flags = tuple(program.flags.values()) if program is not None else ()
    services.overrides.subjects.catch_up()
    found = services.overrides.for_context(context)
    overrides = {each.flag_key: each for each in found if each.flag_set == DEFAULT_FLAG_SET}
    resolutions = [
        services.overrides.resolve(flag.evaluate(context), flag, overrides.get(flag.key)) for flag in flags
    ]
    services.usage.tally.count(resolutions)
    views = [
        resolved_view(flag, user, resolution) for flag, resolution in zip(flags, resolutions, strict=True)
    ]
    return _answer(views, found)


def _answer(views: object, overrides: tuple[Override, ...]) -> Answer:
    """The dialect has no place in its bodies for a doubt: it is in a header."""
    return json_answer(views, headers=(STALE_OVERRIDES,) if overrides is UNREAD else ())


def _subject(call: Call) -> str:
    """The user in the path; a server or a page that evaluates for its users has none of its own."""
    if call.identity is not None and call.identity.role in (Role.SDK_SERVER, Role.SDK_CLIENT):
        return call.text("userId")
    return user_of(call, words=ACCESS)


def _spend(call: Call) -> None:
    """Count the call as the evaluation that it is. Raises TooManyRequestsError."""
    budget = call.services.budget
    if budget.stops_evaluation is not None:
        raise budget.stops_evaluation
    if budget.evaluation is not None:
        try:
            budget.evaluation.spend()
        except UnavailableError:
            return  # flags go on answering without their store


def _served(call: Call) -> CompiledFlag:
    """The flag of the id in the path, as it is served. Raises RdsError 404."""
    program = program_of(call)
    try:
        key = flag_of(call).key
    except UnavailableError:
        return _required(_by_id(program, call.text("flagId")))  # without the store, what is known of it
    if program is None or key not in program.flags:
        call.services.refresher.catch_up()  # it is stored, and so is about to be served
        program = program_of(call)
    return _required(program.flags.get(key) if program is not None else None)


def _by_id(program: Program | None, flag_id: str) -> CompiledFlag | None:
    flags = program.flags.values() if program is not None else ()
    return next((flag for flag in flags if flag.source.id == flag_id), None)


def _required(flag: CompiledFlag | None) -> CompiledFlag:
    if flag is None:
        raise RdsError(404, "Feature flag not found")
    return flag


def _context(user: str) -> JsonObject:
    return {"targetingKey": user}
