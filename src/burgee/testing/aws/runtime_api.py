"""A fake of the Lambda Runtime API, and a sandbox: a process with `awslambdaric` that serves one handler.

The process is the one that AWS starts (`python -m awslambdaric MODULE.handler`); what is ours is the HTTP
interface that it polls. Between two invocations it is frozen (SIGSTOP), as on Lambda: a thread that a
handler leaves behind does not run.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import msgspec

from burgee.model.json import JsonValue
from burgee.testing.aws.quiet_server import QuietServer

PREFIX = "/2018-06-01/runtime/"
INIT_SECONDS = 10.0
"""How long a sandbox may take until it asks for its first event."""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one invocation: a payload, or `error` with the payload that describes it.

    `log` is what the process printed meanwhile, `seconds` the time from the event to its answer.
    """

    payload: JsonValue = None
    error: str = ""
    log: str = ""
    seconds: float = 0.0
    is_cold: bool = False

    @property
    def is_error(self) -> bool:
        """Whether the function failed, in whatever way."""
        return self.error != ""


class Said(msgspec.Struct, frozen=True):
    """One call of the runtime: `invocation` is empty where initialisation failed."""

    invocation: str
    payload: JsonValue
    error: str = ""


class _Invocation(msgspec.Struct, frozen=True):
    number: str
    event: bytes
    deadline_ms: int
    arn: str


class Sandbox:
    """One process of a function; serves one event at a time. `is_alive` is False once it has ended.

    `freeze` False leaves it running between events, for what must be compared with that.
    """

    def __init__(
        self,
        handler: str,
        environment: Mapping[str, str],
        *,
        name: str = "function",
        freeze: bool = True,
        init_seconds: float = INIT_SECONDS,
        python: str = sys.executable,
    ) -> None:
        self._freeze, self._init_seconds = freeze, init_seconds
        self._arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{name}"
        self._events: queue.Queue[_Invocation | None] = queue.Queue()
        self._said: queue.Queue[Said | None] = queue.Queue()
        self._idle = threading.Event()
        self._frozen = threading.Lock()
        self._is_frozen = False
        self._is_new = True
        self._folder = tempfile.TemporaryDirectory(prefix="burgee-sandbox-")
        self._log = Path(self._folder.name) / "log"
        self._log_read = 0
        self._server = _serve(self)
        host, port = str(self._server.server_address[0]), self._server.server_address[1]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [python, "-m", "awslambdaric", handler],
                env=_environment(
                    handler, name, f"{host}:{port}", {"TMPDIR": self._folder.name, **environment}
                ),
                cwd=self._folder.name,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        threading.Thread(target=self._wait, name="burgee-sandbox-wait", daemon=True).start()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs, frozen or not."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def invoke(self, event: JsonValue, *, timeout_seconds: float = 3.0) -> Answered:
        """Give the process `event` and wait for its answer; one that is late or lost kills the sandbox."""
        is_cold, self._is_new = self._is_new, False
        if is_cold and (failure := self._started()) is not None:
            return failure
        began = time.monotonic()
        deadline = int((time.time() + timeout_seconds) * 1000)
        number = str(uuid.uuid4())
        self._idle.clear()
        self._events.put(_Invocation(number, json.dumps(event).encode(), deadline, self._arn))
        said = self._next_said(timeout_seconds)
        took = time.monotonic() - began
        if said is None:
            return self._lost(number, timeout_seconds, is_cold=is_cold, took=took)
        self._idle.wait(1.0)  # what is printed after the answer belongs to it too
        return Answered(
            payload=said.payload, error=said.error, log=self._printed(), seconds=took, is_cold=is_cold
        )

    def start(self) -> Answered | None:
        """Wait until the function is initialised; what went wrong where it is not."""
        self._is_new = False
        return self._started()

    def freeze(self) -> None:
        """Stop the process where it stands, until the next event or `thaw`."""
        with self._frozen:
            if not self._is_frozen and self.is_alive:
                os.kill(self.pid, signal.SIGSTOP)
                self._is_frozen = True

    def thaw(self) -> None:
        """Let it run again."""
        with self._frozen:
            if self._is_frozen and self.is_alive:
                os.kill(self.pid, signal.SIGCONT)
            self._is_frozen = False

    def close(self) -> None:
        """End the process and the interface; may be called again."""
        if self.is_alive:
            self._process.kill()  # also ends one that is frozen
        self._process.wait()
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    # -- what the runtime calls, in threads of the HTTP server

    def next_event(self) -> _Invocation | None:
        """The next event for the process, which waits for it frozen; None where there will be none."""
        self._idle.set()
        if self._events.empty() and self._freeze:
            self.freeze()
        event = self._events.get()
        self.thaw()
        return event

    def say(self, said: Said) -> None:
        """The process has answered."""
        self._said.put(said)

    # -- the rest

    def _started(self) -> Answered | None:
        give_up = time.monotonic() + self._init_seconds
        while not self._idle.wait(0.01):
            if not self.is_alive or not self._said.empty():
                said = self._next_said(1.0)
                error = said.error if said is not None else "Runtime.ExitError"
                payload: JsonValue = said.payload if said is not None else {"errorType": error}
                self._kill()
                return Answered(payload=payload, error=error, log=self._printed(), is_cold=True)
            if time.monotonic() > give_up:
                self._kill()
                error = "Sandbox.Timedout"
                return Answered(payload={"errorType": error}, error=error, log=self._printed(), is_cold=True)
        return None

    def _next_said(self, seconds: float) -> Said | None:
        try:
            return self._said.get(timeout=seconds)
        except queue.Empty:
            return None

    def _lost(self, number: str, seconds: float, *, is_cold: bool, took: float) -> Answered:
        if self.is_alive:
            error, words = "Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds"
        else:
            error, words = "Runtime.ExitError", f"Runtime exited with status {self._process.returncode}"
        self._kill()
        payload: JsonValue = {"errorType": error, "errorMessage": f"RequestId: {number} Error: {words}"}
        return Answered(payload=payload, error=error, log=self._printed(), seconds=took, is_cold=is_cold)

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _wait(self) -> None:
        self._process.wait()
        self._said.put(None)

    def _printed(self) -> str:
        if not self._log.exists():
            return ""
        with self._log.open("rb") as log:
            log.seek(self._log_read)
            new = log.read()
        self._log_read += len(new)
        return new.decode("utf-8", "replace")


def _environment(handler: str, name: str, api: str, given: Mapping[str, str]) -> dict[str, str]:
    """What a process on Lambda sees; of ours only what Python needs to find the sources."""
    kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
    return {
        **kept,
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "AWS_LAMBDA_RUNTIME_API": api,
        "_HANDLER": handler,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        **given,
    }


def _serve(sandbox: Sandbox) -> QuietServer:
    class Calls(_Calls):
        of = sandbox

    server = QuietServer(("127.0.0.1", 0), Calls)
    threading.Thread(
        target=server.serve_forever, args=(0.05,), name="burgee-runtime-api", daemon=True
    ).start()
    return server


class _Calls(BaseHTTPRequestHandler):
    """The paths of the Runtime API."""

    of: Sandbox
    protocol_version = "HTTP/1.1"
    # Without these two every call costs 40 ms and more, waiting for an acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        if self.path != PREFIX + "invocation/next":
            self._send(404)
            return
        event = self.of.next_event()
        if event is None:
            self._send(403)
            return
        self._send(
            200,
            event.event,
            {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": event.number,
                "Lambda-Runtime-Deadline-Ms": str(event.deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": event.arn,
                "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = self._chunks()
        parts = self.path.removeprefix(PREFIX).split("/")
        error = self.headers.get("Lambda-Runtime-Function-Error-Type", "") or "Unhandled"
        if parts == ["init", "error"]:
            self.of.say(Said("", _read(body), error))
        elif len(parts) == 3 and parts[0] == "invocation" and parts[2] == "response":
            self.of.say(Said(parts[1], _read(body)))
        elif len(parts) == 3 and parts[0] == "invocation" and parts[2] == "error":
            self.of.say(Said(parts[1], _read(body), error))
        else:
            self._send(404)
            return
        self._send(202, b'{"status":"OK"}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Nothing is logged."""

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().strip() or b"0", 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        try:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # the process was killed while it waited


def _read(body: bytes) -> JsonValue:
    found: JsonValue = json.loads(body or b"null")
    return found
