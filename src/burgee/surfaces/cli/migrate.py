"""`burgee migrate`: everything from one store into another."""

from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from burgee.surfaces.cli.environment import DEFAULT_DATA, Environment, MigrationOrder
from burgee.surfaces.cli.output import Output

if TYPE_CHECKING:
    from burgee.ports.migration import Tell

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
@click.option(
    "--checkpoint",
    default="burgee-migration.json",
    show_default=True,
    metavar="FILE",
    help="Where an interrupted run left off; removed at the end.",
)
@click.option("--dry-run", is_flag=True, help="Read and count everything, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(
    environment: Environment,
    source: str,
    target: str,
    data: str,
    hatton_table: str,
    checkpoint: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Move flags, history, audit log, overrides and SDK keys, then read them back and compare.

    DynamoDB's tables are those of the BURGEE_ settings. The target must be empty, save with rds-dynamodb to
    dynamodb, which adopts the tables where they stand. Stop the writers first. Counts of
    evaluations, answers to earlier requests and the request budget stay behind.
    """
    import msgspec

    from burgee.surfaces.cli.progress import progress

    order = MigrationOrder(
        source=source, target=target, data=data, hatton_table=hatton_table, checkpoint=checkpoint
    )
    output = Output(as_json=as_json)
    with environment.migration(order) as move:
        shown = nullcontext(_say_nothing) if as_json else progress()
        with shown as tell:
            report = move.run(dry_run=dry_run, tell=tell)
    if as_json:
        output.document(msgspec.to_builtins(report))
        return
    rows = [(what, amount.count, amount.sha256[:16]) for what, amount in report.amounts.items()]
    output.table(("what", "count", "sha-256"), rows, empty="nothing")
    if report.skipped:
        output.remark(f"{report.skipped} items of the source were left out: no flag, or of none")
    output.remark("nothing was written" if dry_run else f"moved from {source} to {target}, and verified")


def _say_nothing(_what: str, _count: int, _total: int) -> None:
    """For who reads JSON."""


if TYPE_CHECKING:
    _: Tell = _say_nothing
