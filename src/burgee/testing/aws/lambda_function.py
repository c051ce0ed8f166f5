"""A Lambda function: its sandboxes, its concurrency, its limits; what the service does around a handler."""

import json
import sys
import threading
from collections.abc import Callable, Mapping

from burgee.model.json import JsonValue
from burgee.testing.aws.runtime_api import INIT_SECONDS, Answered, Sandbox

PAYLOAD_BYTES = 6 * 1024 * 1024
"""The longest event and the longest answer of a synchronous invocation."""


class ThrottledError(Exception):
    """TooManyRequestsException: no concurrency is left for another event."""


class PayloadTooLargeError(Exception):
    """RequestEntityTooLargeException: the event is longer than Lambda takes."""


class LambdaFunction:
    """Invokes `handler` in sandboxes that it starts as they are needed, and keeps for the next event.

    `reserved` says the reserved concurrency at each invocation, None for none. `freeze` stops a sandbox
    between two events. As a context manager it ends its processes.
    """

    def __init__(
        self,
        handler: str,
        environment: Mapping[str, str],
        *,
        name: str = "function",
        timeout_seconds: float = 10.0,
        init_seconds: float = INIT_SECONDS,
        freeze: bool = True,
        reserved: Callable[[], int | None] = lambda: None,
        python: str = sys.executable,
    ) -> None:
        self.name = name
        self.cold_starts = 0
        self.logs: list[str] = []
        self._handler, self._environment, self._python = handler, dict(environment), python
        self._timeout, self._init_seconds, self._freeze = timeout_seconds, init_seconds, freeze
        self._reserved = reserved
        self._lock = threading.Lock()
        self._waiting: list[Sandbox] = []
        self._busy = 0

    def __enter__(self) -> "LambdaFunction":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def log(self) -> str:
        """Everything that was printed so far."""
        return "".join(self.logs)

    def invoke(self, event: JsonValue) -> Answered:
        """The answer of the handler to `event`, or the error that Lambda gives in its place.

        Raises ThrottledError, PayloadTooLargeError.
        """
        if len(json.dumps(event)) > PAYLOAD_BYTES:
            raise PayloadTooLargeError
        sandbox = self._take()
        try:
            answered = sandbox.invoke(event, timeout_seconds=self._timeout)
        finally:
            self._put_back(sandbox)
        with self._lock:
            self.cold_starts += answered.is_cold
            self.logs.append(answered.log)
        if not answered.is_error and len(json.dumps(answered.payload)) > PAYLOAD_BYTES:
            error = "Function.ResponseSizeTooLarge"
            return Answered(payload={"errorType": error}, error=error, log=answered.log)
        return answered

    def sandboxes(self) -> tuple[Sandbox, ...]:
        """Those that wait for an event."""
        with self._lock:
            return tuple(self._waiting)

    def retire(self) -> None:
        """End the sandboxes that wait: the next event starts one."""
        with self._lock:
            ending, self._waiting = self._waiting, []
        for sandbox in ending:
            sandbox.close()

    def close(self) -> None:
        """End all that waits; invocations must be over."""
        self.retire()

    def _take(self) -> Sandbox:
        reserved = self._reserved()
        with self._lock:
            if reserved is not None and self._busy >= reserved:
                raise ThrottledError
            self._busy += 1
            while self._waiting:
                sandbox = self._waiting.pop()
                if sandbox.is_alive:
                    return sandbox
                sandbox.close()
        return Sandbox(
            self._handler,
            self._environment,
            name=self.name,
            freeze=self._freeze,
            init_seconds=self._init_seconds,
            python=self._python,
        )

    def _put_back(self, sandbox: Sandbox) -> None:
        with self._lock:
            self._busy -= 1
            if sandbox.is_alive:
                self._waiting.append(sandbox)
                return
        sandbox.close()
