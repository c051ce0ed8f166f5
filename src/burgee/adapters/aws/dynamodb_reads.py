"""Overrides, read for one evaluation at a time: of a subject that the snapshot's filter names."""

import hashlib
import time
from collections.abc import Callable

import msgspec

from burgee.adapters.aws.circuit import Circuit
from burgee.adapters.aws.dynamodb_calls import DynamoCalls, Item
from burgee.errors import StoreDamagedError
from burgee.model.flag import Flag, FlagStatus
from burgee.model.override import Override

_KEY_BYTES = 1_000
_START_CHARACTERS = 200
READ_SECONDS = 0.25
"""How long one read may hold up an evaluation, which then goes on without overrides."""

REST_SECONDS = 5.0
"""How long nothing is read after a read that took its whole time, or two that failed at once."""

_FAILURES = 2


class DynamoOverrideReads:
    """Overrides in the table of the source systems (userId, flagId); an OverrideReads.

    Items that Burgee wrote carry the override as `document`; those of the source have a status only. `flags`
    gives the flag of an id, and `flag_id` the id of a flag set's key, None where it is not served.

    A read ends within `seconds`, all of it: after a failure nothing is asked for REST_SECONDS.
    """

    def __init__(
        self,
        calls: DynamoCalls,
        table: str,
        *,
        flags: Callable[[str], Flag | None],
        flag_id: Callable[[str, str], str | None],
        seconds: float = READ_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls, self._table = calls, table
        self._flags, self._flag_id, self._seconds = flags, flag_id, seconds
        self._circuit = Circuit(
            monotonic=monotonic, failures=_FAILURES, slow_seconds=seconds / 2, rest_seconds=REST_SECONDS
        )

    def override(self, flag_set: str, flag_key: str, targeting_key: str) -> Override | None:
        found = self._flag_id(flag_set, flag_key)
        if found is None:
            return None
        request = {
            "TableName": self._table,
            "Key": {"userId": {"S": user_id(targeting_key)}, "flagId": {"S": found}},
            "ConsistentRead": True,
        }
        with self._circuit.attempt():
            item = self._calls.call("GetItem", request, deadline_seconds=self._seconds).get("Item")
        return self._override(item) if item else None

    def overrides_of_subject(self, targeting_key: str, *, limit: int) -> tuple[Override, ...]:
        request = {
            "TableName": self._table,
            "KeyConditionExpression": "userId = :subject",
            "ExpressionAttributeValues": {":subject": {"S": user_id(targeting_key)}},
            "ConsistentRead": True,
        }
        with self._circuit.attempt():
            items = list(self._calls.query(request, deadline_seconds=self._seconds))
        found = [each for each in map(self._override, items) if each is not None]
        return tuple(sorted(found, key=_place)[:limit])

    def _override(self, item: Item) -> Override | None:
        """The override that an item is; one of a flag that is not served is none."""
        try:
            if "document" in item:
                return _changed(item, msgspec.json.decode(item["document"]["S"], type=Override))
            flag = self._flags(item["flagId"]["S"])
            return _of_source(item, flag) if flag is not None else None
        except (KeyError, TypeError, ValueError, msgspec.DecodeError) as error:
            raise StoreDamagedError(f"an override in {self._table} cannot be read: {error}") from error


def user_id(targeting_key: str) -> str:
    """A subject as the key `userId`; what no key can hold stands there by its hash.

    As `burgee.adapters.dynamodb.layout` has it, which a test compares: to import it would bring botocore.
    """
    data = targeting_key.encode()
    if data and targeting_key[0] != "\x00" and len(data) <= _KEY_BYTES:
        return targeting_key
    return f"\x00{targeting_key[:_START_CHARACTERS]}\U0010ffff{hashlib.sha256(data).hexdigest()}"


def _changed(item: Item, override: Override) -> Override:
    """`override` as Burgee wrote it, or with what the source has written over it since."""
    if "publishedAt" not in item:
        return override
    if item.get("updatedAt") == item["publishedAt"] and item.get("status") == item.get("publishedStatus"):
        return override
    return msgspec.structs.replace(override, status=FlagStatus(item["status"]["S"].upper()), variant=None)


def _of_source(item: Item, flag: Flag) -> Override:
    """An item as the Real-Dev-Squad service writes it (reference source-systems.md section 1)."""
    updated_at = float(item.get("updatedAt", {}).get("N", 0))
    return Override(
        flag_set=flag.flag_set,
        flag_key=flag.key,
        targeting_key=item["userId"]["S"],
        status=FlagStatus(item["status"]["S"].upper()),
        created_at=float(item.get("createdAt", {}).get("N", 0)),
        created_by=item.get("createdBy", {}).get("S", ""),
        updated_at=updated_at,
        updated_by=item.get("updatedBy", {}).get("S", ""),
    )


def _place(override: Override) -> tuple[str, str]:
    return override.flag_set, override.flag_key
