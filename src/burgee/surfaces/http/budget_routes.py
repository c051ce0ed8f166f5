"""The part of the route table that looks at the request budget and resets it; it is never metered itself."""

from burgee.service.access import Permission
from burgee.surfaces.http.management import budget
from burgee.surfaces.http.operation import Operation, Payload, Reply

_SHOWN = (Reply(status=200, description="The budgets as they are now.", schema=budget.BudgetsView),)

BUDGET_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="getBudget",
        method="GET",
        path="/api/v1/budget",
        permission=Permission.ADMINISTER,
        handler=budget.get_budget,
        summary="How many calls are left, and the state of the breaker",
        tag="budget",
        replies=_SHOWN,
        is_metered=False,
    ),
    Operation(
        name="stopBudget",
        method="POST",
        path="/api/v1/budget/stop",
        permission=Permission.ADMINISTER,
        handler=budget.stop_budget,
        summary="Refuse every metered call, and evaluation, until a reset",
        description="`scope` `management` leaves evaluation alone. Other workers follow within a second.",
        tag="budget",
        payload=Payload(schema=budget.BudgetStopRequest, example={"reason": "drill", "scope": "management"}),
        replies=_SHOWN,
        problems=(507,),
        is_metered=False,
    ),
    Operation(
        name="resetBudget",
        method="POST",
        path="/api/v1/budget/reset",
        permission=Permission.ADMINISTER,
        handler=budget.reset_budget,
        summary="Open the breaker and fill the budget",
        description="Always answers, whatever the state of the breaker is.",
        tag="budget",
        payload=Payload(
            schema=budget.BudgetResetRequest, example={"limit": 1000, "reason": "end of the drill"}
        ),
        replies=_SHOWN,
        problems=(507,),
        is_metered=False,
    ),
)
