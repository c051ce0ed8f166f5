"""Eight processes that write one flag: every acknowledged edit is in the history, none was written over."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.testing.builders import THE_DAY, a_flag
from burgee.testing.publishing import publish
from burgee.testing.store_checks import disagreements

pytestmark = pytest.mark.torture

WRITERS = 8
EDITS = 40

WRITER = """
import sys, msgspec
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.errors import UnavailableError, VersionConflictError
from burgee.testing.builders import a_change_set

path, name, edits = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = SqliteFlagStore(path, lambda: 0.0)
print("ready", flush=True)
sys.stdin.readline()
done = conflicts = 0
while done < edits:
    flag, flag_set = store.flag("checkout", "banner-colour"), store.flag_set("checkout")
    # The version is the one that was read with the text, not one that is looked up again for the write.
    text = f"{flag.description} {name}-{done}"
    edited = msgspec.structs.replace(flag, description=text, version=flag.version + 1)
    after = msgspec.structs.replace(flag_set, revision=flag_set.revision + 1)
    try:
        store.commit([a_change_set([edited], flag_set=after)])
        done += 1
    except VersionConflictError:
        conflicts += 1
    except UnavailableError:
        pass
print(conflicts, flush=True)
"""


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    store = SqliteFlagStore(tmp_path / "flags.db", lambda: THE_DAY)
    publish(store, a_flag(description=""))
    store.close()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "flags.db"), f"writer{number}", str(EDITS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def test_8_writers_of_one_flag_lose_no_update(tmp_path: Path, writers: list[subprocess.Popen[str]]) -> None:
    for process in writers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    conflicts = sum(int(process.communicate(timeout=120)[0]) for process in writers)
    store = SqliteFlagStore(tmp_path / "flags.db", lambda: THE_DAY)
    flag = store.flag("checkout", "banner-colour")
    assert flag is not None
    expected = sorted(f"writer{number}-{edit}" for number in range(WRITERS) for edit in range(EDITS))
    assert sorted(flag.description.split()) == expected
    assert flag.version == WRITERS * EDITS + 1
    assert conflicts > 0, "the writers never met: this proves nothing"
    assert disagreements(store) == []
