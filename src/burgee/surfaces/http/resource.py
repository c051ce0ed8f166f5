"""One path of the API: picks the operation, checks caller and request, runs the handler in a thread."""

from collections.abc import Mapping, Sequence

import anyio
import anyio.to_thread
import msgspec
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from burgee.errors import Fault, NotFoundError
from burgee.model.flag import DEFAULT_FLAG_SET
from burgee.service.access import Identity
from burgee.service.services import Services
from burgee.surfaces.http.authentication import identify, require_json, require_same_origin
from burgee.surfaces.http.bodies import CEILING, read_body
from burgee.surfaces.http.exchange import Answer, Call, ParameterValue
from burgee.surfaces.http.operation import JSON, Operation, Payload, Reach
from burgee.surfaces.http.parameters import read_parameters
from burgee.surfaces.http.preconditions import IF_NONE_MATCH, unless_unchanged, with_etag
from burgee.surfaces.http.problems import MethodNotAllowedError, UnsupportedMediaTypeError
from burgee.surfaces.http.refusal_notes import SUBJECT

FLAG_SET = "flagSet"
"""The parameter that names the flag set an identity must be allowed to touch."""


class Pools(msgspec.Struct, frozen=True, kw_only=True):
    """How many handlers may run at once: writers wait for one lock, and must not starve the readers."""

    reads: anyio.CapacityLimiter
    writes: anyio.CapacityLimiter


class Resource:
    """An ASGI application for one path; `public_origin` is ours as browsers see it, "" to go by Host."""

    def __init__(
        self, operations: Sequence[Operation], services: Services, *, pools: Pools, public_origin: str
    ) -> None:
        self._operations = {operation.method: operation for operation in operations}
        self._allowed = tuple(sorted({*self._operations, *(["HEAD"] if "GET" in self._operations else [])}))
        self._services = services
        self._pools = pools
        self._public_origin = public_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or raise an error of `burgee.errors` before anything was sent."""
        method = scope["method"]
        operation = self._operations.get("GET" if method == "HEAD" else method)
        if operation is None:
            raise MethodNotAllowedError(self._allowed)
        scope["burgee.operation"] = operation.name
        call = await self._admit(operation, scope, receive)
        pool = self._pools.writes if operation.is_unsafe else self._pools.reads
        answer = await anyio.to_thread.run_sync(operation.handler, call, limiter=pool)
        if IF_NONE_MATCH in operation.parameters:
            answer = unless_unchanged(with_etag(answer), call)
        await send_answer(answer, send, without_body=method == "HEAD")

    async def _admit(self, operation: Operation, scope: Scope, receive: Receive) -> Call:
        headers = Headers(scope=scope)
        identity = self._require_right(operation, scope, headers)
        parameters = _parameters(operation, scope, headers)
        if identity is not None and operation.permission is not None:
            fallback = DEFAULT_FLAG_SET if operation.reach is Reach.DEFAULT else None
            named = str(parameters[FLAG_SET]) if FLAG_SET in parameters else fallback
            if named is not None or operation.reach is Reach.NAMED:
                self._services.access.require(identity, operation.permission, named)
        body, media_type = b"", ""
        if operation.payload is not None:
            media_type = _media_type(operation.payload, headers)
            limit: int = getattr(self._services.limits, operation.payload.ceiling.value)
            scope[CEILING] = limit
            body = await read_body(receive, limit=limit, announced=headers.get("content-length"))
        return Call(
            services=self._services,
            identity=identity,
            method=operation.method,
            url_path=scope["path"],
            query_string=scope["query_string"],
            parameters=parameters,
            headers=headers,
            body=body,
            media_type=media_type,
            request_id=scope.get("burgee.request_id", ""),
            is_https=self._origin(scope, headers).startswith("https:"),
        )

    def _require_right(self, operation: Operation, scope: Scope, headers: Headers) -> Identity | None:
        if operation.permission is None:
            if operation.is_unsafe:
                require_same_origin(headers, origin=self._origin(scope, headers), allow_absent=True)
            return None
        identity, is_ambient = identify(self._services.access, headers)
        scope[SUBJECT] = identity.subject if identity is not None else ""
        within = identity.flag_sets[0] if identity is not None and identity.flag_sets else None
        self._services.access.require(identity, operation.permission, within)
        if is_ambient and operation.is_unsafe:
            require_same_origin(headers, origin=self._origin(scope, headers))
            require_json(headers, operation.payload.media_types if operation.payload else (JSON,))
        return identity

    def _origin(self, scope: Scope, headers: Headers) -> str:
        return self._public_origin or f"{scope.get('scheme', 'http')}://{headers.get('host', '')}"


def _parameters(operation: Operation, scope: Scope, headers: Headers) -> dict[str, ParameterValue]:
    path: Mapping[str, str] = scope.get("path_params", {})
    if b"%2f" in scope.get("raw_path", b"").lower():
        # Decoded, it would be another path; no key contains a slash, so nothing can be there.
        raise NotFoundError("there is nothing at this path")
    return read_parameters(operation.parameters, path=path, query=scope["query_string"], headers=headers)


def _media_type(payload: Payload, headers: Headers) -> str:
    lines = headers.getlist("content-type")
    media_type, _, rest = (lines[0] if len(lines) == 1 else "").partition(";")
    media_type = media_type.strip().lower()
    charset = rest.strip().lower().replace('"', "")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if media_type in payload.media_types and charset in ("", "charset=utf-8") and encoding == "identity":
        return media_type
    wanted = " or ".join(payload.media_types)
    message = f"send Content-Type {wanted}, in UTF-8 and without Content-Encoding"
    raise UnsupportedMediaTypeError([Fault("", "unsupported-media-type", message)])


async def send_answer(answer: Answer, send: Send, *, without_body: bool = False) -> None:
    """Send `answer`; to HEAD without its body, but with the headers that GET would get."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.header("cache-control") is None:
        headers.append((b"cache-control", b"no-store"))
    if answer.status not in (204, 304):
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if without_body else answer.body})
