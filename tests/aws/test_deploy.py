"""The deploy script: what it hands to SAM, and what it does in the account, here moto."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

boto3 = pytest.importorskip("boto3")
from infra.destroy import BALANCER, NESTED, destroy  # noqa: E402
from infra.smoke import Stack  # noqa: E402

from burgee.testing.aws.emulators import running_moto  # noqa: E402
from burgee.testing.aws.template import REGION, read_template  # noqa: E402
from infra import deploy  # noqa: E402

pytestmark = pytest.mark.aws

STACK = """
Resources:
  Bucket: { Type: AWS::S3::Bucket, Properties: { BucketName: snapshots-of-staging } }
Outputs:
  Url: { Value: "https://api.example.com/staging" }
  SnapshotBucketName: { Value: !Ref Bucket }
  FlagTableName: { Value: featureFlag-staging }
  AuditBucketName: { Value: audit-of-staging }
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running_moto() as url:
        yield url


@pytest.fixture
def clients(endpoint: str) -> Iterator[deploy.Clients]:
    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )

    yield client
    httpx.post(f"{endpoint}/moto-api/reset").raise_for_status()


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_a_stage_gives_every_parameter_that_has_no_default(stage: str) -> None:
    parameters = deploy.stage_parameters(stage)
    assert parameters["Stage"] == stage
    assert parameters["PublicKeyParameterName"] == f"/burgee/{stage}/public-key"
    assert read_template(parameters=parameters).parameters["Stage"] == stage


def test_the_stages_of_one_account_share_no_table() -> None:
    tables = [
        {
            read_template(parameters=deploy.stage_parameters(stage)).name(table)
            for table in ("FlagTable", "OverrideTable", "BudgetTable", "MainTable")
        }
        for stage in ("staging", "production")
    ]
    assert tables[0] & tables[1] == set()
    assert tables[1] == {"featureFlag", "featureFlagUserMapping", "requestLimit", "burgee"}


def test_a_stage_without_a_file_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(deploy.DeploymentError, match=r"no stagin\.yaml.*production, staging"):
        deploy.stage_parameters("stagin")


def test_a_parameter_that_the_template_does_not_have_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("BudgetLimi: 3")
    with pytest.raises(deploy.DeploymentError, match=r"no parameter BudgetLimi$"):
        deploy.stage_parameters("x", folder=tmp_path)


def test_deploying_builds_first_and_says_every_parameter_also_the_empty_ones() -> None:
    commands: list[Sequence[str]] = []
    deploy.deploy("staging", {"Stage": "staging", "AllowedOrigins": "", "A": 'x "y" \\'}, run=commands.append)
    built, deployed = commands
    assert built[1] == "build"
    assert "--build-in-source" in built
    assert deployed[1] == "deploy"
    at = list(deployed).index("--parameter-overrides")
    assert deployed[at + 1 :] == ['Stage="staging"', 'AllowedOrigins=""', 'A="x \\"y\\" \\\\"']
    assert deployed[list(deployed).index("--stack-name") + 1] == "burgee-staging"


def test_the_address_is_an_output_of_the_stack(clients: deploy.Clients) -> None:
    clients("cloudformation").create_stack(StackName="burgee-staging", TemplateBody=STACK)
    assert deploy.url(clients, "staging") == "https://api.example.com/staging"


def test_a_stage_that_is_not_deployed_has_no_address(clients: deploy.Clients) -> None:
    with pytest.raises(deploy.DeploymentError, match="burgee-staging is not deployed"):
        deploy.url(clients, "staging")


@pytest.mark.parametrize("confirmation", ["", "production"])
def test_nothing_is_destroyed_without_the_name_of_the_stage(
    confirmation: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deploy, "boto3_client", lambda _: pytest.fail("it asked AWS"))
    monkeypatch.setattr(deploy, "run_command", lambda _: pytest.fail("it ran"))
    with pytest.raises(SystemExit, match="YES=staging"):
        deploy.main(["destroy", "staging", "--yes", confirmation])


def test_destroying_deletes_stack_and_keys_and_keeps_the_data(
    clients: deploy.Clients, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = destroyed(clients, monkeypatch)
    left = clients("s3").list_object_versions(Bucket="snapshots-of-staging")
    assert (left.get("Versions"), left.get("DeleteMarkers")) == (None, None)
    assert [command[1:4] for command in commands] == [["delete", "--stack-name", "burgee-staging"]]
    assert "audit-of-staging, featureFlag-staging" in capsys.readouterr().out
    assert clients("ssm").describe_parameters()["Parameters"] == []
    assert clients("dynamodb").list_tables()["TableNames"] == ["featureFlag-staging"]
    assert len(clients("s3").list_object_versions(Bucket="audit-of-staging")["Versions"]) == 1


def test_destroying_with_its_data_leaves_nothing(
    clients: deploy.Clients, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    destroyed(clients, monkeypatch, "--data")
    assert clients("dynamodb").list_tables()["TableNames"] == []
    assert [each["Name"] for each in clients("s3").list_buckets()["Buckets"]] == ["snapshots-of-staging"]


def test_a_protected_load_balancer_of_a_nested_stack_is_let_go() -> None:
    """Its attributes, as AWS was asked to set them."""
    asked: list[dict[str, Any]] = []
    stacks = {
        "burgee-staging": [{"ResourceType": NESTED, "PhysicalResourceId": "nested"}],
        "nested": [
            {"ResourceType": BALANCER, "PhysicalResourceId": "arn:balancer"},
            {"ResourceType": BALANCER},
            {"ResourceType": "AWS::ECS::Cluster", "PhysicalResourceId": "c"},
        ],
    }

    class Client:
        def describe_stack_resources(self, **said: str) -> dict[str, Any]:
            return {"StackResources": stacks[said["StackName"]]}

        def modify_load_balancer_attributes(self, **said: Any) -> None:
            asked.append(said)

        def get_paginator(self, _: str) -> "Client":
            return self

        def paginate(self, **_: str) -> list[dict[str, Any]]:
            return []

    found = {"SnapshotBucketName": "s", "AuditBucketName": "a"}
    destroy(lambda _: Client(), "burgee-staging", found, delete=lambda: asked.append({"deleted": True}))
    protection = {"Key": "deletion_protection.enabled", "Value": "false"}
    assert asked == [{"LoadBalancerArn": "arn:balancer", "Attributes": [protection]}, {"deleted": True}]


def destroyed(clients: deploy.Clients, monkeypatch: pytest.MonkeyPatch, *more: str) -> list[Sequence[str]]:
    """What was run to take the stage away; the stack itself, which SAM would delete, is still there."""
    clients("cloudformation").create_stack(StackName="burgee-staging", TemplateBody=STACK)
    s3 = clients("s3")
    location = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket="audit-of-staging", CreateBucketConfiguration=location)
    for bucket in ("snapshots-of-staging", "audit-of-staging"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket="snapshots-of-staging", Key="snapshots/default", Body=b"x")
    s3.delete_object(Bucket="snapshots-of-staging", Key="snapshots/default")
    s3.put_object(Bucket="audit-of-staging", Key="ddb-changes/day=2026-01-01/1.gz", Body=b"x")
    clients("dynamodb").create_table(
        TableName="featureFlag-staging",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        DeletionProtectionEnabled=True,
    )
    for name in ("signing-key", "public-key"):
        clients("ssm").put_parameter(Name=f"/burgee/staging/{name}", Type="SecureString", Value="x")
    commands: list[Sequence[str]] = []
    monkeypatch.setattr(deploy, "boto3_client", clients)
    monkeypatch.setattr(deploy, "run_command", commands.append)
    deploy.main(["destroy", "staging", "--yes", "staging", *more])
    return commands


@pytest.mark.parametrize("name", sorted(deploy.FUNCTIONS))
def test_the_log_of_every_function_can_be_followed(name: str) -> None:
    assert deploy.logs_command("staging", name)[-3:] == ["--name", deploy.FUNCTIONS[name], "--tail"]


def test_every_function_of_the_template_has_a_name_for_its_log() -> None:
    assert set(deploy.FUNCTIONS.values()) == set(read_template().functions)


def test_the_smoke_test_sees_rows_of_the_flag_table(clients: deploy.Clients) -> None:
    clients("dynamodb").create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    clients("dynamodb").put_item(TableName="t", Item={"id": {"S": "1"}, "name": {"S": "n"}})
    stack = Stack({"FlagTableName": "t"}, clients)
    assert stack.flag_row("1") == {"id": {"S": "1"}, "name": {"S": "n"}}
    assert stack.flag_row("2") is None
