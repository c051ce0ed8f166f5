"""Power cuts through an APSW VFS: what was acknowledged is there afterwards, and nothing is half there."""

import random
import shutil
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from burgee.adapters.snapshot_file import JsonSnapshotFile
from burgee.adapters.sqlite import connections
from burgee.adapters.sqlite.open import open_sqlite_store
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.errors import StoreRefusedError, UnavailableError
from burgee.ports import FlagStore
from burgee.testing.builders import THE_DAY, a_flag
from burgee.testing.power_cut import Operation, PowerCutDisk
from burgee.testing.publishing import publish
from burgee.testing.store_checks import disagreements

pytestmark = pytest.mark.torture

KEYS = [f"flag-{number}" for number in range(12)]


class Lifetimes:
    """One store on one disk, through many cuts; `acknowledged` is the last audit sequence that was."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self.dice = random.Random(seed)
        self.root = folder
        self.folder = folder / "0"
        self.folder.mkdir()
        self.number = 0
        self.acknowledged = 0
        self.commits = 0
        self.store: FlagStore | None = None

    def live_until_cut(self, operations: int) -> None:
        """Open, commit until the power goes at that write, sync or truncate, and move to what is left."""
        self.number += 1
        after = self.root / str(self.number)
        after.mkdir()
        left = operations

        def watch(_operation: Operation, _path: Path) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                disk.survivors(after, dice=self.dice)
                self._keep_mark(after)
            if left <= 0:
                raise apsw.IOError("the power is off")

        disk = PowerCutDisk(f"power-cut-{self.number}", watch=watch)
        store = None
        with suppress(UnavailableError):
            store = self.opened(vfs=disk.name)
            while left > 0:
                self._commit(store)
        assert left <= 0, "the store failed although the power was on"
        if store is not None:
            with suppress(UnavailableError, apsw.Error):
                store.close()
        disk.unregister()
        shutil.rmtree(self.folder)
        self.folder = after

    def opened(self, *, vfs: str | None = None) -> FlagStore:
        return open_sqlite_store(
            self.folder / "flags.db",
            clock=lambda: THE_DAY,
            snapshot_file=JsonSnapshotFile(self.folder / "snapshot"),
            vfs=vfs,
        )

    def _commit(self, store: FlagStore) -> None:
        assert store.read_only_reason is None, store.read_only_reason
        keys = self.dice.sample(KEYS, self.dice.randint(1, 4))
        flags = [a_flag(key=key, name=f"commit {self.commits}") for key in keys]
        living = [key for key in KEYS if key not in keys and store.flag("checkout", key) is not None]
        events = publish(store, *flags, delete=living[: self.dice.randint(0, 1)])
        self.acknowledged = events[-1].sequence
        self.commits += 1

    def _keep_mark(self, after: Path) -> None:
        # The mark is written by the operating system, not through the VFS: all of it survives, which is the
        # strictest case, for the store must then never be behind it.
        mark = self.folder / "flags.db-high-water"
        if mark.exists():
            shutil.copy(mark, after)


@pytest.fixture
def _small_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints every few commits, so that cuts fall into them too."""
    settings = f"{connections.SETTINGS} PRAGMA wal_autocheckpoint = 40;"
    monkeypatch.setattr(connections, "SETTINGS", settings)


@pytest.mark.usefixtures("_small_log")
def test_200_power_cuts_lose_no_acknowledged_commit_and_leave_nothing_half_written(tmp_path: Path) -> None:
    life = Lifetimes(tmp_path, seed=20261121)
    for cut in range(200):
        life.live_until_cut(life.dice.choice((life.dice.randint(1, 60), life.dice.randint(1, 900))))
        store = life.opened()
        assert isinstance(store, SqliteFlagStore), f"cut {cut}: {store.read_only_reason}"
        assert store.audit_head()[0] >= life.acknowledged, f"cut {cut} lost an acknowledged commit"
        assert disagreements(store) == [], f"cut {cut}"
        store.close()
    assert life.commits > 500, "too few commits to prove anything"


def behind(life: Lifetimes) -> bool:
    """Whether the store that is left knows that it lost something."""
    try:
        store = life.opened()
    except StoreRefusedError:
        return True
    try:
        return store.read_only_reason is not None
    finally:
        store.close()


@pytest.mark.usefixtures("_small_log")
def test_the_same_cuts_do_lose_commits_without_full_syncs_and_every_loss_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = connections.SETTINGS.replace("synchronous = FULL", "synchronous = NORMAL")
    assert careless != connections.SETTINGS
    monkeypatch.setattr(connections, "SETTINGS", careless)
    losses = noticed = 0
    for seed in range(30):
        folder = tmp_path / str(seed)
        folder.mkdir()
        life = Lifetimes(folder, seed=seed)
        life.live_until_cut(150)
        bare = SqliteFlagStore(life.folder / "flags.db", lambda: THE_DAY)
        lost = bare.audit_head()[0] < life.acknowledged
        bare.close()
        if lost:
            losses += 1
            noticed += behind(life)
    assert losses >= 3
    assert noticed == losses
