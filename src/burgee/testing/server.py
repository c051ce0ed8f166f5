"""A real server of its own for a test: its process, its addresses, a token, and its end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from burgee.adapters.local_key import load_signing_key
from burgee.adapters.tokens import RsaTokenSigner
from burgee.ports import TokenClaims

START_SECONDS = 30.0
STOP_SECONDS = 15.0
TOKEN_SECONDS = 3600


class Server:
    """A running server. `token` is an administrator's; `headers` carry it."""

    def __init__(self, process: "subprocess.Popen[str]", data: Path) -> None:
        self.process, self.data = process, data
        self.url = self.ops_url = self.token = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def client(self, **options: float) -> httpx.Client:
        """A client that is signed in."""
        return httpx.Client(base_url=self.url, headers=self.headers, **options)  # type: ignore[arg-type]

    def ready(self) -> dict[str, Any]:
        """What /readyz says."""
        return dict(httpx.get(f"{self.ops_url}/readyz", timeout=5).raise_for_status().json())

    def kill(self) -> None:
        """SIGKILL to the server and its workers, all at once."""
        self._signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def _signal(self, number: int) -> None:
        # The server leads a session of its own, so that this reaches its workers and nobody else.
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return


@contextmanager
def running_server(
    data: str | Path,
    *,
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
    command: Sequence[str] = ("burgee.entrypoints.server",),
) -> Iterator[Server]:
    """Start a server on `data` on free ports, wait until it is ready, and stop it at the end.

    `environment` adds BURGEE_ settings. Its output goes to `log`, else beside the folder. `command` is the
    module that Python runs, and its arguments.
    """
    folder = Path(data)
    output = log or folder.with_name(f"{folder.name}.log")
    output.parent.mkdir(parents=True, exist_ok=True)
    settings = {
        "BURGEE_DATA": str(folder),
        "BURGEE_HOST": "127.0.0.1",
        "BURGEE_PORT": "0",
        "BURGEE_OPS_PORT": "0",
        "BURGEE_WORKERS": str(workers),
        "BURGEE_BUDGET_LIMIT": "1000000000",  # tests send more than people do
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BURGEE_")}
    with output.open("a", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**inherited, **settings, **(environment or {})},
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
    server = Server(process, folder)
    try:
        _wait(server, output, workers)
        yield server
    finally:
        if process.poll() is None:
            server.stop()
        server._signal(signal.SIGKILL)  # workers that a killed supervisor may have left behind


def token(
    data: Path, *, role: str = "admin", seconds: float = TOKEN_SECONDS, flag_sets: tuple[str, ...] = ()
) -> str:
    """A token signed with the local key of a data folder."""
    now = int(time.time())
    claims = TokenClaims(
        subject="test", role=role, issued_at=now, expires_at=now + seconds, flag_sets=flag_sets
    )
    return RsaTokenSigner(load_signing_key(data / "signing-key.pem")).sign(claims)


def _wait(server: Server, output: Path, workers: int) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        if server.process.poll() is not None:
            break
        try:
            said = msgspec.json.decode((server.data / "server.json").read_bytes())
            server.url, server.ops_url = said["url"], said["opsUrl"]
            if said["pid"] == server.pid and len(server.ready()["workers"]) >= workers:
                server.token = token(server.data)
                return
        except (OSError, msgspec.DecodeError, httpx.HTTPError):
            pass
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start:\n{output.read_text(encoding='utf-8')}")
