"""What the commands need from outside: a way to the flags, a server to start, the time."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    import httpx

    from burgee.ports.migration import Move

DEFAULT_DATA = "./burgee-data"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where the flags are: a data folder, or a server at `url` that wants `token`."""

    data: str = DEFAULT_DATA
    url: str = ""
    token: str = ""


class MigrationOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be moved where; `data` is the data folder where one of them is SQLite."""

    source: str
    target: str
    data: str
    hatton_table: str


def _no_migration(_: MigrationOrder) -> AbstractContextManager["Move"]:
    raise NotImplementedError("this environment moves no stores")


# The type of the client is a string: httpx costs 60 ms to import, and `burgee --help` needs none.
Connect: TypeAlias = "Callable[[Target], AbstractContextManager[httpx.Client]]"


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """Handed in by the entry point.

    `connect` opens a client that speaks the management API and OFREP, signed in, whatever stands behind
    it. `serve` takes settings by name (`BURGEE_PORT`) and returns an exit code when the server has ended.
    """

    connect: Callable[[Target], AbstractContextManager["httpx.Client"]]
    serve: Callable[[Mapping[str, str]], int]
    clock: Callable[[], float]
    migration: Callable[[MigrationOrder], AbstractContextManager["Move"]] = _no_migration
    """Opens both stores of a migration."""
