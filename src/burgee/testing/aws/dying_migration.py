"""Migrations that are killed: `python -m` this, an order a line in, an outcome a line out.

An order is JSON: `source`, `target`, settings by name as `settings`, and `calls`: SIGKILL comes with that
call of a function of Burgee's (0: never). The outcome is `{"calls": N}` of a run that came to its end,
`{"killed": true}`, or `{"problem": "..."}`. Each runs in a fork of this process, which has imported
everything: 20 of them cost less than one Python start each.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import burgee
from burgee.entrypoints.migration import open_migration
from burgee.errors import BurgeeError
from burgee.settings import Settings

_OURS = str(Path(burgee.__file__).parent) + os.sep


class Undertaker:
    """Counts calls, and ends the process with one of them."""

    def __init__(self, last: int) -> None:
        self.calls, self._last = 0, last

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(_OURS):
            self.calls += 1
            if self.calls == self._last:
                os.kill(os.getpid(), signal.SIGKILL)


class Orders:
    """The other end: gives orders to such a process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, source: str, target: str, settings: Mapping[str, str], *, calls: int = 0) -> dict[str, Any]:
        """The outcome of one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"source": source, "target": target, "settings": dict(settings), "calls": calls}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        outcome: dict[str, Any] = json.loads(self._process.stdout.readline())
        return outcome


@contextmanager
def dying_migrations(endpoint: str) -> Iterator[Orders]:
    """A process that takes orders, for the DynamoDB at `endpoint`."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # As on Lambda, where the client is the small one: boto3's takes half a second to be made.
        env={**os.environ, "AWS_ENDPOINT_URL_DYNAMODB": endpoint, "AWS_LAMBDA_RUNTIME_API": "none"},
    )
    try:
        yield Orders(process)
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Work off the orders of stdin."""
    for line in sys.stdin:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            os.write(writer, json.dumps(_outcome(json.loads(line))).encode())
            os._exit(0)
        os.close(writer)
        _, status = os.waitpid(child, 0)
        with os.fdopen(reader) as pipe:
            said = pipe.read()
        is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        sys.stdout.write((said or json.dumps({"killed": is_killed})) + "\n")
        sys.stdout.flush()


def _outcome(order: dict[str, Any]) -> dict[str, Any]:
    undertaker = Undertaker(order["calls"])
    try:
        with open_migration(
            Settings.from_mapping(order["settings"]), source=order["source"], target=order["target"]
        ) as move:
            threading.setprofile(undertaker)
            sys.setprofile(undertaker)
            move.run()
    except BurgeeError as error:
        return {"problem": str(error)}
    finally:
        sys.setprofile(None)
    return {"calls": undertaker.calls}


if __name__ == "__main__":
    main()
