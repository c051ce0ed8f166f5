"""The request budget in the RDS dialect: fill it up again, stop everything; and the health check."""

import msgspec

from burgee.model.budget import MAX_LIMIT, BudgetScope
from burgee.service.intent import Author
from burgee.surfaces.http.exchange import Answer, Call
from burgee.surfaces.http.rds_bodies import Body
from burgee.surfaces.http.rds_errors import RdsError

REASON_CHARACTERS = 500
RESET = "Successfully updated concurrency limit"
STOPPED = "Changed the reserved concurrency of the lambda function GetFeatureFlagFunction"
HEALTHY = "Server health is good!!"

_UNREADABLE = "Unable to read input"


def reset_limit(call: Call) -> Answer:
    """Open the breaker, with `pendingLimit` calls from now on."""
    body = Body(call, malformed=RdsError(400, _UNREADABLE))
    limit = body.whole_number("pendingLimit")
    if limit is None or not 1 <= limit <= MAX_LIMIT:
        raise RdsError(400, f"pendingLimit must be a whole number from 1 to {MAX_LIMIT}.")
    call.services.budget.reset(limit, author=_author(call, body, "reset-limit"))
    return _text(RESET)


def mark_concurrency_zero(call: Call) -> Answer:
    """Refuse every metered call, and evaluation unless the `scope` is management, until the next reset."""
    whole = msgspec.structs.replace(call, body=call.body.strip() or b"{}")
    body = Body(whole, malformed=RdsError(400, _UNREADABLE))
    try:
        scope = BudgetScope(body.text("scope").lower() or BudgetScope.ALL.value)
    except ValueError:
        raise RdsError(400, "Allowed values of scope are all, management") from None
    call.services.budget.force(scope, author=_author(call, body, "mark-concurrency-zero"))
    return _text(STOPPED)


def check_health(_: Call) -> Answer:
    """That the server answers, for whoever asks."""
    return _text(HEALTHY)


def _author(call: Call, body: Body, otherwise: str) -> Author:
    reason = body.bounded("reason", REASON_CHARACTERS) or otherwise
    return msgspec.structs.replace(call.author, reason=reason)


def _text(words: str) -> Answer:
    return Answer(body=words.encode(), headers=(("content-type", "text/plain; charset=utf-8"),))
