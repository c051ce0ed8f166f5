"""Selectors: which part of the catalogue a caller asks for (flagd.md 1.3)."""

from typing import Literal

import msgspec

from burgee.errors import Fault, InvalidInputError
from burgee.model.flag import MetadataValue


class Selector(msgspec.Struct, frozen=True):
    """One flag set by its key (an empty value means the default set), or all sets of one source."""

    kind: Literal["flagSetId", "source"]
    value: str

    @property
    def reflection(self) -> dict[str, MetadataValue]:
        """What metadata says about the selector; an empty value says nothing."""
        return {self.kind: self.value} if self.value else {}


def parse_selector(text: str | None) -> Selector | None:
    """The selector that `text` writes, None for all flags. A text without `=` names a source.

    Raises InvalidInputError (`invalid-selector`) for another key than flagSetId and source, or two of them.
    """
    text = (text or "").strip()
    if not text:
        return None
    if "=" not in text:
        return Selector("source", text)
    key, _, value = text.partition("=")
    key, value = key.strip(), value.strip()
    if "," in value and "=" in value:
        raise _invalid(text)
    match key:
        case "flagSetId":
            return Selector("flagSetId", value)
        case "source":
            return Selector("source", value)
        case _:
            raise _invalid(text)


def _invalid(text: str) -> InvalidInputError:
    message = f"invalid selector: {text[:200]!r} is not flagSetId=KEY or source=NAME"
    return InvalidInputError([Fault("", "invalid-selector", message)])
