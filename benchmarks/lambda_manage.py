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
from collections.abc import Iterator
from contextlib import contextmanager
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
MOTO = """
import sys
from burgee.testing.aws.emulators import create_tables, running_moto
with running_moto() as url:
    create_tables(url)
    print(url, flush=True)
    sys.stdin.read()
"""
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


def interpreter(root: Path) -> str:
    """Of the environment that has the emulators (`make test-aws`), else the one that runs this."""
    made = root / ".venv" / "bin" / "python"
    return str(made) if made.exists() else sys.executable


def run(*, quick: bool, source: Path, python: str = sys.executable) -> list[Budget]:
    if _fails(python, "import awslambdaric, boto3, mangum, moto"):
        print("\nManagement on Lambda: skipped, the emulators are not installed (make test-aws)")
        return []
    with TemporaryDirectory() as folder, _moto(python, source) as moto:
        (Path(folder) / "bare.py").write_text(BARE)
        key = f"{folder}/signing.pem"
        token = _python(python, SIGN, key, source=source).strip()
        event = {**EVENT, "headers": {"Authorization": f"Bearer {token}"}}
        shared = {
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "eu-west-1",
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
                cpu = float(_python(python, CHILD, source=source, given=task)) * 1000
                if warm:
                    taken[name].append(cpu)
    middle = {name: statistics.median(each) for name, each in taken.items()}
    bare = middle["bare handler"]
    rows = [
        [name, f"{each:.0f}", f"{min(taken[name]):.0f}", f"{each / bare:.2f}"]
        for name, each in middle.items()
    ]
    print(
        table(
            "Management on Lambda, process start to first answer, CPU ms",
            ["", "median", "least", "x bare"],
            rows,
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


@contextmanager
def _moto(python: str, source: Path) -> Iterator[str]:
    """The address of an emulator with the tables."""
    process = subprocess.Popen(
        [python, "-c", MOTO],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(source)},
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.communicate("")


def _fails(python: str, program: str) -> bool:
    return (
        subprocess.run([python, "-c", program], check=False, capture_output=True, timeout=60).returncode != 0
    )


def _python(python: str, program: str, *arguments: str, source: Path, given: str = "") -> str:
    environment = {**os.environ, "PYTHONPATH": str(source)}
    for _ in range(3):
        done = subprocess.run(
            [python, "-c", program, *arguments],
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
