"""Whose certificates are believed: those that AWS uses first, and all of the system's where they do not do.

To read all of the system's authorities takes 17 ms of CPU at every start, the five that vouch for AWS one or
two. A certificate that none of them vouches for is looked at again with all, so that nothing that was
believed before is refused now: endpoints behind a proxy of a company, or a cloud of one's own.
"""

import os
import ssl
from collections.abc import Callable

AMAZON_ROOTS = __file__.rpartition("/")[0] + "/amazon_roots.pem"
"""Amazon Root CA 1 to 4 and Starfield Services Root CA G2, as Amazon Trust Services publishes them."""


class Authorities:
    """The contexts for new connections of this process."""

    def __init__(
        self, narrow: str, *, wide: Callable[[], ssl.SSLContext] = ssl.create_default_context
    ) -> None:
        self._narrow, self._make_wide = narrow, wide
        self._context: ssl.SSLContext | None = None
        self._is_wide = False

    def context(self) -> ssl.SSLContext:
        """What the next connection is verified by."""
        if self._context is None:
            self._context = ssl.create_default_context(cafile=self._narrow)
        return self._context

    def widen(self) -> bool:
        """Believe all that the system believes from now on; False where that was so already."""
        if self._is_wide:
            return False
        self._context, self._is_wide = self._make_wide(), True
        return True


class Named(Authorities):
    """Only those in a file that somebody has named."""

    def widen(self) -> bool:
        return False


def _open() -> Authorities:
    named = os.environ.get("AWS_CA_BUNDLE")
    return Named(named) if named else Authorities(AMAZON_ROOTS)


_known: Authorities | None = None


def authorities() -> Authorities:
    """Those of this process, by AWS_CA_BUNDLE where that is set."""
    global _known
    if _known is None:
        _known = _open()
    return _known
