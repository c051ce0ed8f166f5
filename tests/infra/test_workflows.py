"""The workflows: every action by its commit, no keys, and only what the Makefile knows."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.infra.conftest import CONTAINER, ROOT

from burgee.testing.aws.intrinsics import read_yaml

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


def test_the_role_is_for_one_environment_of_one_repository_and_passes_on_only_roles_of_its_stage() -> None:
    template = read_yaml((ROOT / "infra" / "deploy-role.yaml").read_text())
    role = template["Resources"]["DeployRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {
                "Fn::Sub": "repo:${Repository}:environment:${Environment}"
            },
        }
    }
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    for statement in statements:
        assert statement["Resource"]["Fn::Sub"].endswith(":role/burgee-${Environment}-*")
    (hand,) = [each for each in statements if "iam:PassRole" in each["Action"]]
    assert hand["Action"] == "iam:PassRole"
    assert set(hand["Condition"]["StringEquals"]["iam:PassedToService"]) == _trusted_services()


def _trusted_services() -> set[str]:
    """Whom the roles of both templates trust."""
    found = set()
    for path in (ROOT / "infra" / "template.yaml", CONTAINER):
        for resource in read_yaml(path.read_text())["Resources"].values():
            if resource["Type"] == "AWS::IAM::Role":
                (trust,) = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
                found.add(trust["Principal"]["Service"])
    return found


def test_what_is_run_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in WORKFLOWS:
        for step in _steps(path):
            for name in re.findall(r"\bmake ([a-z-]+)", step.get("run", "")):
                assert name in targets


@pytest.mark.parametrize("page", ["lambda", "container"])
def test_what_a_newcomer_is_told_to_run_is_in_the_makefile(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+|logs-%):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / "docs" / "start" / f"{page}.md").read_text()
    told = set(re.findall(r"(?:`|\(|&& |^)make (?:-s )?([a-z][a-z-]+)(?= ENV|`)", text, re.MULTILINE))
    assert told
    assert {"logs-%" if name.startswith("logs-") else name for name in told} <= targets


def test_no_step_puts_words_of_others_into_a_command() -> None:
    for path in WORKFLOWS:
        for step in _steps(path):
            assert "${{" not in step.get("run", "")
