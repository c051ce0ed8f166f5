"""Deploys a stage and answers questions about it: `make deploy`, `url`, `logs-<function>` and `destroy`.

Everything that a stage needs is in its file of infra/stages; nothing is edited by hand, before or after.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent.resolve()
TEMPLATE = HERE / "template.yaml"
BUILT = HERE.parent / ".aws-sam"
FUNCTIONS = {
    "evaluate": "EvaluateFunction",
    "manage": "ManageFunction",
    "limiter": "LimiterFunction",
    "publish-snapshot": "PublishSnapshotFunction",
    "audit": "AuditFunction",
    "usage": "UsageFunction",
}
"""What `make logs-<function>` calls them, and what the template does."""

Run = Callable[[Sequence[str]], None]
Clients = Callable[[str], Any]


class DeploymentError(Exception):
    """What the operator has to put right."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["deploy", "url", "logs", "destroy"])
    parser.add_argument("stage", help="a file of infra/stages, without .yaml")
    parser.add_argument("function", nargs="?", choices=sorted(FUNCTIONS), help="for logs")
    parser.add_argument(
        "--public-key", type=Path, help="for the first deploy: PEM file of the issuer's public key"
    )
    parser.add_argument("--yes", default="", help="for destroy: the stage's name once more")
    said = parser.parse_args(arguments)
    try:
        match said.command:
            case "deploy":
                parameters = stage_parameters(said.stage)
                ensure_public_key(boto3_client, parameters["PublicKeyParameterName"], said.public_key)
                deploy(said.stage, parameters, run=run_command)
                print(url(boto3_client, said.stage))
            case "url":
                print(url(boto3_client, said.stage))
            case "logs":
                run_command(logs_command(said.stage, said.function or "manage"))
            case _:
                destroy(boto3_client, said.stage, confirmation=said.yes, run=run_command)
    except DeploymentError as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)


def stack_name(stage: str) -> str:
    """What the stack of a stage is called."""
    return f"burgee-{stage}"


def stage_parameters(stage: str, *, folder: Path = HERE / "stages") -> dict[str, str]:
    """The template's parameters for a stage. Raises DeploymentError for an unknown stage or parameter."""
    path = folder / f"{stage}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.yaml")))
        raise DeploymentError(f"there is no {path.name} in infra/stages; there is {known}")
    given = {name: str(value) for name, value in (yaml.safe_load(path.read_text()) or {}).items()}
    declared = declared_parameters()
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise DeploymentError(f"{path.name}: the template has no parameter {', '.join(unknown)}")
    return {"Stage": stage, "PublicKeyParameterName": f"/burgee/{stage}/public-key", **given}


def declared_parameters() -> dict[str, dict[str, Any]]:
    """The `Parameters` of the template."""

    class Loader(yaml.SafeLoader):
        """Passes over CloudFormation's functions."""

    Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)
    declared: dict[str, dict[str, Any]] = yaml.load(TEMPLATE.read_text(), Loader=Loader)["Parameters"]  # noqa: S506
    return declared


def ensure_public_key(clients: Clients, name: str, path: Path | None) -> None:
    """Put the key of `path` into SSM, where one is given. Raises DeploymentError where neither has one."""
    ssm = clients("ssm")
    if path is None:
        try:
            ssm.get_parameter(Name=name)
        except ssm.exceptions.ParameterNotFound:
            raise DeploymentError(
                f"SSM has no parameter {name}: say where the issuer's public key is, "
                f"with make deploy ENV=... PUBLIC_KEY=file.pem"
            ) from None
        return
    pem = path.read_text()
    if "PRIVATE KEY" in pem:
        raise DeploymentError(f"{path} holds a private key; only the public one leaves your hands")
    if "BEGIN PUBLIC KEY" not in pem:
        raise DeploymentError(f"{path} is not a public key in PEM form")
    ssm.put_parameter(Name=name, Type="SecureString", Value=pem, Overwrite=True)


def deploy(stage: str, parameters: Mapping[str, str], *, run: Run) -> None:
    """Build all functions and bring the stack up to the template. Raises CalledProcessError."""
    run(build_command())
    run(deploy_command(stage, parameters))


def build_command() -> list[str]:
    """Built in source: the functions' Makefile reaches the sources beside it."""
    command = [_sam(), "build", "--template", str(TEMPLATE), "--build-dir", str(BUILT), "--build-in-source"]
    return [*command, "--parallel"]


def deploy_command(stage: str, parameters: Mapping[str, str]) -> list[str]:
    """Uploads to the bucket that SAM keeps for it, and waits for CloudFormation."""
    command = [
        _sam(),
        "deploy",
        "--template-file",
        str(BUILT / "template.yaml"),
        "--stack-name",
        stack_name(stage),
    ]
    command += ["--resolve-s3", "--s3-prefix", stack_name(stage), "--capabilities", "CAPABILITY_IAM"]
    command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--tags", f"burgee:stage={stage}"]
    # An empty value is a value too, and is said.
    return [
        *command,
        "--parameter-overrides",
        *(f"{name}={_quoted(value)}" for name, value in parameters.items()),
    ]


def logs_command(stage: str, function: str) -> list[str]:
    """Follows the log of one function."""
    return [_sam(), "logs", "--stack-name", stack_name(stage), "--name", FUNCTIONS[function], "--tail"]


def outputs(clients: Clients, stage: str) -> dict[str, str]:
    """The outputs of a stage's stack. Raises DeploymentError where there is no such stack."""
    cloudformation = clients("cloudformation")
    try:
        (stack,) = cloudformation.describe_stacks(StackName=stack_name(stage))["Stacks"]
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" not in str(error):
            raise
        raise DeploymentError(f"{stack_name(stage)} is not deployed in this account and region") from None
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}


def url(clients: Clients, stage: str) -> str:
    """Where clients reach the stage."""
    return outputs(clients, stage)["Url"]


def destroy(clients: Clients, stage: str, *, confirmation: str, run: Run) -> None:
    """Delete the stack, not its tables and audit lines. Raises DeploymentError without confirmation."""
    if confirmation != stage:
        raise DeploymentError(f"this deletes {stack_name(stage)}: say make destroy ENV={stage} YES={stage}")
    said = outputs(clients, stage)
    _empty(clients("s3"), said["SnapshotBucketName"])
    run([_sam(), "delete", "--stack-name", stack_name(stage), "--no-prompts"])
    kept = [value for name, value in said.items() if name.endswith("TableName") or name == "AuditBucketName"]
    print("Kept, to be deleted by hand when nobody needs them any more:", ", ".join(sorted(kept)))


def boto3_client(service: str) -> Any:
    """A client with the credentials and the region of the environment."""
    import boto3

    return boto3.client(service)


def run_command(command: Sequence[str]) -> None:
    """Run it in sight of the operator. Raises CalledProcessError."""
    subprocess.run(command, check=True, env={**os.environ, "SAM_CLI_TELEMETRY": "0"})


def _sam() -> str:
    return shutil.which("sam", path=str(Path(sys.executable).parent)) or "sam"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _empty(s3: Any, bucket: str) -> None:
    """Delete every version: a bucket must be empty to be deleted, and snapshots can be made anew."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
        if objects:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


if __name__ == "__main__":
    main()
