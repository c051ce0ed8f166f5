"""What the commands print: one JSON document for programs, tables for people, remarks on stderr."""

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from burgee.model.json import JsonValue

if TYPE_CHECKING:
    from rich.console import Console

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_PIPED_WIDTH = 200


class Output:
    """Where a command prints; with `as_json` only the one document reaches stdout."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    def document(self, value: object) -> None:
        """Print `value` as one indented JSON document."""
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")

    def text(self, text: str) -> None:
        """Print plain lines for people."""
        sys.stdout.write(printable(text) + "\n")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
        """Print rows under `columns`; `empty` goes to stderr where there are none."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(_cell(value))) for value in row))
        if table.row_count:
            console().print(table)
        else:
            self.remark(empty)

    def remark(self, text: str) -> None:
        """Say something beside the result, on stderr."""
        sys.stderr.write(printable(text) + "\n")


def show_warnings(output: Output, warnings: JsonValue) -> None:
    """Say on stderr what a publish let through although it looks like a mistake."""
    for warning in warnings if isinstance(warnings, list) else []:
        if isinstance(warning, dict):
            place = f"{warning.get('flagKey')}{warning.get('pointer')}"
            output.remark(f"warning: {place}: {warning.get('message')} [{warning.get('code')}]")


def console(*, to_stderr: bool = False) -> "Console":
    """A console that honours NO_COLOR, and does not cut lines at 80 characters in a pipe."""
    from rich.console import Console

    stream = sys.stderr if to_stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _PIPED_WIDTH, highlight=False)


def printable(text: str) -> str:
    """`text` without the control characters by which a stored name could drive a terminal."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def compact(value: JsonValue) -> str:
    """`value` as JSON on one line."""
    return msgspec.json.encode(value).decode()


def moment(seconds: object) -> str:
    """Unix seconds as `2026-01-31 12:00:00Z`, and nothing for 0 or no number."""
    if not isinstance(seconds, int | float) or not seconds:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _cell(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)
