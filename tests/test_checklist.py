"""The checklist of reliability.md 3.2 is covered: every item has a test that is named after its number."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parent
WANTED = {*range(1, 38), *range(45, 61)}
ITEM = re.compile(r"(?:\btest_|\[)item_(\d\d)_")


def test_every_item_has_a_test_that_is_collected_under_its_number() -> None:
    files = [
        path for path in TESTS.rglob("test_*.py") if path != Path(__file__) and "item_" in path.read_text()
    ]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    # Collected, not read: of a file that cannot be imported, or a table without rows, nothing would run.
    done = subprocess.run(
        [*command, *map(str, files)], capture_output=True, text=True, check=False, cwd=TESTS.parent
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr
    names = [line.partition("::")[2] for line in done.stdout.splitlines() if "::" in line]
    found = Counter(int(number) for name in names for number in ITEM.findall(name))
    assert sorted(WANTED - set(found)) == []
