"""Overrides as CSV (RFC 4180): a header line, then one override a line.

Columns: `targetingKey`, and as many as are needed of `flagSet`, `flagKey`, `status`, `variant`, `reason` and
`expiresAt` (Unix seconds), in any order. An empty cell is one that says nothing.
"""

import csv
import io
import re
from collections.abc import Iterator

import msgspec

from burgee.errors import Fault, InvalidInputError, LimitExceededError, MalformedError
from burgee.model.flag import FlagStatus

COLUMNS = ("flagSet", "flagKey", "targetingKey", "status", "variant", "reason", "expiresAt")
MAX_ROWS = 50_000
MAX_FAULTS = 100

_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)


class OverrideLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one line says; `line` is its number in the file."""

    line: int
    flag_set: str
    flag_key: str
    targeting_key: str
    status: FlagStatus | None
    variant: str | None
    reason: str
    expires_at: float | None


def read(data: bytes, *, flag_set: str, flag_key: str = "") -> list[OverrideLine]:
    """The lines of a file; `flag_set` and `flag_key` stand in for cells that are empty or not there.

    Raises MalformedError for what is no CSV in UTF-8, LimitExceededError for too many rows, and
    InvalidInputError with every fault and pointers such as `/17/status`, for the line 17.
    """
    rows = _rows(data)
    _, header = next(rows, (1, []))
    _check_header(header, has_flag_key=bool(flag_key))
    lines: list[OverrideLine] = []
    faults: list[Fault] = []
    for number, row in rows:
        if len(lines) >= MAX_ROWS:
            raise LimitExceededError(
                f"/{number}", "too-many-rows", f"more than {MAX_ROWS} rows in one import"
            )
        if len(row) != len(header):
            message = f"{len(row)} cells, but the header has {len(header)}"
            faults.append(Fault(f"/{number}", "wrong-columns", message))
        else:
            cells = dict(zip(header, row, strict=True))
            lines.append(_line(number, cells, faults, flag_set=flag_set, flag_key=flag_key))
        if len(faults) >= MAX_FAULTS:
            break
    if faults:
        raise InvalidInputError(faults[:MAX_FAULTS])
    return lines


def _rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not blank, with the number of its first line."""
    try:
        text = data.decode("utf-8-sig")  # spreadsheets put a byte order mark before it
    except UnicodeDecodeError as error:
        raise MalformedError("not-utf-8", "the file is not UTF-8", at=error.start) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise MalformedError("malformed-csv", f"line {number}: {error}", pointer=f"/{number}") from error
        if row:
            yield number, row


def _check_header(header: list[str], *, has_flag_key: bool) -> None:
    faults = [
        Fault("/1", "unknown-column", f"there is no column {name!r:.80}, only {', '.join(COLUMNS)}")
        for name in header
        if name not in COLUMNS
    ]
    faults += [
        Fault("/1", "repeated-column", f"the column {name} is there twice")
        for place, name in enumerate(header)
        if name in header[:place]
    ]
    needed = ("targetingKey",) if has_flag_key else ("targetingKey", "flagKey")
    faults += [
        Fault("/1", "missing-column", f"the header has no column {name}")
        for name in needed
        if name not in header
    ]
    if faults:
        raise InvalidInputError(faults[:MAX_FAULTS])


def _line(
    number: int, cells: dict[str, str], faults: list[Fault], *, flag_set: str, flag_key: str
) -> OverrideLine:
    status, expiry = cells.get("status", "").strip().upper(), cells.get("expiresAt", "").strip()
    is_status = status in FlagStatus.__members__
    if status and not is_status:
        faults.append(Fault(f"/{number}/status", "invalid-status", "a status is ENABLED or DISABLED"))
    if expiry and _SECONDS.fullmatch(expiry) is None:
        faults.append(
            Fault(f"/{number}/expiresAt", "invalid-expiry", "an expiry is a number of Unix seconds")
        )
        expiry = ""
    return OverrideLine(
        line=number,
        flag_set=cells.get("flagSet", "") or flag_set,
        flag_key=cells.get("flagKey", "") or flag_key,
        targeting_key=cells["targetingKey"],
        status=FlagStatus(status) if is_status else None,
        variant=cells.get("variant", "") or None,
        reason=cells.get("reason", ""),
        expires_at=float(expiry) if expiry else None,
    )
