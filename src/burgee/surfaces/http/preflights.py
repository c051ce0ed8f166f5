"""Preflights of every path, answered by the origin alone: no store and no other function is needed."""

from typing import Any

from burgee.surfaces.http.cors import PREFLIGHT, Cors, sent_origin
from burgee.surfaces.http.proxy_events import Event, answer_of, scope_of

METHOD = "OPTIONS"

_REFUSED = (
    b'{"type":"about:blank","status":403,"title":"Forbidden","detail":"pages of this origin may not call"}'
)
_FIXED = ((b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"))


def preflight_answer(event: Event, cors: Cors) -> dict[str, Any] | None:
    """The answer to a preflight, None for a request of any other method.

    What an allowed origin gets is what `CorsLayer` says; every other one, and none, is 403.

    Raises NoRequestError.
    """
    scope = scope_of(event)
    if scope["method"] != METHOD:
        return None
    origin = sent_origin(scope["headers"])
    text = origin.decode("latin-1") if origin is not None else ""
    headers = cors.headers(text or None)
    if text and cors.is_allowed(text):
        return answer_of(event, 200, (*headers, *PREFLIGHT), b"")
    return answer_of(event, 403, (*headers, *_FIXED), _REFUSED)
