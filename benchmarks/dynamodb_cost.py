"""What Burgee on DynamoDB costs, measured: capacity units of each operation, and dollars.

    make bench ARGS="--only dynamodb"                                      a small store, half a minute
    python benchmarks/dynamodb_cost.py --flags 10000 --overrides 100000    the table of docs/reference/dynamodb.md

The stores fill dynalite and are asked each operation once; every call asks for its ConsumedCapacity, and dynalite's
is that of DynamoDB. It has no transactions: they are counted as their single writes at twice the price, which is
DynamoDB's rule. Beside it the same requests are counted by the rules alone, and must come to the same.
Needs boto3 (requirements-aws.lock) and, for dynalite, node and npm.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "src")]

from dynamodb_filling import a_small_flag, fill_overrides, subject  # noqa: E402
from dynamodb_rules import RuledClient  # noqa: E402
from report import Budget  # noqa: E402

from burgee.adapters.dynamodb.client import DynamoClient  # noqa: E402
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore  # noqa: E402
from burgee.adapters.dynamodb.overrides import DynamoOverrideStore  # noqa: E402
from burgee.adapters.dynamodb.source_overrides import SourceOverrides  # noqa: E402
from burgee.ports import AuditQuery, FlagQuery  # noqa: E402
from burgee.testing.aws.dynamodb_stores import patient_client, with_tables  # noqa: E402
from burgee.testing.aws.emulators import ENVIRONMENT, MissingEmulatorError, running_dynalite  # noqa: E402
from burgee.testing.aws.metered import Cost, MeteredClient  # noqa: E402
from burgee.testing.builders import THE_DAY, a_change_set, a_flag_set  # noqa: E402
from burgee.testing.override_builders import an_override, an_override_change  # noqa: E402
from burgee.testing.publishing import next_change  # noqa: E402

WRITE_DOLLARS, READ_DOLLARS = 0.625 / 1e6, 0.125 / 1e6
"""On demand, us-east-1, since November 2024 (aws.md section 7.3)."""

AT_ONCE = 1_000
"""Rows of an import of overrides in one commit: service/override_import.py."""


class Row(NamedTuple):
    """One operation: what it cost by the emulator, and by the rules; each a share of `of` equal ones."""

    what: str
    cost: Cost
    ruled: Cost
    of: int = 1
    seconds: float = 0.0

    @property
    def dollars(self) -> float:
        """Of one of them."""
        return (self.cost.reads * READ_DOLLARS + self.cost.writes * WRITE_DOLLARS) / self.of

    def line(self) -> str:
        calls, reads, writes = (f"{each / self.of:,.4g}" for each in self.cost)
        if self.of == 1:
            calls, reads, writes = (f"{each:,g}" for each in self.cost)
        return f"| {self.what} | {calls} | {reads} | {writes} | {self.dollars * 1e6:,.2f} |"


class Meter:
    """Asks one operation after another and keeps what each of them cost."""

    def __init__(self, url: str) -> None:
        self.metered = MeteredClient(with_tables(patient_client(url), streams=False)._raw)
        self.ruled = RuledClient(self.metered)
        self.client = DynamoClient(self.ruled, read_seconds=60, total_seconds=120)
        self.rows: list[Row] = []

    def row(self, what: str, run: Callable[[], object], *, of: int = 1) -> Row:
        cost, ruled, started = self.metered.spent, self.ruled.ruled, time.monotonic()
        run()
        seconds = time.monotonic() - started
        done = Row(what, self.metered.spent.less(cost), self.ruled.ruled.less(ruled), of, seconds)
        self.rows.append(done)
        print(f"{what}: {seconds:.1f} s, {done.cost.calls:,} calls", file=sys.stderr)
        return done


def measure(url: str, *, flags: int, overrides: int) -> list[Row]:
    """Every operation on a store with so many flags, and so many overrides of the first of them."""
    meter = Meter(url)
    store = DynamoFlagStore(meter.client, lambda: THE_DAY)
    pins = DynamoOverrideStore(store)
    every = [a_small_flag(number) for number in range(flags)]
    row = meter.row
    change = a_change_set(every, flag_set=a_flag_set(revision=1))
    row(f"import of {flags:,} flags at once, each", lambda: store.commit([change]), of=flags)
    some = [
        an_override_change(an_override(targeting_key=subject(number), flag_key=every[0].key, variant="on"))
        for number in range(min(AT_ONCE, overrides))
    ]
    row(f"import of {len(some):,} overrides at once, each", lambda: pins.write_overrides(some), of=len(some))
    fill_overrides(store, url, first=len(some), count=overrides - len(some), flag_key=every[0].key)
    _publishes(meter, store, flags)
    _overrides(meter, pins, overrides, every[0].key)
    _reads(meter, store, pins, flags, every[-1].key)
    return meter.rows


def _publishes(meter: Meter, store: DynamoFlagStore, flags: int) -> None:
    made = next_change(store, a_small_flag(flags))
    meter.row("publish: create one flag", lambda: store.commit([made]))
    changed = next_change(store, a_small_flag(flags, name="again"))
    meter.row("publish: change one flag", lambda: store.commit([changed]))
    meter.row("catch up with one publish", lambda: store.changes_since("checkout", 2))
    gone = next_change(store, delete=[made.writes[0].flag.key])  # type: ignore[union-attr]
    meter.row("publish: delete one flag", lambda: store.commit([gone]))


def _overrides(meter: Meter, pins: DynamoOverrideStore, count: int, flag_key: str) -> None:
    last = subject(count - 1)
    new = an_override_change(an_override(targeting_key="new", flag_key=flag_key))
    meter.row("override: write one", lambda: pins.write_override(new))
    meter.row("evaluation, subject without overrides", lambda: None)
    meter.row("evaluation, subject with overrides", lambda: pins.override("checkout", flag_key, last))
    meter.row("override: list 100 of a flag", lambda: pins.overrides_of_flag("checkout", flag_key))
    late = subject(max(0, count - 101))
    meter.row(
        f"override: list the last 100 of {count:,}",
        lambda: pins.overrides_of_flag("checkout", flag_key, after=late),
    )
    mark = pins.override_mark()
    meter.row(
        "override: what was written since the last look",
        lambda: pins.subjects_changed_since(mark.sequence - 1),
    )


def _reads(meter: Meter, store: DynamoFlagStore, pins: DynamoOverrideStore, flags: int, last: str) -> None:
    row = meter.row
    row("management: read one flag", lambda: store.flag("checkout", last))
    row("management: list 100 flags", lambda: store.find_flags(FlagQuery(limit=100)))
    late = ("checkout", a_small_flag(max(0, flags - 101)).key)
    row(
        f"management: list the last 100 of {flags:,}",
        lambda: store.find_flags(FlagQuery(limit=100, after=late)),
    )
    row("management: the last 100 audit events", lambda: store.audit_events(AuditQuery(limit=100)))
    row("poll", store.change_token)
    row(f"start: what the source changed among {flags:,} flags", store.adopt)
    row("start: whether its mappings are all adopted", SourceOverrides(store).is_done)
    row(f"start: read {flags:,} flags", lambda: store.snapshot("checkout"))
    row("start: filter of all overridden subjects", lambda: sum(1 for _ in pins.overridden_subjects()))


def disagreements(rows: list[Row]) -> list[str]:
    """Where the emulator and the rules come to different units."""
    return [
        f"{row.what}: {row.cost} is measured, {row.ruled} by the rules"
        for row in rows
        if row.cost != row.ruled
    ]


def written(rows: list[Row]) -> str:
    """The tables of the documentation."""
    lines = [
        "| operation | calls | read units | write units | dollars per million |",
        "|---|---|---|---|---|",
    ]
    lines += [row.line() for row in rows]
    by_name = {row.what: row for row in rows}
    publish = by_name["publish: change one flag"].dollars
    evaluation = by_name["evaluation, subject with overrides"].dollars
    lines += ["", f"1,000 publishes: ${publish * 1_000:.4f}. A million evaluations: $0 where nobody is"]
    return "\n".join(lines) + f" overridden, ${evaluation * 1e6:.3f} where everybody is."


def run(*, flags: int, overrides: int) -> list[Row]:
    """`measure` on a dynalite of its own. Raises MissingEmulatorError."""
    os.environ.update(ENVIRONMENT)
    with tempfile.TemporaryDirectory() as folder, running_dynalite(Path(folder)) as url:
        return measure(url, flags=flags, overrides=overrides)


def bench(*, quick: bool) -> list[Budget]:
    """A part of `make bench`."""
    flags, overrides = (200, 1_000) if quick else (1_000, 5_000)
    try:
        rows = run(flags=flags, overrides=overrides)
    except MissingEmulatorError as error:
        print(f"\nDynamoDB: skipped, {error}")
        return []
    print(f"\nDynamoDB with {flags:,} flags and {overrides:,} overrides of one of them\n\n{written(rows)}")
    by_name = {row.what: row for row in rows}
    return [
        Budget("DynamoDB: figures that are not by its rules", len(disagreements(rows)), at_most=0),
        Budget(
            "DynamoDB: write units of one publish",
            by_name["publish: change one flag"].cost.writes,
            at_most=16,
        ),
        Budget(
            "DynamoDB: read units of one evaluation of an overridden subject",
            by_name["evaluation, subject with overrides"].cost.reads,
            at_most=1,
        ),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what Burgee on DynamoDB costs.")
    parser.add_argument("--flags", type=int, default=200)
    parser.add_argument("--overrides", type=int, default=2_000)
    options: Any = parser.parse_args()
    started = time.monotonic()
    try:
        rows = run(flags=options.flags, overrides=options.overrides)
    except MissingEmulatorError as error:
        print(f"DynamoDB: skipped, {error}")
        return 0
    print(f"\nDynamoDB with {options.flags:,} flags and {options.overrides:,} overrides of one of them\n")
    print(written(rows))
    wrong = disagreements(rows)
    print("\n".join(["", "not as by the rules:", *wrong]) if wrong else "\nBy DynamoDB's rules: the same.")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.monotonic() - started:.0f} s, {memory:.0f} MB at most.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
