"""`burgee lint`: what is allowed in a definition file, and is probably a mistake."""

from pathlib import Path

import click

from burgee.model.flag_set import FractionalGeneration
from burgee.surfaces.cli import documents
from burgee.surfaces.cli.exit_codes import ExitCode
from burgee.surfaces.cli.options import prints
from burgee.surfaces.cli.output import Output
from burgee.surfaces.cli.validate import summary


@click.command()
@documents.files_argument
@click.option(
    "--fractional",
    type=click.Choice([generation.value for generation in FractionalGeneration]),
    default=FractionalGeneration.V2.value,
    show_default=True,
    help="Bucketing generation of the server.",
)
@prints
def command(output: Output, files: tuple[Path, ...], fractional: str) -> int:
    """List what looks like a mistake in definition FILES; exit code 1 where there is something."""
    found = [(path, entry) for path in files for entry in findings(path, FractionalGeneration(fractional))]
    if output.as_json:
        output.document([{"file": str(path), **entry} for path, entry in found])
    else:
        for path, entry in found:
            flag = f"{entry['flagKey']}: " if entry["flagKey"] else ""
            output.text(f"{path}: {flag}{entry['pointer'] or '/'}: {entry['message']} [{entry['code']}]")
        output.remark(summary(len(files), len(found), "finding"))
    return ExitCode.REFUSED if found else ExitCode.OK


def findings(path: Path, fractional: FractionalGeneration) -> list[dict[str, str]]:
    """Faults of the structure, or else the warnings, as `flagKey`, `pointer`, `code`, `message`."""
    from burgee.engine.lint import lint

    snapshots, error = documents.faults_in(path)
    if error is not None:
        return [{"flagKey": "", **fault._asdict()} for fault in error.faults]
    return [
        {
            "flagKey": warning.flag_key,
            "pointer": warning.pointer,
            "code": warning.code,
            "message": warning.message,
        }
        for snapshot in snapshots
        for warning in lint(snapshot, fractional=fractional)
    ]
