"""Keys of the main table, and the size of an item; decision 0040 draws the layout."""

import hashlib

from burgee.adapters.dynamodb.client import Item
from burgee.errors import LimitExceededError

MAX_ITEM_BYTES = 400 * 1024
"""What DynamoDB takes, names of attributes included."""

EVENTS_IN_PARTITION = 10_000
HEAD_KEY: Item = {"pk": {"S": "head"}, "sk": {"S": "head"}}

_KEY_BYTES = 1_000
"""Texts of people that are longer stand in a key as their beginning and their hash (1,024 is the limit)."""
_START_CHARACTERS = 200


def main_key(pk: str, sk: str) -> Item:
    """A key of the main table."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def set_key(flag_set: str) -> Item:
    """Where a flag set is; all sets are one partition, which is read whole."""
    return main_key("sets", flag_set)


def flag_key(flag_set: str, key: str) -> Item:
    """Where a key says which flag has it, or that it is deleted."""
    return main_key(f"set#{flag_set}", f"flag#{key}")


def revision_prefix(revision: int) -> str:
    """How the sort keys of what one revision changed begin."""
    return f"rev#{revision:012d}"


def version_key(flag_set: str, key: str, version: int) -> Item:
    """Where one step of a flag's history is."""
    return main_key(f"flag#{flag_set}#{key}", version_sort(version))


def version_sort(version: int) -> str:
    """The sort key of that step."""
    return f"v#{version:012d}"


def event_key(sequence: int) -> Item:
    """Where an audit event is."""
    return main_key(event_partition(sequence), f"{sequence:016d}")


def event_partition(sequence: int) -> str:
    """The partition of an audit event."""
    return f"audit#{sequence // EVENTS_IN_PARTITION:08d}"


def idempotency_key(key: str, actor: str, part: int = 0) -> Item:
    """Where the record of a request is; its answer may be in several parts."""
    digest = hashlib.sha256(f"{len(key)}:{key}{actor}".encode("utf-8", "surrogatepass")).hexdigest()
    return main_key(f"idempotency#{digest}", f"part#{part:04d}")


def subject_sort(targeting_key: str) -> str:
    """The sort key of a subject: it orders as the subject does, and is never empty."""
    return "=" + (targeting_key if _is_short(targeting_key) else _shortened(targeting_key))


def user_id(targeting_key: str) -> str:
    """A subject as the source's key `userId`: itself wherever a key can hold it."""
    if targeting_key and targeting_key[0] != "\x00" and _is_short(targeting_key):
        return targeting_key
    return "\x00" + _shortened(targeting_key)


def subject_of_user_id(text: str) -> str | None:
    """The subject that `user_id` gave that key for, None where the key does not say."""
    return None if text.startswith("\x00") else text


def index_key(flag_set: str, key: str, targeting_key: str) -> Item:
    """Where the override of a subject stands among those of its flag."""
    return main_key(f"overrides#{flag_set}#{key}", subject_sort(targeting_key))


def change_key(sequence: int) -> Item:
    """Where the last write of an override is noted, in the order of the audit."""
    return main_key("override-changes", f"{sequence:016d}")


def is_key_text(text: str, *, limit: int = 2_048) -> bool:
    """Whether a key attribute can hold `text`."""
    try:
        return 0 < len(text.encode()) <= limit
    except UnicodeEncodeError:  # half a character: no stored text is that
        return False


def item_bytes(item: Item) -> int:
    """The size of an item as DynamoDB counts it: names and values in UTF-8, numbers by their digits."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def require_size(item: Item, what: str) -> int:
    """The size of `item`.

    Raises LimitExceededError, naming `what`, where DynamoDB does not take it.
    """
    size = item_bytes(item)
    if size > MAX_ITEM_BYTES:
        message = f"{what} is {size} bytes as an item of DynamoDB, {MAX_ITEM_BYTES} are allowed"
        raise LimitExceededError("", "too-large", message)
    return size


def _value_bytes(value: dict[str, object]) -> int:
    match value:
        case {"S": str(text)}:
            return len(text.encode())
        case {"B": bytes(content)}:
            return len(content)
        case {"N": str(number)}:
            digits = number.lstrip("-").replace(".", "").lstrip("0").partition("e")[0].rstrip("0")
            return (len(digits) + 1) // 2 + 1 + number.startswith("-")
        case {"L": list(values)}:
            return 3 + sum(1 + _value_bytes(each) for each in values)
        case {"M": dict(values)}:
            return 3 + sum(1 + len(name.encode()) + _value_bytes(each) for name, each in values.items())
        case _:
            return 1


def _is_short(text: str) -> bool:
    return len(text.encode()) <= _KEY_BYTES


def _shortened(text: str) -> str:
    return f"{text[:_START_CHARACTERS]}\U0010ffff{hashlib.sha256(text.encode()).hexdigest()}"
