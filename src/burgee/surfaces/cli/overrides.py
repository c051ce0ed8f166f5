"""`burgee overrides`: what single subjects get of a flag."""

from urllib.parse import quote

import click

from burgee.model.flag import DEFAULT_FLAG_SET
from burgee.model.json import JsonObject
from burgee.surfaces.cli import overrides_import
from burgee.surfaces.cli.audit import Moment
from burgee.surfaces.cli.management import Management, flag_path
from burgee.surfaces.cli.options import flag_set_option, reaches_flags
from burgee.surfaces.cli.output import Output, moment

PAGE_ITEMS = 500


@click.group()
def command() -> None:
    """Give single subjects another status or variant."""


@command.command("list")
@click.argument("key", required=False)
@click.option("--subject", metavar="TARGETING_KEY", help="All overrides of this subject, of any flag.")
@click.option("--flag-set", metavar="SET", help="The flag set; for a subject all of them if left out.")
@reaches_flags
def list_overrides(
    management: Management, output: Output, key: str | None, subject: str | None, flag_set: str | None
) -> None:
    """List the overrides of the flag KEY, or of a subject."""
    if (key is None) == (subject is None):
        raise click.UsageError("give a flag KEY or --subject")
    if subject is not None:
        path = f"/api/v1/subjects/{quote(subject, safe='')}/overrides"
        pages = management.pages(path, {"flagSet": flag_set, "limit": PAGE_ITEMS})
    else:
        path = f"{flag_path(flag_set or DEFAULT_FLAG_SET, key or '')}/overrides"
        pages = management.pages(path, {"limit": PAGE_ITEMS})
    if output.as_json:
        output.document(list(pages))
        return
    columns = ("flag set", "flag", "subject", "gives", "reason", "expires", "version", "updated by")
    output.table(columns, (_row(each) for each in pages), empty="no overrides")


@command.command("set")
@click.argument("key")
@click.argument("subject", metavar="TARGETING_KEY")
@flag_set_option
@click.option(
    "--status", type=click.Choice(["ENABLED", "DISABLED"], case_sensitive=False), help="On or off for it."
)
@click.option("--variant", metavar="NAME", help="Exactly this variant instead.")
@click.option("--reason", default="", help="Why, for whoever reads it later.")
@click.option("--expires", type=Moment(), metavar="TIME", help="Until when it holds; for good if left out.")
@reaches_flags
def set_override(
    management: Management,
    output: Output,
    /,
    key: str,
    subject: str,
    flag_set: str,
    status: str | None,
    variant: str | None,
    reason: str,
    expires: float | None,
) -> None:
    """Give the subject TARGETING_KEY a status or a variant of the flag KEY, whatever the flag says."""
    if (status is None) == (variant is None):
        raise click.UsageError("give --status or --variant")
    form: JsonObject = {"status": status, "variant": variant, "reason": reason, "expiresAt": expires}
    override = management.write("PUT", _path(flag_set, key, subject), form)
    if output.as_json:
        output.document(override)
    else:
        output.text(f"{key} is {_gives(override)} for {subject}, version {override['version']}")


@command.command("delete")
@click.argument("key")
@click.argument("subject", metavar="TARGETING_KEY")
@flag_set_option
@reaches_flags
def delete(management: Management, output: Output, key: str, subject: str, flag_set: str) -> None:
    """Let the subject TARGETING_KEY have what the flag KEY says."""
    management.send("DELETE", _path(flag_set, key, subject))
    if output.as_json:
        output.document({"flagSet": flag_set, "flagKey": key, "targetingKey": subject, "deleted": True})
    else:
        output.text(f"{key} has no override for {subject} any more")


def _path(flag_set: str, key: str, subject: str) -> str:
    return f"{flag_path(flag_set, key)}/overrides/{quote(subject, safe='')}"


def _gives(override: JsonObject) -> str:
    return str(override.get("variant") or override.get("status"))


def _row(override: JsonObject) -> tuple[object, ...]:
    return (
        override.get("flagSet"),
        override.get("flagKey"),
        override.get("targetingKey"),
        _gives(override),
        override.get("reason"),
        moment(override.get("expiresAt")),
        override.get("version"),
        override.get("updatedBy"),
    )


command.add_command(overrides_import.command)
