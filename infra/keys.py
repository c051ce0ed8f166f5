"""The keys of a stage in the parameter store: one signs, made here and shown to nobody; the others verify.

`/burgee/<stage>/signing-key` is the private key; of the functions only management may read it. Its public
half is one of the keys in `/burgee/<stage>/public-key`, by which all verify, beside those of your own issuer.
"""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

Clients = Callable[[str], Any]

BITS = 2048
KNOWN_AFTER_SECONDS = 330
"""By then every function has read the verifying keys again: evaluation keeps them for five minutes."""

LARGEST_CHARACTERS = 4096
"""Of a parameter of the standard tier: eight keys."""

_BLOCK = re.compile(r"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", re.DOTALL)


class KeyFileError(Exception):
    """A file that is not what a stage can believe."""


def signing_name(stage: str) -> str:
    """The parameter of the key that signs; the template says the same."""
    return f"/burgee/{stage}/signing-key"


def ensure_keys(clients: Clients, stage: str, public_name: str, path: Path | None) -> bool:
    """Make the keys that are not there yet, and add those in the file `path`; whether a signing key was made.

    Raises KeyFileError.
    """
    ssm = clients("ssm")
    given = keys_in(path)
    known = _blocks(_read(ssm, public_name) or "")
    is_new = not _is_there(ssm, signing_name(stage))
    wanted = list(known)
    if is_new:
        wanted.append(_make(ssm, stage))
    elif not known:
        wanted.append(_public_of(_read(ssm, signing_name(stage)) or ""))
    _write(ssm, public_name, known, [*wanted, *given])
    return is_new


def rotate(
    clients: Clients,
    stage: str,
    public_name: str,
    *,
    forget: bool,
    path: Path | None = None,
    tell: Callable[[str], None] = print,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Sign by a new key from now on.

    What former keys have signed stays good until it expires, and no token is refused meanwhile: the new key
    signs only when every function knows it. With `forget` the new key counts at once and no other does, but
    for those in `path`. Raises KeyFileError.
    """
    ssm = clients("ssm")
    given = keys_in(path)
    pem, public = _new_key()
    known = _blocks(_read(ssm, public_name) or "")
    if forget:
        _put(ssm, signing_name(stage), pem)
        _write(ssm, public_name, known, [public, *given])
        tell("Former keys count for nothing, within five minutes. Everybody has to sign in again.")
        return
    _write(ssm, public_name, known, [*known, public, *given])
    tell(f"Waiting {KNOWN_AFTER_SECONDS} seconds, until every function knows the new key ...")
    sleep(KNOWN_AFTER_SECONDS)
    _put(ssm, signing_name(stage), pem)
    tell("The new key signs, within a minute. Once tokens of the former have expired, say FORGET=yes.")


def keys_in(path: Path | None) -> list[str]:
    """The public keys in a file, in PEM form. Raises KeyFileError for whatever else is in there."""
    if path is None:
        return []
    pem = path.read_text()
    if "PRIVATE KEY" in pem:
        raise KeyFileError(f"{path} holds a private key; only the public one leaves your hands")
    found = _blocks(pem)
    for block in found:
        try:
            key = serialization.load_pem_public_key(block.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"{path} is not a public key in PEM form: {error}") from error
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < BITS:
            raise KeyFileError(f"{path} is not a public key of RSA with {BITS} bits or more")
    if not found:
        raise KeyFileError(f"{path} is not a public key in PEM form")
    return found


def _make(ssm: Any, stage: str) -> str:
    """A new signing key in the store; its public half. Where somebody was quicker, that of theirs."""
    pem, public = _new_key()
    try:
        ssm.put_parameter(Name=signing_name(stage), Type="SecureString", Value=pem, Overwrite=False)
    except ssm.exceptions.ParameterAlreadyExists:
        return _public_of(_read(ssm, signing_name(stage)) or "")
    return public


def _new_key() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return pem, _public_of(pem)


def _public_of(pem: str) -> str:
    key = serialization.load_pem_private_key(pem.encode(), password=None).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode().strip()


def _blocks(text: str) -> list[str]:
    return _BLOCK.findall(text.replace("\\n", "\n"))


def _is_there(ssm: Any, name: str) -> bool:
    """Asked without decrypting it."""
    try:
        ssm.get_parameter(Name=name)
    except ssm.exceptions.ParameterNotFound:
        return False
    return True


def _read(ssm: Any, name: str) -> str | None:
    try:
        return str(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        return None


def _write(ssm: Any, name: str, known: Sequence[str], wanted: Sequence[str]) -> None:
    distinct = list(dict.fromkeys(wanted))
    text = "\n".join(distinct) + "\n"
    if len(text) > LARGEST_CHARACTERS:
        raise KeyFileError(f"{name} would hold {len(distinct)} keys, more than fit: rotate with FORGET=yes")
    if distinct != list(known):
        _put(ssm, name, text)


def _put(ssm: Any, name: str, text: str) -> None:
    ssm.put_parameter(Name=name, Type="SecureString", Value=text, Overwrite=True)
