"""The tables, and the gate that refuses a file of a newer Burgee.

Additions that old code can ignore keep SCHEMA_VERSION; anything else raises it. The table
`schema_version` never changes its shape, so that every Burgee can read every other's version.
"""

import apsw

from burgee.adapters.sqlite.rows import head
from burgee.adapters.sqlite.seals import seal_of, unsealed
from burgee.errors import StoreDamagedError, StoreRefusedError

SCHEMA_VERSION = 1

_TABLES = """
CREATE TABLE schema_version (version INTEGER NOT NULL, seal BLOB NOT NULL) STRICT;
CREATE TABLE head (
    audit_sequence INTEGER NOT NULL, audit_hash TEXT NOT NULL, sets_digest BLOB NOT NULL, seal BLOB NOT NULL,
    buried INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE flag_sets (
    key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, flags_digest BLOB NOT NULL,
    content BLOB NOT NULL, seal BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE flags (
    flag_set TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, status TEXT NOT NULL,
    search TEXT NOT NULL, tags TEXT NOT NULL, content BLOB NOT NULL, seal BLOB NOT NULL,
    PRIMARY KEY (flag_set, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE flag_versions (
    flag_set TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, revision INTEGER NOT NULL,
    content BLOB NOT NULL, seal BLOB NOT NULL,
    PRIMARY KEY (flag_set, key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX flag_versions_by_revision ON flag_versions (flag_set, revision, key);
CREATE TABLE revisions (
    flag_set TEXT NOT NULL, revision INTEGER NOT NULL, steps_digest BLOB NOT NULL, seal BLOB NOT NULL,
    PRIMARY KEY (flag_set, revision)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY NOT NULL, at REAL NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
    flag_set TEXT NOT NULL, flag_key TEXT NOT NULL, content BLOB NOT NULL
) STRICT;
CREATE INDEX audit_by_key ON audit (flag_set, flag_key, sequence);
CREATE INDEX audit_by_actor ON audit (actor, sequence);
CREATE TABLE outbox (sequence INTEGER PRIMARY KEY NOT NULL, event_hash TEXT NOT NULL) STRICT;
CREATE TABLE idempotency (
    key TEXT NOT NULL, actor TEXT NOT NULL, expires_at REAL NOT NULL, content BLOB NOT NULL,
    seal BLOB NOT NULL, PRIMARY KEY (key, actor)
) STRICT;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);
CREATE TABLE sign_in_codes (code_hash TEXT PRIMARY KEY NOT NULL, expires_at REAL NOT NULL) STRICT;
"""

_ADDITIONS: dict[str, str] = {
    "sdk_keys": """
CREATE TABLE IF NOT EXISTS sdk_keys (
    id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, change INTEGER NOT NULL, content BLOB NOT NULL,
    seal BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sdk_keys_by_name ON sdk_keys (name);
CREATE INDEX IF NOT EXISTS sdk_keys_by_change ON sdk_keys (change);
CREATE TABLE IF NOT EXISTS sdk_key_uses (
    id TEXT PRIMARY KEY NOT NULL, used_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
""",
}
"""Tables that came later, by the name of the first of each; a file that has none of them gets them."""


def prepare(connection: apsw.Connection) -> None:
    """Make the tables in an empty file, or check that those in it are ours and not newer.

    Raises StoreRefusedError for a newer schema, StoreDamagedError, also for another program's database.
    """
    if not is_empty(connection):
        check_version(connection)  # before anything is written, the log included
    connection.execute("PRAGMA journal_mode = WAL")
    if is_empty(connection):
        _make(connection)
    _add_tables(connection)


def _make(connection: apsw.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    with connection:  # a savepoint inside the transaction: undone as a whole if anything fails
        if is_empty(connection):
            connection.execute(_TABLES)
            connection.execute(
                "INSERT INTO schema_version VALUES (?, ?)",
                (SCHEMA_VERSION, seal_of("schema_version", SCHEMA_VERSION)),
            )
            head.create(connection)
    connection.execute("COMMIT")


def _add_tables(connection: apsw.Connection) -> None:
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    missing = [statements for name, statements in _ADDITIONS.items() if name not in names]
    if missing:
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            connection.execute("".join(missing))
        connection.execute("COMMIT")


def is_empty(connection: apsw.Connection) -> bool:
    """Whether nothing was ever stored in the file; a damaged schema page alone does not make it so."""
    names = connection.execute("SELECT count(*) FROM sqlite_schema").get
    pages = connection.execute("PRAGMA page_count").get
    return names == 0 and isinstance(pages, int) and pages <= 1


def check_version(connection: apsw.Connection) -> None:
    """Raises StoreRefusedError naming both versions where the file is newer than this program, and
    StoreDamagedError where it has no version that can be read."""
    try:
        row = connection.execute("SELECT version, seal FROM schema_version").fetchone()
    except apsw.SQLError as error:
        raise StoreDamagedError("the file is a database, but not one of Burgee's") from error
    if row is None:
        raise StoreDamagedError("the schema version is missing")
    (version,) = unsealed("schema_version", row)
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise StoreRefusedError(
            f"the file has schema version {version!r}, this Burgee knows {SCHEMA_VERSION} and older: "
            "start the newer Burgee, or restore a backup made before the upgrade"
        )
