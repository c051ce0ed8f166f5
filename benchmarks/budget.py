"""What the request budget costs a request: the check itself, and its part of the leases from SQLite."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from report import Budget, table

ROWS = (
    "lease from memory",
    "lease from SQLite, synced to disk",
    "the same as a route does it (await, thread)",
)


def run(*, quick: bool, root: Path) -> list[Budget]:
    product = root / ".venv/bin/python"  # the environment of the peers has no SQLite store
    done = subprocess.run(
        [
            str(product) if product.exists() else sys.executable,
            str(root / "benchmarks/budget_cost.py"),
            "3" if quick else "9",
        ],
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    *costs, steps = [statistics.median(column) for column in zip(*json.loads(done.stdout), strict=True)]
    rows = [
        [what, f"{cpu:.3f}", f"{wall:.3f}"]
        for what, cpu, wall in zip(ROWS, costs[::2], costs[1::2], strict=True)
    ]
    print(table("Request budget", ["one call, amortised", "us of CPU", "us by the clock"], rows))
    return [
        Budget("request budget, one call amortised (CPU)", costs[-2], at_most=2.0, unit=" us"),
        Budget("steps of the store per request", steps, at_most=0.15),
    ]
