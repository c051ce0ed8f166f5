"""The `burgee` command."""

import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from burgee.surfaces.cli.command_line import run
from burgee.surfaces.cli.environment import Environment, MigrationOrder, Target

if TYPE_CHECKING:
    import httpx

    from burgee.ports.migration import Move


def main() -> None:
    """Run the command line of this process and end it with its exit code."""
    environment = Environment(connect=_connect, serve=_serve, clock=time.time, migration=_migration)
    sys.exit(run(sys.argv[1:], environment))


# What costs time to import is imported by the command that needs it: help and completion stay quick.


def _serve(options: Mapping[str, str]) -> int:
    import os

    from burgee.entrypoints.server import serve
    from burgee.settings import Settings

    return serve(Settings.from_mapping({**os.environ, **options}))


def _connect(target: Target) -> AbstractContextManager["httpx.Client"]:
    from burgee.entrypoints.connection import connect

    return connect(target)


def _migration(order: MigrationOrder) -> AbstractContextManager["Move"]:
    import os

    from burgee.entrypoints.migration import open_migration
    from burgee.settings import Settings

    settings = Settings.from_mapping({**os.environ, "BURGEE_DATA": order.data})
    return open_migration(
        settings,
        source=order.source,
        target=order.target,
        hatton_table=order.hatton_table,
    )
