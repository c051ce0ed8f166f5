"""The README's 60 seconds, word by word: its commands are run, its answer is compared."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


def blocks(language: str) -> list[str]:
    """The code blocks of the 60 seconds, in order."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## 60 seconds")[2].partition("\n## ")[0]
    found = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found
    return [block.strip() for block in found]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Another folder and other ports than the README's, so that nothing on this machine is touched."""
    # Without what the make that runs the tests was told, which the README's would take for its own.
    outside = {
        name: value for name, value in os.environ.items() if name not in {"ARGS", "MAKEFLAGS", "MAKELEVEL"}
    }
    return {
        **outside,
        "BURGEE_DATA": str(tmp_path / "data"),
        "BURGEE_PORT": str(free_port()),
        "BURGEE_OPS_PORT": str(free_port()),
    }


@pytest.fixture
def server(environment: dict[str, str]) -> Iterator[str]:
    """The first block of the README, running."""
    start = blocks("sh")[0]
    assert start == "make serve"
    if not (ROOT / ".venv" / ".installed").exists():
        pytest.skip("the environment of this clone was not made by make")
    process = subprocess.Popen(
        start,
        shell=True,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{environment['BURGEE_OPS_PORT']}/readyz"
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            try:
                if httpx.get(url).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.05)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=20)


def run(command: str, environment: dict[str, str]) -> str:
    """Run a block as it stands, but for the port."""
    command = command.replace(":8016", f":{environment['BURGEE_PORT']}")
    done = subprocess.run(
        command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_60_seconds_give_the_printed_answer(server: str, environment: dict[str, str]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    _, make_flag, ask, change = blocks("sh")
    run(make_flag, environment)
    printed = json.loads(blocks("json")[0])
    assert json.loads(run(ask, environment)) == printed
    run(change, environment)
    assert json.loads(run(ask, environment)) == {**printed, "variant": "off", "value": False}


def test_the_readme_has_one_sentence_and_the_four_parts() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^#+ (.*)$", readme, re.MULTILINE) == [
        "Burgee",
        "60 seconds",
        "What makes it different",
        "The house",
    ]
