"""The operations listener: is it alive, is it ready, what has it counted."""

from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from burgee import __version__
from burgee.service.refresh import Refresher
from burgee.surfaces.http.counters import PID, REVISION, Counters
from burgee.surfaces.http.metrics import TotalsCollector

PROMETHEUS = "text/plain; version=1.0.0; charset=utf-8"


def operations_app(refresher: Refresher, counters: Counters, *, draining: Callable[[], bool]) -> Starlette:
    """`/healthz`, `/readyz` and `/metrics`.

    Ready means that a catalogue is loaded, which it is before the first connection is accepted; a store
    that is lost afterwards shows as `stale`, and evaluation goes on. Only draining ends readiness.
    """
    registry = CollectorRegistry()
    registry.register(TotalsCollector(counters.shared))

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        counters.flush()
        status = refresher.status()
        ready = not draining()
        body = {
            "status": "ready" if ready else "draining",
            "version": __version__,
            "revisions": status.revisions,
            "snapshotAgeSeconds": status.snapshot_age_seconds,
            "hash": status.hash,
            "readOnly": status.read_only,
            "stale": status.stale,
            "message": status.message,
            "workers": [{"pid": row[PID], "revision": row[REVISION]} for row in counters.shared.living()],
        }
        return JSONResponse(body, status_code=200 if ready else 503)

    async def metrics(_: Request) -> Response:
        counters.flush()
        return Response(generate_latest(registry), media_type=PROMETHEUS)

    routes: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/healthz", healthz),
        ("/readyz", readyz),
        ("/metrics", metrics),
    ]
    app = Starlette(routes=[Route(path, endpoint) for path, endpoint in routes])
    app.router.redirect_slashes = False
    return app
