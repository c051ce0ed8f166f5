"""One operation of the HTTP API, described once: routing, checks and OpenAPI all read this description."""

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeAlias

import msgspec
from starlette.datastructures import Headers

from burgee.model.json import JsonObject
from burgee.service.access import Permission
from burgee.service.services import Services
from burgee.surfaces.http.exchange import Answer, Call
from burgee.surfaces.http.parameters import Parameter

JSON = "application/json"
YAML = "application/yaml"
MERGE_PATCH = "application/merge-patch+json"
PROBLEM = "application/problem+json"
HTML = "text/html"
CSV = "text/csv"
FORM = "application/x-www-form-urlencoded"

Schema: TypeAlias = type | JsonObject
"""A msgspec type, from which the JSON schema is generated, or a JSON schema as it is."""

Handler: TypeAlias = Callable[[Call], Answer]
"""A plain function that runs in a worker thread (stores block) and raises errors of `burgee.errors`."""


ErrorAnswer: TypeAlias = Callable[[Exception, Services, Headers], Answer]
"""Words an error for a client, who sent these headers."""

ANY = "*/*"
"""Among the media types of a payload: the body is read whatever Content-Type says."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How a source API differs on the wire, on all its paths.

    A path may end in a slash, query parameters that are not declared are passed over, and errors are
    written by `error_answer`, with bodies of `error_schema`.
    """

    error_answer: ErrorAnswer
    error_schema: type


class Ceiling(Enum):
    """Which limit of `burgee.model.limits` bounds a request body, as the name of its field."""

    BODY = "body_bytes"
    IMPORT = "import_bytes"


class Reach(Enum):
    """Which flag sets a caller must reach where its identity is bound to some of them."""

    NAMED = "the set that the request names; all of them where it names none"
    DEFAULT = "the set that the request names; the default set where it names none"
    OWN = "the set that the request names; where it names none, the handler keeps to those in reach"


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """A request body: its schema, the media types accepted, its ceiling and one example."""

    schema: Any
    media_types: tuple[str, ...] = (JSON,)
    ceiling: Ceiling = Ceiling.BODY
    required: bool = True
    example: Any = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A documented answer; `schema` None is an answer without a body."""

    status: int
    description: str
    schema: Any = None
    media_type: str = JSON
    headers: tuple[str, ...] = ()


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A method on a path. `permission` None means, explicitly, that anybody may call it.

    `problems` are the statuses of the problem documents that it may answer beyond those that follow from
    its permission, parameters and payload. `is_metered` says whether a call costs one of the request budget;
    an operation that anybody may call never does.
    """

    name: str
    method: str
    path: str
    permission: Permission | None
    handler: Handler
    summary: str
    tag: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    payload: Payload | None = None
    replies: tuple[Reply, ...]
    problems: tuple[int, ...] = ()
    reach: Reach = Reach.NAMED
    is_metered: bool = True
    dialect: Dialect | None = None

    @property
    def is_unsafe(self) -> bool:
        """Whether the method may change something (RFC 9110, 9.2.1)."""
        return self.method not in ("GET", "HEAD")

    def all_problems(self) -> tuple[int, ...]:
        """Every status with which this operation may answer a problem document, ascending."""
        statuses = {*self.problems, 400, 429}
        if self.permission is not None:
            statuses |= {401, 403, 503}
        if self.payload is not None:
            statuses |= {413, 415}
        if self.permission is not None and self.is_unsafe:
            statuses |= {415}
        return tuple(sorted(statuses - {reply.status for reply in self.replies}))
