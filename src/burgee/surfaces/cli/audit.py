"""`burgee audit`: who changed what, and whether the record is whole."""

import itertools
from datetime import UTC, datetime

import click

from burgee.model.json import JsonObject
from burgee.surfaces.cli.exit_codes import ExitCode
from burgee.surfaces.cli.management import Management
from burgee.surfaces.cli.options import reaches_flags
from burgee.surfaces.cli.output import Output, moment

PAGE_ITEMS = 500


class Moment(click.ParamType[float]):
    """A time: Unix seconds, or ISO 8601 (UTC where no zone is named)."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The Unix seconds that `value` says."""
        text = str(value)
        try:
            return float(text) if text.replace(".", "", 1).isdigit() else _iso(text)
        except ValueError:
            self.fail(f"{text!r} is neither Unix seconds nor ISO 8601 (2026-01-31T12:00:00Z)", param, ctx)


@click.group()
def command() -> None:
    """Read and verify the audit log."""


@command.command("list")
@click.option("--actor", help="Only what this subject did.")
@click.option("--flag-set", metavar="SET", help="Only this flag set.")
@click.option("--key", help="Only this flag.")
@click.option("--action", help="Only this action, for instance flag.updated.")
@click.option("--since", type=Moment(), help="From this time on.")
@click.option("--until", type=Moment(), help="Before this time.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many, the newest."
)
@reaches_flags
def list_events(
    management: Management, output: Output, /, limit: int, flag_set: str | None, **filters: str | float | None
) -> None:
    """List audit events, newest first."""
    query = {name: str(value) for name, value in filters.items() if value is not None}
    pages = management.pages("/api/v1/audit", {**query, "flagSet": flag_set, "limit": min(limit, PAGE_ITEMS)})
    events = list(itertools.islice(pages, limit))
    if output.as_json:
        output.document(events)
        return
    columns = ("sequence", "at", "who", "what", "entity", "revision", "reason")
    output.table(columns, (_row(event) for event in events), empty="no events")


@command.command("verify")
@reaches_flags
def verify(management: Management, output: Output) -> int:
    """Check the hash chain of the whole log; exit code 1 where it is broken."""
    verification = management.read("/api/v1/audit/verify")
    if output.as_json:
        output.document(verification)
    elif verification.get("ok"):
        output.text(f"the audit log is whole: {verification.get('checked')} events")
    else:
        output.text(f"the audit log is broken at sequence {verification.get('firstBroken')}")
    return ExitCode.OK if verification.get("ok") else ExitCode.REFUSED


@command.command("dead-letters")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many, the newest."
)
@reaches_flags
def dead_letters(management: Management, output: Output, limit: int) -> None:
    """List events that a webhook never got, newest first; they stay in the audit log."""
    pages = management.pages("/api/v1/audit/dead-letters", {"limit": min(limit, PAGE_ITEMS)})
    letters = list(itertools.islice(pages, limit))
    if output.as_json:
        output.document(letters)
        return
    columns = ("sequence", "what", "sink", "id", "attempts", "failing since", "given up", "problem")
    names = ("sequence", "action", "sink", "eventId", "attempts")
    rows = [
        (
            *[letter.get(name) for name in names],
            moment(letter.get("failingSince")),
            moment(letter.get("givenUpAt")),
            letter.get("problem"),
        )
        for letter in letters
    ]
    output.table(columns, rows, empty="no dead letters")


def _row(event: JsonObject) -> tuple[object, ...]:
    return (
        event.get("sequence"),
        moment(event.get("at")),
        event.get("actor"),
        event.get("action"),
        event.get("entity"),
        event.get("revision"),
        event.get("reason"),
    )


def _iso(text: str) -> float:
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
