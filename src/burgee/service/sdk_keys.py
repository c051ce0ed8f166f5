"""SDK keys: made, shown once, listed and revoked."""

import secrets
from collections.abc import Callable

import msgspec

from burgee.errors import Fault, InvalidInputError
from burgee.model.audit import AuditDraft
from burgee.model.flag import KEY_PATTERN
from burgee.model.json import JsonObject
from burgee.model.sdk_key import SdkKey, SdkKind
from burgee.ports import Clock, SdkKeyStore
from burgee.service.intent import Author
from burgee.service.verified_tokens import hash_of

MOST_ACTIVE = 2
"""Active keys of one name: the one that programs use, and the one that they change to."""

MAX_TTL_SECONDS = 10 * 366 * 86_400
MAX_NAME_CHARACTERS = 128
PREFIXES = {SdkKind.SERVER: "bgs", SdkKind.CLIENT: "bgc"}


class SdkKeyDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever makes a key may say of it; `ttl_seconds` None is for good."""

    name: str
    kind: SdkKind
    flag_sets: tuple[str, ...] = ()
    ttl_seconds: float | None = None


class SdkKeys:
    """The keys of one store; `token_hex` and `token_urlsafe` are the chance that new keys are made of."""

    def __init__(
        self,
        store: SdkKeyStore,
        clock: Clock,
        *,
        token_hex: Callable[[int], str] = secrets.token_hex,
        token_urlsafe: Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._store, self._clock = store, clock
        self._token_hex, self._token_urlsafe = token_hex, token_urlsafe

    def create(self, draft: SdkKeyDraft, *, author: Author) -> tuple[SdkKey, str]:
        """A new key, and its secret text, which is kept nowhere.

        Raises InvalidInputError naming each bad field, ConflictError where two keys of that name are active,
        UnavailableError.
        """
        _check(draft)
        now = self._clock()
        key_id = self._token_hex(8)
        text = f"{PREFIXES[draft.kind]}_{key_id}_{self._token_urlsafe(32)}"
        key = SdkKey(
            id=key_id,
            name=draft.name,
            kind=draft.kind,
            digest=hash_of(text),
            flag_sets=draft.flag_sets,
            created_at=now,
            created_by=author.subject,
            expires_at=None if draft.ttl_seconds is None else now + draft.ttl_seconds,
        )
        after: JsonObject = {
            "name": key.name,
            "kind": key.kind.value,
            "flagSets": list(key.flag_sets),
            "expiresAt": key.expires_at,
        }
        self._store.add_sdk_key(key, _event("key.created", key_id, now, author, after), most=MOST_ACTIVE)
        return key, text

    def list(self, *, after: str = "", limit: int = 100) -> tuple[SdkKey, ...]:
        """Keys in the order of their ids, revoked and expired ones too."""
        return self._store.sdk_keys(after=after, limit=limit)

    def revoke(self, key_id: str, *, author: Author) -> SdkKey:
        """End a key at once; again changes nothing.

        Raises NotFoundError, UnavailableError.
        """
        now = self._clock()
        return self._store.revoke_sdk_key(
            key_id, _event("key.revoked", key_id, now, author, {"revokedAt": now})
        )


def _event(action: str, key_id: str, now: float, author: Author, after: JsonObject) -> AuditDraft:
    return AuditDraft(
        at=now,
        actor=author.subject,
        action=action,
        entity=f"keys/{key_id}",
        after=after,
        request_id=author.request_id,
        reason=author.reason,
        client=author.client,
    )


def _check(draft: SdkKeyDraft) -> None:
    faults = []
    if not 1 <= len(draft.name) <= MAX_NAME_CHARACTERS or not draft.name.isprintable():
        faults.append(
            Fault("/name", "invalid-name", f"a name is 1 to {MAX_NAME_CHARACTERS} printable characters")
        )
    if draft.ttl_seconds is not None and not 1 <= draft.ttl_seconds <= MAX_TTL_SECONDS:
        faults.append(
            Fault("/ttlSeconds", "invalid-ttl", f"a key lives 1 to {MAX_TTL_SECONDS} seconds, or for good")
        )
    for index, flag_set in enumerate(draft.flag_sets):
        if not KEY_PATTERN.fullmatch(flag_set):
            faults.append(Fault(f"/flagSets/{index}", "invalid-key", "this is not the key of a flag set"))
    if faults:
        raise InvalidInputError(faults)
