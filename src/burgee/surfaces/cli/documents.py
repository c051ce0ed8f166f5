"""Definition files as the commands read them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
import msgspec

from burgee.errors import InvalidInputError, LimitExceededError
from burgee.model.limits import DEFAULT_LIMITS
from burgee.model.snapshot import Snapshot
from burgee.surfaces.cli.management import Management

if TYPE_CHECKING:
    from burgee.formats.flagd import FlagSetDocument

Syntax = Literal["json", "yaml"]
MEDIA_TYPES: dict[Syntax, str] = {"json": "application/json", "yaml": "application/yaml"}

files_argument = click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


def syntax_of(path: Path) -> Syntax:
    """YAML by its extension, everything else is JSON."""
    return "yaml" if path.suffix.lower() in (".yaml", ".yml") else "json"


def read(path: Path) -> bytes:
    """The bytes of a definition file.

    Raises LimitExceededError for a file over the import limit, UsageError for an unreadable one.
    """
    try:
        with path.open("rb") as file:
            content = file.read(DEFAULT_LIMITS.import_bytes + 1)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > DEFAULT_LIMITS.import_bytes:
        raise LimitExceededError(
            "", "document-too-large", f"{path} is over {DEFAULT_LIMITS.import_bytes} bytes"
        )
    return content


def snapshots_in(content: bytes, *, syntax: Syntax = "json") -> tuple[Snapshot, ...]:
    """The flag sets of a definition document, their flags ordered by key.

    Raises InvalidInputError with all structural faults.
    """
    from burgee.formats import flagd

    return _snapshots(flagd.parse(content, syntax=syntax))


def _snapshots(documents: "Sequence[FlagSetDocument]") -> tuple[Snapshot, ...]:
    return tuple(Snapshot(flag_set=document.flag_set, flags=document.flags) for document in documents)


def stored_snapshots(management: Management, flag_set: str | None) -> tuple[Snapshot, ...]:
    """The flag sets as stored: one of that key, or all of them."""
    keys: Sequence[str] = [flag_set] if flag_set is not None else flag_set_keys(management)
    exported = (management.send("GET", "/api/v1/export", query={"flagSet": key}).content for key in keys)
    return tuple(
        snapshot
        for key, content in zip(keys, exported, strict=True)
        for snapshot in _named(snapshots_in(content), key)
    )


def flag_set_keys(management: Management) -> list[str]:
    """The keys of all flag sets."""
    return [str(item["key"]) for item in management.pages("/api/v1/flag-sets", {})]


def _named(snapshots: tuple[Snapshot, ...], key: str) -> tuple[Snapshot, ...]:
    """A document may leave its flag set's key out; it is the one that was asked for."""
    if len(snapshots) > 1:
        return snapshots
    return tuple(
        msgspec.structs.replace(
            snapshot,
            flag_set=msgspec.structs.replace(snapshot.flag_set, key=key),
            flags=tuple(msgspec.structs.replace(flag, flag_set=key) for flag in snapshot.flags),
        )
        for snapshot in snapshots
    )


def faults_in(path: Path) -> tuple[tuple[Snapshot, ...], InvalidInputError | None]:
    """What can be read of a file, and the error that names what is wrong with its structure."""
    from burgee.formats import flagd

    try:
        reading = flagd.read(read(path), syntax=syntax_of(path))
    except InvalidInputError as error:
        return (), error
    return _snapshots(reading.documents), InvalidInputError(reading.faults) if reading.faults else None
