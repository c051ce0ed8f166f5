"""The request budget: look at it, fill it up again, stop everything."""

from typing import Literal

import msgspec

from burgee.errors import Fault, InvalidInputError
from burgee.model.budget import BudgetMode, BudgetScope, BudgetState, BudgetWindow
from burgee.service.budget import BudgetStatus
from burgee.service.intent import Author
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.payloads import convert_struct, decode_object

MAX_REASON_CHARACTERS = 500


class BudgetResetRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many calls there are from now on (1 to 1,000,000,000), of which budget, and why."""

    limit: int
    reason: str
    budget: Literal["management", "evaluation"] = "management"


class BudgetStopRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why everything stops; scope `management` leaves evaluation alone."""

    reason: str
    scope: BudgetScope = BudgetScope.ALL


class BudgetView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One budget. `limitValue` is what no worker has leased, `remaining` adds the lease of this one.

    `refused` counts the refusals of this worker since it started; in observe mode, what it let pass. Times
    are Unix seconds.
    """

    limit_type: str
    limit_value: int
    remaining: int
    limit: int
    epoch: int
    state: BudgetState
    scope: BudgetScope
    window_ends_at: float | None
    tripped_at: float | None
    changed_at: float
    by: str
    reason: str
    refused: int


class BudgetsView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Both budgets and the rules that they share; `evaluation` is null where it has no limit."""

    mode: BudgetMode
    window: BudgetWindow
    management: BudgetView
    evaluation: BudgetView | None


def get_budget(call: Call) -> Answer:
    """Both budgets as they are stored."""
    return _answer(call)


def reset_budget(call: Call) -> Answer:
    """Open the breaker and fill the budget."""
    request = convert_struct(decode_object(call.body, call.services.limits), BudgetResetRequest)
    call.services.budget.reset(
        request.limit,
        author=_author(call, request.reason),
        of_evaluation=request.budget == "evaluation",
    )
    return _answer(call)


def stop_budget(call: Call) -> Answer:
    """Refuse every metered call, and evaluation, until a reset."""
    request = convert_struct(decode_object(call.body, call.services.limits), BudgetStopRequest)
    call.services.budget.force(request.scope, author=_author(call, request.reason))
    return _answer(call)


def _answer(call: Call) -> Answer:
    budget = call.services.budget
    evaluation = budget.evaluation_state()
    view = BudgetsView(
        mode=budget.rules.mode,
        window=budget.rules.window,
        management=_view(budget.state()),
        evaluation=None if evaluation is None else _view(evaluation),
    )
    return json_answer(view)


def _view(status: BudgetStatus) -> BudgetView:
    fields = {name: getattr(status.budget, name) for name in status.budget.__struct_fields__}
    return BudgetView(**fields, remaining=status.remaining, refused=status.refused)


def _author(call: Call, reason: str) -> Author:
    if not reason.strip() or len(reason) > MAX_REASON_CHARACTERS or not reason.isprintable():
        message = f"a reason is 1 to {MAX_REASON_CHARACTERS} printable characters"
        raise InvalidInputError([Fault("/reason", "invalid-reason", message)])
    return msgspec.structs.replace(call.author, reason=reason)
