"""The `burgee` command."""

import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from burgee.surfaces.cli.command_line import run
from burgee.surfaces.cli.environment import Environment, Target

if TYPE_CHECKING:
    import httpx


def main() -> None:
    """Run the command line of this process and end it with its exit code."""
    sys.exit(run(sys.argv[1:], Environment(connect=_connect, serve=_serve, clock=time.time)))


# What costs time to import is imported by the command that needs it: help and completion stay quick.


def _serve(options: Mapping[str, str]) -> int:
    import os

    from burgee.entrypoints.server import serve
    from burgee.settings import Settings

    return serve(Settings.from_mapping({**os.environ, **options}))


def _connect(target: Target) -> AbstractContextManager["httpx.Client"]:
    from burgee.entrypoints.connection import connect

    return connect(target)
