"""The group of commands, and how errors become exit codes."""

import subprocess
import sys
from typing import Any

import click
import httpx
import pytest

from burgee import __version__
from burgee.surfaces.cli.command_line import COMMANDS, LazyGroup
from burgee.surfaces.cli.command_line import burgee as group


def test_help_lists_every_command(burgee: Any) -> None:
    ran = burgee("--help")
    assert ran.code == 0
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in ran.out
        assert line in " ".join(ran.out.split())


def test_help_says_the_exit_codes(burgee: Any) -> None:
    assert "3 not found" in burgee("--help").out


def test_the_table_holds_every_command_that_the_issue_names() -> None:
    named = "serve import export validate lint evaluate flags overrides token keys audit rebucket"
    named += " bench completion budget migrate"
    assert set(COMMANDS) == set(named.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_loads_and_has_help(burgee: Any, name: str) -> None:
    ran = burgee(name, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: burgee {name}")


def test_the_version_is_printed(burgee: Any) -> None:
    ran = burgee("--version")
    assert (ran.code, ran.out) == (0, f"burgee {__version__}\n")


@pytest.mark.parametrize("line", ["nonsense", "flags get", "serve --port 65536", "serve --port -1", "--nope"])
def test_wrong_usage_is_code_2_on_stderr(burgee: Any, line: str) -> None:
    ran = burgee(*line.split())
    assert ran.code == 2
    assert ran.out == ""
    assert "Usage:" in ran.err


@pytest.mark.parametrize("port", ["0", "65535"])
def test_the_outermost_ports_are_ports(burgee: Any, port: str) -> None:
    assert burgee("serve", "--port", port).code == 0


def test_no_arguments_show_the_help(burgee: Any) -> None:
    ran = burgee()
    assert ran.code == 2
    assert "Commands:" in ran.err


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, 1),
        (413, 1),
        (422, 1),
        (404, 3),
        (409, 4),
        (412, 4),
        (401, 5),
        (403, 5),
        (408, 6),
        (429, 6),
        (503, 6),
    ],
)
def test_each_answer_has_its_exit_code(burgee: Any, status: int, code: int) -> None:
    burgee.answers(httpx.Response(status, json={"title": "t", "detail": "because"}))
    ran = burgee("flags", "get", "banner")
    assert (ran.code, ran.out) == (code, "")
    assert "because" in ran.err


def test_all_faults_are_listed_with_their_places(burgee: Any) -> None:
    errors = [
        {"pointer": "/variants", "code": "empty", "detail": "no variants"},
        {"pointer": "/tags/0", "code": "type", "detail": "no text"},
    ]
    burgee.answers(httpx.Response(400, json={"detail": "bad", "errors": errors}))
    assert burgee("flags", "get", "x").err.splitlines() == [
        "burgee: /variants: no variants [empty]",
        "burgee: /tags/0: no text [type]",
    ]


def test_with_json_the_error_is_a_document_on_stderr(burgee: Any) -> None:
    burgee.answers(httpx.Response(404, json={"detail": "no such flag"}))
    ran = burgee("flags", "get", "x", "--json")
    assert ran.out == ""
    assert ran.err == '{"error":"no such flag","exitCode":3,"faults":[]}\n'


def test_nobody_listening_is_unavailable(burgee: Any) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    burgee.handler = refuse
    ran = burgee("flags", "list")
    assert ran.code == 6
    assert "no answer from http://test" in ran.err


@pytest.mark.parametrize(
    ("raised", "code"), [(KeyboardInterrupt(), 130), (click.Abort(), 130), (BrokenPipeError(), 141)]
)
def test_being_interrupted_is_quiet(burgee: Any, raised: BaseException, code: int) -> None:
    def interrupt(request: httpx.Request) -> httpx.Response:
        raise raised

    burgee.handler = interrupt
    ran = burgee("flags", "list")
    assert (ran.code, ran.out, ran.err) == (code, "", "")


def test_a_fault_of_burgee_shows_no_traceback(burgee: Any) -> None:
    def crash(request: httpx.Request) -> httpx.Response:
        raise RuntimeError("a\x1b[31mb")

    burgee.handler = crash
    ran = burgee("flags", "list")
    assert ran.code == 70
    assert "RuntimeError: a\\x1b[31mb" in ran.err
    assert "Traceback" not in ran.err


def test_a_fault_of_burgee_is_raised_for_who_asks(burgee: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURGEE_DEBUG", "1")

    def crash(request: httpx.Request) -> httpx.Response:
        raise RuntimeError("seen")

    burgee.handler = crash
    with pytest.raises(RuntimeError, match="seen"):
        burgee("flags", "list")


def test_an_answer_from_something_else_is_no_success(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, text="<html>"))
    assert burgee("flags", "get", "x").code == 6


def test_an_unknown_name_is_no_command() -> None:
    assert LazyGroup("x").get_command(click.Context(group), "nonsense") is None


def test_help_imports_neither_http_nor_rich_nor_the_engine() -> None:
    script = (
        "import sys; from burgee.entrypoints.cli import main\n"
        "sys.argv = ['burgee', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'httpx', 'rich', 'starlette', 'apsw', 'cryptography', 'burgee.engine.compiler'}\n"
        "sys.stderr.write(' '.join(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
