"""The keys of an issuer that publishes them (RFC 7517): fetched beside the requests, never by one."""

import base64
import binascii
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from burgee.adapters.outbound import check_web_address, fetch
from burgee.adapters.rsa_keys import MIN_KEY_BITS
from burgee.errors import InvalidInputError, KeysUnavailableError, UnavailableError
from burgee.formats import strict_json
from burgee.model.json import JsonObject, JsonValue

_log = logging.getLogger("burgee.keys")

MAX_BYTES = 256 * 1024
MAX_KEYS = 20
"""More are passed over: a token without a key id is tried against all of them."""

FETCH_SECONDS = 2.0
REFRESH_SECONDS = 300.0
"""How long a key that its issuer has removed may go on verifying."""

PAUSE_SECONDS = 30.0
"""Between two fetches for tokens whose key nobody has, however many there are."""

Fetch: TypeAlias = Callable[[], bytes]


class NamedKey(msgspec.Struct, frozen=True):
    """A key, and what tokens call it; "" where its issuer gave it no name."""

    name: str
    key: RSAPublicKey


class JwksKeys:
    """The keys at `url`; those that were good last are kept for `max_age` seconds while it does not answer.

    `fetch_document` stands in for the network, `clock` gives monotonic seconds. Nothing happens before
    `start`; `refresh` fetches at once.

    Raises ConfigurationError for an address that is neither https nor this machine.
    """

    def __init__(
        self,
        url: str,
        *,
        max_age: float,
        fetch_document: Fetch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_web_address(url)
        self._fetch = fetch_document or (lambda: fetch(url, max_bytes=MAX_BYTES, seconds=FETCH_SECONDS))
        self._clock, self._max_age = clock, max_age
        self._keys: tuple[NamedKey, ...] = ()
        self._loaded_at: float | None = None
        self._asked_at: float | None = None
        self._changes, self._was_usable = 0, False
        self._lock = threading.Lock()
        self._wanted, self._settled, self._closed = (threading.Event() for _ in range(3))
        self._settled.set()
        self._thread = threading.Thread(target=self._run, name="burgee-jwks", daemon=True)

    def candidates(self, key_id: str | None) -> Sequence[RSAPublicKey]:
        """The keys that may have signed a token that names `key_id`, or none.

        Raises KeysUnavailableError where they are being looked for, or where none are known any more.
        """
        if not self._is_usable():
            self._ask()
            raise KeysUnavailableError("the issuer's keys are not known now", retry_after=self._wait())
        keys = [each.key for each in self._keys if key_id is None or each.name in ("", key_id)]
        if not keys and self._ask():
            raise KeysUnavailableError("the issuer's keys are being fetched", retry_after=1)
        return keys

    def generation(self) -> int:
        """Another number once a key is gone, or all of them are too old."""
        usable = self._is_usable()
        if usable != self._was_usable:
            with self._lock:
                self._changes += usable != self._was_usable
                self._was_usable = usable
        return self._changes

    def await_keys(self) -> None:
        """Wait until no fetch is under way."""
        self._settled.wait(FETCH_SECONDS + 1)

    def start(self) -> None:
        """Fetch now and then, until `close`."""
        self._settled.clear()
        self._wanted.set()
        self._thread.start()

    def close(self) -> None:
        """Stop fetching; what is known stays known."""
        self._closed.set()
        self._wanted.set()

    def refresh(self) -> bool:
        """Fetch the keys now; False where that fails, and then nothing has changed."""
        try:
            keys = read_keys(self._fetch())
        except (UnavailableError, InvalidInputError) as error:
            _log.warning("keys.fetch_failed", extra={"fields": {"error": type(error).__name__}})
            return False
        with self._lock:
            if keys != self._keys:
                self._changes += 1
            self._keys, self._loaded_at = keys, self._clock()
        return True

    def _run(self) -> None:
        while True:
            self._wanted.wait(REFRESH_SECONDS)
            self._wanted.clear()
            if self._closed.is_set():
                break
            try:
                self.refresh()
            except Exception as error:
                # Whatever a foreign server made of its answer, the next look must come.
                _log.error("keys.fetch_failed", extra={"fields": {"error": type(error).__name__}})
            finally:
                self._settled.set()
        self._settled.set()

    def _ask(self) -> bool:
        """Want a fetch, unless the last one that was wanted is too recent; whether one is under way."""
        with self._lock:
            now = self._clock()
            if self._settled.is_set() and (self._asked_at is None or now - self._asked_at >= PAUSE_SECONDS):
                self._asked_at = now
                self._settled.clear()
                self._wanted.set()
            return not self._settled.is_set()

    def _is_usable(self) -> bool:
        return self._loaded_at is not None and self._clock() - self._loaded_at <= self._max_age

    def _wait(self) -> float:
        if not self._settled.is_set() or self._asked_at is None:
            return 1.0
        return max(1.0, PAUSE_SECONDS - (self._clock() - self._asked_at))


def read_keys(document: bytes) -> tuple[NamedKey, ...]:
    """The RSA signing keys in a key set; whatever else is in it is passed over.

    Raises InvalidInputError, and UnavailableError for a set without any: it never replaces one that has.
    """
    value = strict_json.decode(document, max_bytes=MAX_BYTES)
    entries = value.get("keys") if isinstance(value, dict) else None
    found = [_key(entry) for entry in (entries if isinstance(entries, list) else [])[:MAX_KEYS]]
    keys = tuple(key for key in found if key is not None)
    if not keys:
        raise UnavailableError("there is no key in the key set that can be used")
    return keys


def _key(entry: JsonValue) -> NamedKey | None:
    if not isinstance(entry, dict) or entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig":
        return None
    name = entry.get("kid", "")
    if not isinstance(name, str) or len(name) > 256 or "d" in entry:
        return None  # who publishes a private key has none any more
    try:
        key = RSAPublicNumbers(_number(entry, "e"), _number(entry, "n")).public_key()
    except ValueError:
        return None
    return NamedKey(name, key) if key.key_size >= MIN_KEY_BITS else None


def _number(entry: JsonObject, name: str) -> int:
    text = entry.get(name)
    if not isinstance(text, str) or not text.isascii():
        raise ValueError(f"{name} is not base64url")
    try:
        return int.from_bytes(base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True))
    except binascii.Error as error:
        raise ValueError(f"{name} is not base64url") from error
