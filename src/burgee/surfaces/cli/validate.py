"""`burgee validate`: every fault of definition files, without a server."""

from collections.abc import Iterable
from pathlib import Path

import click

from burgee.errors import Fault
from burgee.model.snapshot import Snapshot
from burgee.surfaces.cli import documents
from burgee.surfaces.cli.exit_codes import ExitCode
from burgee.surfaces.cli.options import prints
from burgee.surfaces.cli.output import Output


@click.command()
@documents.files_argument
@prints
def command(output: Output, files: tuple[Path, ...]) -> int:
    """List every fault in definition FILES; exit code 1 where there is one."""
    found = [(path, fault) for path in files for fault in faults_of(path)]
    if output.as_json:
        output.document([{"file": str(path), **fault._asdict()} for path, fault in found])
    else:
        for path, fault in found:
            output.text(f"{path}: {fault.pointer or '/'}: {fault.message} [{fault.code}]")
        output.remark(summary(len(files), len(found), "fault"))
    return ExitCode.REFUSED if found else ExitCode.OK


def faults_of(path: Path) -> tuple[Fault, ...]:
    """Everything that a server would refuse in this file."""
    snapshots, error = documents.faults_in(path)
    return (*(error.faults if error is not None else ()), *rule_faults(snapshots))


def rule_faults(snapshots: Iterable[Snapshot]) -> Iterable[Fault]:
    """What is wrong inside flags that have the right structure, with pointers into the document."""
    from burgee.engine.check import check_flag, check_flag_set
    from burgee.model.limits import DEFAULT_LIMITS

    for snapshot in snapshots:
        for fault in check_flag_set(snapshot.flag_set, limits=DEFAULT_LIMITS):
            # A document spells the evaluators of a set with a dollar sign.
            yield fault._replace(pointer=fault.pointer.replace("/evaluators", "/$evaluators", 1))
        for flag in snapshot.flags:
            for fault in check_flag(flag, snapshot.flag_set, limits=DEFAULT_LIMITS):
                yield fault._replace(pointer=f"/flags/{flag.key}{fault.pointer}")


def summary(files: int, count: int, noun: str) -> str:
    """`2 files, no faults`."""
    things = f"no {noun}s" if count == 0 else f"1 {noun}" if count == 1 else f"{count} {noun}s"
    return f"{files} file{'s' if files != 1 else ''}, {things}"
