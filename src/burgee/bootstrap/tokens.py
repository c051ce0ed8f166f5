"""Who signs tokens, and whose are believed."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from burgee.adapters.data_folder import DataFolder
from burgee.adapters.local_key import load_or_make_signing_key, load_signing_key, new_signing_key
from burgee.adapters.token_claims import ClaimRules
from burgee.adapters.tokens import Issuer, KeySource, PemKeys, RsaTokenSigner, RsaTokenVerifier
from burgee.errors import ConfigurationError
from burgee.ports import Clock, TokenSigner
from burgee.settings import Settings

_LARGEST_KEY_BYTES = 64 * 1024


def open_tokens(
    settings: Settings, folder: DataFolder | None, clock: Clock, stack: ExitStack, *, threads: bool
) -> tuple[TokenSigner | None, RsaTokenVerifier]:
    """The local key signs; what it signed is believed, and what the other issuer signed that is set up.

    A key in SSM signs in its place where one is named. Its public half is among those of the other issuer:
    so functions that only verify never come near the private one.
    """
    signer, ours = _signer(settings, folder)
    sources = tuple(_other_keys(settings, stack, threads=threads))
    rules = ClaimRules(
        algorithms=tuple(settings.token_algorithms.split(",")),
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        identity=(settings.token_identity,) if settings.token_identity else ("userId", "sub"),
        role=settings.token_role,
    )
    others = [Issuer(rules, sources)] if sources else []
    leeway = settings.token_leeway_seconds
    return signer, RsaTokenVerifier(ours, clock, leeway_seconds=leeway, others=others)


def _other_keys(settings: Settings, stack: ExitStack, *, threads: bool) -> Iterator[KeySource]:
    if settings.public_key:
        yield PemKeys([_public_key(settings.public_key)])
    if settings.jwks_url:
        # Only this needs the HTTP client, whose import is paid by every start.
        from burgee.adapters.jwks import JwksKeys

        keys = JwksKeys(settings.jwks_url, max_age=settings.jwks_max_age_seconds)
        stack.callback(keys.close)
        keys.start()
        yield keys
    if settings.key_parameter:
        from burgee.adapters.aws.session import aws_client
        from burgee.adapters.aws.ssm import SsmKeys, read_parameter

        client = aws_client("ssm")
        stored = SsmKeys(lambda: read_parameter(client, settings.key_parameter))
        stack.callback(stored.close)
        if threads:
            stored.start()
        yield stored


def _signer(settings: Settings, folder: DataFolder | None) -> tuple[TokenSigner | None, list[bytes]]:
    """Who signs, and by which keys what he signed is known at once."""
    if settings.signing_key_parameter:
        from burgee.adapters.aws.session import aws_client
        from burgee.adapters.aws.signing_key import SsmSigner
        from burgee.adapters.aws.ssm import read_parameter

        client = aws_client("ssm")
        return SsmSigner(lambda: read_parameter(client, settings.signing_key_parameter)), []
    pem = _signing_key(settings, folder)
    if pem is None:
        return None, []
    signer = RsaTokenSigner(pem)
    return signer, [signer.public_pem]


def _signing_key(settings: Settings, folder: DataFolder | None) -> bytes | None:
    """None where many processes share tables and no file: a key of one alone would sign for nobody else."""
    if settings.signing_key:
        return load_signing_key(Path(settings.signing_key))
    if folder is None:
        return None if settings.is_dynamodb else new_signing_key()
    return load_or_make_signing_key(folder.signing_key)


def _public_key(text: str) -> bytes:
    """The PEM that `text` is, or that stands in the file it names."""
    if "-----BEGIN" in text:
        # A variable in an env file has one line: its line ends may be written as \n.
        return text.replace("\\n", "\n").encode()
    try:
        with Path(text).open("rb") as file:
            return file.read(_LARGEST_KEY_BYTES)
    except OSError as error:
        message = f"BURGEE_PUBLIC_KEY: {text} cannot be read: {error.strerror}"
        raise ConfigurationError(message) from error
