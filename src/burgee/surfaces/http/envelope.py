"""What every answer has: a request id, security headers, and a problem document where something raised."""

import logging
import re
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burgee.errors import BurgeeError, NotFoundError
from burgee.model.limits import Limits
from burgee.service.refusals import Refusals
from burgee.surfaces.http.bodies import CEILING, ClientGoneError, counted
from burgee.surfaces.http.problems import problem_answer
from burgee.surfaces.http.refusal_notes import note_refusal
from burgee.surfaces.http.resource import ERROR_ANSWER, send_answer

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
"""A request id that a client may choose; any other is replaced by our own."""

HTTPS_ONLY = "max-age=31536000"
"""For a year browsers come by https only; said where they reach us that way (RFC 6797)."""

_log = logging.getLogger("burgee.http")


class Envelope:
    """ASGI middleware around the router; the outermost thing that may see a request.

    `is_https` says that browsers reach us by https.

    Logs `request.failed` for errors of ours and, where asked, `request.completed`; the fields are in the
    record's `fields`: never a header, a body, a query or a context.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        refusals: Refusals,
        new_request_id: Callable[[], str],
        log_requests: bool = False,
        is_https: bool = False,
    ) -> None:
        self._app = app
        self._is_https = is_https
        self._refusals = refusals
        self._limits = limits
        self._new_request_id = new_request_id
        self._log_requests = log_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and answer for whatever it raises."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._request_id(scope)
        scope["burgee.request_id"] = request_id
        scope[CEILING] = self._limits.body_bytes
        status = 0
        shown: Exception | None = None
        started = time.monotonic()

        async def send_dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers["x-content-type-options"] = "nosniff"
                headers.setdefault("referrer-policy", "no-referrer")
                if self._is_https:
                    headers["strict-transport-security"] = HTTPS_ONLY
                headers.setdefault("cross-origin-opener-policy", "same-origin")
                headers.setdefault("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
            await send(message)

        try:
            await self._app(scope, counted(scope, receive), send_dressed)
        except ClientGoneError:
            return
        except Exception as error:
            if not isinstance(error, BurgeeError | HTTPException):
                _log.error("request.failed", extra={"fields": _failure(scope, request_id, error)})
            if status:
                raise  # half an answer cannot be taken back: the server closes the connection
            shown = (
                NotFoundError("there is nothing at this path") if isinstance(error, HTTPException) else error
            )
            words = scope.get(ERROR_ANSWER)
            answer = words(shown) if words is not None else problem_answer(shown, request_id=request_id)
            await send_answer(answer, send_dressed, without_body=scope["method"] == "HEAD")
        note_refusal(self._refusals, scope, status, shown)
        if self._log_requests:
            seconds = round(time.monotonic() - started, 6)
            fields = {**_request(scope, request_id), "status": status, "seconds": seconds}
            _log.info("request.completed", extra={"fields": fields})

    def _request_id(self, scope: Scope) -> str:
        sent = Headers(scope=scope).getlist("x-request-id")
        if len(sent) == 1 and REQUEST_ID.fullmatch(sent[0]):
            return sent[0]
        return self._new_request_id()


def _request(scope: Scope, request_id: str) -> dict[str, object]:
    return {
        "requestId": request_id,
        "method": scope["method"],
        "operation": scope.get("burgee.operation", ""),
    }


def _failure(scope: Scope, request_id: str, error: Exception) -> dict[str, object]:
    # The message of a foreign exception can quote what was sent, so only its type and place are recorded.
    frames = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)[-8:]
    ]
    return {**_request(scope, request_id), "error": type(error).__name__, "frames": frames}
