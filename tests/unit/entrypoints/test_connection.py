"""The three ways from a command to the flags."""

import json
import threading
import time
from pathlib import Path

import pytest

from burgee.adapters.data_folder import open_data_folder
from burgee.entrypoints import connection
from burgee.entrypoints.connection import connect
from burgee.errors import ConfigurationError, StoreRefusedError
from burgee.surfaces.cli.environment import Target


def test_an_address_gets_the_token_and_nothing_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with connect(Target(url="http://h:1", token="t")) as client:
        assert client.headers["authorization"] == "Bearer t"
        assert str(client.base_url) == "http://h:1"
    assert list(tmp_path.iterdir()) == []


def test_without_a_token_none_is_sent() -> None:
    with connect(Target(url="http://h:1")) as client:
        assert "authorization" not in client.headers


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError), connect(Target(url="http://[")):
        pass


def test_a_folder_without_a_server_is_opened_and_signed_in(tmp_path: Path) -> None:
    target = Target(data=str(tmp_path / "data"))
    with connect(target) as client:
        who = client.get("/api/v1/whoami").json()
        assert who["role"] == "admin"
        assert who["subject"].endswith("command line)")
        made = client.put("/api/v1/flags/a", json={"variants": {"on": True}, "defaultVariant": "on"})
        assert made.status_code == 201, made.text
        answer = client.post("/ofrep/v1/evaluate/flags/a", json={"context": {}})
        assert answer.json()["value"] is True
    with connect(target) as client:
        assert client.get("/api/v1/flags/a").json()["version"] == 1


def test_a_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    with connect(Target(data=str(tmp_path / "data"))):
        assert open_data_folder(tmp_path / "data").lock_holder() is not None
    assert open_data_folder(tmp_path / "data").lock_holder() is None


def test_a_folder_with_a_server_leads_to_the_server(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path / "data")
    with folder.lock("http://127.0.0.1:7"), connect(Target(data=str(folder.path))) as client:
        assert str(client.base_url) == "http://127.0.0.1:7"
        assert client.headers["authorization"].startswith("Bearer ey")


def test_a_token_that_was_given_goes_to_the_server_of_the_folder(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path / "data")
    target = Target(data=str(folder.path), token="mine")
    with folder.lock("http://127.0.0.1:7"), connect(target) as client:
        assert client.headers["authorization"] == "Bearer mine"


def test_a_folder_that_somebody_holds_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path / "data")
    lock = folder.lock()
    timer = threading.Timer(0.3, lock.release)
    timer.start()
    with connect(Target(data=str(folder.path))) as client:
        assert str(client.base_url).startswith("http://in-process")
    timer.join()


def test_a_folder_that_somebody_keeps_is_refused_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.1)
    folder = open_data_folder(tmp_path / "data")
    started = time.monotonic()
    with folder.lock(), pytest.raises(StoreRefusedError), connect(Target(data=str(folder.path))):
        pass
    assert time.monotonic() - started < 5


def test_memory_has_no_folder_to_open() -> None:
    with pytest.raises(ConfigurationError), connect(Target(data=":memory:")):
        pass


def test_bad_settings_of_the_environment_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURGEE_FRACTIONAL", "v1")
    with pytest.raises(ConfigurationError), connect(Target(data=str(tmp_path))):
        pass
    assert json.dumps([path.name for path in tmp_path.iterdir()]) == "[]"
