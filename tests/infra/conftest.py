"""The template as CloudFormation sees it, and the tools that read it, run as processes."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from burgee.testing.aws.template import Template, read_template

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
CONTAINER = INFRA / "container" / "template.yaml"
EVERYTHING = {
    "Stage": "test",
    "PublicKeyParameterName": "/burgee/test/public-key",
    "AlarmAddress": "alarms@example.com",
    "ConfigRules": "yes",
    "Container": "yes",
    "Tracing": "Active",
    "EvaluateConcurrency": "10",
    "ManageConcurrency": "5",
}
"""Parameters with which every condition holds."""

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs a command of the repository, without credentials and with a region."""

    def run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, "AWS_DEFAULT_REGION": "eu-west-1", "NO_COLOR": "1"}
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
        )

    return run


@pytest.fixture(scope="session")
def translated_path(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    """The file that SAM makes of the template."""
    path = tmp_path_factory.mktemp("translated") / "template.json"
    done = run([sys.executable, str(INFRA / "translate.py"), str(path)])
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="session")
def translated(translated_path: Path) -> Template:
    """The translated template with all conditions true."""
    return read_template(translated_path, EVERYTHING)


@pytest.fixture(scope="session")
def template() -> Template:
    """The template as it is written, with all conditions true."""
    return read_template(parameters=EVERYTHING)
