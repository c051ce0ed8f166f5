"""What the claims of a token must say, for each issuer that is believed."""

import msgspec

from burgee.errors import UnauthenticatedError, UnidentifiedError
from burgee.model.json import JsonObject, JsonValue
from burgee.ports import TokenClaims

ISSUER = "burgee"
MAX_LIFETIME_SECONDS = 367 * 86_400
"""A token that is good for longer is refused: a year, and what rounding adds."""

READER = "reader"
ROLE_NAMES = {"ADMIN": "admin", "DEVELOPER": "editor", "VIEWER": READER}
"""The roles of the Real-Dev-Squad backend (source-systems.md 1.8), by the names of ours."""

_OTHER_PURPOSES = frozenset({"at_hash", "c_hash", "nonce", "events"})
"""Claims of ID tokens, logout tokens and security events, which were never meant to open anything."""


class ClaimRules(msgspec.Struct, frozen=True, kw_only=True):
    """What one issuer's tokens must claim; "" for `issuer` and `audience` asks for none.

    `identity` names the claims that may say whose the token is: the first that is there counts.
    """

    algorithms: tuple[str, ...] = ("RS256",)
    issuer: str = ""
    audience: str = ""
    identity: tuple[str, ...] = ("userId", "sub")
    role: str = READER
    """What a token may do that names no role; a reader of that kind reaches only its own."""
    is_ours: bool = False
    """Whether this server signed it: then it says when and for which role, and may leave out for whom."""

    def read(self, claims: JsonObject, *, now: float, leeway: float) -> TokenClaims:
        """What `claims`, whose signature was good, say.

        Raises UnauthenticatedError, and UnidentifiedError where nothing but the identity is wrong.
        """
        if self.issuer and claims.get("iss") != self.issuer:
            raise UnauthenticatedError("the token was issued by somebody else")
        if self.audience and not _is_for(claims, self.audience, may_be_absent=self.is_ours):
            raise UnauthenticatedError("the token is meant for somebody else")
        if _OTHER_PURPOSES & claims.keys():
            raise UnauthenticatedError("the token has another purpose")
        expires_at = _time(claims, "exp")
        issued_at = _time(claims, "iat") if self.is_ours or "iat" in claims else now
        if expires_at + leeway <= now:
            raise UnauthenticatedError("the token has expired")
        if issued_at - leeway > now or ("nbf" in claims and _time(claims, "nbf") - leeway > now):
            raise UnauthenticatedError("the token is not valid yet")
        if expires_at - issued_at > MAX_LIFETIME_SECONDS:
            raise UnauthenticatedError("the token lives too long")
        role = _text(claims, "role") if self.is_ours or "role" in claims else ""
        return TokenClaims(
            subject=self._subject(claims),
            role=(role if self.is_ours else ROLE_NAMES.get(role, role)) or self.role,
            issued_at=issued_at,
            expires_at=expires_at + leeway,
            flag_sets=_flag_sets(claims),
            is_own_only=not role and self.role == READER,
        )

    def _subject(self, claims: JsonObject) -> str:
        name = next((name for name in self.identity if name in claims), self.identity[0])
        try:
            return _text(claims, name)
        except UnauthenticatedError as error:
            raise UnidentifiedError(str(error)) from None


def _is_for(claims: JsonObject, audience: str, *, may_be_absent: bool) -> bool:
    if "aud" not in claims:
        return may_be_absent
    named = claims["aud"]
    return named == audience or (isinstance(named, list) and audience in named)


def _time(claims: JsonObject, name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnauthenticatedError(f"the token needs {name} as a number")
    return float(value)


def _text(claims: JsonObject, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 256 or not value.isprintable():
        raise UnauthenticatedError(f"the token needs {name} as a text of 1 to 256 printable characters")
    return value


def _flag_sets(claims: JsonObject) -> tuple[str, ...]:
    if "flagSets" not in claims:
        return ()
    value: JsonValue = claims["flagSets"]
    # An empty list would mean "all" to a reader of TokenClaims, and "none" to whoever wrote it.
    if not isinstance(value, list) or not value:
        raise UnauthenticatedError("the token's flagSets is not a list of flag set keys")
    keys = tuple(key for key in value if isinstance(key, str) and key)
    if len(keys) != len(value):
        raise UnauthenticatedError("the token's flagSets is not a list of flag set keys")
    return keys
