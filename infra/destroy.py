"""Takes a stage away: first what can be made anew; its tables and audit lines only when that is said, too."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Clients = Callable[[str], Any]

BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
NESTED = "AWS::CloudFormation::Stack"


def destroy(clients: Clients, stack: str, outputs: Mapping[str, str], *, delete: Callable[[], None]) -> None:
    """Make `stack` deletable and let `delete` do it; then say what is kept."""
    _unprotect_balancers(clients, stack)
    _empty(clients("s3"), outputs["SnapshotBucketName"])
    delete()
    kept = [*_tables(outputs), outputs["AuditBucketName"]]
    print("Kept, unless you say DATA=yes:", ", ".join(sorted(kept)))


def forget_parameters(clients: Clients, names: Sequence[str]) -> None:
    """Delete the keys of the stage, which no template knows."""
    clients("ssm").delete_parameters(Names=list(names))


def delete_data(clients: Clients, outputs: Mapping[str, str]) -> None:
    """Delete the tables and the audit lines: nobody gets them back but from a backup of yours."""
    dynamodb, s3 = clients("dynamodb"), clients("s3")
    for table in _tables(outputs):
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        dynamodb.get_waiter("table_exists").wait(TableName=table)
        dynamodb.delete_table(TableName=table)
    _empty(s3, outputs["AuditBucketName"])
    s3.delete_bucket(Bucket=outputs["AuditBucketName"])
    print("Deleted:", ", ".join(sorted([*_tables(outputs), outputs["AuditBucketName"]])))


def _tables(outputs: Mapping[str, str]) -> list[str]:
    return [value for name, value in outputs.items() if name.endswith("TableName")]


def _unprotect_balancers(clients: Clients, stack: str) -> None:
    """The load balancer of the container profile is protected against being deleted by mistake."""
    resources = clients("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    for resource in resources:
        arn = resource.get("PhysicalResourceId")
        if resource["ResourceType"] == NESTED and arn:
            _unprotect_balancers(clients, arn)
        if resource["ResourceType"] == BALANCER and arn:
            attribute = {"Key": "deletion_protection.enabled", "Value": "false"}
            clients("elbv2").modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[attribute])


def _empty(s3: Any, bucket: str) -> None:
    """Delete every version: a bucket must be empty to be deleted."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
        if objects:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
