"""`serve`: what is bound, locked and announced while a server runs, and nothing of it afterwards."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from burgee.adapters.data_folder import DataFolder, open_data_folder
from burgee.entrypoints import server
from burgee.entrypoints.supervisor import WorkerSpec
from burgee.errors import ConfigurationError, StoreRefusedError
from burgee.model.flag_set import FractionalGeneration
from burgee.settings import Settings
from burgee.surfaces.http.counters import Counters, SharedCounters


class Alone:
    """Stands in for `serve_node`; `meanwhile` runs while it serves."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], None] = lambda: None
        self.settings = Settings()
        self.options: dict[str, Any] = {}
        self.slots = 0

    def __call__(self, settings: Settings, counters: Counters, **options: Any) -> int:
        self.settings, self.options, self.slots = settings, options, counters.shared.slots
        self.meanwhile()
        return 4


class Several:
    """Stands in for the supervisor: keeps what it would tell two workers."""

    specs: list[WorkerSpec]
    count = 0
    counters: SharedCounters
    descriptors: list[int]

    def __init__(self, count: int, *, make: Callable[..., WorkerSpec], **rest: Any) -> None:
        Several.count, Several.counters, Several.descriptors = count, rest["counters"], rest["descriptors"]
        Several.specs = [make(0, 5, 90, True), make(1, 6, 91, False)]

    def run(self, on_ready: Callable[[], None]) -> int:
        on_ready()
        for descriptor in self.descriptors:
            os.fstat(descriptor)  # all are open while it runs
        return 7


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Alone:
    stand_in = Alone()
    monkeypatch.setattr(server, "serve_node", stand_in)
    monkeypatch.setattr(server, "Supervisor", Several)
    return stand_in


def settings_for(path: Path, **changes: Any) -> Settings:
    return msgspec.structs.replace(Settings(data=str(path / "data"), port=0, ops_port=0), **changes)


def said(folder: DataFolder) -> dict[str, Any]:
    return dict(msgspec.json.decode(folder.server.read_bytes()))


def url_of(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_one_worker_serves_in_this_process(tmp_path: Path, alone: Alone) -> None:
    settings = settings_for(tmp_path)
    assert server.serve(settings) == 4
    assert (alone.settings, alone.options["greet"], alone.slots) == (settings, True, 4)
    assert not {"several", "writes"} & alone.options.keys()


def test_the_folder_tells_where_its_server_is_only_while_it_runs(tmp_path: Path, alone: Alone) -> None:
    folder = open_data_folder(tmp_path / "data")
    looked: list[bool] = []

    def look() -> None:
        url, ops_url = url_of(alone.options["http"]), url_of(alone.options["operations"])
        holder = folder.lock_holder()
        assert holder is not None
        assert (holder.pid, holder.url, alone.options["url"]) == (os.getpid(), url, url)
        assert said(folder) == {"pid": os.getpid(), "url": url, "opsUrl": ops_url}
        assert folder.server.stat().st_mode & 0o777 == 0o600
        looked.append(True)

    alone.meanwhile = look
    server.serve(settings_for(tmp_path))
    assert looked == [True]
    assert folder.lock_holder() is None
    assert not folder.server.exists()


def test_what_a_killed_server_left_behind_is_replaced(tmp_path: Path, alone: Alone) -> None:
    folder = open_data_folder(tmp_path / "data")
    folder.server.write_text('{"pid": 1, "url": "http://old.example", "opsUrl": "' + "x" * 500)
    told: list[dict[str, Any]] = []
    alone.meanwhile = lambda: told.append(said(folder))
    server.serve(settings_for(tmp_path))
    assert told[0]["pid"] == os.getpid()


def a_folder(path: Path) -> None:
    path.mkdir()


def a_full_disk(path: Path) -> None:
    path.symlink_to("/dev/full")


@pytest.mark.parametrize(
    ("stand_there", "why"), [(a_folder, "Is a directory"), (a_full_disk, "No space left on device")]
)
def test_a_server_that_cannot_say_where_it_is_serves_all_the_same(
    tmp_path: Path,
    alone: Alone,
    capsys: pytest.CaptureFixture[str],
    stand_there: Callable[[Path], None],
    why: str,
) -> None:
    folder = open_data_folder(tmp_path / "data")
    stand_there(folder.server)
    seen: list[bool] = []
    alone.meanwhile = lambda: seen.append(folder.server.is_symlink() or folder.server.is_file())
    assert server.serve(settings_for(tmp_path)) == 4
    assert seen == [False]
    assert f"server.json cannot be written: {why}" in capsys.readouterr().err


def test_a_server_that_fails_lets_go_of_everything(tmp_path: Path, alone: Alone) -> None:
    def fail() -> None:
        raise RuntimeError

    alone.meanwhile = fail
    with pytest.raises(RuntimeError):
        server.serve(settings_for(tmp_path))
    folder = open_data_folder(tmp_path / "data")
    assert (folder.lock_holder(), folder.server.exists()) == (None, False)
    assert [alone.options[name].fileno() for name in ("http", "operations")] == [-1, -1]


def test_connections_are_queued_before_anything_serves(tmp_path: Path, alone: Alone) -> None:
    def call() -> None:
        for name in ("http", "operations"):
            socket.create_connection(alone.options[name].getsockname(), timeout=5).close()
            assert alone.options[name].getblocking() is False

    alone.meanwhile = call
    assert server.serve(settings_for(tmp_path)) == 4


def test_memory_has_no_folder(tmp_path: Path, alone: Alone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert server.serve(settings_for(tmp_path, data=":memory:")) == 4
    assert list(tmp_path.iterdir()) == []


def test_memory_is_not_shared_by_workers(alone: Alone) -> None:
    with pytest.raises(ConfigurationError, match="BURGEE_WORKERS"):
        server.serve(Settings(data=":memory:", workers=2))


@pytest.mark.parametrize(("field", "setting"), [("port", "BURGEE_PORT"), ("ops_port", "BURGEE_OPS_PORT")])
def test_a_port_that_is_taken_is_named_and_the_folder_is_free_again(
    tmp_path: Path, alone: Alone, field: str, setting: str
) -> None:
    with (
        taken_port() as port,
        pytest.raises(ConfigurationError, match=f"^{setting}: .*:{port}: Address already"),
    ):
        server.serve(settings_for(tmp_path, **{field: port}))
    assert alone.options == {}
    assert server.serve(settings_for(tmp_path)) == 4


def test_a_host_that_is_not_ours_is_refused(tmp_path: Path, alone: Alone) -> None:
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1"):
        server.serve(settings_for(tmp_path, host="192.0.2.1"))


def test_a_folder_in_use_is_left_alone(tmp_path: Path, alone: Alone) -> None:
    folder = open_data_folder(tmp_path / "data")
    with folder.lock("http://first.example"), pytest.raises(StoreRefusedError, match=r"first\.example"):
        server.serve(settings_for(tmp_path))
    assert not folder.server.exists()


@pytest.mark.parametrize(
    ("host", "start"),
    [("127.0.0.1", "http://127.0.0.1:"), ("localhost", "http://127.0.0.1:"), ("::1", "http://[::1]:")],
)
def test_the_address_is_one_that_clients_can_use(tmp_path: Path, alone: Alone, host: str, start: str) -> None:
    if host == "::1" and not Path("/proc/net/if_inet6").exists():
        pytest.skip("no IPv6 here")
    server.serve(settings_for(tmp_path, host=host))
    assert alone.options["url"].startswith(start)


def test_several_workers_share_what_one_process_has_opened(tmp_path: Path, alone: Alone) -> None:
    assert server.serve(settings_for(tmp_path, workers=3)) == 7
    first, second = Several.specs
    assert alone.options == {}
    assert (Several.count, Several.counters.slots) == (3, 8)
    assert (first.slot, first.ready_fd, first.greet, first.writes) == (5, 90, True, True)
    assert (second.slot, second.ready_fd, second.greet, second.writes) == (6, 91, False, False)
    assert {first.http_fd, first.operations_fd, first.counters_fd} < set(Several.descriptors)
    assert len(set(Several.descriptors)) == 4  # and the lock of the folder


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"host": "::1", "ops_host": "localhost", "fractional": FractionalGeneration.V3},
        {
            "public_key": "-----BEGIN PUBLIC KEY-----\nMII\n-----END PUBLIC KEY-----\n",
            "signing_key": "a b.pem",
        },
        {"public_url": "https://flags.example/a", "token_leeway_seconds": 60, "streams": 1, "connections": 2},
        {"url": "http://h:1", "token": "t"},
        {"data": " a folder with spaces "},
    ],
)
def test_a_worker_reads_the_settings_of_its_server(changes: dict[str, Any]) -> None:
    settings = Settings(**{"workers": 2, **changes})
    assert Settings.from_mapping(server._mapping(settings)) == settings


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [("BURGEE_PORT", "0", 4), ("BURGEE_PORT", "no", 1), ("BURGEE_WORKERS", "2", 1)],
)
def test_the_module_serves_with_the_environment(
    alone: Alone,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    status: int,
) -> None:
    for each, text in {
        "BURGEE_DATA": ":memory:",
        "BURGEE_PORT": "0",
        "BURGEE_OPS_PORT": "0",
        name: value,
    }.items():
        monkeypatch.setenv(each, text)
    assert server.main() == status
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"burgee: {name}: ") if status == 1 else complaint == ""
