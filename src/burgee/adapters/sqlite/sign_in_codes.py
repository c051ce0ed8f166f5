"""One-time sign-in codes in the database, so that every worker of a server can redeem them."""

from burgee.adapters.memory import MemorySignInCodes
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.ports import FlagStore, SignInCodes


class SqliteSignInCodes:
    """SignInCodes in the file of a SqliteFlagStore."""

    def __init__(self, store: SqliteFlagStore) -> None:
        self._connections = store.connections

    def put(self, code_hash: str, *, expires_at: float) -> None:
        with self._connections.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO sign_in_codes VALUES (?, ?)", (code_hash, float(expires_at))
            )

    def take(self, code_hash: str, *, now: float) -> bool:
        with self._connections.writing() as connection:
            connection.execute("DELETE FROM sign_in_codes WHERE expires_at <= ?", (now,))
            taken = connection.execute(
                "DELETE FROM sign_in_codes WHERE code_hash = ? RETURNING code_hash", (code_hash,)
            ).fetchall()
            return len(taken) == 1


def sign_in_codes_beside(store: FlagStore) -> SignInCodes:
    """The codes kept with `store`: in its file, or in memory where it has none that can be written."""
    return SqliteSignInCodes(store) if isinstance(store, SqliteFlagStore) else MemorySignInCodes()
