"""`burgee budget`: how many calls are left, more of them, or none at all."""

import click

from burgee.model.json import JsonObject, JsonValue
from burgee.surfaces.cli.management import Management
from burgee.surfaces.cli.options import reaches_flags
from burgee.surfaces.cli.output import Output, moment

MAX_LIMIT = 10**9

reason_option = click.option("--reason", required=True, help="Why, for the audit log.")


@click.group()
def command() -> None:
    """Show, reset and stop the request budget."""


@command.command("show")
@reaches_flags
def show(management: Management, output: Output) -> None:
    """Print how many calls are left, and the state of the breaker."""
    _print(output, management.read("/api/v1/budget"))


@command.command("reset")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LIMIT),
    required=True,
    help="Calls from now on, and in each window.",
)
@reason_option
@click.option("--evaluation", is_flag=True, help="The budget of evaluation instead of that of the API.")
@reaches_flags
def reset(management: Management, output: Output, limit: int, reason: str, evaluation: bool) -> None:
    """Open the breaker and fill the budget; ends a stop, too."""
    request: JsonObject = {"limit": limit, "reason": reason}
    if evaluation:
        request["budget"] = "evaluation"
    _print(output, management.write("POST", "/api/v1/budget/reset", request))


@command.command("stop")
@reason_option
@click.option(
    "--scope",
    type=click.Choice(["all", "management"]),
    default="all",
    show_default=True,
    help="What stops; management leaves evaluation alone.",
)
@reaches_flags
def stop(management: Management, output: Output, reason: str, scope: str) -> None:
    """Refuse every metered call, and every evaluation, until a reset."""
    _print(output, management.write("POST", "/api/v1/budget/stop", {"reason": reason, "scope": scope}))


def _print(output: Output, answer: JsonObject) -> None:
    if output.as_json:
        output.document(answer)
        return
    columns = ("budget", "state", "remaining", "limit", "window ends", "by", "reason")
    rows = [_row(name, answer[name]) for name in ("management", "evaluation") if answer.get(name)]
    output.table(columns, rows, empty="no budget")
    output.remark(f"mode {answer.get('mode')}, a new window every {answer.get('window')}")


def _row(name: str, budget: JsonValue) -> tuple[object, ...]:
    shown = budget if isinstance(budget, dict) else {}
    forced = f" ({shown.get('scope')})" if shown.get("state") == "FORCED" else ""
    return (
        name,
        f"{shown.get('state')}{forced}",
        shown.get("remaining"),
        shown.get("limit"),
        moment(shown.get("windowEndsAt")),
        shown.get("by"),
        shown.get("reason"),
    )
