"""Reserved concurrency of Lambda functions, and the call by which others have it limited."""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from burgee.adapters.aws.failures import RefusedCallError, calling
from burgee.errors import ConfigurationError, UnavailableError
from burgee.formats.strict_json import encode
from burgee.model.budget import RequestBudget

_log = logging.getLogger("burgee.limiter")

TRIES = 3
PAUSE_SECONDS = 0.2
"""Before the second try; twice that before the third, and by chance up to half as long again."""

TOTAL_SECONDS = 5.0
"""No try begins later than this: a function that calls us waits ten seconds at most."""

THREADS = 8

_FINAL = (
    "AccessDeniedException",
    "InvalidParameterValueException",
    "ResourceNotFoundException",
    "ValidationException",
)
"""Refusals that another try would meet again."""


class ReservedConcurrency:
    """FunctionConcurrency of the functions `names`, and of none beside them; `client` is boto3's for Lambda.

    Raises ConfigurationError where `own_name`, the function that runs this, is one of them: who has stopped
    itself can never be told to go on.
    """

    def __init__(
        self,
        client: Any,
        names: Sequence[str],
        *,
        own_name: str,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if own_name and own_name in names:
            raise ConfigurationError(f"BURGEE_LIMITED_FUNCTIONS: {own_name} cannot limit itself")
        self._client, self._names = client, frozenset(names)
        self._sleep, self._monotonic = sleep, monotonic

    def limit(self, wanted: Mapping[str, int | None]) -> Mapping[str, str]:
        latest = self._monotonic() + TOTAL_SECONDS
        with ThreadPoolExecutor(THREADS) as pool:
            problems = pool.map(lambda name: self._limit(name, wanted[name], latest), wanted)
            return {name: problem for name, problem in zip(wanted, problems, strict=True) if problem}

    def _limit(self, name: str, limit: int | None, latest: float) -> str:
        """What went wrong, "" for nothing."""
        if name not in self._names:
            return "this function is not one of those that may be limited"
        problem = ""
        for number in range(TRIES):
            try:
                with calling("concurrency", *_FINAL):
                    self._set(name, limit)
                return ""
            except RefusedCallError as error:
                return error.code
            except UnavailableError as error:
                problem = str(error)
            pause = PAUSE_SECONDS * 2**number * random.uniform(1, 1.5)  # noqa: S311
            if number + 1 < TRIES and self._monotonic() + pause < latest:
                self._sleep(pause)
            else:
                break
        return problem

    def _set(self, name: str, limit: int | None) -> None:
        if limit is None:
            self._client.delete_function_concurrency(FunctionName=name)
        else:
            self._client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=limit)


class LimiterInvocation:
    """Tells the limiter that a budget is used up, and does not wait for what it makes of it."""

    def __init__(self, client: Any, function: str) -> None:
        self._client, self._function = client, function

    def __call__(self, row: RequestBudget) -> None:
        """Invoke it where no window will fill the budget again; never raises."""
        if row.window_ends_at is not None:
            return
        payload = encode({"intValue": 0, "cause": "tripped", "epoch": row.epoch})
        try:
            with calling("the limiter"):
                self._client.invoke(FunctionName=self._function, InvocationType="Event", Payload=payload)
        except UnavailableError as error:
            # The application refuses calls all the same: the limiter only saves what refusing costs.
            _log.warning("limiter.not_invoked", extra={"problem": str(error)})
