"""Requests as a gateway gives them to a function, as ASGI scopes; and answers as that gateway takes them.

Four senders: API Gateway's REST API (payload 1.0), its HTTP API and a Function URL (payload 2.0), and an
Application Load Balancer. They differ in what they decode: a REST API, a Function URL and a load balancer
leave the path as it was sent, an HTTP API decodes it; a REST API decodes the query, the others do not.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote, unquote_to_bytes, urlencode

from starlette.types import Scope

from burgee.surfaces.mount import mount_of

Event: TypeAlias = Mapping[str, Any]
"""What Lambda's runtime decoded; every member is checked where it is read."""

Pairs: TypeAlias = list[tuple[bytes, bytes]]

BASE_PATH = "burgee.base_path"
"""The key in the ASGI scope under which stands what the addresses in our pages begin with."""

OUTPUT_BYTES = 5_900_000
"""An answer may have 6 MB in all, as JSON."""

_UNRESERVED = "/-._~!$&'()*+,;=:@%"
_TEXT = ("text/", "application/json", "application/problem+json", "application/javascript", "image/svg")
_DROPPED = frozenset({b"content-length", b"connection", b"transfer-encoding"})
_SCHEMES = frozenset({"http", "https"})


class NoRequestError(ValueError):
    """An event that is no HTTP request of any known sender."""


def is_v2(event: Event) -> bool:
    """Whether `event` has the payload format 2.0."""
    return event.get("version") == "2.0" and "http" in _mapping(event.get("requestContext"))


def is_balancer(event: Event) -> bool:
    """Whether `event` comes from a load balancer."""
    return "elb" in _mapping(event.get("requestContext"))


def scope_of(event: Event) -> Scope:
    """The ASGI scope of the request in `event`.

    Raises NoRequestError.
    """
    context = _mapping(event.get("requestContext"))
    if is_v2(event):
        http = _mapping(context.get("http"))
        method, sent, client = http.get("method"), _v2_path(event, context), http.get("sourceIp")
        query = str(event.get("rawQueryString") or "").encode()
        headers = _v2_headers(event)
    elif "httpMethod" in event:
        headers = _v1_headers(event)
        method = event["httpMethod"]
        if is_balancer(event):
            sent = str(event.get("path") or "/")
            query, client = _query(event, is_encoded=True), _last(headers, b"x-forwarded-for")
        else:
            _, sent = mount_of(event, context)
            query = _query(event, is_encoded=False)
            client = _mapping(context.get("identity")).get("sourceIp")
    else:
        raise NoRequestError("the event is no HTTP request")
    raw_path = quote(sent, safe=_UNRESERVED).encode()
    scheme = _last(headers, b"x-forwarded-proto")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "http_version": "1.1",
        "method": str(method).upper(),
        "scheme": scheme if scheme in _SCHEMES else "https",
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "root_path": "",
        "query_string": query,
        "headers": headers,
        "client": (str(client), 0) if client else None,
        "server": None,
        BASE_PATH: _prefix(event),
    }


def body_of(event: Event) -> bytes:
    """The body of the request in `event`.

    Raises NoRequestError where it is said to be base64 and is not.
    """
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(str(body), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoRequestError("the body is not base64") from error


def answer_of(
    event: Event,
    status: int,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    *,
    has_prefix: bool = True,
) -> dict[str, Any]:
    """An answer in the form that the sender of `event` takes.

    `has_prefix` puts its stage or base path before a `Location` of ours.
    """
    pairs = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in headers
        if name.lower() not in _DROPPED
    ]
    prefix = _prefix(event) if has_prefix else ""
    if prefix:
        pairs = [(name, prefix + value if _is_local(name, value) else value) for name, value in pairs]
    answer: dict[str, Any] = {"statusCode": status, **_content(pairs, body)}
    if is_v2(event):
        answer["headers"] = _joined((name, value) for name, value in pairs if name != "set-cookie")
        answer["cookies"] = [value for name, value in pairs if name == "set-cookie"]
    elif is_balancer(event) and "multiValueHeaders" not in event:
        answer["headers"] = _cased(pairs)
    else:
        several: dict[str, list[str]] = {}
        for name, value in pairs:
            several.setdefault(name, []).append(value)
        answer["multiValueHeaders"] = several
    return answer


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _v2_path(event: Event, context: Mapping[str, Any]) -> str:
    path = str(event.get("rawPath") or "/")
    stage = context.get("stage")
    if stage and stage != "$default" and (path + "/").startswith(f"/{stage}/"):
        path = path[len(f"/{stage}") :] or "/"
    if ".lambda-url." in str(context.get("domainName", "")):
        return path
    return path.replace("%", "%25")  # decoded already: a percent sign that is left is one


def _v2_headers(event: Event) -> Pairs:
    headers = [(_name(name), _value(value)) for name, value in _mapping(event.get("headers")).items()]
    cookies = event.get("cookies")
    if isinstance(cookies, list) and cookies:
        headers = [pair for pair in headers if pair[0] != b"cookie"]
        headers.append((b"cookie", _value("; ".join(map(str, cookies)))))
    return headers


def _v1_headers(event: Event) -> Pairs:
    several = event.get("multiValueHeaders")
    if isinstance(several, dict):
        return [(_name(name), _value(value)) for name, values in several.items() for value in values or ()]
    return [(_name(name), _value(value)) for name, value in _mapping(event.get("headers")).items()]


def _name(name: object) -> bytes:
    return str(name).lower().encode("utf-8", "replace")


def _value(value: object) -> bytes:
    return str(value).encode("utf-8", "replace")


def _query(event: Event, *, is_encoded: bool) -> bytes:
    several = event.get("multiValueQueryStringParameters")
    if isinstance(several, dict):
        pairs = [(str(name), str(value)) for name, values in several.items() for value in values or ()]
    else:
        pairs = [
            (str(name), str(value)) for name, value in _mapping(event.get("queryStringParameters")).items()
        ]
    if is_encoded:
        return "&".join(f"{name}={value}" for name, value in pairs).encode()
    return urlencode(pairs, errors="replace").encode()


def _last(headers: Pairs, name: bytes) -> str:
    """The last entry of a header: the one that the nearest proxy wrote, which no client can choose."""
    found = [value for each, value in headers if each == name]
    return found[-1].rpartition(b",")[2].strip().decode("latin-1") if found else ""


def _content(pairs: list[tuple[str, str]], body: bytes) -> dict[str, Any]:
    kind = next((value for name, value in pairs if name == "content-type"), "")
    if not body or kind.startswith(_TEXT):
        try:
            return {"body": body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _cased(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """One value a name, with cookies under names that differ in case: all that this form can carry."""
    single = _joined(pair for pair in pairs if pair[0] != "set-cookie")
    for place, value in enumerate(value for name, value in pairs if name == "set-cookie"):
        letters = "set-cookie"
        cased = "".join(letter.upper() if place >> bit & 1 else letter for bit, letter in enumerate(letters))
        single[cased] = value
    return single


def _prefix(event: Event) -> str:
    """What stands in the address of a REST API or HTTP API before our paths: its stage, or its base path."""
    context = _mapping(event.get("requestContext"))
    if is_v2(event):
        stage, path = context.get("stage"), str(event.get("rawPath") or "/")
        is_there = stage and stage != "$default" and (path + "/").startswith(f"/{stage}/")
        return f"/{stage}" if is_there else ""
    return "" if is_balancer(event) else mount_of(event, context)[0]


def _is_local(name: str, value: str) -> bool:
    return name == "location" and value.startswith("/") and not value.startswith("//")
