"""The workflows: every action by its commit, no keys, and only what the Makefile knows."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.infra.conftest import ROOT

pytestmark = pytest.mark.infra

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def _steps(path: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(path.read_text())["jobs"]
    return [step for job in jobs.values() for step in job.get("steps", ())]


def test_there_is_one_to_test_and_one_to_deploy() -> None:
    assert [path.name for path in WORKFLOWS] == ["deploy.yml", "test.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit_and_says_its_version(path: Path) -> None:
    used = re.findall(r"uses: (\S+)( # v\d+\.\d+\.\d+)?$", path.read_text(), re.MULTILINE)
    assert len(used) == path.read_text().count("uses:")
    for action, version in used:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
            assert version, f"{action} says no version"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_holds_a_key_or_may_write_to_the_repository(path: Path) -> None:
    text = path.read_text()
    assert "ACCESS_KEY" not in text
    document = yaml.safe_load(text)
    assert document["permissions"] == {"contents": "read"}
    for job in document["jobs"].values():
        assert job.get("permissions", {}).get("contents", "read") == "read"


def test_deploying_exchanges_a_token_for_a_role_and_tests_come_first() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"]
    assert jobs["deploy"]["needs"] == "test"
    assert jobs["deploy"]["permissions"]["id-token"] == "write"
    (exchange,) = [
        step for step in jobs["deploy"]["steps"] if "configure-aws-credentials" in step.get("uses", "")
    ]
    assert exchange["with"]["role-to-assume"] == "${{ vars.AWS_DEPLOY_ROLE }}"


def test_what_is_run_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in WORKFLOWS:
        for step in _steps(path):
            for name in re.findall(r"\bmake ([a-z-]+)", step.get("run", "")):
                assert name in targets


def test_no_step_puts_words_of_others_into_a_command() -> None:
    for path in WORKFLOWS:
        for step in _steps(path):
            assert "${{" not in step.get("run", "")
