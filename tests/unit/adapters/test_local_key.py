"""The local signing key: made once, for its owner's eyes."""

from pathlib import Path
from threading import Thread

import pytest

from burgee.adapters.local_key import load_or_make_signing_key, load_signing_key
from burgee.adapters.tokens import RsaTokenSigner
from burgee.errors import ConfigurationError


def test_the_first_start_makes_a_key_that_the_second_finds(tmp_path: Path) -> None:
    path = tmp_path / "signing-key.pem"
    first = load_or_make_signing_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_make_signing_key(path) == first == load_signing_key(path)
    assert [each.name for each in tmp_path.iterdir()] == ["signing-key.pem"]
    assert RsaTokenSigner(first).public_pem.startswith(b"-----BEGIN PUBLIC KEY")


def test_two_first_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "signing-key.pem"
    found: list[bytes] = []
    threads = [Thread(target=lambda: found.append(load_or_make_signing_key(path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {path.read_bytes()}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "signing-key.pem"
    load_or_make_signing_key(path)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="0600"):
        load_or_make_signing_key(path)


def test_a_named_key_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used"):
        load_signing_key(tmp_path / "none.pem")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        load_or_make_signing_key(tmp_path / "no-folder" / "key.pem")
