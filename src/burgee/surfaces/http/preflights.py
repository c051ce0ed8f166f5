"""Preflights of every path, answered by the origin alone: no store and no other function is needed."""

from typing import Any

from burgee.surfaces.http.cors import PREFLIGHT, Cors, sent_origin
from burgee.surfaces.lambda_answers import write_answer
from burgee.surfaces.lambda_events import read_event

METHOD = "OPTIONS"

_REFUSED = (
    b'{"type":"about:blank","status":403,"title":"Forbidden","detail":"pages of this origin may not call"}'
)
_FIXED = ((b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"))


def preflight_answer(event: object, cors: Cors) -> dict[str, Any] | None:
    """The answer to a preflight, None for a request of any other method.

    What an allowed origin gets is what `CorsLayer` says; every other one, and none, is 403.

    Raises NoRequestError.
    """
    request = read_event(event)
    if request.method != METHOD:
        return None
    origin = sent_origin(request.fields)
    text = origin.decode("latin-1") if origin is not None else ""
    headers = cors.headers(text or None)
    if text and cors.is_allowed(text):
        return write_answer(request.kind, 200, (*headers, *PREFLIGHT), b"")
    return write_answer(request.kind, 403, (*headers, *_FIXED), _REFUSED)
