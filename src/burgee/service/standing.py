"""Standing: how a flag set stands among the others, which is not for an author of some sets to change."""

from burgee.errors import ForbiddenError
from burgee.formats.flagd import FLAG_SET_ID, flag_set_key
from burgee.model.flag_set import FlagSet
from burgee.service.intent import Author


def require_same_standing(before: FlagSet, after: FlagSet, *, author: Author) -> None:
    """Let a bound author change only what concerns the set alone; `before` is a new set's without content.

    Priority, source and `flagSetId` decide which of several sets answers: with them, whoever may write one
    set could answer for the flags of all. Raises ForbiddenError naming every such field that changes.
    """
    if not author.is_bound:
        return
    changes = {
        "priority": after.priority != before.priority,
        "source": after.source != before.source,
        f"metadata.{FLAG_SET_ID}": not _same_id(before, after),
    }
    fields = ", ".join(name for name, changed in changes.items() if changed)
    if fields:
        raise ForbiddenError(
            f"a token bound to flag sets may not change {fields} of flag set {after.key}: "
            "that decides which of several sets answers"
        )


def _same_id(before: FlagSet, after: FlagSet) -> bool:
    old, new = (each.metadata.get(FLAG_SET_ID, each.key) for each in (before, after))
    # A document says the id that its set's key was made of (`sso/dev`): the set gets its own name by that.
    is_own_name = (
        FLAG_SET_ID not in before.metadata and isinstance(new, str) and flag_set_key(new) == after.key
    )
    return old == new or is_own_name
