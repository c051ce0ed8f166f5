"""A circuit before a service: after failures it is left alone for a moment, and nobody waits for it."""

import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from burgee.adapters.aws.failures import is_botocore, response_of
from burgee.errors import UnavailableError

REST_SECONDS = 1.0
"""How long nothing is asked once the circuit is open; then one call shows whether the service is back."""

FAILURES = 4
"""So many attempts in a row, with no success between, open it: two calls of two attempts."""

SLOW_SECONDS = 0.45
"""A failure that took so long opens it alone: nobody answers, and whoever comes next need not wait as long.

A little less than the shortest of the client's timeouts, so that an answer that was cut off is none of these.
"""

THROTTLED = {
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
}
"""The codes of a service that is asked too much."""


class Circuit:
    """Shared by all clients of one service in a process. Thread-safe."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] | None = None,
        failures: int = FAILURES,
        slow_seconds: float = SLOW_SECONDS,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._monotonic = monotonic if monotonic is not None else time.monotonic
        self._most, self.slow_seconds, self._rest = failures, slow_seconds, rest_seconds
        self._lock = threading.Lock()
        self._failures = 0
        self._rests_until = 0.0
        self._succeeded_at = -math.inf
        self._is_probed = False

    @property
    def is_open(self) -> bool:
        """Whether the service is being left alone."""
        return self._failures >= self._most

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Around one attempt at a call; what it raises says how the service is.

        Raises UnavailableError, at once, where the service is left alone.
        """
        self._admit()
        began = self._monotonic()
        try:
            yield
        except Exception as error:
            if is_outage(error):
                self._failed(began)
            else:
                self._succeeded()
            raise
        except BaseException:
            self._failed(began)
            raise
        else:
            self._succeeded()

    def _admit(self) -> None:
        with self._lock:
            if not self.is_open:
                return
            left = self._rests_until - self._monotonic()
            if left > 0 or self._is_probed:
                raise UnavailableError(
                    "the service failed a moment ago and is left alone", retry_after=max(1.0, left)
                )
            self._is_probed = True

    def _failed(self, began: float) -> None:
        with self._lock:
            now = self._monotonic()
            # Where others were answered meanwhile, the service is there.
            is_gone = now - began >= self.slow_seconds and self._succeeded_at < began
            self._failures += self._most if is_gone else 1
            self._is_probed = False
            if self.is_open:
                self._rests_until = now + self._rest

    def _succeeded(self) -> None:
        with self._lock:
            self._failures = 0
            self._is_probed = False
            self._succeeded_at = self._monotonic()


class GuardedClient:
    """A client of boto3, or one that is called like it, behind a circuit: two attempts at each call.

    The second is made where the first failed at once. `client` itself must make one only.
    """

    def __init__(self, client: Any, circuit: Circuit) -> None:
        self._client, self._circuit = client, circuit

    def __getattr__(self, operation: str) -> Any:
        if operation.startswith("_"):
            raise AttributeError(operation)
        send = getattr(self._client, operation)
        if not callable(send):
            return send

        def call(**request: Any) -> Any:
            began = time.monotonic()
            try:
                with self._circuit.attempt():
                    return send(**request)
            except Exception as error:
                is_slow = time.monotonic() - began >= self._circuit.slow_seconds
                if is_slow or self._circuit.is_open or not is_outage(error):
                    raise
            time.sleep(random.uniform(0.01, 0.05))  # noqa: S311
            try:
                with self._circuit.attempt():
                    return send(**request)
            except Exception as error:
                response = response_of(error)
                if response is not None:  # the first attempt may be why this one was refused
                    response.setdefault("ResponseMetadata", {})["RetryAttempts"] = 1
                raise

        return call


def is_outage(error: Exception) -> bool:
    """Whether `error` says that a service cannot answer, rather than what it answers."""
    response = response_of(error)
    if response is None:
        return isinstance(error, UnavailableError) or is_botocore(error)
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return status >= 500 or str(response.get("Error", {}).get("Code", "")) in THROTTLED
