"""The smoke test of a deployed stage, against a server of our own: its HTTP part, and that it can fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from burgee.testing.server import running_server

ROOT = Path(__file__).parents[2]


def _smoke(url: str, token: str, *more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "infra.smoke", "--url", url, *more],
        cwd=ROOT,
        env={**os.environ, "BURGEE_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_step_works_against_a_server_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        done = _smoke(server.url, server.token)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines() == [
            "ok  the service answers",
            next(line for line in done.stdout.splitlines() if line.startswith("ok  a flag was created: ")),
            "ok  an override was set and read back",
            "ok  evaluation says true, and false for the user with the override",
            "ok  with a limit of 1 calls are refused with 429",
            "ok  while stopped management answers 429 with JSON",
            "ok  after the reset management answers again",
            "all of it works",
        ]
        with server.client() as client:
            assert client.get("/api/v1/flags").json()["items"] == []
            assert client.get("/api/v1/budget").json()["management"]["state"] == "OPEN"


def test_a_token_that_is_not_believed_fails_the_first_step_that_needs_one(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        done = _smoke(server.url, "nonsense")
    assert done.returncode == 1
    assert "FAILED  POST /feature-flags answered 401 instead of 201" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["staging", "--url", "http://127.0.0.1:1"]])
def test_it_wants_either_a_stage_or_an_address(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.smoke", *arguments],
        cwd=ROOT,
        env={**os.environ, "BURGEE_TOKEN": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "say a stage, or --url" in done.stderr
