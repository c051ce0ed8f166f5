"""The ASGI application as a function: events of gateways in, their answers out, through Mangum."""

import logging
from collections.abc import Iterable
from typing import Any

from mangum import Mangum
from starlette.types import ASGIApp, Scope

from burgee.formats.strict_json import encode
from burgee.model.limits import Limits
from burgee.surfaces.http.gateway import GatewayLimits
from burgee.surfaces.http.proxy_events import (
    OUTPUT_BYTES,
    Event,
    NoRequestError,
    answer_of,
    body_of,
    scope_of,
)

_log = logging.getLogger("burgee.function")

_OF_AN_ORIGIN = 2
"""So many slashes has an address without a path."""

# Its lines hold addresses, and those can hold secrets.
logging.getLogger("mangum").setLevel(logging.WARNING)


class HttpFunction:
    """Answers events by `app`; whatever happens, the answer is one that a gateway can pass on."""

    def __init__(self, app: ASGIApp, *, limits: Limits, public_url: str = "") -> None:
        # An application that was told its address says it whole; a gateway's part would come twice.
        event_type = _WholeAddresses if public_url.count("/") > _OF_AN_ORIGIN else _ProxyEvent
        # Mangum runs the application; what an event and an answer look like is read and written here, since
        # its own readers decode paths twice and believe what a client says about its address.
        self._run = Mangum(GatewayLimits(app, limits), lifespan="off", custom_handlers=[event_type])

    def __call__(self, event: Event, context: object) -> dict[str, Any]:
        """The answer to the HTTP request in `event`; never raises an Exception."""
        try:
            answer: dict[str, Any] = self._run(event, context)
        except NoRequestError as error:
            return problem_for(event, 400, str(error))
        except Exception:
            _log.exception("request.failed")
            return problem_for(event, 500, "an error of ours")
        return answer


def problem_for(event: Event, status: int, words: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """A problem document as the answer to `event`."""
    problem = {"type": "about:blank", "status": status, "title": words, "message": words}
    fixed = ((b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"))
    return answer_of(event if isinstance(event, dict) else {}, status, (*fixed, *headers), encode(problem))


class _ProxyEvent:
    """What Mangum asks about an event."""

    has_prefix = True

    def __init__(self, event: Event, context: object, _: object) -> None:
        self._event = event
        self.scope: Scope = {**scope_of(event), "aws.event": event, "aws.context": context}
        self.body = body_of(event)

    @classmethod
    def infer(cls, *_: object) -> bool:
        """Every event is ours."""
        return True

    def __call__(self, response: dict[str, Any]) -> dict[str, Any]:
        """The answer of the application in the sender's form."""
        status, body = int(response["status"]), bytes(response["body"])
        headers: Iterable[tuple[bytes, bytes]] = [
            (bytes(name), bytes(value)) for name, value in response["headers"]
        ]
        if len(body) > OUTPUT_BYTES:
            return problem_for(
                self._event, 413, "the answer is too long for a function; ask for less at once"
            )
        if status == 500 and (b"content-type", b"text/plain; charset=utf-8") in headers:
            return problem_for(self._event, 500, "an error of ours")  # Mangum's own words
        return answer_of(self._event, status, headers, body, has_prefix=self.has_prefix)


class _WholeAddresses(_ProxyEvent):
    """The same, for an application whose addresses need nothing before them."""

    has_prefix = False
