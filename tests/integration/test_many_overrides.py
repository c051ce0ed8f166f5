"""Many overrides in SQLite: who has none costs no read, a publish touches none, memory stays small."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec
import pytest

from burgee.adapters.sqlite.overrides import overrides_beside
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.bootstrap import open_application
from burgee.ports import FlagStore
from burgee.service.drafts import FlagDraft
from burgee.service.overrides import OverrideDraft
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.testing.counting_overrides import CountingOverrideStore
from burgee.testing.many_overrides import insert_overrides, subject
from burgee.testing.workshop import ADA

MANY = 30_000
FLAG = FlagDraft(variants={"on": True, "off": False}, default_variant="off")


class Application:
    """Services whose reads of overrides are counted, and whose SQL can be listened to."""

    def __init__(self, services: Services, kept: CountingOverrideStore, flags: SqliteFlagStore) -> None:
        self.services, self.kept, self._flags = services, kept, flags

    def variant(self, targeting_key: str) -> str | None:
        """What the flag gives to that subject."""
        flag = self.services.live.current.programs["default"].flags["banner"]
        return self.services.overrides.evaluate(flag, {"targetingKey": targeting_key}).variant

    def statements_of_a_publish(self) -> list[str]:
        """The SQL that publishing the flag once more runs."""
        said: list[str] = []

        def listen(_: apsw.Cursor, statement: str, _bindings: object) -> bool:
            said.append(statement)
            return True

        with self._flags.connections.writing() as writer:
            pass
        writer.exec_trace = listen
        again = msgspec.structs.replace(FLAG, tags=("again",))
        self.services.publisher.put_flag("default", "banner", again, author=ADA)
        writer.exec_trace = None
        return said


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    settings = Settings(data=str(tmp_path / "data"))
    with open_application(settings) as services:
        flag = services.publisher.put_flag("default", "banner", FLAG, author=ADA).flag
        assert flag is not None
    store = SqliteFlagStore(tmp_path / "data" / "flags.db", lambda: 0.0)
    insert_overrides(store, MANY, flag_key="banner", variant="on", at=flag.created_at)
    store.close()
    found: list[tuple[CountingOverrideStore, SqliteFlagStore]] = []

    def counted(flags: FlagStore) -> CountingOverrideStore:
        assert isinstance(flags, SqliteFlagStore)
        found.append((CountingOverrideStore(overrides_beside(flags)), flags))
        return found[0][0]

    monkeypatch.setattr("burgee.adapters.sqlite.overrides.overrides_beside", counted)
    with open_application(settings) as services:
        yield Application(services, *found[0])


def test_evaluation_is_right_before_the_filter_is_made_and_costs_reads(application: Application) -> None:
    assert application.kept.scans == 0
    assert application.variant(subject(7)) == "on"
    assert application.variant("nobody") == "off"
    assert application.kept.reads == 2


def test_with_the_filter_less_than_one_in_a_hundred_others_cost_a_read(application: Application) -> None:
    application.services.overrides.subjects.poll()
    application.kept.reads = 0
    assert {application.variant(f"nobody-{number}") for number in range(10_000)} == {"off"}
    assert application.kept.reads < 100
    application.kept.reads = 0
    assert {application.variant(subject(number)) for number in range(0, MANY, 100)} == {"on"}
    assert application.kept.reads == MANY // 100


def test_the_filter_takes_about_ten_bits_for_each(application: Application) -> None:
    subjects = application.services.overrides.subjects
    subjects.poll()
    known = subjects._filter
    assert known is not None
    assert 10 * MANY <= known.size_bytes * 8 <= 15 * MANY


def test_a_publish_touches_no_override(application: Application) -> None:
    application.services.overrides.subjects.poll()
    application.kept.reads = 0
    said = application.statements_of_a_publish()
    assert any("flags" in statement for statement in said)
    assert not [statement for statement in said if "override" in statement]
    assert not application.services.overrides.subjects.poll()
    assert (application.kept.reads, application.kept.scans) == (0, 1)


def test_one_more_is_learnt_without_reading_the_others(application: Application) -> None:
    services = application.services
    services.overrides.subjects.poll()
    services.overrides.import_rows([], author=ADA)

    draft = OverrideDraft(flag_key="banner", targeting_key="one more", variant="on")
    services.overrides.put(draft, author=ADA)
    assert application.variant("one more") == "on"
    assert application.kept.scans == 1
    assert services.audit_log.verify().ok
    assert len(list(application.kept.overridden_subjects())) == MANY + 1
