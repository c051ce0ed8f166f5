"""A million overrides in SQLite, beside an empty data folder: evaluation, publish and memory must not notice.

.venv/bin/python benchmarks/overrides.py [--quick]      by itself; `make bench` runs it so too
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from report import Budget, budgets, table

if TYPE_CHECKING:
    from burgee.service.services import Services

OVERRIDES = 1_000_000
EVALUATIONS, BULKS, PUBLISHES = 4_000, 400, 40
"""In one round."""

FLAGS = 100


def run(*, quick: bool, root: Path) -> list[Budget]:
    """Measured by the Python of the product, which has SQLite."""
    python = str(root / ".venv" / "bin" / "python")
    command = [python, str(Path(__file__)), "--json", *(["--quick"] if quick else [])]
    done = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True)
    *report, last = done.stdout.splitlines()
    print("\n".join(report))
    return [Budget(**each) for each in json.loads(last)]


class Side:
    """One application of the two."""

    def __init__(self, services: "Services") -> None:
        from burgee.surfaces.http.counters import Counters, SharedCounters
        from burgee.surfaces.http.ofrep import Ofrep

        counters = Counters(SharedCounters.create(1), 0)
        self.services = services
        self.ofrep = Ofrep(
            services.live, services.access, counters, open_to_all=True, overrides=services.overrides
        )
        self.times: dict[str, list[list[int]]] = {}

    def measure(self, name: str, count: int, act: Callable[[int], object]) -> None:
        clock, times = time.perf_counter_ns, []
        for number in range(count):
            began = clock()
            act(number)
            times.append(clock() - began)
        self.times.setdefault(name, []).append(sorted(times))

    def quantile(self, name: str, share: float) -> float:
        """Microseconds: the median over the rounds of the quantile of each."""
        return statistics.median([times[int(len(times) * share)] for times in self.times[name]]) / 1000


def measure(*, quick: bool) -> list[Budget]:
    from burgee.adapters.sqlite.store import SqliteFlagStore
    from burgee.bootstrap import open_application
    from burgee.service.drafts import FlagDraft
    from burgee.service.intent import Author
    from burgee.settings import Settings
    from burgee.testing.many_overrides import insert_overrides, subject

    author = Author(subject="bench")
    with TemporaryDirectory() as name, ExitStack() as stack:
        for folder in ("none", "many"):
            with open_application(Settings(data=f"{name}/{folder}")) as services:
                for number in range(FLAGS):
                    services.publisher.put_flag("default", f"flag-{number}", _flag(FlagDraft), author=author)
        began = time.perf_counter()
        store = SqliteFlagStore(f"{name}/many/flags.db", time.time)
        insert_overrides(store, OVERRIDES, flag_key="flag-0", variant="on", at=time.time())
        store.close()
        print(f"\nOverrides: {OVERRIDES:,} inserted in {time.perf_counter() - began:.0f} s")

        none = Side(stack.enter_context(open_application(Settings(data=f"{name}/none"))))
        _round(none, author, subject)
        before = _resident_bytes()
        many = Side(stack.enter_context(open_application(Settings(data=f"{name}/many"))))
        began = time.process_time()
        many.services.overrides.subjects.poll()
        learnt = time.process_time() - began
        _round(many, author, subject)
        grown = (_resident_bytes() - before) / 1e6
        for side in (none, many):
            side.times.clear()
        for number in range(5 if quick else 15):
            for side in (none, many) if number % 2 else (many, none):
                _round(side, author, subject)
        many.measure(
            "overridden", EVALUATIONS, lambda n: many.ofrep.single("flag-0", {}, _body(subject(n * 7)))
        )
        many.measure("overridden bulk", BULKS, lambda n: many.ofrep.bulk(b"", {}, _body(subject(n * 7))))
        _report(none, many, learnt=learnt, grown=grown)
    return _budgets(none, many, learnt=learnt, grown=grown)


def _round(side: Side, author: Any, subject: Callable[[int], str]) -> None:
    from burgee.service.drafts import FlagDraft

    bodies = [_body(f"nobody-{number}") for number in range(EVALUATIONS)]
    side.ofrep.single("flag-0", {}, bodies[0])
    quick, single, bulk = side.ofrep.quick, side.ofrep.single, side.ofrep.bulk
    side.measure(
        "one flag", EVALUATIONS, lambda n: quick("flag-0", {}, bodies[n]) or single("flag-0", {}, bodies[n])
    )
    side.measure("all flags", BULKS, lambda n: bulk(b"", {}, bodies[n]))
    side.measure(
        "publish",
        PUBLISHES,
        lambda n: side.services.publisher.put_flag(
            "default", "flag-1", _flag(FlagDraft, tags=(f"run-{n}",)), author=author
        ),
    )


def _flag(draft: Any, **more: Any) -> Any:
    rule = {"if": [{"==": [{"var": "plan"}, "gold"]}, "on", "off"]}
    return draft(variants={"on": True, "off": False}, default_variant="off", targeting=rule, **more)


def _body(subject: str) -> bytes:
    return json.dumps({"context": {"targetingKey": subject, "plan": "free"}}).encode()


def _resident_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _report(none: Side, many: Side, *, learnt: float, grown: float) -> None:
    rows = []
    for name in ("one flag", "all flags", "publish"):
        cells = [f"{side.quantile(name, share):,.1f}" for side in (none, many) for share in (0.5, 0.99)]
        rows.append([f"{name}, subject without overrides" if name != "publish" else name, *cells])
    rows += [
        [name, "", "", *[f"{many.quantile(name, share):,.1f}" for share in (0.5, 0.99)]]
        for name in ("overridden", "overridden bulk")
    ]
    header = ["microseconds", "none: median", "p99", f"{OVERRIDES:,}: median", "p99"]
    print(table(f"A folder without overrides, and one with {OVERRIDES:,}", header, rows))
    print(f"Filter made in {learnt:.1f} s of CPU, {grown:.1f} MB more resident")


def _budgets(none: Side, many: Side, *, learnt: float, grown: float) -> list[Budget]:
    def ratio(name: str, share: float) -> float:
        return many.quantile(name, share) / none.quantile(name, share)

    what = f"with {OVERRIDES:,} overrides"
    added = many.quantile("one flag", 0.99) - none.quantile("one flag", 0.99)
    return [
        Budget(f"one flag {what}, added to the p99", added, at_most=20, unit=" us"),
        Budget(f"all flags {what}, p99 of that without", ratio("all flags", 0.99), at_most=1.5),
        Budget(f"publish {what}, median of that without", ratio("publish", 0.5), at_most=1.3),
        Budget(f"publish {what}, p99 of that without", ratio("publish", 0.99), at_most=2.0),
        Budget(
            f"one flag of an overridden subject {what}, median",
            many.quantile("overridden", 0.5),
            at_most=200,
            unit=" us",
        ),
        Budget(f"more memory {what}", grown, at_most=16, unit=" MB"),
        Budget(f"filter of {OVERRIDES:,} overrides, CPU to make it", learnt, at_most=20, unit=" s"),
    ]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    found = measure(quick="--quick" in sys.argv)
    if "--json" in sys.argv:
        print(
            json.dumps(
                [
                    {name: value for name, value in each._asdict().items() if value is not None}
                    for each in found
                ]
            )
        )
    else:
        print(budgets(found))
