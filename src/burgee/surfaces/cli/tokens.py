"""`burgee token`: tokens for programs and people."""

import re

import click

from burgee.model.json import JsonObject
from burgee.surfaces.cli.management import Management
from burgee.surfaces.cli.options import reaches_flags
from burgee.surfaces.cli.output import Output

ROLES = ("reader", "editor", "admin", "sdk-server", "sdk-client")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)


class Duration(click.ParamType[int]):
    """Seconds, written as `90`, `90s`, `15m`, `1h` or `30d`."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds that `value` says; at least one."""
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(str(value))
        seconds = int(match[1]) * _UNITS[match[2] or "s"] if match else 0
        if seconds < 1:
            self.fail(f"{value!r} is no duration such as 90s, 15m, 1h or 30d", param, ctx)
        return seconds


@click.group()
def command() -> None:
    """Make tokens."""


@command.command("create")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the bearer may do.")
@click.option("--subject", required=True, metavar="NAME", help="Who the bearer is, in the audit log.")
@click.option("--ttl", type=Duration(), default="1h", show_default=True, help="How long it is good.")
@click.option("--flag-set", "flag_sets", multiple=True, metavar="SET", help="Only this flag set.")
@reaches_flags
def create(
    management: Management, output: Output, role: str, subject: str, ttl: int, flag_sets: tuple[str, ...]
) -> None:
    """Print a signed token, and nothing else."""
    request: JsonObject = {"subject": subject, "role": role, "ttlSeconds": ttl}
    if flag_sets:
        request["flagSets"] = list(flag_sets)
    answer = management.write("POST", "/api/v1/tokens", request)
    if output.as_json:
        output.document(answer)
    else:
        output.text(str(answer["token"]))
