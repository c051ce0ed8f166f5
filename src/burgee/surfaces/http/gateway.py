"""Limits of a request that a gateway has parsed already: the same as those of the server's own parser."""

from burgee.formats.strict_json import encode
from burgee.model.limits import Limits
from burgee.surfaces.http.answer import Answer
from burgee.surfaces.lambda_events import HttpRequest

OF_GATEWAYS = (b"x-amz", b"x-forwarded-", b"cloudfront-", b"via")
"""Beginnings of header names that gateways add; a client is not refused for them."""


def problem(status: int, words: str, *headers: tuple[bytes, bytes]) -> Answer:
    """A problem document that says `words`, for clients of every dialect."""
    document = {"type": "about:blank", "status": status, "title": words, "message": words}
    fixed = ((b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"))
    return Answer(status, (*fixed, *headers), encode(document))


def refusal(request: HttpRequest, limits: Limits) -> Answer | None:
    """The answer where `request` goes over `limits`, but for its body; None where it does not."""
    fault = _fault(request, limits)
    return problem(*fault) if fault is not None else None


def _fault(request: HttpRequest, limits: Limits) -> tuple[int, str] | None:
    if len(request.raw_path) + len(request.query) + bool(request.query) > limits.url_bytes:
        return 414, "the address is too long"
    fields = [(name, value) for name, value in request.fields if not name.startswith(OF_GATEWAYS)]
    size = sum([len(name) + len(value) + 4 for name, value in fields])
    if len(fields) > limits.header_fields or size > limits.header_bytes:
        return 431, "there are too many header fields, or they are too long"
    if [name for name, _ in fields].count(b"host") > 1:
        return 400, "the request names more than one host"
    return None
