"""RSA keys in PEM form, and what they are called."""

import hashlib
import re
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from burgee.errors import ConfigurationError

MIN_KEY_BITS = 2048

_BLOCK = re.compile(r"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", re.DOTALL)


def key_id(key: RSAPublicKey) -> str:
    """The name of a key: the first 16 hex digits of the SHA-256 of its public part."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:16]


def blocks_in(text: str) -> list[bytes]:
    """The keys in PEM form that `text` holds, each by itself.

    Line ends may be written as \\n: consoles and env files make one line of a value. A text without any key
    is given back as it is, for whoever reads it to refuse.
    """
    text = text.replace("\\n", "\n")
    return [block.encode() for block in _BLOCK.findall(text)] or [text.encode()]


@lru_cache(maxsize=2)
def read_private_key(pem: bytes) -> RSAPrivateKey:
    """The key in `pem`; checking that it is a sound one takes 80 ms, so the last two are kept.

    Raises ConfigurationError for anything but an unencrypted RSA private key of at least 2048 bits.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("the signing key is not an unencrypted private key in PEM form") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_KEY_BITS:
        raise ConfigurationError(f"the signing key must be RSA of at least {MIN_KEY_BITS} bits")
    return key


def read_public_key(pem: bytes) -> RSAPublicKey:
    """The key in `pem`.

    Raises ConfigurationError for anything but an RSA public key of at least 2048 bits.
    """
    if b"PRIVATE KEY" in pem:
        raise ConfigurationError("the public key holds a private key; give the server the public part only")
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("the public key is not a public key in PEM form") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_KEY_BITS:
        raise ConfigurationError(f"the public key must be RSA of at least {MIN_KEY_BITS} bits")
    return key
