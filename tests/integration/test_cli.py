"""The real command in real processes: on a data folder, through its server, and over an address."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from burgee.testing.server import running_server

Command = Callable[..., "subprocess.CompletedProcess[str]"]

DOCUMENT = {
    "$evaluators": {"ours": {"ends_with": [{"var": "email"}, "@example.org"]}},
    "flags": {
        "banner": {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": "off",
            "targeting": {"if": [{"$ref": "ours"}, "on"]},
        },
        "split": {
            "state": "ENABLED",
            "variants": {"a": "A", "b": "B"},
            "defaultVariant": "a",
            "targeting": {"fractional": [["a", 50], ["b", 50]]},
        },
    },
}


def burgee(*arguments: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BURGEE_")}
    return subprocess.run(
        [sys.executable, "-m", "burgee", *arguments],
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def document(tmp_path: Path) -> str:
    path = tmp_path / "flags.json"
    path.write_text(json.dumps(DOCUMENT))
    return str(path)


@pytest.fixture(params=["folder", "server", "address"])
def command(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Command]:
    """The command in each of its three ways to the flags."""
    data = tmp_path / "data"

    def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return burgee(*arguments, cwd=tmp_path, **{"BURGEE_DATA": str(data), **environment})

    if request.param == "folder":
        yield run
        return
    with running_server(data) as server:
        if request.param == "server":
            yield run
        else:
            address = {"BURGEE_URL": server.url, "BURGEE_TOKEN": server.token}
            yield lambda *arguments, **environment: burgee(
                *arguments, cwd=tmp_path, **{**address, **environment}
            )
            assert not (tmp_path / "burgee-data").exists()


def done(ran: "subprocess.CompletedProcess[str]", code: int = 0) -> str:
    """What a command printed that must have ended with `code`."""
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stdout


def document_of(ran: "subprocess.CompletedProcess[str]") -> Any:
    return json.loads(done(ran))


def test_the_whole_life_of_a_flag(command: Command, document: str, tmp_path: Path) -> None:
    assert "2 created" in done(command("import", document))
    listed = document_of(command("flags", "list", "--json"))
    assert [flag["key"] for flag in listed] == ["banner", "split"]

    ours = ("--context", '{"targetingKey": "u1", "email": "a@example.org"}')
    assert done(command("evaluate", "banner", *ours)).split()[1] == "true"
    assert document_of(command("evaluate", "banner", "--json"))["reason"] == "DEFAULT"

    assert "version 2" in done(command("flags", "disable", "banner"))
    assert document_of(command("evaluate", "banner", "--json"))["reason"] == "DISABLED"
    done(command("flags", "enable", "banner"))
    done(command("flags", "set", "banner", "--targeting", "{}", "--default", "on"))
    assert document_of(command("evaluate", "banner", "--json")) | {"metadata": {}} == {
        "key": "banner",
        "reason": "STATIC",
        "variant": "on",
        "value": True,
        "metadata": {},
    }

    steps = document_of(command("flags", "history", "banner", "--json"))
    assert [step["version"] for step in steps] == [4, 3, 2, 1]
    first = str(steps[-1]["revision"])
    assert document_of(command("flags", "get", "banner", "--revision", first, "--json"))["version"] == 1
    assert "now version 5" in done(command("flags", "restore", "banner", "--revision", first))
    assert done(command("evaluate", "banner", *ours)).split()[-1] == "TARGETING_MATCH"

    target = tmp_path / "out.json"
    done(command("export", "-o", str(target)))
    assert json.loads(target.read_text())["flags"]["banner"]["targeting"] is not None
    assert "nothing to change" in done(command("import", str(target)))

    events = document_of(command("audit", "list", "--key", "banner", "--json"))
    assert len(events) == 5
    assert "the audit log is whole" in done(command("audit", "verify"))


def test_exit_codes_tell_what_happened(command: Command, document: str) -> None:
    done(command("import", document))
    assert "nothing" in done(command("flags", "get", "nothing"), 3) + "nothing"
    done(command("evaluate", "nothing"), 3)
    done(command("flags", "set", "banner", "--tag", "x", "--if-version", "7"), 4)
    done(command("flags", "set", "banner", "--if-version", "0"), 4)
    done(command("flags", "set", "banner", "--default", "nowhere"), 1)
    done(command("flags", "set", "not a key"), 1)
    done(command("flags", "set"), 2)


def test_a_faulty_document_changes_nothing(command: Command, document: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"flags": {"x": {"state": "ENABLED", "variants": {}, "defaultVariant": "a"}}}')
    assert "bad.json#" in command("import", document, str(bad)).stderr
    assert document_of(command("flags", "list", "--json")) == []


def test_a_dry_run_changes_nothing(command: Command, document: str) -> None:
    assert "+ default/banner" in done(command("import", document, "--dry-run"))
    assert document_of(command("flags", "list", "--json")) == []


def test_subjects_that_would_move_are_counted(command: Command, document: str, tmp_path: Path) -> None:
    done(command("import", document))
    subjects = tmp_path / "subjects"
    subjects.write_text("\n".join(f"user-{number}" for number in range(200)))
    arguments = ("rebucket", "--from", "v2", "--to", "v3", "--subjects", str(subjects), "--json")
    moves = {move["flagKey"]: move for move in document_of(command(*arguments))}
    assert moves["split"]["subjects"] == 200
    assert 50 < moves["split"]["moved"] < 150
    stay = document_of(command(*arguments[:4], "v2", *arguments[5:]))
    assert sum(move["moved"] for move in stay) == 0


def test_a_bench_measures_every_stored_flag(command: Command, document: str) -> None:
    done(command("import", document))
    rows = document_of(command("bench", "--seconds", "0.05", "--json"))
    assert [row["flagKey"] for row in rows] == ["banner", "split"]
    assert all(0 < row["p50"] <= row["p99"] for row in rows)


def test_a_token_lets_in_who_has_it_and_only_as_far_as_its_role(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        made = burgee(
            *("token", "create", "--role", "reader", "--subject", "ci"),
            cwd=tmp_path,
            BURGEE_DATA=str(server.data),
        )
        token = done(made).strip()
        assert token.count(".") == 2
        reader = {"BURGEE_URL": server.url, "BURGEE_TOKEN": token}
        done(burgee("flags", "list", cwd=tmp_path, **reader))
        done(burgee("flags", "set", "x", cwd=tmp_path, **reader), 5)
        done(burgee("flags", "list", cwd=tmp_path, BURGEE_URL=server.url), 5)
        done(burgee("flags", "list", cwd=tmp_path, BURGEE_URL=server.url, BURGEE_TOKEN="a.b.c"), 5)


def test_what_a_command_wrote_alone_the_server_finds(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done(burgee("flags", "set", "alone", "--data", str(data), cwd=tmp_path))
    with running_server(data):
        assert "true" in done(burgee("evaluate", "alone", "--data", str(data), cwd=tmp_path))


def test_commands_at_once_on_one_folder_wait_for_each_other(tmp_path: Path) -> None:
    def write(number: int) -> "subprocess.CompletedProcess[str]":
        return burgee("flags", "set", f"flag-{number}", "--data", "data", cwd=tmp_path)

    with ThreadPoolExecutor(4) as pool:
        for ran in pool.map(write, range(4)):
            done(ran)
    listed = document_of(burgee("flags", "list", "--data", "data", "--json", cwd=tmp_path))
    assert len(listed) == 4


def test_nobody_at_the_address_is_unavailable(tmp_path: Path) -> None:
    ran = burgee("flags", "list", "--url", "http://127.0.0.1:9", cwd=tmp_path)
    done(ran, 6)
    assert "no answer from" in ran.stderr


def test_a_reader_that_went_away_is_no_error_to_talk_about(tmp_path: Path) -> None:
    done(burgee("flags", "set", "banner", "--data", "data", cwd=tmp_path))
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "burgee", "flags", "list", "--json", "--data", "data"]
    ran = subprocess.run(command, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(write)
    assert (ran.returncode, ran.stderr) == (141, "")


def test_ctrl_c_ends_a_server_quietly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "burgee", "serve", "--port", "0", "--ops-port", "0", "--data", "data"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Burgee is listening on http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode in (0, 130)
    assert err == ""


def test_a_second_server_on_the_folder_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        ran = burgee("serve", "--port", "0", "--ops-port", "0", "--data", "data", cwd=tmp_path)
        done(ran, 6)
        assert server.url in ran.stderr
