"""Any interleaving of publishers and refreshers, on every store: what is served was always published."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.errors import BurgeeError
from burgee.model.snapshot import Snapshot
from burgee.ports import FlagStore
from burgee.service.audit_log import AuditLog
from burgee.service.drafts import FlagDraft, FlagSetDraft
from burgee.service.intent import Precondition
from burgee.testing.workshop import ADA, HandClock, Workshop

keys = st.sampled_from(["a", "b", "c"])
sets = st.sampled_from(["default", "shop"])
processes = st.integers(0, 2)
values = st.integers(0, 3)


class Fleet(RuleBasedStateMachine):
    """Three processes on one store; the model is every state that was ever committed."""

    def open_store(self, clock: HandClock) -> FlagStore:
        return Workshop(clock=clock).store

    def __init__(self) -> None:
        super().__init__()
        self.clock = HandClock()
        self.store = self.open_store(self.clock)
        self.fleet = [Workshop(self.store, clock=self.clock) for _ in range(3)]
        self.published: dict[tuple[str, int], Snapshot] = {}
        self.seen: list[dict[str, int]] = [{} for _ in self.fleet]

    def act(self, process: int, method: str, *arguments: Any, **options: Any) -> None:
        publisher = self.fleet[process].publisher
        before = {each.key: each.revision for each in self.store.flag_sets()}
        try:
            published = getattr(publisher, method)(*arguments, author=ADA, **options)
        except BurgeeError:
            # A refusal is allowed at any time; that it changed nothing is what counts.
            assert {each.key: each.revision for each in self.store.flag_sets()} == before
            return
        key, revision = published.flag_set.key, published.flag_set.revision
        snapshot = self.store.snapshot(key)
        assert snapshot is not None
        assert revision == snapshot.flag_set.revision == before.get(key, 0) + published.changed
        self.published[key, revision] = snapshot
        served = self.fleet[process].live.current.programs[key].snapshot
        assert served == snapshot

    @rule(process=processes, flag_set=sets, key=keys, value=values, force=st.booleans())
    def put(self, process: int, flag_set: str, key: str, value: int, force: bool) -> None:
        draft = FlagDraft(variants={"v": value}, default_variant="v")
        self.act(process, "put_flag", flag_set, key, draft, force=force)

    @rule(process=processes, flag_set=sets, key=keys, value=values, version=st.none() | st.integers(1, 4))
    def patch(self, process: int, flag_set: str, key: str, value: int, version: int | None) -> None:
        condition = Precondition(version=version)
        patch = {"variants": {"v": value}, "metadata": {f"m{value}": True}}
        self.act(process, "patch_flag", flag_set, key, patch, precondition=condition)

    @rule(process=processes, flag_set=sets, key=keys)
    def delete(self, process: int, flag_set: str, key: str) -> None:
        self.act(process, "delete_flag", flag_set, key)

    @rule(process=processes, flag_set=sets, key=keys, revision=st.integers(0, 12))
    def restore(self, process: int, flag_set: str, key: str, revision: int) -> None:
        self.act(process, "restore_flag", flag_set, key, revision=revision)

    @rule(process=processes, flag_set=sets, value=values)
    def change_set(self, process: int, flag_set: str, value: int) -> None:
        self.act(process, "put_flag_set", flag_set, FlagSetDraft(metadata={"v": value}))

    @rule(process=processes)
    def poll(self, process: int) -> None:
        workshop = self.fleet[process]
        workshop.refresher.poll()
        stored = {each.key: each.revision for each in self.store.flag_sets()}
        assert workshop.live.current.revisions == stored
        assert not workshop.refresher.status().stale

    @rule(seconds=st.sampled_from([1, 86_400, 31 * 86_400]))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @invariant()
    def what_is_served_was_published_and_never_goes_back(self) -> None:
        for workshop, seen in zip(self.fleet, self.seen, strict=True):
            for key, program in workshop.live.current.programs.items():
                revision = program.snapshot.flag_set.revision
                assert program.snapshot == self.published[key, revision]
                assert revision >= seen.get(key, 0)
                seen[key] = revision

    def teardown(self) -> None:
        verification = AuditLog(self.store).verify()
        assert verification.ok
        assert verification.checked == self.store.audit_head()[0]
        self.store.close()


class FleetOnDisk(Fleet):
    """The same on SQLite."""

    def open_store(self, clock: HandClock) -> FlagStore:
        self.folder = Path(tempfile.mkdtemp(prefix="burgee-fleet-"))
        return SqliteFlagStore(self.folder / "flags.db", clock)

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


TestFleetInMemory = Fleet.TestCase
TestFleetInMemory.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

TestFleetOnDisk = FleetOnDisk.TestCase
TestFleetOnDisk.settings = settings(max_examples=8, stateful_step_count=20, deadline=None)
