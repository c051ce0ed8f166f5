"""The request budget: how many calls are left, and the breaker that opens when none are.

The functions here are what a store does in one atomic step; each adapter brings the atomicity.
"""

from enum import Enum

import msgspec

MANAGEMENT_BUDGET = "pendingLimit"
"""The limit type of the management API and the dialects; the source system's name of its only row."""

EVALUATION_BUDGET = "evaluationLimit"
"""The limit type of evaluation, which has a row only where it is limited."""

SEED_LIMIT = 1000
"""The limit of a budget that nobody has set yet, as in the source system."""

MAX_LIMIT = 10**9


class BudgetState(Enum):
    """The breaker: calls pass, the budget is used up, or an administrator has stopped everything."""

    OPEN = "OPEN"
    TRIPPED = "TRIPPED"
    FORCED = "FORCED"


class BudgetScope(Enum):
    """What a forced stop stops."""

    ALL = "all"
    MANAGEMENT = "management"


class BudgetMode(Enum):
    """Whether a used-up budget refuses calls or only counts those that it would refuse."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class BudgetWindow(Enum):
    """How often a budget is filled up again by itself."""

    NONE = "none"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    @property
    def seconds(self) -> float | None:
        """Its length (a month is 30 days), None for never."""
        return _SECONDS[self]


_SECONDS = {
    BudgetWindow.NONE: None,
    BudgetWindow.MINUTE: 60.0,
    BudgetWindow.HOUR: 3_600.0,
    BudgetWindow.DAY: 86_400.0,
    BudgetWindow.MONTH: 2_592_000.0,
}


class BudgetRules(msgspec.Struct, frozen=True, kw_only=True):
    """How a server meters; limits of 0 are no limits. Rates are calls a second of one token or address."""

    seed_limit: int = SEED_LIMIT
    window: BudgetWindow = BudgetWindow.NONE
    mode: BudgetMode = BudgetMode.ENFORCE
    evaluation_limit: int = 0
    token_rate: int = 0
    address_rate: int = 0
    workers: int = 1


class RequestBudget(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The state row of one budget.

    `limit_value` is what nobody has taken yet, `limit` what a new window or a reset without a number gives.
    Whatever changes the rules raises `epoch`, which voids every lease of the epochs before. Times are Unix
    seconds; `window_ends_at` None means that nothing but a reset fills it again.
    """

    limit_type: str
    limit_value: int
    limit: int
    epoch: int = 1
    state: BudgetState = BudgetState.OPEN
    scope: BudgetScope = BudgetScope.ALL
    window_ends_at: float | None = None
    tripped_at: float | None = None
    changed_at: float = 0
    by: str = ""
    reason: str = ""


class Renewal(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the rules: a reset, a new window, or a forced stop; a None keeps the number there is."""

    state: BudgetState
    at: float
    limit_value: int | None = None
    limit: int | None = None
    scope: BudgetScope = BudgetScope.ALL
    window_ends_at: float | None = None
    by: str = ""
    reason: str = ""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker got: `tokens` of the epoch that `budget` has; `tripped` where this take found none."""

    budget: RequestBudget
    tokens: int
    tripped: bool = False


def taken(budget: RequestBudget, wanted: int, *, at: float) -> Taken:
    """Up to `wanted` tokens of `budget`; an open budget that has none left trips."""
    if budget.state is not BudgetState.OPEN:
        return Taken(budget=budget, tokens=0)
    tokens = min(wanted, budget.limit_value)
    if tokens < 1:
        tripped = msgspec.structs.replace(budget, state=BudgetState.TRIPPED, tripped_at=at)
        return Taken(budget=tripped, tokens=0, tripped=True)
    left = msgspec.structs.replace(budget, limit_value=budget.limit_value - tokens)
    return Taken(budget=left, tokens=tokens)


def given_back(budget: RequestBudget, tokens: int, *, epoch: int) -> RequestBudget:
    """`budget` with the `tokens` of a lease that ends unused; those of another epoch are worth nothing."""
    if budget.epoch != epoch or budget.state is not BudgetState.OPEN:
        return budget
    return msgspec.structs.replace(budget, limit_value=budget.limit_value + tokens)


def renewed(budget: RequestBudget, renewal: Renewal) -> RequestBudget:
    """`budget` under new rules, in the next epoch."""
    return RequestBudget(
        limit_type=budget.limit_type,
        limit_value=budget.limit_value if renewal.limit_value is None else renewal.limit_value,
        limit=budget.limit if renewal.limit is None else renewal.limit,
        epoch=budget.epoch + 1,
        state=renewal.state,
        scope=renewal.scope,
        window_ends_at=renewal.window_ends_at,
        changed_at=renewal.at,
        by=renewal.by,
        reason=renewal.reason,
    )
