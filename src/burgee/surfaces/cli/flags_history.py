"""`burgee flags history` and `restore`: what a flag was, and how to get it back."""

import itertools

import click

from burgee.model.json import JsonObject
from burgee.surfaces.cli.management import Management, flag_path
from burgee.surfaces.cli.options import flag_set_option, reaches_flags
from burgee.surfaces.cli.output import Output, moment


@click.command("history")
@click.argument("key")
@flag_set_option
@click.option("--limit", type=click.IntRange(1), help="At most so many steps, the newest.")
@reaches_flags
def history(management: Management, output: Output, key: str, flag_set: str, limit: int | None) -> None:
    """Show every step of the flag KEY, newest first."""
    path = f"{flag_path(flag_set, key)}/history"
    steps = list(itertools.islice(management.pages(path, {}), limit))
    if output.as_json:
        output.document(steps)
        return
    columns = ("revision", "version", "at", "who", "what", "status", "default")
    output.table(columns, (_row(step) for step in steps), empty="no history")


@click.command("restore")
@click.argument("key")
@flag_set_option
@click.option("--revision", type=click.IntRange(1), required=True, help="The revision to go back to.")
@reaches_flags
def restore(management: Management, output: Output, key: str, flag_set: str, revision: int) -> None:
    """Give the flag KEY the content that it had at a revision, as a new version."""
    flag = management.write("POST", f"{flag_path(flag_set, key)}/restore", {"revision": revision})
    if output.as_json:
        output.document(flag)
    else:
        output.text(f"{flag['key']} is as at revision {revision}, now version {flag['version']}")


def _row(step: JsonObject) -> tuple[object, ...]:
    flag = step.get("flag")
    flag = flag if isinstance(flag, dict) else {}
    return (
        step.get("revision"),
        step.get("version"),
        moment(step.get("at")),
        step.get("actor"),
        step.get("action"),
        flag.get("status"),
        flag.get("defaultVariant"),
    )
