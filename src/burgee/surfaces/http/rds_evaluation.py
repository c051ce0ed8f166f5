"""What a flag is for one user, in the RDS dialect: mapping, status and targeting in one answer.

The source left it to every client to put these together.
"""

from burgee.engine.program import CompiledFlag
from burgee.model.flag import DEFAULT_FLAG_SET
from burgee.model.override import Override
from burgee.service.access import Role
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.rds_errors import RdsError
from burgee.surfaces.http.rds_flags import flag_of, program_of
from burgee.surfaces.http.rds_users import ACCESS, user_of
from burgee.surfaces.http.rds_views import RdsEvaluation, evaluation_view

_PAGE = 1000


def evaluate_flag(call: Call) -> Answer:
    """One flag for one user."""
    user = _subject(call)
    _spend(call)
    flag = flag_of(call)
    program = program_of(call)
    if program is None or flag.key not in program.flags:
        call.services.refresher.catch_up()  # it is stored, and so is about to be served
        program = program_of(call)
    if program is None or flag.key not in program.flags:
        raise RdsError(404, "Feature flag not found")
    override = call.services.overrides.get(DEFAULT_FLAG_SET, flag.key, user)
    return json_answer(_evaluation(program.flags[flag.key], user, override))


def evaluate_flags(call: Call) -> Answer:
    """Every flag of the default flag set for one user, ordered by key."""
    user = _subject(call)
    _spend(call)
    overrides: dict[str, Override] = {}
    after = ""
    while True:
        found = call.services.overrides.of_subject(
            user, flag_set=DEFAULT_FLAG_SET, after=(DEFAULT_FLAG_SET, after), limit=_PAGE
        )
        overrides |= {each.flag_key: each for each in found}
        if len(found) < _PAGE:
            break
        after = found[-1].flag_key
    program = program_of(call)
    flags = program.flags.values() if program is not None else ()
    return json_answer([_evaluation(flag, user, overrides.get(flag.key)) for flag in flags])


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
        budget.evaluation.spend()


def _evaluation(compiled: CompiledFlag, user: str, override: Override | None) -> RdsEvaluation:
    return evaluation_view(compiled, user, compiled.evaluate({"targetingKey": user}), override)
