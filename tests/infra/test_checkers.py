"""Other people's checkers find nothing: cfn-lint, parliament, and checkov but for what is excused."""

import fnmatch
import json
import sys
from pathlib import Path

import pytest
import yaml
from tests.infra.conftest import CONTAINER, EVERYTHING, INFRA, ROOT, Run

from burgee.testing.aws.intrinsics import read_yaml
from burgee.testing.aws.privileges import wildcards
from burgee.testing.aws.template import Template

pytestmark = pytest.mark.infra

parliament = pytest.importorskip("parliament")

CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"
CFN_LINT = [str(Path(sys.executable).parent / "cfn-lint"), "--non-zero-exit-code", "warning"]


@pytest.mark.parametrize("which", ["serverless", "container", "deploy-role"])
def test_cfn_lint_has_nothing_to_say_about_what_is_deployed(
    which: str, translated_path: Path, run: Run
) -> None:
    paths = {"serverless": translated_path, "container": CONTAINER, "deploy-role": INFRA / "deploy-role.yaml"}
    done = run([*CFN_LINT, str(paths[which])])
    assert (done.returncode, done.stdout) == (0, "")


def test_cfn_lint_would_have_something_to_say(translated_path: Path, tmp_path: Path, run: Run) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(translated_path.read_text().replace("python3.13", "python3.99"))
    done = run([*CFN_LINT, str(broken)])
    assert done.returncode != 0
    assert "python3.99" in done.stdout


def test_parliament_finds_no_fault_in_any_policy(translated: Template) -> None:
    found = []
    for role in translated.of_type("AWS::IAM::Role"):
        for policy in translated.properties(role).get("Policies", ()):
            # A stream's label has colons, which parliament takes for parts of the ARN.
            text = json.dumps(policy["PolicyDocument"]).replace("00:00:00.000", "label")
            found += [
                (role, finding.issue, [each["action"] for each in finding.detail])
                for finding in parliament.analyze_policy_string(text).findings
            ]
    # A list of streams has no resource, says parliament; SAM's own policy has one all the same, and it works.
    assert found == [
        ("PublishSnapshotRole", "RESOURCE_MISMATCH", ["dynamodb:ListStreams"]),
        ("AuditRole", "RESOURCE_MISMATCH", ["dynamodb:ListStreams"]),
    ]


def test_no_role_of_ours_has_a_wildcard_for_actions_or_for_all_resources(translated: Template) -> None:
    assert wildcards(translated) == ()


def _with_everything_on(path: Path, folder: Path) -> Path:
    """A copy whose defaults make all conditions true: checkov passes over what is off by default."""
    document = read_yaml(path.read_text())
    for name, value in {**EVERYTHING, "NewsQueue": "yes"}.items():
        if name in document["Parameters"]:
            document["Parameters"][name]["Default"] = value
    copy = folder / f"{path.stem}-{path.parent.name}.json"
    copy.write_text(json.dumps(document, indent=1))
    return copy


def test_checkov_finds_nothing_that_is_not_excused_and_no_excuse_is_stale(
    translated_path: Path, run: Run, tmp_path: Path
) -> None:
    excuses = yaml.safe_load((INFRA / "checkov-excuses.yaml").read_text())
    failed = set()
    for path in (_with_everything_on(each, tmp_path) for each in (translated_path, CONTAINER)):
        done = run(
            [str(CHECKOV), "-f", str(path), "--framework", "cloudformation", "-o", "json", "--skip-download"]
        )
        report = json.loads(done.stdout)
        assert report["summary"]["passed"] > 20
        assert report["summary"]["parsing_errors"] == 0
        failed |= {
            (each["check_id"], each["resource"].split(".")[-1]) for each in report["results"]["failed_checks"]
        }
    unexplained, used = set(), set()
    for check, resource in failed:
        matching = [
            (check, pattern)
            for pattern in excuses.get(check, {}).get("resources", ())
            if fnmatch.fnmatchcase(resource, pattern)
        ]
        used |= set(matching)
        if not matching:
            unexplained.add((check, resource))
    stale = {(check, pattern) for check, each in excuses.items() for pattern in each["resources"]} - used
    assert (unexplained, stale) == (set(), set())


def test_every_excuse_says_why() -> None:
    excuses = yaml.safe_load((INFRA / "checkov-excuses.yaml").read_text())
    assert [check for check, each in excuses.items() if len(each["because"]) < 40] == []


def test_everything_is_on_while_it_is_checked(translated: Template) -> None:
    assert [name for name, holds in translated.conditions.items() if not holds] == []
    assert set(EVERYTHING) <= set(translated.document["Parameters"])
