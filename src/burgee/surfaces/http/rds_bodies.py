"""Request bodies of the RDS dialect, read as the source reads them: keys in any case, null is absent."""

from burgee.errors import InvalidInputError
from burgee.formats import strict_json
from burgee.model.flag import FlagStatus
from burgee.model.json import JsonObject
from burgee.surfaces.http.exchange import Call
from burgee.surfaces.http.rds_errors import RdsError

NAME_CHARACTERS = 256
DESCRIPTION_CHARACTERS = 4_096
"""The source had no limits, and took names of nothing but blanks."""


class Body:
    """The members of a JSON body by their names in lower case; `malformed` is the refusal of any other body.

    Raises `malformed` where the body is neither an object nor null, and where two keys differ only in case.
    """

    def __init__(self, call: Call, *, malformed: RdsError) -> None:
        self._malformed = malformed
        self._members = _members(call, malformed)

    def text(self, name: str) -> str:
        """The text `name`; "" where it is absent or null. Raises `malformed` for anything else."""
        value = self._members.get(name.lower())
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._malformed
        return value

    def bounded(self, name: str, limit: int) -> str:
        """The text `name`, "" where it is absent. Raises RdsError 400 where it is blank or too long."""
        text = self.text(name)
        if text and not text.strip():
            raise RdsError(400, f"{name} must not be blank.")
        if len(text) > limit:
            raise RdsError(400, f"{name} must have at most {limit} characters.")
        return text

    def status(self) -> FlagStatus | None:
        """The `status` in whatever case, None where it is absent. Raises RdsError 400 for another word."""
        text = self.text("status")
        if not text:
            return None
        try:
            return FlagStatus(text.upper())
        except ValueError:
            raise RdsError(400, "Allowed values of Status are ENABLED, DISABLED") from None

    def whole_number(self, name: str) -> int | None:
        """The whole number `name`, None where it is absent. Raises `malformed` for anything else."""
        value = self._members.get(name.lower())
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise self._malformed
        return value


def required(*names: str, call: Call) -> RdsError:
    """The refusal of a body without `names`; the source also named the user, who is the token's here."""
    listed = [*names, "userId"] if call.services.rds_strict_compat else list(names)
    words = " and ".join([", ".join(listed[:-1]), listed[-1]]) if len(listed) > 1 else listed[0]
    verb = "are" if len(listed) > 1 else "is"
    return RdsError(400, f"Check the request body passed {words} {verb} required.")


def _members(call: Call, malformed: RdsError) -> JsonObject:
    try:
        value = strict_json.decode(call.body, limits=call.services.limits)
    except InvalidInputError:
        raise malformed from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise malformed
    members = {name.lower(): content for name, content in value.items()}
    if len(members) != len(value):
        raise malformed  # `name` and `Name`: which one counts would be anybody's guess
    return members
