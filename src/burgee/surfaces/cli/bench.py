"""`burgee bench`: how long this machine takes to evaluate these flags, in this process."""

import statistics
import time
from typing import Any

import click

from burgee.engine.program import CompiledFlag, compile_program
from burgee.model.flag_set import FractionalGeneration
from burgee.model.json import JsonObject
from burgee.model.snapshot import Snapshot
from burgee.surfaces.cli.environment import Environment
from burgee.surfaces.cli.options import local_or_stored, object_or_file
from burgee.surfaces.cli.output import Output

BATCH = 100
"""Evaluations per measurement: a single one is shorter than the clock is exact."""


@click.command()
@click.option("--context", "context_text", metavar="JSON|FILE", help="The context to evaluate with.")
@click.option("--seconds", type=click.FloatRange(0.01, 60), default=2.0, show_default=True, help="In all.")
@local_or_stored
@click.pass_obj
def command(
    environment: Environment,
    output: Output,
    snapshots: tuple[Snapshot, ...],
    context_text: str | None,
    seconds: float,
) -> None:
    """Evaluate each flag over and over, and print nanoseconds per evaluation.

    It measures the engine alone, in this process and with one context: no network, no JSON.
    The p50 and p99 are over batches of 100 evaluations, so one slow evaluation inside a batch is averaged.
    """
    default: JsonObject = {"targetingKey": "bench", "email": "bench@example.org"}
    context = default if context_text is None else object_or_file(context_text, name="--context")
    programs = [
        compile_program(snapshot, fractional=FractionalGeneration.V2, clock=environment.clock)
        for snapshot in snapshots
    ]
    flags = [flag for program in programs for flag in program.flags.values()]
    rows = [measure(flag, context, seconds=seconds / len(flags)) for flag in flags]
    if output.as_json:
        output.document(rows)
        return
    columns = ("flag set", "flag", "answer", "evaluations", "p50 ns", "p99 ns")
    output.table(columns, (tuple(row.values()) for row in rows), empty="no flags")
    output.remark(f"one process, one thread, one context; p50 and p99 over batches of {BATCH}")


def measure(flag: CompiledFlag, context: JsonObject, *, seconds: float) -> dict[str, Any]:
    """Evaluate `flag` for about `seconds`; times are nanoseconds per evaluation."""
    evaluate, now = flag.evaluate, time.perf_counter_ns
    resolution = evaluate(context)
    batches: list[float] = []
    end = now() + int(seconds * 1e9)
    while len(batches) < 2 or now() < end:
        start = now()
        for _ in range(BATCH):
            evaluate(context)
        batches.append((now() - start) / BATCH)
    return {
        "flagSet": flag.flag_set,
        "flagKey": flag.key,
        "answer": resolution.reason.value,
        "evaluations": len(batches) * BATCH,
        "p50": round(statistics.median(batches), 1),
        "p99": round(statistics.quantiles(batches, n=100, method="inclusive")[98], 1),
    }
