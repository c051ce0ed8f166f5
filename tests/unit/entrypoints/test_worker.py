"""A worker process: it serves what its supervisor said, in its slot, and says when it is ready."""

import ctypes
import io
import os
import signal
import socket
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from burgee.entrypoints import worker
from burgee.entrypoints.supervisor import WorkerSpec
from burgee.errors import ConfigurationError
from burgee.settings import Settings
from burgee.surfaces.http.counters import PID, Counters, SharedCounters

SLOT = 2


class Serving:
    """Stands in for `serve_node`; looks at what it gets while the sockets are open."""

    def __init__(self, counters: SharedCounters) -> None:
        self.counters = counters
        self.settings = Settings()
        self.options: dict[str, Any] = {}
        self.ports: list[int] = []
        self.hang_up: Any = None

    def __call__(self, settings: Settings, counters: Counters, **options: Any) -> int:
        self.settings, self.options = settings, options
        self.hang_up = signal.getsignal(signal.SIGHUP)
        for name in ("http", "operations"):
            with options[name] as listening:
                self.ports.append(listening.getsockname()[1])
        counters.flush()
        options["on_ready"]()
        return 3


@pytest.fixture
def prctl(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What the kernel is asked for; asked in earnest, it would end pytest together with its parent."""
    asked: list[tuple[int, int]] = []
    library = SimpleNamespace(prctl=lambda *arguments: asked.append(arguments))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    return asked


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch, prctl: list[tuple[int, int]]) -> Iterator[Serving]:
    stand_in = Serving(SharedCounters.create(SLOT + 1))
    monkeypatch.setattr(worker, "serve_node", stand_in)
    before = signal.getsignal(signal.SIGHUP)
    yield stand_in
    signal.signal(signal.SIGHUP, before)


def run(serving: Serving, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> tuple[int, WorkerSpec, bytes]:
    """The status of a worker that is told of two new sockets, what it was told, and what it said."""
    http, operations = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    ready, said = os.pipe()
    fields: dict[str, Any] = {
        "settings": {"BURGEE_STREAMS": "7", "BURGEE_WORKERS": "3"},
        "slot": SLOT,
        "writes": True,
        "http_fd": http.detach(),
        "operations_fd": operations.detach(),
        "counters_fd": serving.counters.descriptor,
        "ready_fd": said,
        "url": "http://h:1",
    }
    spec = WorkerSpec(**{**fields, **changes})
    told = SimpleNamespace(buffer=io.BytesIO(msgspec.json.encode(spec)))
    monkeypatch.setattr(sys, "stdin", told)
    os.set_blocking(ready, False)
    with os.fdopen(ready, "rb") as pipe:
        return worker.main(), spec, pipe.read()


def test_a_worker_serves_with_the_settings_that_it_is_told(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, _, _ = run(serving, monkeypatch)
    assert status == 3
    assert serving.settings == Settings(streams=7, workers=3)
    assert serving.options["several"] is True


@pytest.mark.parametrize("name", ["writes", "greet"])
@pytest.mark.parametrize("value", [True, False])
def test_only_some_workers_write_or_greet(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, name: str, value: bool
) -> None:
    run(serving, monkeypatch, **{name: value})
    assert serving.options[name] is value
    assert serving.options["url"] == "http://h:1"


def test_each_listener_gets_its_own_socket(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    http, operations = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    ports = [http.getsockname()[1], operations.getsockname()[1]]
    run(serving, monkeypatch, http_fd=http.detach(), operations_fd=operations.detach())
    assert serving.ports == ports


def test_a_worker_counts_in_its_own_slot(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    run(serving, monkeypatch)
    pids = [serving.counters.slot(number)[PID] for number in range(SLOT + 1)]
    assert pids == [0, 0, os.getpid()]


def test_a_worker_says_that_it_is_ready_once_and_closes_the_pipe(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, spec, said = run(serving, monkeypatch)
    assert said == b"r"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(spec.ready_fd, b"r")


def test_a_worker_ends_with_its_supervisor_but_not_with_its_terminal(
    serving: Serving, prctl: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(serving, monkeypatch)
    assert prctl == [(1, signal.SIGTERM)]  # PR_SET_PDEATHSIG
    assert serving.hang_up is signal.SIG_IGN


def test_a_worker_that_is_told_nothing_serves_nothing(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    with pytest.raises(msgspec.DecodeError):
        worker.main()
    assert serving.options == {}


def test_a_worker_with_bad_settings_is_never_ready(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError):
        run(serving, monkeypatch, settings={"BURGEE_STREAMS": "many"})
    assert serving.options == {}
