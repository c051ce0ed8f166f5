"""The limiter function: fills the budget and stops everything, and limits the other functions accordingly.

Over HTTP it serves `PATCH /mark-concurrency-zero`, `POST /reset-limit` and the native routes of the budget.
Invoked directly it takes `{"intValue": n}`: 0 stops, any other number opens a closed breaker and lets each
function run so often at once. `scope` and `reason` may stand beside it. It answers `statusCode` 200; 207
where some functions, 502 where all of them kept their concurrency (`failed` says which and why: the budget
is written all the same); 400 for what it cannot understand, 503 where nothing could be written.
"""

import contextlib
import logging
import os
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from burgee.adapters.aws.emf import ERRORS, Emf
from burgee.bootstrap import open_application
from burgee.errors import ConfigurationError, InvalidInputError, PartlyDoneError, UnavailableError
from burgee.model.budget import BudgetScope, BudgetState
from burgee.service.intent import Author
from burgee.service.limiting_budget import Limited, LimitingBudget
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.budget_routes import BUDGET_OPERATIONS
from burgee.surfaces.http.cors import Cors, CorsLayer
from burgee.surfaces.http.function import HttpFunction, problem_for
from burgee.surfaces.http.preflights import preflight_answer
from burgee.surfaces.http.rds import RDS_OPERATIONS
from burgee.surfaces.lambda_events import NoRequestError, is_http

_log = logging.getLogger("burgee.limiter")

_ROUTES = {"rdsResetLimit", "rdsMarkConcurrencyZero"}
OPERATIONS = (*BUDGET_OPERATIONS, *(each for each in RDS_OPERATIONS if each.name in _ROUTES))
"""All that this function serves over HTTP."""

ACTOR = "lambda:invoke"
"""Who acts, in the audit log: whoever the function's policy lets invoke it."""

_MAX_REASON_CHARACTERS = 500


class Limiter:
    """Serves events for the life of a sandbox; of flags it reads nothing, so that it answers without them.

    Raises ConfigurationError, also where no function is named, or this one is among them.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._settings = Settings.from_mapping(environment)
        if not self._settings.limited:
            raise ConfigurationError("BURGEE_LIMITED_FUNCTIONS: the limiter needs the functions to limit")
        self._cors = Cors.from_text(self._settings.cors_origins)
        self._stack = contextlib.ExitStack()
        self._emf = Emf(environment.get("AWS_LAMBDA_FUNCTION_NAME", "limiter"), clock=time.time)
        self._services: Services | None = None
        self._http: HttpFunction | None = None
        self._open()

    def __call__(self, event: object, context: object) -> dict[str, Any]:
        """The answer to one event, which whoever may invoke the function has made up as he likes."""
        answer = self._answer(event, context)
        status = int(answer["statusCode"])
        if is_http(event):
            self._emf.answered(status)
        elif status >= 500 or answer.get("failed"):
            self._emf.emit((ERRORS, 1))
        return answer

    def _answer(self, event: object, context: object) -> dict[str, Any]:
        is_request = is_http(event)
        if is_request and (preflight := self._preflight(event)) is not None:
            return preflight
        if self._services is None:
            self._open()
        if self._services is None or self._http is None:
            words = "the store cannot answer now"
            return (
                problem_for(event, 503, words, (b"retry-after", b"1")) if is_request else _refusal(503, words)
            )
        self._services.access.await_keys()
        try:
            if is_request:
                return self._http(event, context)
            return self._invoked(event if isinstance(event, dict) else {}, context)
        finally:
            self._services.flush()

    def close(self) -> None:
        """Close what was opened; Lambda itself never asks for it."""
        self._stack.close()

    def _open(self) -> None:
        try:
            opened = open_application(self._settings, threads=False, flags=False)
            services = self._stack.enter_context(opened)
        except UnavailableError as error:
            _log.warning("limiter.not_opened", extra={"problem": str(error)})
            return
        cors = self._cors
        app = build_app(services, operations=OPERATIONS, public_url=self._settings.public_url, cors=cors)
        http = CorsLayer(app, cors) if cors.is_on else app
        settings = self._settings
        function = HttpFunction(http, limits=settings.limits, public_url=settings.public_url)
        self._services, self._http = services, function

    def _preflight(self, event: object) -> dict[str, Any] | None:
        try:
            return preflight_answer(event, self._cors)
        except NoRequestError:
            return None  # whoever reads the request says so

    def _invoked(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        assert self._services is not None
        budget = self._services.budget
        assert isinstance(budget, LimitingBudget)
        request_id = str(getattr(context, "aws_request_id", ""))
        if event.get("cause") == "tripped":
            return _after_trip(budget, event, request_id)
        try:
            concurrency, scope, reason = _read(event)
            author = Author(subject=ACTOR, request_id=request_id, reason=reason)
            done = budget.limit_functions(concurrency, scope=scope, author=author)
        except InvalidInputError as error:
            return _refusal(400, str(error))
        except ValueError as error:
            return _refusal(400, str(error))
        except UnavailableError as error:
            _log.error("limiter.failed", extra={"problem": str(error)})
            return _refusal(503, "the budget cannot be written now, or not be recorded")
        return _said(done)


def _after_trip(budget: LimitingBudget, event: Mapping[str, Any], request_id: str) -> dict[str, Any]:
    """Stop the functions of a budget that is used up still.

    Raises PartlyDoneError, UnavailableError: nobody waits for the answer, and Lambda invokes us again.
    """
    row = budget.state().budget
    if row.state is not BudgetState.TRIPPED or event.get("epoch") != row.epoch:
        return {"statusCode": 200, "message": "the budget was reset meanwhile", "functions": {}, "failed": {}}
    author = Author(subject="burgee", request_id=request_id, reason="the limit is used up")
    done = budget.settle(author, row=row)
    if done.failed:
        raise PartlyDoneError(sorted(done.failed))
    return _said(done)


def _read(event: Mapping[str, Any]) -> tuple[int, BudgetScope, str]:
    """Raises ValueError."""
    value, reason = event.get("intValue"), event.get("reason", "invoked directly")
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("intValue must be a whole number")
    if not isinstance(reason, str) or not reason.isprintable() or len(reason) > _MAX_REASON_CHARACTERS:
        raise ValueError(f"reason must be at most {_MAX_REASON_CHARACTERS} printable characters")
    try:
        return value, BudgetScope(event.get("scope", BudgetScope.ALL.value)), reason
    except ValueError:
        raise ValueError("allowed values of scope are all, management") from None


def _said(done: Limited) -> dict[str, Any]:
    status = 200
    message = "Changed the reserved concurrency of the lambda functions"
    if done.failed:
        status = 502 if len(done.failed) == len(done.functions) else 207
        message = str(PartlyDoneError(sorted(done.failed)))
        _log.error("limiter.failed", extra={"functions": dict(done.failed)})
    return {
        "statusCode": status,
        "message": message,
        "budget": msgspec.to_builtins(done.budget),
        "functions": dict(done.functions),
        "failed": dict(done.failed),
    }


def _refusal(status: int, words: str) -> dict[str, Any]:
    return {"statusCode": status, "message": words}


_limiter: Limiter | None = None
if "AWS_LAMBDA_RUNTIME_API" in os.environ:  # on Lambda: initialisation has more of a CPU than an event gets
    _limiter = Limiter(os.environ)


def handler(event: object, context: object) -> dict[str, Any]:
    """What Lambda calls."""
    global _limiter
    if _limiter is None:
        _limiter = Limiter(os.environ)
    return _limiter(event, context)
