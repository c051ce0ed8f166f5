"""`burgee migrate`: everything from one store into another."""

from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from burgee.surfaces.cli.environment import DEFAULT_DATA, Environment, MigrationOrder
from burgee.surfaces.cli.output import Output

if TYPE_CHECKING:
    from burgee.ports.migration import MigrationReport, Tell

SOURCES = ("sqlite", "dynamodb", "rds-dynamodb", "hatton-dynamodb")


@click.command()
@click.option("--from", "source", type=click.Choice(SOURCES), required=True, help="Where it is read.")
@click.option("--to", "target", type=click.Choice(SOURCES[:2]), required=True, help="Where it is written.")
@click.option(
    "--data",
    envvar="BURGEE_DATA",
    default=DEFAULT_DATA,
    show_default=True,
    metavar="DIR",
    help="The data folder of SQLite.",
)
@click.option(
    "--hatton-table", default="flags", show_default=True, metavar="NAME", help="The table of hatton-dynamodb."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, write nothing.")
@click.option(
    "--start-over",
    is_flag=True,
    help="Throw away what an interrupted run of something else has left.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(
    environment: Environment,
    source: str,
    target: str,
    data: str,
    hatton_table: str,
    dry_run: bool,
    start_over: bool,
    as_json: bool,
) -> None:
    """Move everything from one store into another, then read it back and compare.

    DynamoDB's tables are those of the BURGEE_ settings. The target must be empty, save with rds-dynamodb to
    dynamodb, which adopts the tables where they stand. Stop the writers first. A run that was interrupted is
    simply started again; sign-in codes and the state of deliveries stay behind.
    """
    import msgspec

    from burgee.surfaces.cli.progress import progress

    order = MigrationOrder(source=source, target=target, data=data, hatton_table=hatton_table)
    output = Output(as_json=as_json)
    with environment.migration(order) as move:
        shown = nullcontext(_say_nothing) if as_json else progress()
        with shown as tell:
            report = move.run(dry_run=dry_run, start_over=start_over, tell=tell)
    if as_json:
        output.document(msgspec.to_builtins(report))
        return
    rows = [(what, amount.count, amount.sha256[:16]) for what, amount in report.amounts.items()]
    output.table(("what", "count", "sha-256"), rows, empty="nothing")
    for remark in report.remarks:
        what = "taken over in part" if remark.is_taken else "stays behind"
        output.remark(f"{what}: {remark.kind} {remark.id}: {remark.reason}")
    output.remark(_outcome(report))


def _outcome(report: "MigrationReport") -> str:
    way = f"from {report.source} to {report.target}"
    if report.dry_run and report.already:
        return "nothing was written: all of it is there already"
    if report.dry_run:
        begun = ", which an earlier run has begun" if report.resumed else ""
        return f"nothing was written: this would be moved {way}{begun}"
    if report.already:
        return f"all of it was there already: nothing was moved {way}, and it is verified"
    return f"moved {way}, and verified"


def _say_nothing(_what: str, _count: int, _total: int) -> None:
    """For who reads JSON."""


if TYPE_CHECKING:
    _: Tell = _say_nothing
