"""The management function from process start to its first answer, through awslambdaric, beside a bare handler.

The process is started as Lambda starts it, against a fake of its Runtime API, and answers one authorised
request that reads the flags. CPU is that of the whole process, as the kernel counts it at its end.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from report import Budget, table

AT_MOST_MS = 250
BARE_MS = 25
"""What reference/aws.md measured for a bare handler on a quiet machine: the scale of AT_MOST_MS."""

CHILD = """
import json, os, resource, sys
from burgee.testing.aws.runtime_api import Sandbox
handler, environment, event = json.loads(sys.stdin.read())
sandbox = Sandbox(handler, environment, freeze=True)
answered = sandbox.invoke(event, timeout_seconds=30)
assert not answered.is_error and answered.payload["statusCode"] == 200, (answered.payload, answered.log)
before = resource.getrusage(resource.RUSAGE_CHILDREN)
sandbox.close()
after = resource.getrusage(resource.RUSAGE_CHILDREN)
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
"""
BARE = """
def handler(event, context):
    return {"statusCode": 200, "body": "{}"}
"""
MANAGE = "burgee.entrypoints.lambdas.manage.handler"
EVENT = {
    "httpMethod": "GET",
    "path": "/api/v1/flags",
    "headers": {},
    "requestContext": {"identity": {"sourceIp": "192.0.2.1"}, "path": "/api/v1/flags"},
}
SIGN = """
import sys, time
from pathlib import Path
from burgee.adapters.local_key import new_signing_key
from burgee.adapters.tokens import RsaTokenSigner
from burgee.ports import TokenClaims
path = Path(sys.argv[1]); path.write_bytes(new_signing_key()); path.chmod(0o600)
now = int(time.time())
print(RsaTokenSigner(path.read_bytes()).sign(TokenClaims(subject="a", role="admin", issued_at=now, expires_at=now + 3600)))
"""


def run(*, quick: bool, source: Path) -> list[Budget]:
    sys.path.insert(0, str(source))
    from burgee.testing.aws.emulators import ENVIRONMENT, create_tables, running_moto

    with TemporaryDirectory() as folder, running_moto() as moto:
        create_tables(moto)
        (Path(folder) / "bare.py").write_text(BARE)
        key = f"{folder}/signing.pem"
        token = _python(SIGN, key, source=source).strip()
        event = {**EVENT, "headers": {"Authorization": f"Bearer {token}"}}
        shared = {
            **ENVIRONMENT,
            "PYTHONPATH": f"{folder}:{source}",
            # Bytecode is there, as in the package that is shipped.
            "PYTHONPYCACHEPREFIX": f"{folder}/pyc",
            "BURGEE_SIGNING_KEY": key,
        }
        ways: dict[str, tuple[str, dict[str, str]]] = {
            "bare handler": ("bare.handler", shared),
            "manage, store in memory": (MANAGE, {**shared, "BURGEE_DATA": ":memory:"}),
            "manage, DynamoDB": (
                MANAGE,
                {**shared, "BURGEE_STORE": "dynamodb", "AWS_ENDPOINT_URL": moto},
            ),
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for warm in [False] + [True] * (5 if quick else 15):
            for name, (handler, environment) in ways.items():
                task = json.dumps([handler, environment, event])
                cpu = float(_python(CHILD, source=source, given=task)) * 1000
                if warm:
                    taken[name].append(cpu)
    middle = {name: statistics.median(each) for name, each in taken.items()}
    bare = middle["bare handler"]
    rows = [
        [name, f"{each:.0f}", f"{min(taken[name]):.0f}", f"{each / bare:.2f}"] for name, each in middle.items()
    ]
    print(
        table(
            "Management on Lambda, process start to first answer, CPU ms", ["", "median", "least", "x bare"], rows
        )
    )
    return [
        Budget(
            f"management on Lambda, first answer (where a bare handler is {BARE_MS} ms)",
            middle["manage, DynamoDB"] / bare * BARE_MS,
            at_most=AT_MOST_MS,
            unit=" ms",
        )
    ]


def _python(program: str, *arguments: str, source: Path, given: str = "") -> str:
    environment = {**os.environ, "PYTHONPATH": str(source)}
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            check=False,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            env=environment,
        )
        if done.returncode == 0:
            return done.stdout
        time.sleep(0.1)
    raise RuntimeError(done.stderr)
