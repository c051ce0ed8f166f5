"""A flag set: flags that are published and fetched together."""

from enum import Enum

import msgspec

from burgee.model.flag import DEFAULT_FLAG_SET, MetadataValue
from burgee.model.json import JsonObject


class FractionalGeneration(Enum):
    """How `fractional` places a subject (flagd.md section 0.1).

    V2 hashes a string (flagd 0.15 to 0.16, JavaScript), V3 the canonical CBOR of any value (Python 2.0).
    """

    V2 = "v2"
    V3 = "v3"


class FlagSet(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What holds for a whole flag set, at one revision.

    `revision` grows by one with every publish of anything in the set; 0 means never published.
    `source` is the name a flagd selector `source=...` finds it by. Where several sets hold one key and a
    caller names none, the highest `priority` answers, then `default`, then the later key by code points.
    `fractional` None means the server's default. `evaluators` are named rules for `$ref`.
    """

    key: str = DEFAULT_FLAG_SET
    revision: int = 0
    source: str = ""
    priority: int = 0
    fractional: FractionalGeneration | None = None
    metadata: dict[str, MetadataValue] = {}
    evaluators: dict[str, JsonObject] = {}
    created_at: float = 0
    created_by: str = ""
    updated_at: float = 0
    updated_by: str = ""
