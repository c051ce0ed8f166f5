"""Very many overrides put into a SQLite file at once, without an audit event for each."""

from collections.abc import Iterator

import msgspec

from burgee.adapters.sqlite.commits import Commit
from burgee.adapters.sqlite.overrides import SqliteOverrideStore
from burgee.adapters.sqlite.rows import overrides
from burgee.adapters.sqlite.rows.overrides import OverrideHead
from burgee.adapters.sqlite.seals import Value, seal_of
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.model.override import Override
from burgee.testing.builders import an_audit_draft


def subject(number: int) -> str:
    """The targeting key of the override of that number."""
    return f"user-{number:08d}"


def insert_overrides(store: SqliteFlagStore, count: int, *, flag_key: str, variant: str, at: float) -> None:
    """Pin the subjects 0 to `count` - 1 to a variant of one flag of the default set, all in one transaction.

    The file is as after as many writes, but that they share one audit event.
    """
    SqliteOverrideStore(store)  # makes the tables

    def write(commit: Commit) -> None:
        sequence = commit.last_sequence + 1
        head = overrides.read_head(commit.connection)
        assert head.count == 0
        digest = 0

        def rows() -> Iterator[tuple[Value, ...]]:
            nonlocal digest
            for number in range(count):
                override = Override(
                    flag_key=flag_key,
                    targeting_key=subject(number),
                    variant=variant,
                    created_at=at,
                    created_by="bulk",
                    updated_at=at,
                    updated_by="bulk",
                )
                content = msgspec.json.encode(override)
                columns = (override.targeting_key, override.flag_set, flag_key, sequence, content)
                seal = seal_of("overrides", *columns)
                digest ^= int.from_bytes(seal)
                yield (*columns, seal)

        commit.connection.executemany("INSERT INTO overrides VALUES (?, ?, ?, ?, ?, ?)", rows())
        after = OverrideHead(sequence=sequence, count=count, digest=digest.to_bytes(32))
        overrides.write_head(commit.connection, after)
        commit.record([an_audit_draft(action="overrides.inserted", flag_set="", flag_key="", revision=0)])

    store.commit_beside(write)
