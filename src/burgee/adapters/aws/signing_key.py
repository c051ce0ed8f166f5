"""The key that signs tokens, in a SecureString of SSM: read when something is signed, then now and then."""

import logging
import time
from collections.abc import Callable

from burgee.adapters.tokens import RsaTokenSigner
from burgee.errors import ConfigurationError, ConflictError, UnavailableError
from burgee.ports import TokenClaims

_log = logging.getLogger("burgee.keys")

SIGNING_SECONDS = 60.0
"""How long the key signs before it is looked up again."""


class SsmSigner:
    """TokenSigner by the private key that `read` gives in PEM form, None where the parameter is not set.

    A failure is never kept: the next token looks again. The last good key goes on signing while the store
    is away, and not where the parameter is gone or holds something else: taking it away takes effect.
    """

    def __init__(
        self, read: Callable[[], str | None], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._read, self._monotonic = read, monotonic
        self._pem = ""
        self._signer: RsaTokenSigner | None = None
        self._next_look = float("-inf")

    def sign(self, claims: TokenClaims) -> str:
        """As TokenSigner says.

        Raises also ConflictError where no key is set, UnavailableError where it cannot be read now.
        """
        if self._signer is None or self._monotonic() >= self._next_look:
            self._look()
        assert self._signer is not None
        return self._signer.sign(claims)

    def _look(self) -> None:
        try:
            pem = self._read()
        except UnavailableError:
            if self._signer is None:
                raise
            _log.warning("signing_key.fetch_failed")
            return
        if pem is None:
            self._forget()
            raise ConflictError("this server verifies tokens but holds no key to sign them with")
        if pem != self._pem:
            self._forget()
            try:
                self._signer = RsaTokenSigner(pem.replace("\\n", "\n").encode())
            except ConfigurationError as error:
                _log.error("signing_key.unusable", extra={"fields": {"problem": str(error)}})
                raise UnavailableError(str(error)) from error
            self._pem = pem
        self._next_look = self._monotonic() + SIGNING_SECONDS

    def _forget(self) -> None:
        self._signer, self._pem = None, ""
