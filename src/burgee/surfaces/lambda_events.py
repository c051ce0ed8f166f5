"""Lambda's events of HTTP, as one kind of request: API Gateway v1 and v2, ALB, Function URL.

`read_event` knows the kind by what is in it, `write_answer` answers in the form of the same kind. Names of
headers are in lower case, as in HTTP/2; of one that came several times the values are joined.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from burgee.errors import MalformedError
from burgee.surfaces.mount import mount_of

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_TEXT_TYPES = ("text/", "application/json", "application/problem+json", "application/javascript", "image/svg")


class EventKind(Enum):
    """Who sent the event, as far as answers differ."""

    REST = "rest"
    """API Gateway REST (v1), and HTTP with payload format 1.0."""
    HTTP = "http"
    """API Gateway HTTP (payload format 2.0), and Function URLs."""
    ALB = "alb"
    ALB_MULTI = "alb-multi"
    """A target group with multi-value headers switched on."""


class HttpRequest(NamedTuple):
    """A request: `path` without the stage or base path and not percent-encoded, `query` as on the wire."""

    kind: EventKind
    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes
    request_id: str = ""


def is_http(event: Any) -> bool:
    """Whether an event is a request of HTTP at all."""
    if not isinstance(event, dict):
        return False
    context = event.get("requestContext")
    return isinstance(context, dict) and ("http" in context or "httpMethod" in event)


def read_event(event: Mapping[str, Any]) -> HttpRequest:
    """The request. Raises MalformedError for a body that is not the base64 it says it is."""
    context = event["requestContext"]
    if "http" in context:
        return _version_2(event, context)
    is_multi = event.get("multiValueHeaders") is not None
    balanced = EventKind.ALB_MULTI if is_multi else EventKind.ALB
    kind = balanced if "elb" in context else EventKind.REST
    headers = _joined(event.get("multiValueHeaders") or {}) if is_multi else _flat(event.get("headers") or {})
    multi_query = event.get("multiValueQueryStringParameters")
    pairs = (
        [(name, value) for name, values in multi_query.items() for value in values]
        if multi_query
        else list((event.get("queryStringParameters") or {}).items())
    )
    # A load balancer hands the query on as it came, a REST API decoded; the path is as it came from both.
    is_raw = kind is not EventKind.REST
    query = "&".join(
        f"{name}={value}" if is_raw else f"{_quoted(name)}={_quoted(value)}" for name, value in pairs
    )
    return HttpRequest(
        kind,
        event["httpMethod"].upper(),
        _unquoted((event.get("path") or "/") if is_raw else mount_of(event, context)[1]),
        query.encode(),
        headers,
        _body(event),
        str(context.get("requestId") or ""),
    )


def _version_2(event: Mapping[str, Any], context: Mapping[str, Any]) -> HttpRequest:
    headers = _flat(event.get("headers") or {})
    cookies = event.get("cookies")
    if cookies:
        headers[b"cookie"] = "; ".join(cookies).encode("latin-1", "replace")
    path = event.get("rawPath") or "/"
    stage = context.get("stage") or "$default"
    if stage != "$default" and (path == f"/{stage}" or path.startswith(f"/{stage}/")):
        path = path[len(stage) + 1 :] or "/"
    # A Function URL leaves the path as it came, an HTTP API decodes it.
    is_raw = ".lambda-url." in str(context.get("domainName") or "")
    return HttpRequest(
        EventKind.HTTP,
        context["http"]["method"].upper(),
        _unquoted(path) if is_raw else path,
        (event.get("rawQueryString") or "").encode(),
        headers,
        _body(event),
        str(context.get("requestId") or ""),
    )


def write_answer(
    kind: EventKind, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes
) -> dict[str, Any]:
    """The answer as the sender of an event of `kind` reads it; what is no text goes as base64."""
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
    text, is_base64 = _text(pairs, body)
    answer: dict[str, Any] = {"statusCode": status, "body": text, "isBase64Encoded": is_base64}
    if kind in (EventKind.REST, EventKind.ALB_MULTI):
        many: dict[str, list[str]] = {}
        for name, value in pairs:
            many.setdefault(name, []).append(value)
        answer["multiValueHeaders"] = many
    else:
        single: dict[str, str] = {}
        cookies = []
        for name, value in pairs:
            if name == "set-cookie" and kind is EventKind.HTTP:
                cookies.append(value)
            else:
                single[name] = f"{single[name]}, {value}" if name in single else value
        answer["headers"] = single
        if cookies:
            answer["cookies"] = cookies
    if kind in (EventKind.ALB, EventKind.ALB_MULTI):
        answer["statusDescription"] = f"{status} {_PHRASES.get(status, 'Status')}"
    return answer


_PHRASES = {
    200: "OK",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    429: "Too Many Requests",
    503: "Service Unavailable",
}
"""A load balancer wants the words with the number."""


def _text(pairs: list[tuple[str, str]], body: bytes) -> tuple[str, bool]:
    known = dict(pairs)
    if not known.get("content-encoding") and known.get("content-type", "text/").startswith(_TEXT_TYPES):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return b64encode(body).decode("ascii"), True


def _flat(headers: Mapping[str, Any]) -> dict[bytes, bytes]:
    return {_name(name): _value(value) for name, value in headers.items() if value is not None}


def _joined(headers: Mapping[str, Any]) -> dict[bytes, bytes]:
    return {
        _name(name): (b"; " if name.lower() == "cookie" else b", ").join(map(_value, values))
        for name, values in headers.items()
        if values
    }


def _name(name: str) -> bytes:
    return name.lower().encode("latin-1", "replace")


def _value(value: Any) -> bytes:
    return str(value).encode("latin-1", "replace")


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body")
    if not body:
        return b""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return b64decode(body, validate=True)
    except (Base64Error, ValueError) as error:
        raise MalformedError("bad-base64", "the body is not the base64 that the event says it is") from error


def _quoted(text: str) -> str:
    data = str(text).encode("utf-8", "replace")
    if _UNRESERVED.issuperset(data):
        return str(text)
    return "".join([chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in data])


def _unquoted(path: str) -> str:
    if "%" not in path:
        return path
    from urllib.parse import unquote

    return unquote(path)
