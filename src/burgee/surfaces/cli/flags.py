"""`burgee flags`: list, read and switch flags."""

import click

from burgee.model.json import JsonObject
from burgee.surfaces.cli import flags_history, flags_set
from burgee.surfaces.cli.management import Management, flag_path
from burgee.surfaces.cli.options import flag_set_option, reaches_flags
from burgee.surfaces.cli.output import Output, compact, moment

PAGE_ITEMS = 500


@click.group()
def command() -> None:
    """List, read and change flags."""


@command.command("list")
@click.option("--flag-set", metavar="SET", help="Only this flag set.")
@click.option(
    "--status", type=click.Choice(["ENABLED", "DISABLED"], case_sensitive=False), help="Only these."
)
@click.option("--tag", help="Only flags with this tag.")
@click.option("--search", help="Only flags with this text in key, name or description.")
@click.option(
    "--stale",
    metavar="DAYS",
    type=click.IntRange(1, 3_650),
    help="Only flags neither evaluated nor changed for so many days.",
)
@reaches_flags
def list_flags(
    management: Management,
    output: Output,
    flag_set: str | None,
    status: str | None,
    tag: str | None,
    search: str | None,
    stale: int | None,
) -> None:
    """List all flags that the filters let through."""
    query: dict[str, str | int | None] = {"flagSet": flag_set, "status": status, "tag": tag, "search": search}
    query |= {"staleDays": stale, "limit": PAGE_ITEMS}
    flags = list(management.pages("/api/v1/flags", query))
    if output.as_json:
        output.document(flags)
        return
    columns = ("flag set", "key", "status", "default", "variants", "rule", "tags", "version", "updated")
    output.table((*columns, "evaluated"), (_row(flag) for flag in flags), empty="no flags")


@command.command("get")
@click.argument("key")
@flag_set_option
@click.option("--revision", type=click.IntRange(1), help="As it was at this revision of its flag set.")
@reaches_flags
def get(management: Management, output: Output, key: str, flag_set: str, revision: int | None) -> None:
    """Show the flag KEY."""
    flag = management.read(flag_path(flag_set, key), {"revision": revision})
    show_flag(output, flag)


@command.command("enable")
@click.argument("key")
@flag_set_option
@reaches_flags
def enable(management: Management, output: Output, key: str, flag_set: str) -> None:
    """Switch the flag KEY on: its rule and default variant answer again."""
    _switch(management, output, flag_path(flag_set, key), "ENABLED")


@command.command("disable")
@click.argument("key")
@flag_set_option
@reaches_flags
def disable(management: Management, output: Output, key: str, flag_set: str) -> None:
    """Switch the flag KEY off: callers get the default in their own code."""
    _switch(management, output, flag_path(flag_set, key), "DISABLED")


def show_flag(output: Output, flag: JsonObject) -> None:
    """Print one flag, as a document or as lines."""
    if output.as_json:
        output.document(flag)
        return
    for name, value in flag.items():
        if name in ("createdAt", "updatedAt", "lastEvaluatedAt"):
            text = moment(value)
        else:
            text = value if isinstance(value, str) else compact(value)
        output.text(f"{name:<16}{text}".rstrip())


def _switch(management: Management, output: Output, path: str, status: str) -> None:
    flag = management.write("PATCH", path, {"status": status})
    if output.as_json:
        output.document(flag)
    else:
        output.text(f"{flag['key']} is {status}, version {flag['version']}")


def _row(flag: JsonObject) -> tuple[object, ...]:
    variants, tags = flag.get("variants"), flag.get("tags")
    return (
        flag.get("flagSet"),
        flag.get("key"),
        flag.get("status"),
        flag.get("defaultVariant"),
        ", ".join(variants) if isinstance(variants, dict) else "",
        "yes" if flag.get("targeting") else "",
        ", ".join(str(tag) for tag in tags) if isinstance(tags, list) else "",
        flag.get("version"),
        moment(flag.get("updatedAt")),
        moment(flag.get("lastEvaluatedAt")),
    )


command.add_command(flags_set.command)
command.add_command(flags_history.history)
command.add_command(flags_history.restore)
