"""One node in this process: what it is made of, how it greets, and that a signal ends it in order."""

import asyncio
import logging
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from burgee.adapters.data_folder import open_data_folder
from burgee.adapters.sqlite.sign_in_codes import SqliteSignInCodes
from burgee.entrypoints import serving
from burgee.entrypoints.serving import serve_node
from burgee.errors import ConfigurationError, StoreFullError, UnauthenticatedError
from burgee.model.flag_set import FractionalGeneration
from burgee.service.drafts import FlagDraft
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.counters import Counters, SharedCounters
from burgee.surfaces.http.node import NodeOptions
from burgee.testing.workshop import ADA

pytestmark = pytest.mark.timeout(30)


class StandIn:
    """Stands in for a node: ready at once, it is told to stop by a signal to this process."""

    made: "list[StandIn]"
    number: int
    meanwhile: Callable[[Services], object]

    def __init__(self, services: Services, counters: Counters, *, options: NodeOptions, **rest: Any) -> None:
        self.services, self.counters, self.options, self.rest = services, counters, options, rest
        self.stopping = asyncio.Event()
        StandIn.made.append(self)

    async def run(self, on_ready: Callable[[], None]) -> None:
        on_ready()
        StandIn.meanwhile(self.services)
        os.kill(os.getpid(), StandIn.number)
        await asyncio.wait_for(self.stopping.wait(), 10)


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    StandIn.made, StandIn.number, StandIn.meanwhile = [], signal.SIGTERM, lambda services: None
    monkeypatch.setattr(serving, "Node", StandIn)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, lambda *_: pytest.fail("it would end"))
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def serve(settings: Settings | None = None, **options: Any) -> NodeOptions:
    """Serve in memory or as `settings` say until the stand-in is told to stop; what it was made with."""
    counters = Counters(SharedCounters.create(1), 0)
    with socket.socket() as http, socket.socket() as operations:
        fields: dict[str, Any] = {"http": http, "operations": operations, "url": "http://h:1", **options}
        assert serve_node(settings or Settings(data=":memory:"), counters, **fields) == 0
        [node] = StandIn.made
        assert (node.rest["http"], node.rest["operations"], node.counters) == (http, operations, counters)
    return node.options


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(number: int) -> None:
    StandIn.number = number
    serve()


def test_a_signal_for_a_supervisor_does_not_end_it() -> None:
    ready: list[bool] = []

    def hang_up(_: Services) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        ready.append(True)

    StandIn.meanwhile = hang_up
    serve()
    assert ready == [True]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"open_to_all": True, "public_url": "", "fractional": "v2"}),
        ({"host": "::1"}, {"open_to_all": True}),
        ({"host": "0.0.0.0"}, {"open_to_all": False}),
        ({"fractional": FractionalGeneration.V3}, {"fractional": "v3"}),
        ({"public_url": "https://flags.example"}, {"public_url": "https://flags.example"}),
    ],
)
def test_a_node_is_made_as_the_settings_say(settings: dict[str, Any], expected: dict[str, Any]) -> None:
    options = serve(Settings(**{"data": ":memory:", **settings}))
    assert {name: getattr(options, name) for name in expected} == expected


def test_a_node_has_the_limits_of_the_settings() -> None:
    limits = serve(Settings(data=":memory:", streams=3, connections=4)).limits
    assert (limits.streams, limits.connections) == (3, 4)


def test_a_node_alone_writes_itself_and_looks_seldom() -> None:
    options = serve()
    assert (options.writer_socket, options.writes, options.poll_seconds) == ("", True, 1.0)


@pytest.mark.parametrize("writes", [True, False])
def test_one_of_several_knows_its_writer_and_looks_often(tmp_path: Path, writes: bool) -> None:
    folder = open_data_folder(tmp_path / "data")
    options = serve(Settings(data=str(folder.path)), several=True, writes=writes)
    assert (options.writer_socket, options.writes) == (str(folder.writer_socket), writes)
    assert options.poll_seconds == 0.01


@pytest.mark.parametrize("writes", [True, False])
def test_only_the_writer_keeps_the_snapshot_file(tmp_path: Path, writes: bool) -> None:
    draft = FlagDraft(variants={"on": True}, default_variant="on")
    StandIn.meanwhile = lambda services: services.publisher.put_flag("default", "a", draft, author=ADA)
    folder = open_data_folder(tmp_path / "data")
    serve(Settings(data=str(folder.path)), several=True, writes=writes)
    assert folder.snapshot.exists() is writes


def test_the_supervisor_keeps_the_lock_of_the_folder(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path / "data")
    with folder.lock("http://h:1"):
        serve(Settings(data=str(folder.path)))


def open_in(folder: Path) -> set[str]:
    """The files under `folder` that this process has open."""
    targets = [link.resolve() for link in Path("/proc/self/fd").iterdir() if link.exists()]
    return {target.name for target in targets if folder in target.parents}


def test_the_folder_is_open_while_it_serves_and_closed_at_the_end(tmp_path: Path) -> None:
    seen: list[set[str]] = []
    StandIn.meanwhile = lambda services: seen.append(open_in(tmp_path))
    serve(Settings(data=str(tmp_path / "data")))
    assert "flags.db" in seen[0]
    assert open_in(tmp_path) == set()


@pytest.mark.parametrize(
    ("public_url", "shown"), [("", "http://h:1"), ("https://flags.example", "https://flags.example")]
)
def test_the_greeting_has_a_link_that_signs_in_once(
    capsys: pytest.CaptureFixture[str], public_url: str, shown: str
) -> None:
    def sign_in(services: Services) -> None:
        listening, link = capsys.readouterr().out.strip().split("\n")
        assert listening == f"Burgee is listening on {shown}"
        found = re.fullmatch(rf"Sign in \(once, within 15 minutes\): {shown}/sign-in\?code=([\w-]+)", link)
        assert found is not None
        assert (
            services.access.authenticate(services.access.redeem_sign_in_code(found[1])).role.value == "admin"
        )
        with pytest.raises(UnauthenticatedError):
            services.access.redeem_sign_in_code(found[1])

    StandIn.meanwhile = sign_in
    serve(Settings(data=":memory:", public_url=public_url), greet=True)


def test_a_store_that_takes_no_sign_in_code_is_served_and_the_greeting_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreFullError("the disk is full")

    monkeypatch.setattr(SqliteSignInCodes, "put", full)
    said: list[str] = []
    serve(Settings(data=str(tmp_path / "data")), greet=True, on_ready=lambda: said.append("ready"))
    assert capsys.readouterr().out == (
        "Burgee is listening on http://h:1\nNo sign-in link could be made: the disk is full\n"
    )
    assert said == ["ready"]


def test_only_who_shall_greet_does_and_all_say_that_they_are_ready(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said: list[str] = []
    serve(on_ready=lambda: said.append("ready"))
    assert said == ["ready"]
    assert capsys.readouterr().out == ""


def test_what_it_logs_says_why(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log = logging.getLogger("burgee.refresh")
    StandIn.meanwhile = lambda services: log.warning("refresh.failed", extra={"problem": "gone"})
    serve()
    assert capsys.readouterr().err.endswith(" WARNING refresh.failed problem=gone\n")


def test_what_cannot_be_opened_is_never_ready(tmp_path: Path) -> None:
    settings = Settings(data=":memory:", public_key=str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match="BURGEE_PUBLIC_KEY"):
        serve(settings, on_ready=pytest.fail)
    assert StandIn.made == []


@pytest.mark.parametrize(
    ("host", "is_terminal", "with_link"),
    [
        ("127.0.0.1", False, True),
        ("127.0.0.1", True, True),
        ("0.0.0.0", False, False),  # a log, such as that of a container
        ("0.0.0.0", True, True),
    ],
)
def test_a_link_that_makes_an_administrator_is_not_for_logs_that_others_read(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    is_terminal: bool,
    with_link: bool,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal, raising=False)
    serve(Settings(data=":memory:", host=host), greet=True)
    printed = capsys.readouterr().out
    assert printed.startswith("Burgee is listening on http://h:1\n")
    assert ("/sign-in?code=" in printed) is with_link
    assert ("burgee token create" in printed) is not with_link
