"""The parameters that several routes share, and short ways to write those that only one has."""

from typing import Any

from burgee.model.flag import KEY_PATTERN
from burgee.model.limits import MAX_SAFE_INTEGER
from burgee.surfaces.http.parameters import Parameter, Place

KEY = KEY_PATTERN.pattern
"""What keys look like, as a pattern."""


def query(name: str, description: str, **more: Any) -> Parameter:
    """A query parameter."""
    return Parameter(name=name, place=Place.QUERY, description=description, **more)


def switch(name: str, description: str) -> Parameter:
    """A query parameter that is true or false."""
    return query(name, description, kind="boolean")


FLAG_SET_PATH = Parameter(
    name="flagSet",
    place=Place.PATH,
    description="The key of the flag set.",
    pattern=KEY,
    max_length=128,
    example="default",
)
KEY_PATH = Parameter(
    name="key",
    place=Place.PATH,
    description="The key of the flag.",
    pattern=KEY,
    max_length=128,
    example="banner",
)
KEY_ID_PATH = Parameter(
    name="keyId",
    place=Place.PATH,
    description="The id of the SDK key: what stands between its underscores.",
    pattern="[0-9a-f]{16}",
    max_length=16,
    example="0123456789abcdef",
)
FLAG_SET = query("flagSet", "The key of a flag set.", pattern=KEY, max_length=128)
LIMIT = query("limit", "Items a page, 100 by default.", kind="integer", minimum=1, maximum=1000)
FORCE = switch("force", "Reuse a key that is still reserved after a deletion.")
REVISION = query(
    "revision",
    "The flag as it was at this revision of its set.",
    kind="integer",
    minimum=1,
    maximum=MAX_SAFE_INTEGER,
)
