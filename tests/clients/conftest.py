"""Scenarios of flagd's testbed, a server that holds its flags, and the clients' npm packages."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from burgee.testing.server import Server, running_server

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "@openfeature/server-sdk@^1.20.0",
    "@openfeature/ofrep-provider@^0.1.3",
    "@openfeature/web-sdk@^1.7.0",
    "@openfeature/ofrep-web-provider@^0.4.3",
)
FEATURES = ("evaluation", "targeting", "disabled", "metadata", "selector")
# The first bucketing of flagd is long gone; the deprecated scenarios contradict those that replaced them.
LEFT_OUT = {"@fractional-v1", "@deprecated"}
SOURCES = {
    "selector-flags.json": ("rawflags/selector-flags.json", None),
    "selector-flag-combined-metadata.json": ("rawflags/selector-flag-combined-metadata.json", "combined"),
}


class Scenario(NamedTuple):
    """One evaluation and what must come of it; None where the scenario does not say."""

    name: str
    tags: frozenset[str]
    key: str
    type: str
    default: Any
    context: dict[str, Any]
    selector: str
    value: Any
    reason: str | None
    error_code: str | None
    metadata: dict[str, Any] | None


@pytest.fixture(scope="session")
def testbed() -> Path:
    """flagd's testbed, where others keep it."""
    configured = os.environ.get("BURGEE_CONFORMANCE_DIR", "../shared/conformance")
    path = (ROOT / configured / "flagd-testbed").resolve()
    if not path.is_dir():
        pytest.skip(f"no conformance data at {path} (BURGEE_CONFORMANCE_DIR)")
    return path


@pytest.fixture(scope="session")
def scenarios(testbed: Path) -> list[Scenario]:
    """Every evaluation scenario that a server is concerned with."""
    from gherkin.parser import Parser
    from gherkin.pickles.compiler import Compiler

    found = []
    for feature in FEATURES:
        document: Any = Parser().parse(
            (testbed / "gherkin" / f"{feature}.feature").read_text(encoding="utf-8")
        )
        document["uri"] = feature
        found += [_scenario(pickle) for pickle in Compiler().compile(document)]
    return [scenario for scenario in found if not scenario.tags & LEFT_OUT]


@pytest.fixture(scope="session")
def of_generation(scenarios: list[Scenario]) -> Callable[[str], list[Scenario]]:
    """The scenarios that hold on a server of one fractional generation."""

    def choose(generation: str) -> list[Scenario]:
        other = {"v2": "@fractional-v3", "v3": "@fractional-v2"}[generation]
        return [each for each in scenarios if other not in each.tags]

    return choose


@pytest.fixture(scope="session", params=["v2", "v3"])
def generation(request: pytest.FixtureRequest) -> str:
    """Both bucketings that are alive."""
    return str(request.param)


@pytest.fixture(scope="session")
def server(generation: str, testbed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with the testbed's flags, imported by the command line as its files are."""
    data = tmp_path_factory.mktemp(f"clients-{generation}") / "data"
    files = sorted((testbed / "flags").glob("*.json"))
    with running_server(data, environment={"BURGEE_FRACTIONAL": generation}) as server:
        merged = [str(file) for file in files if file.name not in SOURCES]
        _import(data, *merged, "--source", "flags/allFlags.json")
        for name, (source, flag_set) in SOURCES.items():
            options = ["--flag-set", flag_set] if flag_set else []
            _import(data, str(testbed / "flags" / name), "--source", source, *options)
        yield server


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the JavaScript clients, installed by npm into the cache of this machine's user."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", *PACKAGES]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode != 0 and "network" in done.stderr.lower():
        pytest.skip(f"npm has no network: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    return folder


def _import(data: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "burgee", "import", "--lenient", "--data", str(data), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def _scenario(pickle: Any) -> Scenario:
    fields: dict[str, Any] = {
        "selector": "",
        "reason": None,
        "error_code": None,
        "metadata": None,
        "value": None,
    }
    context: dict[str, Any] = {}
    for step in pickle["steps"]:
        text, quoted = step["text"], _quoted(step["text"])
        if "-flag with key " in text:
            fields["type"] = text.split("-flag", 1)[0].split()[-1]
            fields["key"], fields["default"] = quoted[0], _typed(fields["type"], quoted[1])
        elif text.startswith("a context containing a key "):
            context[quoted[0]] = _typed(quoted[1], quoted[2])
        elif text.startswith("a context containing a targeting key "):
            context["targetingKey"] = quoted[0]
        elif text.startswith("a context containing a nested property "):
            context[quoted[0]] = {quoted[1]: quoted[2]}
        elif text.startswith('an option "selector"'):
            fields["selector"] = quoted[2]
        elif text.startswith("the resolved details value should be "):
            fields["value"] = _typed(fields["type"], quoted[0])
        elif text.startswith("the reason should be "):
            fields["reason"] = quoted[0]
        elif text.startswith("the error-code should be "):
            fields["error_code"] = quoted[0] or None
        elif text == "the resolved metadata should contain":
            rows = step["argument"]["dataTable"]["rows"][1:]
            cells = [[cell["value"] for cell in row["cells"]] for row in rows]
            fields["metadata"] = {name: _typed(kind, value) for name, kind, value in cells}
        elif text == "the resolved metadata is empty":
            fields["metadata"] = {}
    tags = frozenset(tag["name"] for tag in pickle["tags"])
    return Scenario(name=pickle["name"], tags=tags, context=context, **fields)


def _quoted(text: str) -> list[str]:
    """The quoted arguments of a step; the last one may hold quotes itself."""
    names = {
        "a context containing a key ": ('", with type "', '" and with value "'),
        "a context containing a nested": ('" and inner key "', '", with value "'),
    }
    for start, separators in names.items():
        if text.startswith(start):
            first, rest = text.split(separators[0], 1)
            second, last = rest.split(separators[1], 1)
            return [first.split('"', 1)[1], second, last.removesuffix('"')]
    return text.split('"')[1::2]


def _typed(kind: str, text: str) -> Any:
    match kind:
        case "Boolean":
            return text.lower() == "true"
        case "Integer":
            return int(text)
        case "Float":
            return float(text)
        case "Object":
            return json.loads(text.replace('\\"', '"'))
        case _:
            return text
