"""Deploys a stage and what belongs to it: `make deploy`, `url`, `sign-in`, `logs-<function>`, `destroy`.

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
from infra.access import NoAccessError, sign_in_link, token
from infra.destroy import delete_data, destroy, forget_parameters
from infra.keys import KeyFileError, ensure_keys, rotate, signing_name

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
    parser.add_argument("command", choices=sorted(COMMANDS))
    parser.add_argument("stage", help="a file of infra/stages, without .yaml")
    parser.add_argument("function", nargs="?", choices=sorted(FUNCTIONS), help="for logs")
    parser.add_argument(
        "--public-key", type=Path, help="for deploy and rotate-key: PEM file of an issuer to believe as well"
    )
    parser.add_argument("--forget", action="store_true", help="for rotate-key: former keys count no more")
    parser.add_argument("--role", default="admin", help="for token: reader, editor, admin, ...")
    parser.add_argument("--seconds", type=int, default=3600, help="for token: how long it is good")
    parser.add_argument("--yes", default="", help="for destroy: the stage's name once more")
    parser.add_argument("--data", action="store_true", help="for destroy: tables and audit lines too")
    said = parser.parse_args(arguments)
    try:
        COMMANDS[said.command](said)
    except (DeploymentError, KeyFileError, NoAccessError) as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)


def _deploy(said: argparse.Namespace) -> None:
    parameters = stage_parameters(said.stage)
    is_new = ensure_keys(boto3_client, said.stage, parameters["PublicKeyParameterName"], said.public_key)
    deploy(said.stage, parameters, run=run_command)
    if is_new:
        print(f"A signing key was made: make sign-in ENV={said.stage} prints a link for an administrator.")
    print(url(boto3_client, said.stage))


def _rotate(said: argparse.Namespace) -> None:
    name = stage_parameters(said.stage)["PublicKeyParameterName"]
    rotate(boto3_client, said.stage, name, forget=said.forget, path=said.public_key)


def _token(said: argparse.Namespace) -> None:
    print(token(boto3_client, outputs(boto3_client, said.stage), role=said.role, seconds=said.seconds))


def _destroy(said: argparse.Namespace) -> None:
    if said.yes != said.stage:
        raise DeploymentError(
            f"this deletes {stack_name(said.stage)}: say make destroy ENV={said.stage} YES={said.stage}"
        )
    found = outputs(boto3_client, said.stage)
    names = [signing_name(said.stage), stage_parameters(said.stage)["PublicKeyParameterName"]]
    destroy(
        boto3_client, stack_name(said.stage), found, delete=lambda: run_command(delete_command(said.stage))
    )
    forget_parameters(boto3_client, names)
    if said.data:
        delete_data(boto3_client, found)


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "deploy": _deploy,
    "url": lambda said: print(url(boto3_client, said.stage)),
    "sign-in": lambda said: print(sign_in_link(boto3_client, outputs(boto3_client, said.stage))),
    "token": _token,
    "rotate-key": _rotate,
    "logs": lambda said: run_command(logs_command(said.stage, said.function or "manage")),
    "destroy": _destroy,
}


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


def delete_command(stage: str) -> list[str]:
    """Deletes the stack and what was uploaded for it."""
    return [_sam(), "delete", "--stack-name", stack_name(stage), "--no-prompts"]


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


if __name__ == "__main__":
    main()
