"""Lambda functions in an emulator's control plane: they run nothing, but have a concurrency."""

import io
import json
import zipfile
from typing import Any

from burgee.testing.aws.emulators import client_of


def create_functions(url: str, *names: str) -> None:
    """Make functions of these names at `url`."""
    trust = {"Version": "2012-10-17", "Statement": []}
    roles, functions = client_of("iam", url), client_of("lambda", url)
    role = roles.create_role(RoleName="function", AssumeRolePolicyDocument=json.dumps(trust))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("function.py", "def handler(event, context): return None\n")
    for name in names:
        functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role["Role"]["Arn"],
            Handler="function.handler",
            Code={"ZipFile": content.getvalue()},
        )


def concurrency_of(client: Any, name: str) -> int | None:
    """The reserved concurrency of the function `name`, None where it has none."""
    value = client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
    return None if value is None else int(value)
