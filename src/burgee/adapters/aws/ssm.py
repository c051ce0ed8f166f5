"""What operators keep in the SSM Parameter Store: small texts, and the public keys of another issuer."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from burgee.adapters.aws.failures import RefusedCallError, calling
from burgee.adapters.rsa_keys import blocks_in, read_public_key
from burgee.adapters.rsa_keys import key_id as name_of
from burgee.errors import ConfigurationError, KeysUnavailableError, UnavailableError

_log = logging.getLogger("burgee.keys")

PARAMETER_SECONDS = 30.0
"""How long a text is believed: all callers of an account share 40 reads a second."""

KEY_SECONDS = 60.0
"""How long keys are used before they are looked up again."""

PAUSE_SECONDS = 10.0
"""Between two look-ups for newer keys that fail, while older ones go on being used."""

RETRY_SECONDS = 1.0
"""Between two look-ups of the thread while no key is known at all; requests do not wait for that."""


class SsmParameters:
    """ParameterSource in the parameters whose names begin with `path`; `client` is an SSM client of boto3.

    An answer, also that there is no such parameter, is believed for PARAMETER_SECONDS; a failure for none.
    """

    def __init__(self, client: Any, path: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client, self._path, self._monotonic = client, path, monotonic
        self._answers: dict[str, _Answer] = {}

    def parameter(self, name: str) -> str | None:
        now = self._monotonic()
        answer = self._answers.get(name)
        if answer is None or not 0 <= now - answer.read_at < PARAMETER_SECONDS:
            answer = _Answer(read_parameter(self._client, self._path + name), now)
            self._answers[name] = answer
        return answer.text


class _Answer(NamedTuple):
    text: str | None
    read_at: float


class SsmKeys:
    """KeySource in one parameter: the RSA public keys of an issuer in PEM form, several during a rotation.

    `read` gives the parameter's text, None where it is not set. Keys that were good last stay in use while
    newer ones cannot be had; where none is known, each request that needs one looks again. Nothing is looked
    up before `await_keys`, or `start`, which also looks now and then.
    """

    def __init__(
        self, read: Callable[[], str | None], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._read, self._monotonic = read, monotonic
        self._keys: dict[str, RSAPublicKey] = {}
        self._next_look = float("-inf")
        self._looks = self._changes = 0
        self._lock = threading.Lock()
        self._wanted, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="burgee-ssm-keys", daemon=True)

    def candidates(self, key_id: str | None) -> Sequence[RSAPublicKey]:
        """The key of that name; all of them where nobody here knows it: issuers name keys as they like.

        Raises KeysUnavailableError where none is known.
        """
        if self._is_due():
            self._wanted.set()
        if not self._keys:
            raise KeysUnavailableError("the issuer's keys are not known now", retry_after=RETRY_SECONDS)
        known = self._keys.get(key_id) if key_id is not None else None
        return (known,) if known is not None else tuple(self._keys.values())

    def generation(self) -> int:
        """How often the keys have changed."""
        if self._is_due():
            self._wanted.set()  # whoever is known already asks for no candidates
        return self._changes

    def await_keys(self) -> None:
        """Look the keys up where that is due; of many who want it at once, one does and all wait for it."""
        if not self._is_due():
            return
        looks = self._looks
        with self._lock:
            if self._looks == looks:
                self._look()
                self._looks += 1

    def start(self) -> None:
        """Look now, and then whenever it is due, beside the requests."""
        self._wanted.set()
        self._thread.start()

    def close(self) -> None:
        """Stop looking; what is known stays known."""
        self._closed.set()
        self._wanted.set()

    def _is_due(self) -> bool:
        return not self._keys or self._monotonic() >= self._next_look

    def _look(self) -> None:
        try:
            keys = _read_keys(self._read())
        except (UnavailableError, ConfigurationError) as error:
            _log.warning("keys.fetch_failed", extra={"fields": {"error": type(error).__name__}})
            self._next_look = self._monotonic() + PAUSE_SECONDS
            return
        if keys != self._keys:
            self._keys = keys
            self._changes += 1
        self._next_look = self._monotonic() + KEY_SECONDS

    def _run(self) -> None:
        while True:
            self._wanted.wait(KEY_SECONDS)
            self._wanted.clear()
            if self._closed.is_set():
                return
            self.await_keys()
            self._closed.wait(RETRY_SECONDS)


def read_parameter(client: Any, name: str) -> str | None:
    """The text of the parameter `name`, decrypted; None where there is none.

    Raises UnavailableError.
    """
    try:
        with calling("the parameter store cannot be read", "ParameterNotFound"):
            return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    except RefusedCallError:
        return None


def _read_keys(text: str | None) -> dict[str, RSAPublicKey]:
    if not text:
        raise UnavailableError("there is no key in the parameter")
    return {name_of(key): key for key in map(read_public_key, blocks_in(text))}
