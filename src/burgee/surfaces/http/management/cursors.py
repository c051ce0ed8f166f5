"""Opaque cursors of keyset paging: where the next page starts, bound to the query that made them."""

import base64
import binascii
import hashlib
import json

from burgee.errors import Fault
from burgee.surfaces.http.exchange import Call
from burgee.surfaces.http.parameters import InvalidRequestError, Parameter, Place

CURSOR = Parameter(
    name="cursor",
    place=Place.QUERY,
    description="`nextCursor` of the page before, sent with the same filters; opaque.",
    pattern=r"[A-Za-z0-9_-]{14,600}",
    min_length=14,
    max_length=600,
)

_SEAL = 9
_NOT_A_FILTER = ("cursor", "limit", "If-None-Match")


def write_cursor(call: Call, place: str | None) -> str | None:
    """The cursor that goes on after `place`; None where there is no next page."""
    if place is None:
        return None
    return base64.urlsafe_b64encode(_seal(call, place.encode()) + place.encode()).rstrip(b"=").decode()


def read_cursor(call: Call) -> str | None:
    """The place that the request's cursor names, None without one.

    Raises InvalidRequestError for a cursor that this query did not get from us.
    """
    text = call.maybe_text("cursor")
    if text is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if raw[:_SEAL] == _seal(call, raw[_SEAL:]):
            return raw[_SEAL:].decode()
    except (binascii.Error, UnicodeDecodeError):
        pass  # answered like a broken seal: both are a cursor that is not ours
    raise invalid_cursor()


def invalid_cursor() -> InvalidRequestError:
    """The refusal of a cursor that is not ours."""
    fault = Fault("/cursor", "invalid-cursor", "this cursor does not belong to this query")
    return InvalidRequestError([(Place.QUERY, fault)])


def _seal(call: Call, place: bytes) -> bytes:
    # Not a secret: it finds mistakes and cursors of another query. Rights are checked on every page anew.
    filters = sorted(
        (name, str(value)) for name, value in call.parameters.items() if name not in _NOT_A_FILTER
    )
    return hashlib.sha256(json.dumps([call.url_path, filters]).encode() + place).digest()[:_SEAL]
