"""kill -9 in the middle of commits: what the store acknowledged is there when it opens again."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from burgee.adapters.snapshot_file import JsonSnapshotFile
from burgee.adapters.sqlite.open import open_sqlite_store
from burgee.testing.builders import THE_DAY
from burgee.testing.store_checks import disagreements

pytestmark = pytest.mark.torture

KILLS = 24

WRITER = """
import sys
from burgee.adapters.snapshot_file import JsonSnapshotFile
from burgee.adapters.sqlite.open import open_sqlite_store
from burgee.testing.builders import a_flag
from burgee.testing.publishing import publish

snapshot_file = JsonSnapshotFile(sys.argv[1] + ".snapshot")
store = open_sqlite_store(sys.argv[1], clock=lambda: 0.0, snapshot_file=snapshot_file)
number = store.audit_head()[0]
while True:
    number += 1
    for event in publish(store, a_flag(key=f"flag-{number % 9}", name=str(number))):
        print(event.sequence, event.hash, flush=True)
"""


def test_random_kills_lose_no_acknowledged_commit(tmp_path: Path) -> None:
    dice, path, acknowledged = random.Random(9), tmp_path / "flags.db", dict[int, str]()
    for kill in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline()]
            time.sleep(dice.uniform(0.0, 0.15))
            writer.send_signal(signal.SIGKILL)
            lines += writer.stdout.readlines()
        # The last line may be cut; one that is whole was acknowledged.
        acknowledged |= {int(line.split()[0]): line.split()[1] for line in lines if line.endswith("\n")}
        store = open_sqlite_store(
            path, clock=lambda: THE_DAY, snapshot_file=JsonSnapshotFile(f"{path}.snapshot")
        )
        assert store.read_only_reason is None, f"kill {kill}"
        kept = {event.sequence: event.hash for event in store.audit_range(first=1, limit=1_000_000)}
        assert acknowledged.items() <= kept.items(), f"kill {kill} lost an acknowledged commit"
        assert disagreements(store) == [], f"kill {kill}"
        store.close()
    assert len(acknowledged) > 200, "too few commits to prove anything"
