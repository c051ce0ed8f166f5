import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from burgee.adapters.data_folder import LockHolder, locked_data_folder, open_data_folder
from burgee.errors import StoreRefusedError

HOLD = """
import sys, time
from burgee.adapters.data_folder import open_data_folder
lock = open_data_folder(sys.argv[1]).lock(sys.argv[2])
print("locked", flush=True)
time.sleep(60)
"""


def holder(path: Path, url: str = "http://127.0.0.1:8016") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def test_a_folder_is_made_for_its_owner_alone_with_the_folders_above_it(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path / "above" / "data")
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_a_folder_that_exists_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")
    assert open_data_folder(tmp_path).path == tmp_path
    assert (tmp_path / "kept").read_text() == "x"


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreRefusedError, match="cannot be used"):
        open_data_folder(tmp_path / "file")


def test_everything_has_its_own_path_inside_the_folder(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path)
    paths = {
        folder.database,
        folder.snapshot,
        folder.high_water,
        folder.signing_key,
        folder.server,
        folder.writer_socket,
        folder.lock_file,
    }
    assert len(paths) == 7
    assert {path.parent for path in paths} == {tmp_path}


def test_nobody_holds_a_new_folder(tmp_path: Path) -> None:
    assert open_data_folder(tmp_path).lock_holder() is None


def test_the_holder_is_known_while_it_holds_and_not_after(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path)
    with folder.lock("http://127.0.0.1:9000") as lock:
        assert folder.lock_holder() == LockHolder(pid=os.getpid(), url="http://127.0.0.1:9000")
        lock.announce("http://127.0.0.1:9")
        assert folder.lock_holder() == LockHolder(pid=os.getpid(), url="http://127.0.0.1:9")
    assert folder.lock_holder() is None
    lock.release()


def test_only_the_owner_can_read_the_lock(tmp_path: Path) -> None:
    with locked_data_folder(tmp_path) as folder:
        assert stat.S_IMODE(folder.lock_file.stat().st_mode) == 0o600


def test_a_second_server_is_told_which_process_has_the_folder_and_where_it_listens(tmp_path: Path) -> None:
    first = holder(tmp_path)
    try:
        with pytest.raises(StoreRefusedError) as caught:
            open_data_folder(tmp_path).lock("http://127.0.0.1:8017")
        assert f"process {first.pid} at http://127.0.0.1:8016" in str(caught.value)
        assert open_data_folder(tmp_path).lock_holder() == LockHolder(
            pid=first.pid, url="http://127.0.0.1:8016"
        )
    finally:
        first.kill()
        first.wait()


def test_a_holder_without_a_readable_name_still_keeps_others_out(tmp_path: Path) -> None:
    with locked_data_folder(tmp_path) as folder:
        folder.lock_file.write_bytes(b"\xff\xfe")
        with pytest.raises(StoreRefusedError, match="another process"):
            folder.lock()


def test_the_folder_is_free_at_once_after_kill_9_of_the_holder(tmp_path: Path) -> None:
    first = holder(tmp_path)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert open_data_folder(tmp_path).lock_holder() is None
    with locked_data_folder(tmp_path, url="http://127.0.0.1:8018") as folder:
        assert folder.lock_holder() == LockHolder(pid=os.getpid(), url="http://127.0.0.1:8018")


def test_a_worker_that_inherits_the_lock_keeps_the_folder_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = f"""
import subprocess, sys, time
from burgee.adapters.data_folder import open_data_folder
lock = open_data_folder({str(tmp_path)!r}).lock()
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=[lock.descriptor])
print(worker.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    folder = open_data_folder(tmp_path)
    try:
        parent.kill()
        parent.wait()
        with pytest.raises(StoreRefusedError):
            folder.lock()
    finally:
        os.kill(worker, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while folder.lock_holder() is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    folder.lock().release()


def test_asking_who_holds_a_folder_never_turns_a_server_away(tmp_path: Path) -> None:
    code = f"""
from burgee.adapters.data_folder import open_data_folder
folder = open_data_folder({str(tmp_path)!r})
print("asking", flush=True)
while True:
    folder.lock_holder()
"""
    asker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert asker.stdout is not None
    asker.stdout.readline()
    try:
        for _ in range(20):
            open_data_folder(tmp_path).lock().release()
    finally:
        asker.kill()
        asker.wait()


def refuse_writing(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """From now on nothing can be opened for writing, as on a file system that is mounted read-only."""
    opening = os.open

    def refused(path: Any, flags: int, *mode: int, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(number, os.strerror(number), path)
        return opening(path, flags, *mode, **options)

    monkeypatch.setattr(os, "open", refused)


@pytest.mark.parametrize("used_before", [True, False])
def test_what_cannot_be_written_can_still_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, used_before: bool
) -> None:
    if used_before:
        open_data_folder(tmp_path).lock().release()
    refuse_writing(monkeypatch, errno.EROFS)
    folder = open_data_folder(tmp_path)
    with folder.lock("http://127.0.0.1:8016"), pytest.raises(StoreRefusedError, match="in use"):
        folder.lock()
    folder.lock().release()
    assert folder.lock_file.exists() is used_before


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC])
def test_a_lock_that_cannot_be_made_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse_writing(monkeypatch, number)
    with pytest.raises(StoreRefusedError, match=os.strerror(number)):
        open_data_folder(tmp_path).lock()


def test_a_full_disk_takes_the_name_of_the_holder_but_not_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    folder = open_data_folder(tmp_path)
    with folder.lock("http://127.0.0.1:8016"):
        assert folder.lock_holder() == LockHolder(pid=0)


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:8016", "http://127.0.0.1:8016/and/more"])
def test_a_name_replaces_the_one_before_as_a_whole(tmp_path: Path, url: str) -> None:
    folder = open_data_folder(tmp_path)
    with folder.lock("http://127.0.0.1:8016") as lock:
        lock.announce(url)
        assert folder.lock_holder() == LockHolder(pid=os.getpid(), url=url)
