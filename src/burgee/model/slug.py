"""The slug of a flag's name: the key of a flag that was given a name alone."""

import re
import unicodedata

from burgee.model.flag import KEY_PATTERN

SLUG_CHARACTERS = 119
"""Leaves room in a key for `-` and 8 digits, for a slug that is taken."""

_OTHER = re.compile(r"[^a-z0-9._]+", re.ASCII)


def slug(name: str) -> str:
    """A flag key for `name`: itself where it is one, else in lower case with `-` for what no key may hold.

    Letters lose their accents; a name of which nothing is left gives `flag`.
    """
    if KEY_PATTERN.fullmatch(name):
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _OTHER.sub("-", plain).strip("-")[:SLUG_CHARACTERS].rstrip("-") or "flag"
