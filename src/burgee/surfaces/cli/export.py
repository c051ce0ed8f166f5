"""`burgee export`: a flag set as a flagd definition file."""

from pathlib import Path

import click

from burgee.surfaces.cli.management import Management
from burgee.surfaces.cli.options import flag_set_option, reaches_flags
from burgee.surfaces.cli.output import Output, console


@click.command()
@flag_set_option
@click.option(
    "-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), help="File to write."
)
@reaches_flags
def command(management: Management, output: Output, flag_set: str, target: Path | None) -> None:
    """Print a flag set as JSON that flagd and its providers read."""
    content = management.send("GET", "/api/v1/export", query={"flagSet": flag_set}).content
    text = content.decode().rstrip("\n") + "\n"
    if target is None:
        console().file.write(text)
        return
    try:
        target.write_text(text)
    except OSError as error:
        raise click.UsageError(f"{target} cannot be written: {error.strerror}") from error
    if output.as_json:
        output.document({"file": str(target), "flagSet": flag_set, "bytes": len(text.encode())})
    else:
        output.remark(f"flag set {flag_set} is in {target}")
