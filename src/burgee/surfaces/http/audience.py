"""Who may evaluate what: an open door on loopback, a token elsewhere, a selector in both."""

from collections.abc import Mapping
from typing import NamedTuple

from burgee.errors import Fault, InvalidInputError, UnauthenticatedError, UnavailableError
from burgee.model.flag import DEFAULT_FLAG_SET
from burgee.service.authentication import Authentication, Permission
from burgee.service.catalogue import Catalogue, Selection, Selector, parse_selector

KNOWN_SELECTORS = 1000


class Scope(NamedTuple):
    """What one caller sees: the selector it sent, and the flag sets that its token is for (empty: all)."""

    selector: str = ""
    flag_sets: tuple[str, ...] = ()


class Audience:
    """Decides the scope of a request from its headers."""

    def __init__(self, access: Authentication, *, open_to_all: bool) -> None:
        self.open_to_all = open_to_all
        self._access = access
        self._selectors: dict[bytes, Selector | None] = {b"": None}

    def scope(self, headers: Mapping[bytes, bytes], selector: bytes | None = None) -> Scope:
        """The scope of a request; `selector` stands in for the header, as in a stream's path.

        Raises InvalidInputError for a selector that cannot be read, UnauthenticatedError without a good
        token where one is needed, ForbiddenError where the token is for other flag sets, UnavailableError
        where a token cannot be judged now.
        """
        text = headers.get(b"flagd-selector", b"") if selector is None else selector
        parsed = self._parsed(text)
        allowed: tuple[str, ...] = ()
        if not self.open_to_all:
            identity = self._access.authenticate(_token(headers))
            allowed = tuple(sorted(identity.flag_sets))
            named = allowed[0] if allowed else None  # a token for some sets sees those of them that match
            if parsed is not None and parsed.kind == "flagSetId":
                named = parsed.value or DEFAULT_FLAG_SET
            self._access.require(identity, Permission.EVALUATE, named)
        # By what it means, not how it is spelt: a scope is a key of what is kept for it.
        return Scope(f"{parsed.kind}={parsed.value}" if parsed is not None else "", allowed)

    def credential(self, headers: Mapping[bytes, bytes]) -> str:
        """The token on which a stream rests, "" where none is asked for."""
        return "" if self.open_to_all else _token(headers)

    @staticmethod
    def token(headers: Mapping[bytes, bytes]) -> str:
        """The token that a request brings. Raises UnauthenticatedError where that is none."""
        return _token(headers)

    def is_good(self, credential: str) -> bool:
        """Whether a token that opened a stream would still open one; in doubt it would."""
        try:
            return not credential or bool(self._access.authenticate(credential))
        except UnauthenticatedError:
            return False
        except UnavailableError:
            return True

    def selection(self, catalogue: Catalogue, scope: Scope) -> Selection:
        """The flags of `scope` in `catalogue`."""
        visible = catalogue.narrowed(scope.flag_sets) if scope.flag_sets else catalogue
        return visible.select(self._parsed(scope.selector.encode()))

    def _parsed(self, text: bytes) -> Selector | None:
        try:
            return self._selectors[text]
        except KeyError:
            pass
        try:
            parsed = parse_selector(text.decode("utf-8"))
        except UnicodeDecodeError as error:
            unreadable = Fault("", "invalid-selector", "the selector is not UTF-8")
            raise InvalidInputError([unreadable]) from error
        if len(self._selectors) >= KNOWN_SELECTORS:
            self._selectors.clear()
        self._selectors[text] = parsed
        return parsed


def _token(headers: Mapping[bytes, bytes]) -> str:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer":
        token = headers.get(b"x-api-key", b"")
    if not token:
        raise UnauthenticatedError("no token")
    return token.strip().decode("latin-1")
