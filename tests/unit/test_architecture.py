"""Rules of the house that no other tool checks: sizes, addresses, links, the reference, make's targets."""

import ast
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from burgee.surfaces.cli.command_line import COMMANDS, burgee
from burgee.surfaces.cli.exit_codes import ExitCode

ROOT = Path(__file__).resolve().parents[2]
TEXT_LIMIT = 400
SOURCES = sorted((ROOT / "src").rglob("*.py"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "base", "misc"}
# Written in parts, so that this file does not hold what it forbids.
ADDRESSES = re.compile(
    "|".join(
        [
            r"https?://[\w.-]*py" + r"pi\.org",
            r"registry\.npm" + r"js\.org",
            r"files\.python" + r"hosted",
            r"--(?:extra-)?index" + r"-url\b(?!\w)(?=[ =]+http)",
            r"(?<![\w.])/(?:home|ro" + r"ot|work|Users)/[\w.-]+",
        ]
    )
)


def tracked() -> list[Path]:
    """The files that git knows, or all files of the tree where this is no clone."""
    if shutil.which("git") and (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=60
        )
        return [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    return [path for part in ("src", "tests", "docs") for path in (ROOT / part).rglob("*") if path.is_file()]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_source_file_has_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= TEXT_LIMIT


def test_no_source_file_is_named_after_nothing() -> None:
    names = {part for path in SOURCES for part in (*path.relative_to(ROOT).parts[:-1], path.stem)}
    assert not names & FORBIDDEN_NAMES


def test_nothing_that_is_shipped_imports_testing() -> None:
    shipped = [path for path in SOURCES if "testing" not in path.relative_to(ROOT).parts]
    assert not [path for path in shipped if "burgee.testing" in imported(path)]


def test_the_pure_floors_know_no_clock_chance_file_or_network() -> None:
    impure = {
        "time",
        "random",
        "secrets",
        "os",
        "pathlib",
        "socket",
        "httpx",
        "datetime",
        "asyncio",
        "logging",
    }
    pure = [path for path in SOURCES if {"engine", "formats", "model"} & set(path.relative_to(ROOT).parts)]
    found = {(str(path.relative_to(ROOT)), name) for path in pure for name in imported(path) & impure}
    assert not found


def test_no_tracked_file_names_a_package_registry_or_a_place_on_one_machine() -> None:
    found = []
    for path in tracked():
        if path.is_file() and path.suffix not in {".png", ".lock", ".z"}:
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [(str(path.relative_to(ROOT)), match.group()) for match in ADDRESSES.finditer(text)]
    assert not found


def test_every_tracked_file_is_a_text() -> None:
    """Packages, archives and databases are made or fetched, never kept here."""
    assert [str(path.relative_to(ROOT)) for path in tracked() if b"\0" in path.read_bytes()] == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_file_carries_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    pins = re.findall(r"^[a-z0-9][\w.-]*(?:\[[\w,-]+\])?==", text, re.MULTILINE)
    assert pins
    assert text.count("--hash=sha256:") >= len(pins)
    assert "http" not in re.sub(r"\b(?:http(?:x|core|tools)[\w.-]*)|\bhttp-[\w.-]+", "", text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_in_a_document_resolves(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (path.parent / target.split("#")[0]).exists() or target.startswith("#"), target


def test_every_document_can_be_reached_from_the_index_or_the_readme() -> None:
    seen: set[Path] = set()
    queue = [ROOT / "README.md", ROOT / "docs" / "index.md"]
    while queue:
        page = queue.pop().resolve()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        targets = re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8"))
        queue += [page.parent / target for target in targets if not re.match(r"[a-z]+:", target)]
    decisions = ROOT / "docs" / "decisions"
    assert not [
        page for page in (ROOT / "docs").rglob("*.md") if page not in seen and page.parent != decisions
    ]


def leaves(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its whole name."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from leaves(found, f"{name} {child}")
    else:
        yield name, command


@pytest.mark.parametrize(("name", "command"), list(leaves(burgee, "burgee")))
def test_the_reference_holds_every_command_and_option(name: str, command: click.Command) -> None:
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    _, _, section = reference.partition(f"### `{name}`\n")
    assert section, f"no section for {name}"
    section = section.partition("\n### ")[0]
    shared = reference.partition("\n## Commands")[0]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            option = max(parameter.opts, key=len)
            assert f"`{option}" in section or f" {option} " in section or f"`{option}" in shared, (
                name,
                option,
            )
            assert parameter.help, (name, option)


def test_the_reference_holds_no_option_that_is_not_there() -> None:
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    commands = dict(leaves(burgee, "burgee"))
    for section in reference.split("\n### ")[1:]:
        name = re.match(r"`([^`]+)`", section)
        assert name is not None
        known = {option for parameter in commands[name[1]].params for option in parameter.opts}
        assert set(re.findall(r"^\| `(?:-\w, )?(--[\w-]+)", section, re.MULTILINE)) <= known


def test_the_reference_holds_every_exit_code() -> None:
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| (\d+) \|", reference, re.MULTILINE)) == {str(int(code)) for code in ExitCode}


def test_make_alone_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    listed = subprocess.run(
        ["make"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert {line.split()[1] for line in listed.splitlines()} == set(phony[1].split())
    assert {"setup", "serve", "test", "check", "bench", "clean"} <= set(phony[1].split())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_document_exists(path: Path) -> None:
    named = re.findall(r"\.venv/bin/burgee ([a-z]+)", path.read_text(encoding="utf-8"))
    assert set(named) <= set(COMMANDS)


def imported(path: Path) -> set[str]:
    """The top names and full names of what a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names | {".".join(name.split(".")[:2]) for name in names} | {name.split(".")[0] for name in names}
