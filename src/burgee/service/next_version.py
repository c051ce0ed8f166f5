"""The next version of a flag, and the next revision of a flag set."""

import uuid

import msgspec

from burgee.model.flag import Flag, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.service.drafts import FlagDraft
from burgee.service.intent import Author


def next_flag_set(flag_set: FlagSet, *, at: float, author: Author) -> FlagSet:
    """`flag_set` one revision on, not yet changed otherwise."""
    first = flag_set.revision == 0
    return msgspec.structs.replace(
        flag_set,
        revision=flag_set.revision + 1,
        created_at=at if first else flag_set.created_at,
        created_by=author.subject if first else flag_set.created_by,
        updated_at=at,
        updated_by=author.subject,
    )


def next_flag(
    draft: FlagDraft,
    *,
    key: str,
    there: Flag | Tombstone | None,
    flag_set: FlagSet,
    author: Author,
    origin: Flag | None = None,
    new_id: str = "",
) -> Flag:
    """What `draft` makes of what is `there`, at the time and revision of `flag_set`.

    `origin` is the flag that a restore goes back to. A key that is used again after a deletion is another
    flag: it counts on from the tombstone's version, but has an id and a creation of its own. `new_id` is the
    id of a new flag that was needed before it.
    """
    same = there if isinstance(there, Flag) else origin
    content = {name: getattr(draft, name) for name in FlagDraft.__struct_fields__}
    return Flag(
        **content,
        id=same.id if same is not None else new_id or str(uuid.uuid4()),
        key=key,
        flag_set=flag_set.key,
        version=there.version + 1 if there is not None else 1,
        created_at=same.created_at if same is not None else flag_set.updated_at,
        created_by=same.created_by if same is not None else author.subject,
        updated_at=flag_set.updated_at,
        updated_by=author.subject,
    )
