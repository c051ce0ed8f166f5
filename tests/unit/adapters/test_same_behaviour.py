"""Any sequence of publishes, deletions, conflicts and restarts: SQLite answers as the reference does."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.errors import BurgeeError
from burgee.model.change import ChangeSet
from burgee.model.flag import Flag, FlagStatus
from burgee.ports import AuditQuery, FlagQuery, FlagStore
from burgee.testing.builders import (
    THE_DAY,
    a_change_set,
    a_flag,
    a_flag_set,
    an_audit_draft,
    an_idempotency_record,
)
from burgee.testing.publishing import next_change
from burgee.testing.store_checks import disagreements

SETS = st.sampled_from(["checkout", "a", "é"])
KEYS = st.sampled_from(["b", "B", "a.b", "z", "Z-1"])
TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


class SameBehaviour(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.now = THE_DAY
        self.memory: FlagStore = MemoryFlagStore(lambda: self.now)
        self.sqlite: FlagStore = self.open()

    def open(self) -> FlagStore:
        return SqliteFlagStore(self.folder / "flags.db", lambda: self.now)

    def teardown(self) -> None:
        self.sqlite.close()
        shutil.rmtree(self.folder)

    def commit(self, *changes: ChangeSet) -> None:
        def outcome(store: FlagStore) -> object:
            try:
                return store.commit(changes)
            except BurgeeError as error:
                return type(error), getattr(error, "current", None)

        assert _form(outcome(self.memory)) == _form(outcome(self.sqlite))

    @rule(
        flag_set=SETS,
        keys=st.lists(KEYS, unique=True, max_size=3),
        name=TEXT,
        value=JSON,
        tags=st.lists(TEXT, max_size=2),
        status=st.sampled_from(FlagStatus),
        at=st.floats(0, 1e10),
    )
    def publish(
        self,
        flag_set: str,
        keys: list[str],
        name: str,
        value: object,
        tags: list[str],
        status: FlagStatus,
        at: float,
    ) -> None:
        flags = [
            a_flag(
                flag_set=flag_set, key=key, name=name, variants={"v": value}, tags=tuple(tags), status=status
            )
            for key in keys
        ]
        self.commit(next_change(self.memory, *flags, flag_set=flag_set, at=at))

    @rule(flag_set=SETS, key=KEYS)
    def delete(self, flag_set: str, key: str) -> None:
        if self.memory.flag(flag_set, key) is not None:
            self.commit(next_change(self.memory, delete=[key], flag_set=flag_set))

    @rule(flag_set=SETS, key=KEYS, revision=st.integers(1, 6), version=st.integers(1, 4))
    def publish_what_may_be_stale(self, flag_set: str, key: str, revision: int, version: int) -> None:
        flag = a_flag(flag_set=flag_set, key=key, version=version)
        good = next_change(self.memory, a_flag(flag_set="good"), flag_set="good")
        self.commit(good, a_change_set([flag], flag_set=a_flag_set(key=flag_set, revision=revision)))

    @rule(fingerprint=st.sampled_from(["aa", "bb"]), lifetime=st.integers(-1, 5))
    def publish_once(self, fingerprint: str, lifetime: int) -> None:
        record = an_idempotency_record(fingerprint=fingerprint, expires_at=self.now + lifetime)
        self.commit(next_change(self.memory, a_flag(), idempotency=record))

    @rule(seconds=st.integers(0, 3))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(reason=TEXT, before=JSON)
    def append(self, reason: str, before: object) -> None:
        draft = an_audit_draft(reason=reason, before=before, flag_set="", action="session.opened")
        assert _form(self.memory.append_audit(draft)) == _form(self.sqlite.append_audit(draft))

    @rule()
    def restart(self) -> None:
        self.sqlite.close()
        self.sqlite = self.open()

    @rule(
        within=st.none() | st.lists(SETS, max_size=2).map(tuple),
        flag_set=st.none() | SETS,
        status=st.none() | st.sampled_from(FlagStatus),
        tag=st.none() | TEXT,
        search=TEXT,
        after=st.none() | st.tuples(SETS, KEYS),
        limit=st.integers(0, 4),
    )
    def find(
        self,
        within: tuple[str, ...] | None,
        flag_set: str | None,
        status: FlagStatus | None,
        tag: str | None,
        search: str,
        after: tuple[str, str] | None,
        limit: int,
    ) -> None:
        query = FlagQuery(
            within=within,
            flag_set=flag_set,
            status=status,
            tag=tag,
            search=search,
            after=after,
            limit=limit,
        )
        assert _form(self.memory.find_flags(query)) == _form(self.sqlite.find_flags(query))

    @precondition(lambda self: self.memory.flag_sets())
    @rule(flag_set=SETS, key=KEYS, number=st.integers(-1, 9))
    def read_history(self, flag_set: str, key: str, number: int) -> None:
        reads: tuple[Callable[[FlagStore], object], ...] = (
            lambda store: store.flag_at(flag_set, key, revision=number),
            lambda store: store.flag_versions(flag_set, key, before=number, limit=2),
            lambda store: store.changes_since(flag_set, number),
            lambda store: store.audit_events(AuditQuery(flag_set=flag_set, flag_key=key, before=number)),
            lambda store: store.tombstone(flag_set, key),
        )
        for read in reads:
            assert _form(read(self.memory)) == _form(read(self.sqlite))

    @invariant()
    def everything_is_the_same(self) -> None:
        assert _form(self.all_of(self.memory)) == _form(self.all_of(self.sqlite))
        assert disagreements(self.sqlite) == []

    @staticmethod
    def all_of(store: FlagStore) -> tuple[object, ...]:
        sets = store.flag_sets()
        flags: list[Flag] = list(store.find_flags(FlagQuery(limit=1000)))
        return (
            sets,
            flags,
            [store.snapshot(each.key) for each in sets],
            [store.flag_versions(flag.flag_set, flag.key) for flag in flags],
            store.audit_range(first=1, limit=10_000),
            store.audit_head(),
            store.idempotency_record("7c2f", "grace"),
        )


def _form(answer: object) -> bytes:
    """Canonical bytes, so that 10 and 10.0 are two things."""
    return msgspec.json.encode(answer, enc_hook=repr, order="sorted")


TestSameBehaviour = SameBehaviour.TestCase
TestSameBehaviour.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
