"""Who may do what, as text: `python -m burgee.testing.role_matrix` prints it from the route table.

One line a route, one column for each kind of caller: `yes` may, `401` is nobody, `403` may not. The route
table says which permission a route asks for, `service/access.py` which role has it.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from burgee.service.access import PERMISSIONS, Permission, Role
from burgee.surfaces.http.ofrep import BULK_PATH, SINGLE_PATH, STREAM_PATH
from burgee.surfaces.http.routes import OPERATIONS

ANONYMOUS = "anonymous"
CALLERS = (ANONYMOUS, *(role.value for role in Role))
_VARIABLE = re.compile(r"\{(\w+)\}")


class GuardedRoute(NamedTuple):
    """A method on a path, and what it asks for; None is nothing."""

    method: str
    path: str
    permission: Permission | None


EVALUATION = (
    GuardedRoute("POST", BULK_PATH, Permission.EVALUATE),
    GuardedRoute("POST", SINGLE_PATH + "{key}", Permission.EVALUATE),
    GuardedRoute("GET", STREAM_PATH, Permission.EVALUATE),
    GuardedRoute("GET", STREAM_PATH + "/{selector}", Permission.EVALUATE),
)
"""The routes that answer before the table; a server that only its own machine reaches opens them to all."""


def routes() -> tuple[GuardedRoute, ...]:
    """Every route, in the order of the matrix."""
    table = [GuardedRoute(each.method, each.path, each.permission) for each in OPERATIONS]
    return tuple(sorted([*table, *EVALUATION], key=lambda route: (route.path, route.method)))


def decision(permission: Permission | None, caller: str) -> str:
    """What a route that asks for `permission` says to `caller`."""
    if permission is None:
        return "yes"
    if caller == ANONYMOUS:
        return "401"
    return "yes" if permission in PERMISSIONS[Role(caller)] else "403"


def concrete(path: str, names: Mapping[str, str]) -> str:
    """`path` with its variables filled in; those that `names` does not have become `banner`."""
    return _VARIABLE.sub(lambda match: names.get(match[1], "banner"), path)


def role_matrix() -> str:
    """The whole matrix."""
    rows = [
        (route.method, route.path, *(decision(route.permission, each) for each in CALLERS))
        for route in routes()
    ]
    return "\n".join(_lines([("method", "path", *CALLERS), *rows])) + "\n"


def _lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


if __name__ == "__main__":
    sys.stdout.write(role_matrix())
