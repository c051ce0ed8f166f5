"""What the evaluation function imports, in a process of its own: all of it is paid at every start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[4] / "src"
FORBIDDEN = (
    "anyio",
    "asyncio",
    "boto3",
    "botocore",
    "cbor2",
    "click",
    "cryptography",
    "email",
    "http.client",
    "httpx",
    "jwt",
    "prometheus_client",
    "ssl",
    "starlette",
    "typing_extensions",
    "urllib.request",
    "uvicorn",
    "yaml",
)
MOST_MODULES = 88
"""Of ours. A new one is no crime, but somebody should have looked at what it brings along."""


@pytest.fixture(scope="module")
def imported() -> set[str]:
    code = "import json, sys, burgee.entrypoints.lambdas.evaluate; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_evaluation_function_does_not_import(name: str, imported: set[str]) -> None:
    assert name not in imported


def test_it_imports_few_modules_of_ours(imported: set[str]) -> None:
    assert len([name for name in imported if name.startswith("burgee")]) <= MOST_MODULES


def test_what_is_hidden_from_msgspec_is_there_for_others() -> None:
    code = "import burgee.entrypoints.lambdas, typing_extensions; print(typing_extensions.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "typing_extensions" or "No module named" in done.stderr
