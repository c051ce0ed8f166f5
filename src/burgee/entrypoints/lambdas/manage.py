"""The management function: the native API and the dialects behind API Gateway, built once a cold start.

Invoked directly it gives operators a way in (`operator.py`).
"""

import contextlib
import logging
import os
import time
from collections.abc import Mapping
from typing import Any

from burgee.adapters.aws.emf import Emf
from burgee.bootstrap import open_application
from burgee.entrypoints.lambdas.operator import is_operator, operator_answer
from burgee.errors import ConfigurationError, UnavailableError
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.cors import Cors, CorsLayer
from burgee.surfaces.http.function import HttpFunction, problem_for

_log = logging.getLogger("burgee.manage")


class Manage:
    """Serves events for the life of a sandbox.

    Nothing runs between two events, where the process is frozen: each event looks at the store first, and
    what has come together in memory is written before its answer leaves. Raises ConfigurationError; a store
    that is away is no reason not to start: events are answered 503 until it is back.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._settings = Settings.from_mapping(environment)
        self._stack = contextlib.ExitStack()
        self._emf = Emf(environment.get("AWS_LAMBDA_FUNCTION_NAME", "manage"), clock=time.time)
        self._services: Services | None = None
        self._http: HttpFunction | None = None
        self._open()

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        """The answer to one event."""
        answer = self._answer(event, context)
        self._emf.answered(int(answer["statusCode"]))
        return answer

    def close(self) -> None:
        """Close what was opened; Lambda itself never asks for it."""
        self._stack.close()

    def _answer(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        if self._http is None or self._services is None:
            self._open()
        else:
            _look(self._services)
        if self._http is None or self._services is None:
            return problem_for(event, 503, "the store cannot answer now", (b"retry-after", b"1"))
        if is_operator(event):
            request_id = str(getattr(context, "aws_request_id", ""))
            answer = operator_answer(self._services.access, event, request_id=request_id)
        else:
            answer = self._http(event, context)
        self._services.flush()
        return answer

    def _open(self) -> None:
        try:
            services = self._stack.enter_context(open_application(self._settings, threads=False))
        except ConfigurationError:
            raise
        except UnavailableError as error:
            _log.warning("manage.not_opened", extra={"problem": str(error)})
            return
        cors = Cors.from_text(self._settings.cors_origins)
        app = build_app(services, public_url=self._settings.public_url, cors=cors)
        http = CorsLayer(app, cors) if cors.is_on else app
        settings = self._settings
        function = HttpFunction(http, limits=settings.limits, public_url=settings.public_url)
        self._services, self._http = services, function


def _look(services: Services) -> None:
    """Learn what other sandboxes have changed: this one may have been frozen for hours."""
    services.access.await_keys()
    services.budget.follow()
    services.refresher.poll()
    services.overrides.subjects.catch_up()


_manage: Manage | None = None
if "AWS_LAMBDA_RUNTIME_API" in os.environ:  # on Lambda: initialisation has more of a CPU than an event gets
    _manage = Manage(os.environ)


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """What Lambda calls."""
    global _manage
    if _manage is None:
        _manage = Manage(os.environ)
    return _manage(event, context)
