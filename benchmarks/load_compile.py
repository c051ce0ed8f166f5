"""Load, check and compile a document of 10,000 flags, in fresh processes."""

import json
import random
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from report import Budget
from shapes import SHAPES, flagd_rule

FLAGS = 10_000
MEASURE = """
import resource, sys, time
sys.path.insert(0, sys.argv[2])
from burgee.engine.check import check_flag
from burgee.engine.program import compile_program
from burgee.formats import flagd
from burgee.model.snapshot import Snapshot
data = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.process_time()
[document] = flagd.parse(data)
parsed = time.process_time()
faults = [fault for flag in document.flags for fault in check_flag(flag, document.flag_set)]
checked = time.process_time()
program = compile_program(Snapshot(flag_set=document.flag_set, flags=document.flags), clock=time.time)
done = time.process_time()
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
assert not faults and len(program.flags) == 10_000
print(parsed - began, checked - parsed, done - checked, done - began, grown)
"""
PEER = """
import sys, time
from openfeature.contrib.tools.flagd.core import FlagdCore
data = open(sys.argv[1]).read()
began = time.process_time()
FlagdCore().set_flags(data)
print(time.process_time() - began)
"""


def document() -> str:
    """About 2.7 MB: the five shapes of up to five clauses in turn, with a constant of their own each."""
    chance = random.Random(4)
    flags = {}
    for number in range(FLAGS):
        rule = flagd_rule(SHAPES[number % 5])
        text = json.dumps(rule).replace("plan-1", f"plan-{chance.randrange(10**6)}")
        flags[f"flag-{number}"] = {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": "off",
            "metadata": {"owner": f"team-{number % 40}", "ticket": number},
        } | ({"targeting": json.loads(text)} if rule else {})
    return json.dumps({"flags": flags})


def run(*, quick: bool, source: Path) -> list[Budget]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "flags.json"
        path.write_text(document())
        runs = [_run(MEASURE, str(path), str(source)) for _ in range(3 if quick else 9)]
        peer = [_run(PEER, str(path))[0] for _ in range(1 if quick else 3)]
        size = path.stat().st_size / 1e6
    parse, check, compile_, total, grown = (statistics.median(column) for column in zip(*runs, strict=True))
    print(
        f"\nLoad {FLAGS:,} flags ({size:.1f} MB), CPU seconds: parse {parse:.3f}, check {check:.3f},"
        f" compile {compile_:.3f}; flagd-core only parses, in {statistics.median(peer):.3f}"
    )
    return [
        Budget("load, check and compile 10,000 flags", total, at_most=0.6, unit=" s"),
        Budget("memory for them", grown, at_most=60, unit=" MB"),
    ]


def _run(program: str, *arguments: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True, timeout=120
    )
    return [float(word) for word in done.stdout.split()]
