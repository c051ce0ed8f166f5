"""Lambda's events of HTTP, as one kind of request: API Gateway v1 and v2, ALB, Function URL.

The one reader for every function; no framework, since evaluation pays for each import at a cold start. Four
senders differ in what they decode: a REST API, a Function URL and a load balancer leave the path as it was
sent, an HTTP API decodes it; a REST API decodes the query, the others do not. Nothing in an event is believed
to have the type it should have: who may invoke the function may send anything.
"""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from burgee.surfaces.mount import mount_of

Event: TypeAlias = Mapping[str, Any]
"""What Lambda's runtime decoded; every member is checked where it is read."""

Pairs: TypeAlias = list[tuple[bytes, bytes]]

_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_PLAIN_PATH = frozenset(_UNRESERVED + "/!$&'()*+,;=:@")
_PLAIN = frozenset(_UNRESERVED)
_SCHEMES = frozenset({"http", "https"})


class NoRequestError(ValueError):
    """An event that is no HTTP request of any known sender, or one that cannot be read."""


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
    """A request: `raw_path` is percent-encoded, `path` is not; both are without the stage or base path.

    `query` is as it would go over the wire. Names of headers are in lower case. `client` is the address that
    the sender saw, "" where it says none; no header of a client has a say in it. `prefix` is what stands in
    the address before our paths: the stage, or the base path of a custom domain.
    """

    kind: EventKind
    method: str
    raw_path: str
    path: str
    query: bytes
    fields: Pairs
    body: bytes
    client: str = ""
    scheme: str = "https"
    prefix: str = ""

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The header fields by name; values of a name that came several times are joined (RFC 9110 5.2)."""
        found: dict[bytes, bytes] = {}
        for name, value in self.fields:
            between = b"; " if name == b"cookie" else b", "
            found[name] = found[name] + between + value if name in found else value
        return found


def is_http(event: object) -> bool:
    """Whether an event is a request of HTTP at all."""
    if not isinstance(event, dict):
        return False
    return "httpMethod" in event or isinstance(_mapping(event.get("requestContext")).get("http"), dict)


def kind_of(event: object) -> EventKind:
    """Who sent `event`; REST where nothing says it."""
    found = _mapping(event)
    context = _mapping(found.get("requestContext"))
    if isinstance(context.get("http"), dict):
        return EventKind.HTTP
    if "elb" not in context:
        return EventKind.REST
    return EventKind.ALB_MULTI if isinstance(found.get("multiValueHeaders"), dict) else EventKind.ALB


def read_event(event: object) -> HttpRequest:
    """The request in `event`.

    Raises NoRequestError, also for a body that is not the base64 it says it is.
    """
    if not isinstance(event, dict) or not is_http(event):
        raise NoRequestError("the event is no HTTP request")
    kind = kind_of(event)
    return _version_2(event) if kind is EventKind.HTTP else _version_1(event, kind)


def prefix_of(event: object) -> str:
    """What stands in the address of a REST API or HTTP API before our paths: its stage, or its base path."""
    found = _mapping(event)
    context, kind = _mapping(found.get("requestContext")), kind_of(found)
    if kind is EventKind.HTTP:
        stage, path = context.get("stage"), _text(found.get("rawPath"))
        is_there = stage and stage != "$default" and (path + "/").startswith(f"/{stage}/")
        return f"/{stage}" if is_there else ""
    return mount_of(found, context)[0] if kind is EventKind.REST else ""


def _version_1(event: Event, kind: EventKind) -> HttpRequest:
    is_rest = kind is EventKind.REST
    several = event.get("multiValueHeaders")
    fields = _several(several) if isinstance(several, dict) else _single(event.get("headers"))
    if is_rest:
        # What is compressed leaves as base64, and a REST API hands that on as it stands unless every media
        # type is declared binary. It compresses by itself, where it is told to.
        fields = [pair for pair in fields if pair[0] != b"accept-encoding"]
        client = _mapping(_mapping(event.get("requestContext")).get("identity")).get("sourceIp")
    else:
        client = _last(fields, b"x-forwarded-for")
    prefix, sent = "", _text(event.get("path")) or "/"
    if is_rest:
        prefix, sent = mount_of(event, _mapping(event.get("requestContext")))
    raw, path = _paths(sent, is_decoded=False)
    return HttpRequest(
        kind,
        _method(event.get("httpMethod")),
        raw,
        path,
        _query(event, is_encoded=not is_rest),
        fields,
        _body(event),
        _text(client),
        _scheme(fields),
        prefix,
    )


def _version_2(event: Event) -> HttpRequest:
    context = _mapping(event.get("requestContext"))
    http = _mapping(context.get("http"))
    fields = _single(event.get("headers"))
    cookies = event.get("cookies")
    if isinstance(cookies, list) and cookies:
        fields = [pair for pair in fields if pair[0] != b"cookie"]
        fields.append((b"cookie", _value("; ".join(map(str, cookies)))))
    prefix = prefix_of(event)
    sent = _text(event.get("rawPath")).removeprefix(prefix) or "/"
    raw, path = _paths(sent, is_decoded=".lambda-url." not in _text(context.get("domainName")))
    return HttpRequest(
        EventKind.HTTP,
        _method(http.get("method")),
        raw,
        path,
        _text(event.get("rawQueryString")).encode("utf-8", "replace"),
        fields,
        _body(event),
        _text(http.get("sourceIp")),
        _scheme(fields),
        prefix,
    )


def _mapping(value: object) -> Event:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _method(value: object) -> str:
    method = _text(value)
    if not (method.isascii() and method.isalpha()):
        raise NoRequestError("the event names no method")
    return method.upper()


def _paths(sent: str, *, is_decoded: bool) -> tuple[str, str]:
    """The path percent-encoded, and decoded once; what is no UTF-8 in it is replaced."""
    if _PLAIN_PATH.issuperset(sent):
        return sent, sent
    from urllib.parse import quote, unquote_to_bytes

    safe = "/-._~!$&'()*+,;=:@"
    raw = quote(sent, safe=safe if is_decoded else safe + "%", errors="replace")
    return raw, unquote_to_bytes(raw).decode("utf-8", "replace")


def _single(headers: object) -> Pairs:
    return [(_name(name), _value(value)) for name, value in _mapping(headers).items() if value is not None]


def _several(headers: Event) -> Pairs:
    return [(_name(name), _value(value)) for name, values in headers.items() for value in _each(values)]


def _each(values: object) -> Iterable[object]:
    if isinstance(values, list):
        return [value for value in values if value is not None]
    return () if values is None else (values,)


def _name(name: object) -> bytes:
    return str(name).lower().encode("utf-8", "replace")


def _value(value: object) -> bytes:
    return str(value).encode("utf-8", "replace")


def _last(fields: Pairs, name: bytes) -> str:
    """The last entry of a header: the one that the nearest proxy wrote, which no client can choose."""
    found = [value for each, value in fields if each == name]
    return found[-1].rpartition(b",")[2].strip().decode("latin-1") if found else ""


def _scheme(fields: Pairs) -> str:
    scheme = _last(fields, b"x-forwarded-proto")
    return scheme if scheme in _SCHEMES else "https"


def _query(event: Event, *, is_encoded: bool) -> bytes:
    several = event.get("multiValueQueryStringParameters")
    if isinstance(several, dict) and several:
        pairs = [(str(name), str(value)) for name, values in several.items() for value in _each(values)]
    else:
        single = _mapping(event.get("queryStringParameters"))
        pairs = [(str(name), "" if value is None else str(value)) for name, value in single.items()]
    if not is_encoded:
        pairs = [(_quoted(name), _quoted(value)) for name, value in pairs]
    return "&".join([f"{name}={value}" for name, value in pairs]).encode("utf-8", "replace")


def _quoted(text: str) -> str:
    if _PLAIN.issuperset(text):
        return text
    from urllib.parse import quote

    return quote(text, safe="", errors="replace")


def _body(event: Event) -> bytes:
    body = event.get("body")
    if not body:
        return b""
    if event.get("isBase64Encoded") is not True:
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return b64decode(str(body), validate=True)
    except ValueError as error:  # binascii.Error is one
        raise NoRequestError("the body is not base64") from error
