"""The `burgee` command hands the command line what it needs from outside, and ends with its code."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import httpx
import pytest

from burgee.entrypoints import cli, connection, server
from burgee.errors import ConfigurationError
from burgee.settings import Settings
from burgee.surfaces.cli.environment import Environment, Target

Run = Callable[[Sequence[str], Environment], int]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that a server was started with."""
    started: list[Settings] = []

    def serve(settings: Settings) -> int:
        started.append(settings)
        return 5

    monkeypatch.setattr(server, "serve", serve)
    return started


def main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """What the process ends with."""
    monkeypatch.setattr(sys, "argv", ["burgee", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


@pytest.mark.parametrize("code", [0, 1, 6])
def test_the_process_ends_with_the_code_of_the_command_line(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    asked: list[Sequence[str]] = []

    def run(arguments: Sequence[str], environment: Environment) -> int:
        asked.append(arguments)
        return code

    monkeypatch.setattr(cli, "run", run)
    assert main(monkeypatch, "flags", "list") == code
    assert asked == [["flags", "list"]]


def test_the_clock_of_the_commands_is_that_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []

    def run(_: Sequence[str], environment: Environment) -> int:
        told.append(environment.clock())
        return 0

    monkeypatch.setattr(cli, "run", run)
    before = time.time()
    main(monkeypatch)
    assert before <= told[0] <= time.time()


@pytest.mark.parametrize(
    ("environment", "options", "settings"),
    [
        ({}, [], Settings()),
        ({"BURGEE_PORT": "9000"}, [], Settings(port=9000)),
        ({"BURGEE_PORT": "9000"}, ["--port", "9001"], Settings(port=9001)),
        ({"BURGEE_PORT": "9000"}, ["--workers", "2"], Settings(port=9000, workers=2)),
        ({"BURGEE_PORT": "no number"}, ["--port", "0"], Settings(port=0)),
    ],
)
def test_serve_takes_the_environment_and_an_option_wins(
    monkeypatch: pytest.MonkeyPatch,
    served: list[Settings],
    environment: dict[str, str],
    options: list[str],
    settings: Settings,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(monkeypatch, "serve", *options) == 5
    assert served == [settings]


def test_serve_with_bad_settings_starts_nothing_and_says_which(
    monkeypatch: pytest.MonkeyPatch, served: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BURGEE_WORKERS", "none")
    assert main(monkeypatch, "serve") == 2
    assert served == []
    assert "BURGEE_WORKERS" in capsys.readouterr().err


def test_a_server_that_cannot_listen_is_an_error_and_no_fault_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def serve(_: Settings) -> int:
        raise ConfigurationError("BURGEE_PORT: cannot listen")

    monkeypatch.setattr(server, "serve", serve)
    assert main(monkeypatch, "serve") == 2
    said = capsys.readouterr().err
    assert "BURGEE_PORT: cannot listen" in said
    assert "fault in Burgee" not in said


def test_a_command_is_connected_to_the_target_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    targets: list[Target] = []

    @contextmanager
    def connect(target: Target) -> Iterator[httpx.Client]:
        targets.append(target)
        transport = httpx.MockTransport(
            lambda _: httpx.Response(404, json={"type": "/docs#problem-not-found"})
        )
        with httpx.Client(transport=transport, base_url="http://h:1") as client:
            yield client

    monkeypatch.setattr(connection, "connect", connect)
    assert main(monkeypatch, "flags", "get", "a", "--url", "http://h:1", "--token", "t") == 3
    assert [(target.url, target.token) for target in targets] == [("http://h:1", "t")]
