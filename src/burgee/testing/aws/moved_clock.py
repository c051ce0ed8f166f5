"""The wall clock of another Python process, set from here: a frozen sandbox has not seen time pass."""

import time
from pathlib import Path

_SITE = """
import time as _time

_true = _time.time


def _moved():
    with open({path!r}) as file:
        return _true() + float(file.read())


_time.time = _moved
"""


class MovedClock:
    """A process that starts with `environment` is told a time that `move` puts on; `folder` is made."""

    def __init__(self, folder: Path, python_path: str = "") -> None:
        folder.mkdir()
        self._shift, self._file = 0.0, folder / "shift"
        self._file.write_text("0")
        # Python imports a module of this name, where it finds one, before anything else.
        (folder / "sitecustomize.py").write_text(_SITE.format(path=str(self._file)))
        self.environment = {"PYTHONPATH": f"{folder}:{python_path}" if python_path else str(folder)}

    def move(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._shift += seconds
        fresh = self._file.with_suffix(".new")
        fresh.write_text(repr(self._shift))
        fresh.replace(self._file)


def await_stop(pid: int) -> None:
    """Wait until a process that was sent SIGSTOP stands still: nothing in it runs."""
    give_up = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < give_up, f"process {pid} does not stop"
        time.sleep(0.005)
