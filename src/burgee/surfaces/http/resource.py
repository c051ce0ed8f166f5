"""One path of the API: picks the operation, checks caller and request, runs the handler in a thread."""

from collections.abc import Mapping, Sequence

import anyio
import anyio.to_thread
import msgspec
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from burgee.errors import Fault, KeysUnavailableError, NotFoundError, UnauthenticatedError
from burgee.model.flag import DEFAULT_FLAG_SET
from burgee.service.access import Identity
from burgee.service.services import Services
from burgee.surfaces.http.authentication import identify, require_json, require_same_origin
from burgee.surfaces.http.bodies import CEILING, read_body
from burgee.surfaces.http.cors import NO_CORS, Cors
from burgee.surfaces.http.exchange import Answer, Call, ParameterValue
from burgee.surfaces.http.metering import address_of, spend
from burgee.surfaces.http.operation import ANY, JSON, Operation, Payload, Reach
from burgee.surfaces.http.parameters import read_parameters
from burgee.surfaces.http.preconditions import IF_NONE_MATCH, unless_unchanged, with_etag
from burgee.surfaces.http.problems import MethodNotAllowedError, UnsupportedMediaTypeError
from burgee.surfaces.http.refusal_notes import SUBJECT

FLAG_SET = "flagSet"
"""The parameter that names the flag set an identity must be allowed to touch."""

ERROR_ANSWER = "burgee.error_answer"
"""The key in the ASGI scope under which a path with errors of its own leaves what writes them."""


class Pools(msgspec.Struct, frozen=True, kw_only=True):
    """How many handlers may run at once: writers wait for one lock, and must not starve the readers.

    `leases` is for calls that wait for their part of the request budget.
    """

    reads: anyio.CapacityLimiter
    writes: anyio.CapacityLimiter
    leases: anyio.CapacityLimiter


class Resource:
    """An ASGI application for one path; `public_origin` is ours as browsers see it, "" to go by Host.

    `public_base_path` is what a proxy takes off the paths that browsers see, "" to go by what a gateway says.
    `cors` knows the other origins whose pages may write with a cookie.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        services: Services,
        *,
        pools: Pools,
        public_origin: str,
        public_base_path: str = "",
        cors: Cors = NO_CORS,
    ) -> None:
        self._cors = cors
        self._operations = {operation.method: operation for operation in operations}
        self._allowed = tuple(sorted({*self._operations, *(["HEAD"] if "GET" in self._operations else [])}))
        self._dialect = operations[0].dialect
        self._is_public = all(operation.permission is None for operation in operations)
        self._services = services
        self._pools = pools
        self._public_origin, self._public_base_path = public_origin, public_base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or raise an error of `burgee.errors` before anything was sent."""
        method = scope["method"]
        if self._dialect is not None:
            words = self._dialect.error_answer
            scope[ERROR_ANSWER] = lambda error: words(error, self._services, Headers(scope=scope))
        operation = self._operations.get("GET" if method == "HEAD" else method)
        scope["burgee.operation"] = operation.name if operation is not None else ""
        if self._dialect is not None:
            self._require_known_origin(scope, Headers(scope=scope))
        if operation is None:
            raise MethodNotAllowedError(self._allowed)
        call = await self._admit(operation, scope, receive)
        pool = self._pools.writes if operation.is_unsafe else self._pools.reads
        answer = await anyio.to_thread.run_sync(operation.handler, call, limiter=pool)
        if IF_NONE_MATCH in operation.parameters:
            answer = unless_unchanged(with_etag(answer), call)
        if self._public_base_path:
            answer = _below(answer, self._public_base_path)
        await send_answer(answer, send, without_body=method == "HEAD")

    async def _admit(self, operation: Operation, scope: Scope, receive: Receive) -> Call:
        headers = Headers(scope=scope)
        try:
            identity = self._require_known_or_rare(operation, scope, headers)
        except KeysUnavailableError:
            # The keys may be on their way: only who shows a token that we cannot judge yet waits for them.
            await anyio.to_thread.run_sync(self._services.access.await_keys)
            identity = self._require_known_or_rare(operation, scope, headers)
        parameters = _parameters(operation, scope, headers)
        if identity is not None and operation.permission is not None:
            fallback = DEFAULT_FLAG_SET if operation.reach is Reach.DEFAULT else None
            named = str(parameters[FLAG_SET]) if FLAG_SET in parameters else fallback
            if named is not None or operation.reach is Reach.NAMED:
                self._services.access.require(identity, operation.permission, named)
            self._services.budget.admit_caller(identity.subject)
            if operation.is_metered:
                await spend(self._services.budget.management, self._pools.leases)
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
            client=str(scope["client"][0]) if scope.get("client") else msgspec.UNSET,
            base_path=self._public_base_path or scope.get("burgee.base_path", ""),
        )

    def _require_known_or_rare(self, operation: Operation, scope: Scope, headers: Headers) -> Identity | None:
        """The identity that may; calls that nobody answers for are only counted by where they come from."""
        try:
            identity = self._require_right(operation, scope, headers)
        except UnauthenticatedError:
            self._services.budget.admit_stranger(address_of(scope))
            raise
        if identity is None:
            self._services.budget.admit_stranger(address_of(scope))
        return identity

    def _require_right(self, operation: Operation, scope: Scope, headers: Headers) -> Identity | None:
        if operation.permission is None:
            if operation.is_unsafe:
                require_same_origin(headers, origin=self._origin(scope, headers), allow_absent=True)
            return None
        identity, is_ambient = identify(
            self._services.access,
            headers,
            shared_cookie=self._services.session_cookie,
            is_https=self._origin(scope, headers).startswith("https:"),
        )
        scope[SUBJECT] = identity.subject if identity is not None else ""
        within = identity.flag_sets[0] if identity is not None and identity.flag_sets else None
        self._services.access.require(identity, operation.permission, within)
        if is_ambient and operation.is_unsafe:
            ours = self._origin(scope, headers)
            require_same_origin(headers, origin=ours, is_allowed=self._cors.is_allowed)
            require_json(headers, operation.payload.media_types if operation.payload else (JSON,))
        return identity

    def _require_known_origin(self, scope: Scope, headers: Headers) -> None:
        """Refuse pages of other sites whatever they ask for, as source APIs do, where some are allowed.

        Raises OriginRefusedError.
        """
        if self._cors.is_on and not self._is_public and "origin" in headers:
            ours = self._origin(scope, headers)
            require_same_origin(headers, origin=ours, is_allowed=self._cors.is_allowed)

    def _origin(self, scope: Scope, headers: Headers) -> str:
        return self._public_origin or f"{scope.get('scheme', 'http')}://{headers.get('host', '')}"


def _parameters(operation: Operation, scope: Scope, headers: Headers) -> dict[str, ParameterValue]:
    path: Mapping[str, str] = scope.get("path_params", {})
    may_end_in_slash = operation.dialect is not None
    if not _is_written_as(operation.path, scope.get("raw_path", b""), may_end_in_slash=may_end_in_slash):
        # Decoded, it would be another path; no key contains a slash, so nothing can be there.
        raise NotFoundError("there is nothing at this path")
    return read_parameters(
        operation.parameters,
        path=path,
        query=scope["query_string"],
        headers=headers,
        is_strict=operation.dialect is None,
    )


def _is_written_as(template: str, raw_path: bytes, *, may_end_in_slash: bool) -> bool:
    """Whether a path has the segments of `template`, and a slash only in a targeting key, as %2F."""
    if not raw_path:
        return True
    path = raw_path.partition(b"?")[0].lower()
    names, sent = template.split("/"), (path.removesuffix(b"/") if may_end_in_slash else path).split(b"/")
    return len(names) == len(sent) and not any(
        b"%2f" in segment and name != "{targetingKey}" for name, segment in zip(names, sent, strict=True)
    )


def _below(answer: Answer, base_path: str) -> Answer:
    """With the place that it sends to where clients find it: behind a proxy that takes `base_path` off."""
    if answer.header("location") is None:
        return answer
    headers = tuple(
        (name, base_path + value if name.lower() == "location" and value.startswith("/") else value)
        for name, value in answer.headers
    )
    return msgspec.structs.replace(answer, headers=headers)


def _media_type(payload: Payload, headers: Headers) -> str:
    lines = headers.getlist("content-type")
    media_type, _, rest = (lines[0] if len(lines) == 1 else "").partition(";")
    media_type = media_type.strip().lower()
    charset = rest.strip().lower().replace('"', "")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if ANY in payload.media_types and encoding == "identity":
        return media_type
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
