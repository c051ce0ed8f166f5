"""A Burgee server and an nginx for the HTTP benches, pinned to one core, and what they cost in CPU."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
SERVER_CORE, CLIENT_CORE = "0", "1"


class Running(NamedTuple):
    """A server: where it listens, its process, and a token for writing."""

    url: str
    pid: int
    token: str = ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def missing_tools() -> list[str]:
    """The programs that the HTTP benches need and that are not installed."""
    return [tool for tool in ("wrk", "nginx", "taskset") if shutil.which(tool) is None]


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and of the children that it still has."""
    total = 0.0
    for each in [pid, *_children(pid)]:
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *_children(int(child))]
    return found


@contextmanager
def burgee(root: Path, folder: Path) -> Iterator[Running]:
    """A server with one worker on one core, with an empty data folder."""
    python = str(root / ".venv" / "bin" / "python")
    port, operations = free_port(), free_port()
    data = folder / "data"
    command = ["taskset", "-c", SERVER_CORE, python, "-m", "burgee", "serve", "--data", str(data)]
    command += ["--port", str(port), "--ops-port", str(operations)]
    # What is measured is the server, not its request budget of 1,000 calls a minute.
    environment = {**os.environ, "BURGEE_BUDGET_LIMIT": "1000000000"}
    process = subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait(f"http://127.0.0.1:{operations}/readyz")
        create = [
            python,
            "-m",
            "burgee",
            "token",
            "create",
            "--role",
            "admin",
            "--subject",
            "bench",
            "--ttl",
            "1h",
        ]
        token = subprocess.run(
            [*create, "--data", str(data)], cwd=root, check=True, capture_output=True, text=True
        )
        yield Running(f"http://127.0.0.1:{port}", process.pid, token.stdout.strip())
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


@contextmanager
def nginx(folder: Path, body: bytes) -> Iterator[Running]:
    """nginx with one worker on the same core, answering every POST with constant bytes."""
    port = free_port()
    config = folder / "nginx.conf"
    text = body.decode().replace("\\", "\\\\").replace("'", "\\'")
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{ worker_connections 1024; }}\n"
        f"http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder};\n"
        f"proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{text}'; }} }} }}\n"
    )
    command = ["taskset", "-c", SERVER_CORE, "nginx", "-c", str(config), "-p", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait(f"http://127.0.0.1:{port}/")
        yield Running(f"http://127.0.0.1:{port}", process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _wait(url: str) -> None:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        try:
            urllib.request.urlopen(url, timeout=2).read()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"{url} does not answer")


def call(
    running: Running, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[bytes, dict[str, str]]:
    """One request to a server, with its token; body and headers of the answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(running.url + path, data=data, method=method)
    request.add_header("Content-Type", "application/json")
    if running.token:
        request.add_header("Authorization", f"Bearer {running.token}")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read(), dict(answer.headers.items())


def status(running: Running, method: str, path: str, body: Any, headers: dict[str, str]) -> int:
    """The status that a request is answered with, whichever it is."""
    try:
        call(running, method, path, body, headers)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def load(
    running: Running,
    path: str,
    body: bytes,
    *,
    seconds: float,
    folder: Path,
    headers: dict[str, str] | None = None,
) -> dict[str, float]:
    """wrk with 64 connections from the other core: requests per second and per CPU second of the server."""
    script = folder / "request.lua"
    lines = [
        'wrk.method = "POST"',
        f"wrk.body = {_lua(body.decode())}",
        'wrk.headers["Content-Type"] = "application/json"',
    ]
    lines += [f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in (headers or {}).items()]
    script.write_text("\n".join(lines))
    before = cpu_seconds(running.pid)
    command = [
        "taskset",
        "-c",
        CLIENT_CORE,
        "wrk",
        "-t1",
        "-c64",
        f"-d{seconds:g}s",
        "--latency",
        "-s",
        str(script),
        running.url + path,
    ]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 60).stdout
    spent = cpu_seconds(running.pid) - before
    if "Socket errors" in printed:
        raise AssertionError(printed)
    if "Non-2xx" in printed:
        raise AssertionError(printed)
    requests = int(printed.split(" requests in ")[0].rsplit(None, 1)[-1])
    percentiles = {
        line.split()[0]: line.split()[1]
        for line in printed.splitlines()
        if line.strip().startswith(("50%", "99%"))
    }
    return {
        "per_cpu_second": requests / max(spent, 0.001),
        "per_second": requests / seconds,
        "p50": _microseconds(percentiles["50%"]),
        "p99": _microseconds(percentiles["99%"]),
    }


def _microseconds(text: str) -> float:
    for unit, factor in (("us", 1), ("ms", 1e3), ("s", 1e6)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


def _lua(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
