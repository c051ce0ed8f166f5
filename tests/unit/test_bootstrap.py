"""Wiring: everything opens together, closes together, and survives what is wrong on disk."""

import time
from pathlib import Path

import apsw
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from burgee.adapters.data_folder import open_data_folder
from burgee.adapters.snapshot_file import JsonSnapshotFile
from burgee.adapters.sqlite.rows import audit, head
from burgee.adapters.tokens import RsaTokenSigner
from burgee.bootstrap import open_application
from burgee.errors import ConfigurationError, ReadOnlyError, StoreRefusedError, UnauthenticatedError
from burgee.ports import TokenClaims
from burgee.service.access import Role
from burgee.service.drafts import FlagDraft
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.testing.workshop import ADA


def settings_for(path: Path, **env: str) -> Settings:
    return Settings.from_mapping({"BURGEE_DATA": str(path / "data"), **env})


def put(services: Services, key: str) -> None:
    draft = FlagDraft(variants={"on": True}, default_variant="on")
    services.publisher.put_flag("default", key, draft, author=ADA)


def keys(services: Services) -> list[str]:
    return list(services.live.current.select(None).flags)


def test_what_was_published_is_served_after_a_restart(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    with open_application(settings) as services:
        put(services, "a")
    with open_application(settings) as services:
        assert keys(services) == ["a"]
        assert services.browser.flag("default", "a").version == 1
        assert services.audit_log.verify().ok


def test_everything_on_disk_is_for_the_owner_alone(tmp_path: Path) -> None:
    with open_application(settings_for(tmp_path)) as services:
        put(services, "a")
    folder = tmp_path / "data"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o077 for path in folder.iterdir()} == {
        path.name: 0 for path in folder.iterdir()
    }


def test_the_snapshot_file_is_whole_at_the_end(tmp_path: Path) -> None:
    with open_application(settings_for(tmp_path)) as services:
        put(services, "a")
        put(services, "b")
    saved = JsonSnapshotFile(open_data_folder(tmp_path / "data").snapshot).load()
    assert saved is not None
    assert [flag.key for flag in saved.sets[0].flags] == ["a", "b"]
    assert saved.audit_sequence == 2


def test_the_snapshot_file_follows_within_moments(tmp_path: Path) -> None:
    with open_application(settings_for(tmp_path)) as services:
        put(services, "a")
        file = JsonSnapshotFile(open_data_folder(tmp_path / "data").snapshot)
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up and not ((saved := file.load()) and saved.sets):
            time.sleep(0.02)
        assert saved is not None
        assert saved.sets


@pytest.mark.parametrize(("last", "broken"), [(0, 1), (3, 4), (4, 5), (5, None)])
def test_a_cut_tail_shows_by_the_head_that_is_kept_beside_the_database(
    tmp_path: Path, last: int, broken: int | None
) -> None:
    """Somebody who knows the store cuts its log and moves its head along; the export is wired in."""
    settings = settings_for(tmp_path)
    with open_application(settings) as services:
        for key in "abcde":
            put(services, key)
        rows = apsw.Connection(str(open_data_folder(tmp_path / "data").database))
        kept = audit.read_range(rows, first=last, limit=1)
        rows.execute("DELETE FROM audit WHERE sequence > ?", (last,))
        top = head.read(rows)
        cut = {"audit_sequence": last, "audit_hash": kept[0].hash if last else "0" * 64}
        head.write(rows, msgspec.structs.replace(top, **cut))
        rows.close()
        found = services.audit_log.verify()
        assert (found.ok, found.first_broken) == (broken is None, broken)
    with open_application(settings) as services:
        assert services.audit_log.verify().ok is (broken is None)
        assert services.refresher.status().read_only is (broken is not None)


def test_a_second_server_on_the_folder_is_refused(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    with (
        open_application(settings),
        pytest.raises(StoreRefusedError, match="in use"),
        open_application(settings),
    ):
        pass
    with open_application(settings):
        pass


def test_a_worker_of_the_same_server_sees_the_writer_s_publishes(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    with open_application(settings) as writer, open_application(settings, lock=False, writer=False) as reader:
        put(writer, "a")
        assert reader.refresher.poll()
        assert keys(reader) == ["a"]
        token = writer.access.issue_token("ada", Role.READER, 60)
        assert reader.access.authenticate(token).subject == "ada"
        assert reader.access.redeem_sign_in_code(writer.access.create_sign_in_code())


def test_a_damaged_database_is_served_from_the_snapshot_read_only(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    with open_application(settings) as services:
        put(services, "a")
    folder = open_data_folder(tmp_path / "data")
    folder.database.write_bytes(b"")
    with open_application(settings) as services:
        assert keys(services) == ["a"]
        status = services.refresher.status()
        assert status.read_only
        assert "snapshot" in status.message
        with pytest.raises(ReadOnlyError):
            put(services, "b")
        assert services.access.redeem_sign_in_code(services.access.create_sign_in_code())


def test_the_memory_profile_touches_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_application(Settings(data=":memory:")) as services:
        put(services, "a")
        assert keys(services) == ["a"]
        assert (
            services.access.authenticate(services.access.issue_token("ada", Role.ADMIN, 60)).subject == "ada"
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["text", "one line", "file"])
def test_a_configured_public_key_is_believed_beside_the_local_one(tmp_path: Path, form: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signer = RsaTokenSigner(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    pem = signer.public_pem.decode()
    path = tmp_path / "public.pem"
    path.write_text(pem)
    value = {"text": pem, "one line": pem.replace("\n", "\\n"), "file": str(path)}[form]
    now = time.time()
    token = signer.sign(TokenClaims(subject="ci", role="editor", issued_at=now - 1, expires_at=now + 60))
    with open_application(settings_for(tmp_path, BURGEE_PUBLIC_KEY=value)) as services:
        assert services.access.authenticate(token).role is Role.EDITOR
        assert (
            services.access.authenticate(services.access.issue_token("ada", Role.ADMIN, 60)).subject == "ada"
        )
    with open_application(settings_for(tmp_path)) as services, pytest.raises(UnauthenticatedError):
        services.access.authenticate(token)


@pytest.mark.parametrize("name", ["BURGEE_PUBLIC_KEY", "BURGEE_SIGNING_KEY"])
def test_a_key_that_is_not_there_stops_the_start_and_frees_the_folder(tmp_path: Path, name: str) -> None:
    missing = settings_for(tmp_path, **{name: str(tmp_path / "none.pem")})
    with pytest.raises(ConfigurationError, match=r"none\.pem"), open_application(missing):
        pass
    with open_application(settings_for(tmp_path)):
        pass


def test_a_write_that_meets_damage_turns_the_server_read_only_and_its_status_says_so(tmp_path: Path) -> None:
    with open_application(settings_for(tmp_path)) as services:
        put(services, "a")
        database = tmp_path / "data" / "flags.db"
        database.rename(database.with_name("lost"))
        assert not services.refresher.status().read_only
        with pytest.raises(ReadOnlyError):
            put(services, "b")
        status = services.refresher.status()
        assert status.read_only
        assert "deleted or replaced" in status.message
        assert keys(services) == ["a"]


@pytest.mark.parametrize(
    ("environment", "workers", "shares"),
    [
        ({}, 1, 1),
        ({"AWS_LAMBDA_FUNCTION_NAME": "burgee-manage"}, 1, 16),
        ({"AWS_LAMBDA_FUNCTION_NAME": "burgee-manage"}, 17, 17),
    ],
)
def test_on_lambda_a_sandbox_takes_only_a_small_share_of_a_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], workers: int, shares: int
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = settings_for(tmp_path, BURGEE_WORKERS=str(workers), BURGEE_BUDGET_LIMIT="1000")
    with open_application(settings) as services:
        budget = services.budget.management
        budget.spend()
        budget.spend()
        largest = 1_000 // 3 if shares == 1 else (1_000 - 64) // (3 * shares)
        assert services.budget.rules.workers == shares
        assert 0 < budget.left <= largest
