"""What stands before functions on AWS: API Gateway (REST and HTTP), a Function URL, a load balancer.

A real HTTP server that makes events of requests and requests' answers of what functions say, with the limits
and the failures of each. Which front decodes what of an address is as measured on AWS by others; that a
throttled function is a 500 behind a REST API is AWS's documentation.
"""

import base64
import json
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from enum import Enum
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol
from urllib.parse import unquote

from burgee.model.json import JsonValue
from burgee.testing.aws.front_events import (
    Answer,
    Kind,
    Request,
    Route,
    balancer_event,
    headers_of,
    rest_event,
    v2_event,
)
from burgee.testing.aws.lambda_function import PayloadTooLargeError, ThrottledError
from burgee.testing.aws.quiet_server import QuietServer
from burgee.testing.aws.runtime_api import Answered

JSON_TYPE = "application/json"


BODY_BYTES = {
    Kind.REST: 10 * 1024 * 1024,
    Kind.HTTP: 10 * 1024 * 1024,
    Kind.URL: 6 * 1024 * 1024,
    Kind.BALANCER: 1024 * 1024,
}
"""The longest body; what base64 makes of it must also fit into an event of 6 MB."""

TIMEOUT_SECONDS = {Kind.REST: 29.0, Kind.HTTP: 30.0, Kind.URL: 900.0, Kind.BALANCER: 900.0}


class Refusal(Enum):
    """Why a front answers by itself; the values are the types of gateway responses."""

    NO_ROUTE = "MISSING_AUTHENTICATION_TOKEN"
    STAGE_THROTTLED = "THROTTLED"
    TOO_LARGE = "REQUEST_TOO_LARGE"
    FUNCTION_THROTTLED = "INTEGRATION_FAILURE"
    FUNCTION_FAILED = "API_CONFIGURATION_ERROR"
    LATE = "INTEGRATION_TIMEOUT"


_WORDS: dict[Refusal, dict[Kind, tuple[int, str]]] = {
    Refusal.NO_ROUTE: {Kind.REST: (403, "Missing Authentication Token"), Kind.HTTP: (404, "Not Found")},
    Refusal.STAGE_THROTTLED: {Kind.REST: (429, "Too Many Requests"), Kind.HTTP: (429, "Too Many Requests")},
    Refusal.TOO_LARGE: {
        Kind.REST: (413, "Request Too Long"),
        Kind.HTTP: (413, "Request Entity Too Large"),
        Kind.URL: (413, "Request Entity Too Large"),
        Kind.BALANCER: (413, "Request Entity Too Large"),
    },
    Refusal.FUNCTION_THROTTLED: {
        Kind.REST: (500, "Internal server error"),
        Kind.HTTP: (503, "Service Unavailable"),
        Kind.URL: (429, "Too Many Requests"),
        Kind.BALANCER: (502, "Bad Gateway"),
    },
    Refusal.FUNCTION_FAILED: {
        Kind.REST: (502, "Internal server error"),
        Kind.HTTP: (500, "Internal Server Error"),
        Kind.URL: (502, "Internal Server Error"),
        Kind.BALANCER: (502, "Bad Gateway"),
    },
    Refusal.LATE: {
        Kind.REST: (504, "Endpoint request timed out"),
        Kind.HTTP: (503, "Service Unavailable"),
        Kind.URL: (504, "Gateway Timeout"),
        Kind.BALANCER: (504, "Gateway Time-out"),
    },
}


class Invoked(Protocol):
    """A function as a front needs it: `LambdaFunction`, or something simpler."""

    def invoke(self, event: JsonValue) -> Answered:
        """Raises ThrottledError, PayloadTooLargeError."""
        ...


class Throttle:
    """A token bucket: `rate` requests a second, `burst` at once."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = float(burst), time.monotonic()
        self._lock = threading.Lock()

    def admits(self) -> bool:
        """Take a token, where there is one."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self._burst, self._left + (now - self._at) * self._rate)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


class ApiFront:
    """Serves `routes` on a free port of 127.0.0.1 at `url`, from entering to leaving the context.

    `responses` are gateway responses in the form of `x-amazon-apigateway-gateway-responses` (REST only);
    `throttle` is the stage's. `timeout_seconds` shortens the front's own for a test.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        *,
        kind: Kind = Kind.REST,
        stage: str = "",
        responses: Mapping[str, Any] | None = None,
        throttle: Throttle | None = None,
        timeout_seconds: float | None = None,
        several_values: bool = True,
    ) -> None:
        self.kind, self.stage = kind, stage
        self._routes = sorted(routes, key=lambda route: route.rank)
        self._responses = responses or {}
        self._throttle = throttle
        self._timeout = TIMEOUT_SECONDS[kind] if timeout_seconds is None else timeout_seconds
        self.several_values = several_values
        self._waiting = ThreadPoolExecutor(max_workers=64, thread_name_prefix="burgee-front")

        class Requests(_Requests):
            front = self

        self._server = QuietServer(("127.0.0.1", 0), Requests)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}" + (f"/{stage}" if stage else "")

    def __enter__(self) -> "ApiFront":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._waiting.shutdown(wait=False)

    def answer(self, request: Request) -> Answer:
        """The answer to one request."""
        if self._throttle is not None and not self._throttle.admits():
            return self._refusal(Refusal.STAGE_THROTTLED, request)
        path = request.path
        if self.stage:
            inside = (path + "/").startswith(f"/{self.stage}/")
            path = path[len(self.stage) + 1 :] or "/"
            if not inside:
                return self._refusal(Refusal.NO_ROUTE, request)
        if len(request.body) > BODY_BYTES[self.kind]:
            return self._refusal(Refusal.TOO_LARGE, request)
        matched = path if self.kind is not Kind.HTTP else unquote(path)
        for route in self._routes:
            parameters = route.parameters(request.method, matched)
            if parameters is not None:
                return self._invoke(route, request, path, parameters)
        return self._refusal(Refusal.NO_ROUTE, request)

    def _invoke(self, route: Route, request: Request, path: str, parameters: dict[str, str]) -> Answer:
        event = self.event(request, path=path, route=route, parameters=parameters)
        answering = self._waiting.submit(route.function.invoke, event)
        try:
            answered: Answered = answering.result(self._timeout)
        except ThrottledError:
            return self._refusal(Refusal.FUNCTION_THROTTLED, request)
        except PayloadTooLargeError:
            return self._refusal(Refusal.TOO_LARGE, request)
        except LateError:
            return self._refusal(Refusal.LATE, request)
        if answered.is_error:
            return self._refusal(Refusal.FUNCTION_FAILED, request)
        return self._read(answered.payload) or self._refusal(Refusal.FUNCTION_FAILED, request)

    # -- events

    def event(
        self, request: Request, *, path: str, route: Route, parameters: dict[str, str]
    ) -> dict[str, JsonValue]:
        """The event that this front makes of `request`."""
        match self.kind:
            case Kind.REST:
                return rest_event(request, path, route, parameters, stage=self.stage)
            case Kind.BALANCER:
                return balancer_event(request, several=self.several_values)
            case Kind.HTTP | Kind.URL:
                return v2_event(request, route, parameters, kind=self.kind, stage=self.stage)

    # -- answers

    def _read(self, payload: JsonValue) -> Answer | None:
        """What the function wants to be answered, None where it is malformed."""
        if self.kind in (Kind.HTTP, Kind.URL) and not (isinstance(payload, dict) and "statusCode" in payload):
            return Answer(200, [("content-type", JSON_TYPE)], json.dumps(payload).encode())
        if not isinstance(payload, dict):
            return None
        status, body = payload.get("statusCode"), payload.get("body")
        body = "" if body is None else body
        known = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "cookies"}
        if not isinstance(status, int) or not 100 <= status < 600 or not isinstance(body, str):
            return None
        if self.kind is Kind.REST and not set(payload) <= known - {"cookies"}:
            return None
        headers = headers_of(payload)
        if headers is None:
            return None
        content = body.encode("utf-8", "surrogatepass")
        # A REST API whose owner has not declared its media types binary hands base64 on as it stands.
        if payload.get("isBase64Encoded") and self.kind is not Kind.REST:
            try:
                content = base64.b64decode(body, validate=True)
            except ValueError:
                return None
        return Answer(status, headers, content)

    def _refusal(self, why: Refusal, request: Request) -> Answer:
        status, words = _WORDS[why].get(self.kind, (500, "Internal server error"))
        if self.kind is Kind.BALANCER:
            page = f"<html><head><title>{status} {words}</title></head></html>"
            return Answer(status, [("content-type", "text/html")], page.encode())
        headers, body = [("content-type", JSON_TYPE)], json.dumps({"message": words})
        if self.kind is Kind.REST:
            fallback = "DEFAULT_4XX" if status < 500 else "DEFAULT_5XX"
            mapped = self._responses.get(why.value) or self._responses.get(fallback)
            if mapped:
                status = int(mapped.get("statusCode", status))
                headers += _mapped_headers(mapped, request)
                templates = mapped.get("responseTemplates") or {}
                body = _filled(
                    templates.get(JSON_TYPE, '{"message":$context.error.messageString}'), words, why
                )
        return Answer(status, headers, body.encode())


def _mapped_headers(mapped: Mapping[str, Any], request: Request) -> list[tuple[str, str]]:
    found = []
    for name, source in (mapped.get("responseParameters") or {}).items():
        header = name.removeprefix("gatewayresponse.header.")
        if source.startswith("'"):
            found.append((header, source.strip("'")))
        elif source.startswith("method.request.header."):
            value = request.header(source.removeprefix("method.request.header.").lower())
            if value is not None:
                found.append((header, value))
    return found


def _filled(template: str, words: str, why: Refusal) -> str:
    variables = {
        "$context.error.messageString": json.dumps(words),
        "$context.error.message": words,
        "$context.error.responseType": why.value,
        "$context.requestId": "00000000-0000-0000-0000-000000000000",
    }
    for name, value in variables.items():
        template = template.replace(name, value)
    return template


class _Requests(BaseHTTPRequestHandler):
    front: ApiFront
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._any
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Nothing is logged."""

    def _any(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.front.answer(Request(self.command, path, query, list(self.headers.items()), body))
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        content = b"" if self.command == "HEAD" or answer.status in (204, 304) else answer.body
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()
