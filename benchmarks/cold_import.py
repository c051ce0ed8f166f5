"""`import burgee.engine` and a program of 100 flags from a snapshot, in fresh processes."""

import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from report import Budget
from shapes import SHAPES, flagd_rule

from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.snapshot import Snapshot

MEASURE = """
import sys
sys.path.insert(0, sys.argv[2])
import time
import msgspec
from burgee.engine.program import compile_program
from burgee.model.snapshot import Snapshot
snapshot = msgspec.json.decode(open(sys.argv[1], "rb").read(), type=Snapshot)
program = compile_program(snapshot, clock=time.time)
assert len(program.flags) == 100
print(time.process_time())
"""
BARE = "import time; print(time.process_time())"


def run(*, quick: bool, source: Path) -> list[Budget]:
    flags = tuple(
        Flag(id=f"{number}", key=f"f{number}", variants={"on": True, "off": False}, default_variant="off",
             targeting=flagd_rule(SHAPES[number % len(SHAPES)]))
        for number in range(100)
    )  # fmt: skip
    ours: list[float] = []
    bare: list[float] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "snapshot.json"
        path.write_bytes(msgspec.json.encode(Snapshot(flag_set=FlagSet(), flags=flags)))
        # Compiled once, as at any second start, even where the environment tells Python to leave no bytecode.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{folder}/pyc"}
        for warm in [False] + [True] * (5 if quick else 21):
            took = (
                _cpu(MEASURE, str(path), str(source), environment=environment),
                _cpu(BARE, environment=environment),
            )
            if warm:
                ours.append(took[0])
                bare.append(took[1])
    print(
        f"\nFresh process, CPU: Python alone {statistics.median(bare):.0f} ms, with 100 flags ready {statistics.median(ours):.0f} ms"
    )
    return [
        Budget(
            "import the engine and compile 100 flags, whole process",
            statistics.median(ours),
            at_most=60,
            unit=" ms",
        )
    ]


def _cpu(program: str, *arguments: str, environment: dict[str, str]) -> float:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, env=environment)
    return float(done.stdout) * 1000
