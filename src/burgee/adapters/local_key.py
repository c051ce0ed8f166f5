"""The local signing key: made at the first start, readable by its owner alone."""

import contextlib
import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from burgee.errors import ConfigurationError

_KEY_BITS = 2048


def load_or_make_signing_key(path: Path) -> bytes:
    """The PEM of the private key at `path`; a new one is written there, mode 0600, where there is none.

    Raises ConfigurationError where the file cannot be read or written, or others may read it.
    """
    try:
        if not path.exists():
            _write_once(path, new_signing_key())
        return _read(path)
    except OSError as error:
        raise ConfigurationError(f"the signing key {path} cannot be used: {error.strerror}") from error


def load_signing_key(path: Path) -> bytes:
    """The PEM of the private key at `path`.

    Raises ConfigurationError where it cannot be read, or others may read it.
    """
    try:
        return _read(path)
    except OSError as error:
        raise ConfigurationError(f"the signing key {path} cannot be used: {error.strerror}") from error


def _read(path: Path) -> bytes:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise ConfigurationError(f"the signing key {path} has mode {mode:04o}; it must be 0600")
    return path.read_bytes()


def _write_once(path: Path, pem: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".signing-key-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        # A link fails where the name exists: of two first starts at once, one key wins for both.
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()


def new_signing_key() -> bytes:
    """The PEM of a new private key, kept nowhere."""
    return rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
