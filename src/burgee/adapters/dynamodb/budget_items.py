"""Budgets as items of the table requestLimit, whose names and counter are those of the source system."""

from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from burgee.errors import StoreDamagedError
from burgee.model.budget import BudgetScope, BudgetState, RequestBudget

Item: TypeAlias = dict[str, dict[str, Any]]
"""An item as DynamoDB's protocol writes it: `{"limitValue": {"N": "1000"}}`."""

KEY = "limitType"
VALUE = "limitValue"
VERSION = "version"
CHANGE = "changeId"
"""Which renewal or trip was the last one, so that a repeated call knows its own work again."""


def key_of(limit_type: str) -> Item:
    """The key of a budget."""
    return {KEY: {"S": limit_type}}


def number(value: float) -> dict[str, str]:
    """A number attribute."""
    return {"N": repr(value)}


def text(value: str) -> dict[str, str]:
    """A text attribute."""
    return {"S": value}


def item_of(budget: RequestBudget) -> Item:
    """The item of `budget`; what it has not is left out."""
    item = {
        **key_of(budget.limit_type),
        VALUE: number(budget.limit_value),
        "limit": number(budget.limit),
        "epoch": number(budget.epoch),
        "state": text(budget.state.value),
        "scope": text(budget.scope.value),
        "changedAt": number(budget.changed_at),
        "by": text(budget.by),
        "reason": text(budget.reason),
    }
    for name, at in (("windowEndsAt", budget.window_ends_at), ("trippedAt", budget.tripped_at)):
        if at is not None:
            item[name] = number(at)
    return item


def budget_of(item: Item, *, seed_limit: int) -> RequestBudget:
    """The budget in `item`; one of the source system, which has nothing but its counter, is open.

    What it has no limit for gets `seed_limit`.

    Raises StoreDamagedError for an item that cannot be understood: it is never taken for an empty budget.
    """
    try:
        return RequestBudget(
            limit_type=item[KEY]["S"],
            limit_value=int(_decimal(item, VALUE)),
            limit=int(_decimal(item, "limit", seed_limit)),
            epoch=int(_decimal(item, "epoch", 1)),
            state=BudgetState(_text(item, "state", BudgetState.OPEN.value)),
            scope=BudgetScope(_text(item, "scope", BudgetScope.ALL.value)),
            window_ends_at=_time(item, "windowEndsAt"),
            tripped_at=_time(item, "trippedAt"),
            changed_at=_time(item, "changedAt") or 0.0,
            by=_text(item, "by", ""),
            reason=_text(item, "reason", ""),
        )
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise StoreDamagedError("the request budget that is stored cannot be understood") from error


def _decimal(item: Item, name: str, otherwise: int | None = None) -> Decimal:
    if name not in item and otherwise is not None:
        return Decimal(otherwise)
    return Decimal(item[name]["N"])


def _text(item: Item, name: str, otherwise: str) -> str:
    return str(item[name]["S"]) if name in item else otherwise


def _time(item: Item, name: str) -> float | None:
    return float(item[name]["N"]) if name in item else None
