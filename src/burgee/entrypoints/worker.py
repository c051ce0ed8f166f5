"""One worker process of several; its supervisor says on standard input what it shall serve."""

import ctypes
import os
import signal
import socket
import sys

import msgspec

from burgee.entrypoints.serving import serve_node
from burgee.entrypoints.supervisor import WorkerSpec
from burgee.settings import Settings
from burgee.surfaces.http.counters import Counters, SharedCounters

PR_SET_PDEATHSIG = 1


def main() -> int:
    """Serve until told to stop; a worker whose supervisor dies drains and ends too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    spec = msgspec.json.decode(sys.stdin.buffer.read(), type=WorkerSpec)

    def ready() -> None:
        os.write(spec.ready_fd, b"r")
        os.close(spec.ready_fd)

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # for the supervisor; a terminal sends it to all
    return serve_node(
        Settings.from_mapping(spec.settings),
        Counters(SharedCounters(spec.counters_fd), spec.slot),
        http=socket.socket(fileno=spec.http_fd),
        operations=socket.socket(fileno=spec.operations_fd),
        url=spec.url,
        writes=spec.writes,
        several=True,
        greet=spec.greet,
        on_ready=ready,
    )


if __name__ == "__main__":
    sys.exit(main())
