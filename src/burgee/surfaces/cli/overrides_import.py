"""`burgee overrides import`: a CSV file of any length, in requests of a bearable size."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from burgee.errors import Fault, InvalidInputError, MalformedError
from burgee.model.json import JsonObject
from burgee.surfaces.cli.importing import progress_of
from burgee.surfaces.cli.management import Management, as_object
from burgee.surfaces.cli.options import flag_set_option, reaches_flags
from burgee.surfaces.cli.output import Output

ROWS_AT_ONCE = 10_000
CHARACTERS_AT_ONCE = 1_000_000
"""How much of a file goes in one request, whichever is reached first."""

_COUNTS = ("created", "updated", "unchanged")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Some rows of a file below its header; `skipped` is how many lines of the file it leaves out there."""

    content: bytes
    header_lines: int
    skipped: int

    def in_file(self, fault: Fault) -> Fault:
        """`fault` with the number of its line in the whole file."""
        line, slash, member = fault.pointer.removeprefix("/").partition("/")
        if not line.isdecimal() or int(line) <= self.header_lines:
            return fault
        return fault._replace(pointer=f"/{int(line) + self.skipped}{slash}{member}")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", metavar="KEY", help="The flag of rows that name none.")
@flag_set_option
@click.option("--dry-run", is_flag=True, help="Count what would change, write nothing.")
@reaches_flags
def command(
    management: Management,
    output: Output,
    /,
    file: Path,
    key: str | None,
    flag_set: str,
    dry_run: bool,
) -> None:
    """Give the subjects in the CSV FILE what it says.

    Its first line names the columns: targetingKey, and of flagSet, flagKey, status, variant, reason and
    expiresAt (Unix seconds) what it needs. Nothing is written unless every row is accepted.
    """
    query = {"flagSet": flag_set, "key": key}
    parts = list(parts_of(_text(file)))
    totals = dict.fromkeys(_COUNTS, 0)
    with progress_of(len(parts) * (1 if dry_run else 2)) as advance:
        for is_trial in (True,) if dry_run else (True, False):
            totals = dict.fromkeys(_COUNTS, 0)
            for part in parts:
                report = _send(management, part, {**query, "dryRun": is_trial})
                for name in _COUNTS:
                    totals[name] += int(str(report.get(name, 0)))
                advance(file.name, 1)
    if output.as_json:
        output.document({"file": str(file), "dryRun": dry_run, **totals})
    else:
        words = ", ".join(f"{count} {name}" for name, count in totals.items())
        output.text(f"{file}: {words}{' (dry run, nothing written)' if dry_run else ''}")


def parts_of(text: str) -> Iterator[Part]:
    """The rows of a CSV file in parts, each below the header; at least one part.

    Raises MalformedError where a row cannot be told from the next.
    """
    lines = list(io.StringIO(text, newline=""))
    rows = _row_ends(lines)
    top = next((end for end, is_blank in rows if not is_blank), 0)
    start = end = before = top
    count = size = 0
    for end, _ in rows:
        count, size = count + 1, size + sum([len(line) for line in lines[before:end]])
        before = end
        if count >= ROWS_AT_ONCE or size >= CHARACTERS_AT_ONCE:
            yield _part(lines, top, start, end)
            start, count, size = end, 0, 0
    if end > start or start == top:
        yield _part(lines, top, start, end)


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MalformedError("not-utf-8", f"{file} is not UTF-8", at=error.start) from error


def _part(lines: list[str], top: int, start: int, end: int) -> Part:
    content = "".join([*lines[:top], *lines[start:end]]).encode()
    return Part(content=content, header_lines=top, skipped=start - top)


def _row_ends(lines: list[str]) -> Iterator[tuple[int, bool]]:
    """For each row the number of lines up to its end, and if it is blank; a quoted cell may have several."""
    reader = csv.reader(iter(lines), strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number = reader.line_num
            raise MalformedError("malformed-csv", f"line {number}: {error}", pointer=f"/{number}") from error
        yield reader.line_num, not row


def _send(management: Management, part: Part, query: dict[str, str | bool | None]) -> JsonObject:
    try:
        answer = management.send(
            "POST", "/api/v1/overrides/import", query=query, content=part.content, content_type="text/csv"
        )
    except InvalidInputError as error:
        raise InvalidInputError([part.in_file(fault) for fault in error.faults]) from error
    return as_object(answer.document)
