"""`burgee serve`: bind, take the data folder, and serve in one process or in several."""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import msgspec

from burgee.adapters.data_folder import open_data_folder
from burgee.entrypoints.serving import serve_node
from burgee.entrypoints.supervisor import Supervisor, WorkerSpec
from burgee.errors import BurgeeError, ConfigurationError
from burgee.settings import Settings
from burgee.surfaces.http.cors import Cors
from burgee.surfaces.http.counters import Counters, SharedCounters


def serve(settings: Settings) -> int:
    """Serve until told to stop; the exit status.

    Raises ConfigurationError where an address cannot be listened on, StoreRefusedError where another
    server has the data folder.
    """
    if settings.is_memory and settings.workers > 1:
        raise ConfigurationError("BURGEE_WORKERS: several workers share a data folder; memory holds only one")
    for warning in Cors.from_text(settings.cors_origins).warnings:
        _say(f"BURGEE_CORS_ORIGINS: {warning}")
    with contextlib.ExitStack() as stack:
        folder = None if settings.is_memory else open_data_folder(settings.data)
        lock = stack.enter_context(folder.lock()) if folder else None
        http = stack.enter_context(_listening(settings.host, settings.port, "BURGEE_PORT"))
        operations = stack.enter_context(_listening(settings.ops_host, settings.ops_port, "BURGEE_OPS_PORT"))
        url = _address(http)
        if folder and lock:
            lock.announce(url)
            stack.enter_context(_announced(folder.server, url, _address(operations)))
        counters = SharedCounters.create(2 * settings.workers + 2)
        if settings.workers == 1:
            return serve_node(
                settings, Counters(counters, 0), http=http, operations=operations, url=url, greet=True
            )

        def make(number: int, slot: int, ready_fd: int, greet: bool) -> WorkerSpec:
            return WorkerSpec(
                settings=_mapping(settings),
                slot=slot,
                writes=number == 0,
                http_fd=http.fileno(),
                operations_fd=operations.fileno(),
                counters_fd=counters.descriptor,
                ready_fd=ready_fd,
                url=url,
                greet=greet,
            )

        inherited = [http.fileno(), operations.fileno(), counters.descriptor]
        inherited += [lock.descriptor] if lock else []
        supervisor = Supervisor(
            settings.workers, make=make, counters=counters, descriptors=inherited, say=_say
        )
        return supervisor.run(lambda: None)


def _mapping(settings: Settings) -> dict[str, str]:
    """`settings` as a worker process reads them."""
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return {
        f"BURGEE_{name.upper()}": str(value.value if isinstance(value, Enum) else value)
        for name, value in values.items()
    }


def _listening(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise ConfigurationError(f"{setting}: cannot listen on {host}:{port}: {error.strerror}") from error
    listening.setblocking(False)
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def _announced(path: Path, url: str, ops_url: str) -> Iterator[None]:
    """`server.json`: where the server of this folder is, for the command line; none on a full disk."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode({"pid": os.getpid(), "url": url, "opsUrl": ops_url}))
    except OSError as error:
        _say(f"{path} cannot be written: {error.strerror}; the server starts without it")
        _remove(path)
    try:
        yield
    finally:
        _remove(path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _say(message: str) -> None:
    print(f"burgee: {message}", file=sys.stderr, flush=True)


def main() -> int:
    """Serve with the settings of the environment."""
    try:
        return serve(Settings.from_mapping(os.environ))
    except BurgeeError as error:
        _say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
