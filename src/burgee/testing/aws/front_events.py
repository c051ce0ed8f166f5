"""Requests as each front hands them to a function, and what a function may answer."""

import base64
from collections.abc import Mapping
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from burgee.model.json import JsonValue


class Kind(Enum):
    """What stands in front."""

    REST = "REST API"
    HTTP = "HTTP API"
    URL = "Function URL"
    BALANCER = "load balancer"


class Route(msgspec.Struct, frozen=True):
    """Requests of `method` (or ANY) whose path matches `path`, such as `/flags/{id}` or `/{proxy+}`."""

    method: str
    path: str
    function: Any

    def parameters(self, method: str, path: str) -> dict[str, str] | None:
        """The path's parameters, None where this route is for others."""
        if self.method not in (method, "ANY"):
            return None
        wanted, sent = self.path.strip("/").split("/"), path.strip("/").split("/")
        found: dict[str, str] = {}
        for place, segment in enumerate(wanted):
            if segment.endswith("+}"):
                rest = "/".join(sent[place:])
                return {**found, segment[1:-2]: rest} if rest else None
            if place >= len(sent):
                return None
            if segment.startswith("{"):
                found[segment[1:-1]] = sent[place]
            elif segment != sent[place]:
                return None
        return found if len(sent) == len(wanted) else None

    @property
    def rank(self) -> tuple[int, ...]:
        """Smaller for the more particular one: fixed segments before parameters before the rest."""
        segments = self.path.strip("/").split("/")
        ranks = [2 if each.endswith("+}") else 1 if each.startswith("{") else 0 for each in segments]
        return (*ranks, self.method == "ANY")


class Request(msgspec.Struct, frozen=True):
    """A request as it came; `path` and `query` are not decoded."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    address: str = "198.51.100.7"

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for each, value in self.headers if each.lower() == name), None)


class Answer(msgspec.Struct, frozen=True):
    """What goes back to the client."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def _text_or_base64(body: bytes, *, only_text: bool) -> tuple[str | None, bool]:
    if not body:
        return None, False
    if only_text:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def _several(pairs: list[tuple[str, str]]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for name, value in pairs:
        values = found.setdefault(name, [])
        if isinstance(values, list):
            values.append(value)
    return found


def _forwarded(request: Request) -> list[tuple[str, str]]:
    """The request's headers and those that a front adds; of what a client says about itself it appends."""
    before = request.header("x-forwarded-for")
    kept = [pair for pair in request.headers if not pair[0].lower().startswith("x-forwarded-")]
    address = f"{before}, {request.address}" if before else request.address
    return [
        *kept,
        ("X-Forwarded-For", address),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
        ("X-Amzn-Trace-Id", "Root=1-00000000-000000000000000000000000"),
    ]


def rest_event(
    request: Request, path: str, route: Route, parameters: dict[str, str], *, stage: str
) -> dict[str, JsonValue]:
    """The event of a REST API: payload format 1.0, the path as it was sent, the query decoded."""
    headers = _forwarded(request)
    query = parse_qsl(request.query, keep_blank_values=True)
    body, is_base64 = _text_or_base64(request.body, only_text=True)
    named: dict[str, JsonValue] = {**parameters}
    return {
        "resource": route.path,
        "path": path,
        "httpMethod": request.method,
        "headers": dict(headers),
        "multiValueHeaders": _several(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _several(query) or None,
        "pathParameters": named or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": route.path,
            "httpMethod": request.method,
            "path": f"/{stage}{path}" if stage else path,
            "stage": stage or "test",
            "protocol": "HTTP/1.1",
            "identity": {"sourceIp": request.address, "userAgent": request.header("user-agent")},
            "requestId": "00000000-0000-0000-0000-000000000000",
            "apiId": "abcdefghij",
        },
        "body": body,
        "isBase64Encoded": is_base64,
    }


def v2_event(
    request: Request, route: Route, parameters: dict[str, str], *, kind: Kind, stage: str
) -> dict[str, JsonValue]:
    """The event of an HTTP API or a Function URL: payload format 2.0."""
    headers: dict[str, JsonValue] = {}
    for name, value in _forwarded(request):
        key = name.lower()
        if key != "cookie":
            headers[key] = f"{headers[key]},{value}" if key in headers else value
    cookies = [
        part.strip()
        for name, value in request.headers
        if name.lower() == "cookie"
        for part in value.split(";")
    ]
    is_text = (request.header("content-type") or "").startswith(("text/", "application/json"))
    body, is_base64 = _text_or_base64(request.body, only_text=is_text)
    # An HTTP API decodes the path, and whatever follows a question mark that was encoded is lost.
    path = request.path if kind is Kind.URL else unquote(request.path).partition("?")[0]
    host = "abcdefghij.execute-api" if kind is Kind.HTTP else "abcdefghij.lambda-url"
    event: dict[str, JsonValue] = {
        "version": "2.0",
        "routeKey": f"{route.method} {route.path}" if kind is Kind.HTTP else "$default",
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghij",
            "domainName": f"{host}.eu-west-1.amazonaws.com",
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.address,
                "userAgent": request.header("user-agent"),
            },
            "requestId": "00000000",
            "stage": stage or "$default",
        },
        "isBase64Encoded": is_base64,
    }
    if cookies:
        event["cookies"] = [*cookies]
    if body is not None:
        event["body"] = body
    if parameters and kind is Kind.HTTP:
        event["pathParameters"] = {**parameters}
    if request.query:
        joined: dict[str, JsonValue] = {}
        for name, value in parse_qsl(request.query, keep_blank_values=True):
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        event["queryStringParameters"] = joined
    return event


def balancer_event(request: Request, *, several: bool) -> dict[str, JsonValue]:
    """The event of a load balancer; `several` where its target group sends all values of a name."""
    headers = [(name.lower(), value) for name, value in _forwarded(request)]
    query = [
        (name, value) for name, _, value in (part.partition("=") for part in request.query.split("&")) if name
    ]
    is_text = (request.header("content-type") or "").startswith(
        ("text/", "application/json", "application/javascript", "application/xml")
    )
    body, is_base64 = _text_or_base64(request.body, only_text=is_text)
    event: dict[str, JsonValue] = {
        "requestContext": {
            "elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:x"}
        },
        "httpMethod": request.method,
        "path": request.path,
        "body": body or "",
        "isBase64Encoded": is_base64,
    }
    if several:
        return {
            **event,
            "multiValueHeaders": _several(headers),
            "multiValueQueryStringParameters": _several(query),
        }
    return {**event, "headers": dict(headers), "queryStringParameters": dict(query)}


def headers_of(payload: Mapping[str, JsonValue]) -> list[tuple[str, str]] | None:
    """The header pairs that a function answered with, None where they are malformed."""
    found: list[tuple[str, str]] = []
    single, several = payload.get("headers") or {}, payload.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(several, dict):
        return None
    found += [(name, str(value)) for name, value in single.items() if name not in several]
    for name, values in several.items():
        if not isinstance(values, list):
            return None
        found += [(name, str(value)) for value in values]
    cookies = payload.get("cookies")
    if isinstance(cookies, list):
        found += [("set-cookie", str(value)) for value in cookies]
    return found


KINDS = ("rest", "http", "url", "balancer", "balancer-single")
"""The fronts of `event_of`."""

_EVERYTHING = Route("ANY", "/{proxy+}", None)


def event_of(kind: str, request: Request, *, stage: str = "") -> dict[str, Any]:
    """The event that a front of `kind` makes of `request`, which names a path without the stage."""
    match kind:
        case "rest":
            return rest_event(request, request.path, _EVERYTHING, {}, stage=stage)
        case "http" | "url":
            staged = Request(
                request.method,
                (f"/{stage}" if stage else "") + request.path,
                request.query,
                request.headers,
                request.body,
            )
            return v2_event(
                staged, _EVERYTHING, {}, kind=Kind.HTTP if kind == "http" else Kind.URL, stage=stage
            )
        case _:
            return balancer_event(request, several=kind == "balancer")
