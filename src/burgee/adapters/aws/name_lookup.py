"""Looking names up within a deadline: `getaddrinfo` knows none, and may take 30 seconds of silence.

It runs in a thread that nobody has to wait for. While it says nothing, what it said last is used: the
addresses of AWS change, and yet stay good for far longer than an outage of a resolver lasts.
"""

import socket
import threading
from collections.abc import Callable
from typing import Any

Address = tuple[int, Any]
"""A family of `socket`, and where to connect to in it."""

Resolve = Callable[[str, int], list[Address]]

PATIENCE_SECONDS = 0.1
"""How long a new answer is waited for where there is an old one."""


class NameLookup:
    """Remembers the last good answer for each place. Thread-safe; of many who ask at once, one looks."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._resolve = resolve if resolve is not None else _resolved
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int], list[Address]] = {}
        self._looks: dict[tuple[str, int], _Look] = {}

    def addresses(self, host: str, port: int, *, seconds: float) -> list[Address]:
        """Where to find `host`. Raises OSError, TimeoutError where nobody says in time."""
        place = host, port
        with self._lock:
            look = self._looks.get(place)
            if look is None:
                look = self._looks[place] = _Look()
                threading.Thread(
                    target=self._run, args=(place, look), name="burgee-name", daemon=True
                ).start()
            known = self._known.get(place)
        is_done = look.done.wait(min(seconds, PATIENCE_SECONDS) if known else seconds)
        if look.found:
            return look.found
        if known:
            return known
        if not is_done:
            raise TimeoutError(f"nobody says in time where {host} is")
        raise OSError(f"the name {host} cannot be looked up: {look.problem}")

    def _run(self, place: tuple[str, int], look: "_Look") -> None:
        try:
            look.found = self._resolve(*place)
        except (OSError, UnicodeError) as error:
            look.problem = str(error)
        finally:
            with self._lock:
                if look.found:
                    self._known[place] = look.found
                self._looks.pop(place, None)
            look.done.set()


class _Look:
    """One look-up, and what came of it."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.found: list[Address] = []
        self.problem = "there is no address"


def numeric_addresses(host: str, port: int) -> list[Address]:
    """The address that `host` is already; nothing where it is a name. Asks nobody."""
    try:
        return _addresses(host, port, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []


def _resolved(host: str, port: int) -> list[Address]:
    return _addresses(host, port, 0)


def _addresses(host: str, port: int, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(int(family), address) for family, _, _, _, address in found]


NAMES = NameLookup()
"""That of this process."""
