"""`burgee import`: publish flagd definition files, all of them or none that is refused."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from burgee.errors import BurgeeError, Fault, InvalidInputError
from burgee.model.json import JsonObject, JsonValue
from burgee.surfaces.cli import documents
from burgee.surfaces.cli.difference import differences
from burgee.surfaces.cli.management import Management, as_object
from burgee.surfaces.cli.options import reaches_flags
from burgee.surfaces.cli.output import Output, compact, console, show_warnings

if TYPE_CHECKING:
    from rich.progress import Progress

SHOWN_CHANGES = 50
_SIGNS = {"created": "+", "updated": "~", "deleted": "-"}


@click.command()
@documents.files_argument
@click.option("--flag-set", metavar="SET", help="Flag set of flags whose file names none.")
@click.option("--source", help="Source name of the flag set, for flagd selectors.")
@click.option("--dry-run", is_flag=True, help="Show what would change, write nothing.")
@click.option(
    "--lenient", is_flag=True, help="Let rules in that are faulty, as flagd does: they answer errors."
)
@click.option("--replace", is_flag=True, help="Delete the flags that the file does not hold.")
@click.option("--force", is_flag=True, help="Use keys again although they were deleted lately.")
@reaches_flags
def command(
    management: Management,
    output: Output,
    /,
    files: tuple[Path, ...],
    flag_set: str | None,
    source: str | None,
    **switches: bool,
) -> int:
    """Publish flagd definition FILES (JSON, or YAML by extension).

    All of them are tried first, and nothing is written unless every one is accepted.
    """
    if switches["replace"] and len(files) > 1:
        raise click.UsageError("--replace takes one file: the second would delete the flags of the first")
    dry_run = switches.pop("dry_run")
    query = {"flagSet": flag_set, "source": source, **{name: True for name, on in switches.items() if on}}
    bodies = [(path, documents.read(path)) for path in files]
    with progress_of(len(bodies) if dry_run else 2 * len(bodies)) as advance:
        trials = _send_all(management, bodies, {**query, "dryRun": True}, advance)
        reports = trials if dry_run else _send_all(management, bodies, query, advance)
    if output.as_json:
        output.document(
            [{"file": str(path), **report} for (path, _), report in zip(bodies, reports, strict=True)]
        )
    else:
        for (path, _), trial, report in zip(bodies, trials, reports, strict=True):
            show_report(output, path, trial, report)
    return 0


@contextmanager
def progress_of(steps: int) -> "Iterator[Advance]":
    """A progress bar on stderr, where a person is looking."""
    terminal = console(to_stderr=True)
    if not terminal.is_terminal:
        yield Advance(None)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True) as progress:
        progress.add_task("import", total=steps)
        yield Advance(progress)


class Advance:
    """Moves the one bar of a progress on, where there is one."""

    def __init__(self, progress: "Progress | None") -> None:
        self._progress = progress

    def __call__(self, file: str, steps: int) -> None:
        """Say which file is at work, and that `steps` more are done."""
        if self._progress is not None:
            task = self._progress.task_ids[0]
            self._progress.update(task, description=file, advance=steps)


def show_report(output: Output, path: Path, trial: JsonObject, report: JsonObject) -> None:
    """Print what one file changed, and what looks like a mistake in it; contents are told by the trial."""
    contents = {(each.get("flagSet"), each.get("key")): each for each in _objects(trial.get("changes"))}
    changes = [change for change in _objects(report.get("changes")) if change.get("change") in _SIGNS]
    for change in changes[:SHOWN_CHANGES]:
        place = (change.get("flagSet"), change.get("key"))
        output.text(f"{_SIGNS[str(change['change'])]} {place[0]}/{place[1]}")
        if change["change"] == "updated" and place in contents:
            content = contents[place]
            for pointer, before, after in differences(content.get("before"), content.get("after")):
                output.text(f"    {pointer}: {_shown(before)} -> {_shown(after)}")
    if len(changes) > SHOWN_CHANGES:
        output.text(f"... and {len(changes) - SHOWN_CHANGES} more (--json lists all)")
    show_warnings(output, report.get("warnings"))
    counts = {kind: sum(change["change"] == kind for change in changes) for kind in _SIGNS}
    words = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "nothing to change"
    output.text(f"{path}: {words}{' (dry run, nothing written)' if report.get('dryRun') else ''}")


def _send_all(
    management: Management,
    bodies: Sequence[tuple[Path, bytes]],
    query: dict[str, str | bool | None],
    advance: Advance,
) -> list[JsonObject]:
    """Send every file; what is wrong in any of them is told together, each fault with its file."""
    reports: list[JsonObject] = []
    faults: list[Fault] = []
    for path, body in bodies:
        advance(path.name, 0)
        try:
            reports.append(_send(management, path, body, query))
        except InvalidInputError as error:
            faults += [Fault(f"{path}#{fault.pointer}", fault.code, fault.message) for fault in error.faults]
        except BurgeeError as error:
            error.add_note(f"while importing {path}")
            raise
        advance(path.name, 1)
    if faults:
        raise InvalidInputError(faults)
    return reports


def _send(management: Management, path: Path, body: bytes, query: dict[str, str | bool | None]) -> JsonObject:
    media_type = documents.MEDIA_TYPES[documents.syntax_of(path)]
    return as_object(
        management.send("POST", "/api/v1/import", query=query, content=body, content_type=media_type).document
    )


def _objects(value: JsonValue) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _shown(value: object) -> str:
    text = "(none)" if value is None else compact(value)  # type: ignore[arg-type]
    return text if len(text) <= 100 else f"{text[:97]}..."
