"""The HTTP application: the route table, behind the envelope that every answer wears."""

import uuid
from collections.abc import Callable, Sequence
from itertools import groupby

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Lifespan

from burgee.errors import NotFoundError
from burgee.service.services import Services
from burgee.surfaces.http.cors import NO_CORS, Cors
from burgee.surfaces.http.envelope import Envelope
from burgee.surfaces.http.operation import Operation
from burgee.surfaces.http.problems import MethodNotAllowedError
from burgee.surfaces.http.resource import Pools, Resource
from burgee.surfaces.http.routes import OPERATIONS
from burgee.surfaces.http.whole_path import whole_path


def build_app(
    services: Services,
    *,
    evaluation_routes: Sequence[BaseRoute] = (),
    operations: Sequence[Operation] = OPERATIONS,
    public_url: str = "",
    new_request_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    log_requests: bool = False,
    lifespan: Lifespan[Starlette] | None = None,
    cors: Cors = NO_CORS,
) -> Starlette:
    """Everything that answers on the HTTP port.

    `operations` is the route table, or a part of it. `evaluation_routes` are OFREP and its streams, tried
    first. `public_url` is the address that browsers use where a proxy stands in front, "" where they come
    straight to us. `cors` knows who else's pages may write with a cookie; the headers are those of
    `CorsLayer`, around whatever answers in the end.
    """
    pools = Pools(
        reads=anyio.CapacityLimiter(16), writes=anyio.CapacityLimiter(8), leases=anyio.CapacityLimiter(8)
    )
    origin = "/".join(public_url.split("/")[:3])
    base_path = public_url.removeprefix(origin).rstrip("/")
    by_path = groupby(sorted(operations, key=lambda o: o.path), key=lambda o: o.path)
    resources = [
        _route(
            path,
            tuple(those),
            services,
            pools=pools,
            public_origin=origin,
            public_base_path=base_path,
            cors=cors,
        )
        for path, those in by_path
    ]
    app = Starlette(
        routes=[*evaluation_routes, *resources],
        middleware=[
            Middleware(
                Envelope,
                limits=services.limits,
                refusals=services.refusals,
                new_request_id=new_request_id,
                log_requests=log_requests,
                is_https=origin.startswith("https:"),
            )
        ],
        exception_handlers={HTTPException: _as_ours},
        lifespan=lifespan,
    )
    # Another path is another thing: no redirect may carry a request to where it was not sent.
    app.router.redirect_slashes = False
    return app


def _route(
    path: str,
    operations: tuple[Operation, ...],
    services: Services,
    *,
    pools: Pools,
    public_origin: str,
    public_base_path: str,
    cors: Cors,
) -> Route:
    resource = Resource(
        operations,
        services,
        pools=pools,
        public_origin=public_origin,
        public_base_path=public_base_path,
        cors=cors,
    )
    # Of all parameters only a targeting key may hold a slash.
    route = Route(path.replace("{targetingKey}", "{targetingKey:path}"), resource)
    return whole_path(route, may_end_in_slash=operations[0].dialect is not None)


def _as_ours(_: Request, error: Exception) -> Response:
    """Turn the router's refusals into errors that the envelope answers as problems."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        raise MethodNotAllowedError(tuple(sorted(method.strip() for method in allowed.split(","))))
    raise NotFoundError("there is nothing at this path")
