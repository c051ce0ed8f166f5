"""SDK keys in a dictionary: the reference implementation."""

import threading
from collections.abc import Mapping, Sequence

import msgspec

from burgee.errors import AlreadyExistsError, ConflictError, NotFoundError
from burgee.model.audit import AuditDraft
from burgee.model.sdk_key import SdkKey
from burgee.ports import FlagStore


class MemorySdkKeys:
    """An SdkKeyStore that forgets everything with its process, and starts with `initial`.

    Its events go to the audit of `store`: where that refuses them, no key is made or revoked.
    """

    def __init__(self, store: FlagStore, *, initial: Sequence[SdkKey] = ()) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._keys = {key.id: key for key in initial}
        self._changes = 0

    def sdk_key(self, key_id: str) -> SdkKey | None:
        return self._keys.get(key_id)

    def sdk_keys(self, *, after: str = "", limit: int = 100) -> tuple[SdkKey, ...]:
        with self._lock:
            return tuple(key for name, key in sorted(self._keys.items()) if name > after)[: max(0, limit)]

    def add_sdk_key(self, key: SdkKey, draft: AuditDraft, *, most: int) -> None:
        with self._lock:
            if key.id in self._keys:
                raise AlreadyExistsError(f"there is a key {key.id} already")
            active = [
                each for each in self._keys.values() if each.name == key.name and each.is_active(draft.at)
            ]
            if len(active) >= most:
                raise too_many(key.name, most)
            self._store.append_audit(draft)
            self._keys[key.id] = key
            self._changes += 1

    def revoke_sdk_key(self, key_id: str, draft: AuditDraft) -> SdkKey:
        with self._lock:
            key = self._keys.get(key_id)
            if key is None:
                raise unknown(key_id)
            if key.revoked_at is None:
                self._store.append_audit(draft)
                key = self._keys[key_id] = msgspec.structs.replace(key, revoked_at=draft.at)
                self._changes += 1
            return key

    def note_sdk_key_uses(self, uses: Mapping[str, float]) -> None:
        with self._lock:
            for key_id, used_at in uses.items():
                key = self._keys.get(key_id)
                if key is not None and (key.last_used_at is None or key.last_used_at < used_at):
                    self._keys[key_id] = msgspec.structs.replace(key, last_used_at=used_at)

    def sdk_key_changes(self) -> int:
        return self._changes


def too_many(name: str, most: int) -> ConflictError:
    """The refusal of one more key of a name."""
    return ConflictError(f"{most} keys of the name {name} are active: revoke one of them first")


def unknown(key_id: str) -> NotFoundError:
    """The refusal to touch a key that is not there."""
    return NotFoundError(f"there is no key {key_id}")
