"""The commands against a server that a test writes down as routes."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from burgee.surfaces.cli.command_line import run
from burgee.surfaces.cli.environment import Environment, Target

Handler = Callable[[httpx.Request], httpx.Response]


class Ran:
    """How a command line ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


class Burgee:
    """Runs command lines in this process; `requests` are what they sent to `handler`."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.requests: list[httpx.Request] = []
        self.targets: list[Target] = []
        self.served: list[dict[str, str]] = []
        self.handler: Handler = lambda request: httpx.Response(404, json={"detail": f"no {request.url.path}"})

    def __call__(self, *arguments: str) -> Ran:
        """Run `burgee` with these arguments."""
        environment = Environment(connect=self._connect, serve=self._serve, clock=lambda: 1_800_000_000.0)
        code = run(arguments, environment)
        captured = self._capsys.readouterr()
        return Ran(int(code), captured.out, captured.err)

    @property
    def sent(self) -> list[str]:
        """Method and path with query of each request."""
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]

    def answers(self, *answers: httpx.Response) -> None:
        """Answer the next requests with these, one after the other."""
        left = iter(answers)
        self.handler = lambda request: next(left)

    @contextmanager
    def _connect(self, target: Target) -> Iterator[httpx.Client]:
        self.targets.append(target)
        with httpx.Client(transport=httpx.MockTransport(self._handle), base_url="http://test") as client:
            yield client

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.handler(request)

    def _serve(self, options: Mapping[str, str]) -> int:
        self.served.append(dict(options))
        return 0


@pytest.fixture
def burgee(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Burgee:
    """The command line in front of a server made of answers, with nothing in the environment."""
    for name in ("BURGEE_DATA", "BURGEE_URL", "BURGEE_TOKEN", "BURGEE_DEBUG", "_BURGEE_COMPLETE"):
        monkeypatch.delenv(name, raising=False)
    return Burgee(capsys)
