"""Each fault of reliability.md 2.1 that issue 4 names has a test that is collected under its number."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.aws
pytest.importorskip("boto3")

TESTS = Path(__file__).parent
WANTED = {*range(9, 18), 33, 35}
NAME = re.compile(r"\btest_f(\d+)_")


def test_every_fault_has_a_test_that_is_collected_under_its_number() -> None:
    files = [
        path
        for path in TESTS.rglob("test_*.py")
        if path != Path(__file__) and re.search(r"\btest_f\d+_", path.read_text())
    ]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    # Collected, not read: of a file that cannot be imported, or a table without rows, nothing would run.
    done = subprocess.run(
        [*command, *map(str, files)], capture_output=True, text=True, check=False, cwd=TESTS.parent
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr
    names = [line.partition("::")[2] for line in done.stdout.splitlines() if "::" in line]
    found = {int(number) for name in names for number in NAME.findall(name)}
    assert sorted(WANTED - found) == []
