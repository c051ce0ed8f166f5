"""Rows of history: one for every version that a flag ever had, and one for every revision of a set."""

import apsw
import msgspec

from burgee.adapters.sqlite.seals import EMPTY_DIGEST, Value, decoded, seal_of, toggled, unsealed
from burgee.errors import StoreDamagedError
from burgee.model.flag import FlagVersion

_COLUMNS = "flag_set, key, version, revision, content, seal"


def write(connection: apsw.Connection, step: FlagVersion) -> bytes:
    """Add one step; returns the seal of its row."""
    columns = (step.flag_set, step.key, step.version, step.revision, msgspec.json.encode(step))
    seal = seal_of("flag_versions", *columns)
    connection.execute("INSERT INTO flag_versions VALUES (?, ?, ?, ?, ?, ?)", (*columns, seal))
    return seal


def write_revision(connection: apsw.Connection, flag_set: str, revision: int, *, digest: bytes) -> None:
    """Note which steps a revision made, as the digest of their rows."""
    columns = (flag_set, revision, digest)
    connection.execute(
        "INSERT INTO revisions VALUES (?, ?, ?, ?)", (*columns, seal_of("revisions", *columns))
    )


def read_versions(
    connection: apsw.Connection, flag_set: str, key: str, *, newest: int, limit: int
) -> tuple[FlagVersion, ...]:
    """Steps from version `newest` downwards.

    Raises StoreDamagedError where one is missing.
    """
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM flag_versions WHERE flag_set = ? AND key = ? AND version <= ? "  # noqa: S608
        "ORDER BY version DESC LIMIT ?",
        (flag_set, key, newest, max(0, limit)),
    )
    steps = tuple(_step(row)[0] for row in rows)
    if [step.version for step in steps] != list(range(newest, 0, -1))[: max(0, limit)]:
        raise StoreDamagedError(f"the history of {flag_set}/{key} has a gap")
    return steps


def read_at(
    connection: apsw.Connection, flag_set: str, key: str, *, revision: int, newest: int
) -> FlagVersion | None:
    """The last step at or below `revision`; `newest` is the key's version now.

    Raises StoreDamagedError where the step after it is missing, which would make it the wrong one.
    """
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM flag_versions WHERE flag_set = ? AND key = ? AND revision <= ? "  # noqa: S608
        "ORDER BY version DESC LIMIT 1",
        (flag_set, key, revision),
    ).fetchone()
    found = None if row is None else _step(row)[0]
    version = 0 if found is None else found.version
    if version < newest:
        (following,) = read_versions(connection, flag_set, key, newest=version + 1, limit=1)
        if following.revision <= revision:
            raise StoreDamagedError(f"the history of {flag_set}/{key} is out of order")
    return found


def read_since(
    connection: apsw.Connection, flag_set: str, *, revision: int, current: int
) -> tuple[FlagVersion, ...]:
    """The newest step of each key after `revision`, ordered by key; `current` is the set's own revision.

    Raises StoreDamagedError where a step of those revisions is missing.
    """
    first = max(0, revision) + 1
    bounds = (flag_set, first, current)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM flag_versions WHERE flag_set = ? AND revision BETWEEN ? AND ? "  # noqa: S608
        "ORDER BY key, version",
        bounds,
    )
    digest, newest = EMPTY_DIGEST, dict[str, FlagVersion]()
    for row in rows:
        step, seal = _step(row)
        digest, newest[step.key] = toggled(digest, seal), step
    expected, count = _steps_digest(connection, bounds)
    if digest != expected or count != max(0, current - first + 1):
        raise StoreDamagedError(f"the history of {flag_set} since revision {revision} is not complete")
    return tuple(newest.values())


def _steps_digest(connection: apsw.Connection, bounds: tuple[str, int, int]) -> tuple[bytes, int]:
    """The digest of all steps that the revisions within `bounds` made, and the number of those revisions."""
    digest, count = EMPTY_DIGEST, 0
    for row in connection.execute(
        "SELECT flag_set, revision, steps_digest, seal FROM revisions "
        "WHERE flag_set = ? AND revision BETWEEN ? AND ?",
        bounds,
    ):
        _flag_set, _revision, steps = unsealed("revisions", row)
        digest, count = toggled(digest, bytes(steps)), count + 1  # type: ignore[arg-type]
    return digest, count


def _step(row: tuple[Value, ...]) -> tuple[FlagVersion, bytes]:
    return decoded(unsealed("flag_versions", row)[-1], FlagVersion), bytes(row[-1])  # type: ignore[arg-type]
