"""What is odd about the items of a source service: what cannot be taken over, and what only in part."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

from burgee.adapters.dynamodb.budget_items import budget_of
from burgee.adapters.dynamodb.client import Item
from burgee.adapters.dynamodb.items import float_of, hatton_flag, source_flag, status_of, text_of
from burgee.adapters.dynamodb.layout import subject_of_user_id
from burgee.errors import StoreDamagedError
from burgee.model.slug import slug
from burgee.ports.migration import Remark

_TEXTS = ("name", "description", "createdBy", "updatedBy")
_TIMES = ("createdAt", "updatedAt")
_OLD_NAMES = {"Id": "id", "Name": "name", "Description": "description"}
_FLAG = {"id", "status", *_TEXTS, *_TIMES, *_OLD_NAMES}
_MAPPING = {"userId", "flagId", "status", "createdBy", "updatedBy", *_TIMES}
_OURS = {"flagSet", "flagKey", "key", "version", "sequence", "document", "sha256"}
_OURS |= {"publishedAt", "publishedStatus"}
_HATTON = {"name", "value", "lastAccessed"}


ADOPTED = "Burgee has adopted it: --from dynamodb moves it"


def of_flags(items: Iterable[Item], *, of_adopted: str = "") -> Iterator[Remark]:
    """Of flags of a Real-Dev-Squad service; `of_adopted` is said of those that Burgee has already."""
    names: dict[str, list[tuple[float, str]]] = {}
    for item in items:
        flag_id = text_of(item, "id") or text_of(item, "Id")
        if "document" in item:
            if of_adopted:
                yield Remark(kind="flag", id=flag_id, reason=of_adopted)
            continue
        flag = source_flag(item)
        if flag is None:
            reason = _no_status(item) if flag_id else "it has no id"
            yield Remark(kind="flag", id=flag_id or text_of(item, "name") or repr(item), reason=reason)
            continue
        names.setdefault(slug(flag.name), []).append((flag.created_at, flag_id))
        yield from _in_part("flag", flag_id, item, texts=_TEXTS, known=_FLAG)
    for key, flags in names.items():
        for _, flag_id in sorted(flags)[1:]:
            reason = f"another flag's name gives the key {key} too: its key has a part of its id"
            yield Remark(kind="flag", id=flag_id, reason=reason, is_taken=True)


def of_mapping(item: Item, *, has_flag: Callable[[str], bool], of_adopted: str = "") -> Iterator[Remark]:
    """Of a mapping of a Real-Dev-Squad service; `has_flag` knows the ids of the flags that are taken over."""
    user, flag_id = text_of(item, "userId"), text_of(item, "flagId")
    name = f"{user} {flag_id}"
    if "document" in item:
        if of_adopted:
            yield Remark(kind="mapping", id=name, reason=of_adopted)
    elif not has_flag(flag_id):
        yield Remark(kind="mapping", id=name, reason="its flag is not there, or was left out")
    elif status_of(item) is None:
        yield Remark(kind="mapping", id=name, reason=_no_status(item))
    elif not subject_of_user_id(user):
        yield Remark(kind="mapping", id=repr(name), reason="its userId can be no targeting key")
    else:
        yield from _in_part("mapping", name, item, texts=("createdBy", "updatedBy"), known=_MAPPING)


def of_budget(item: Item, *, seed_limit: int) -> Iterator[Remark]:
    """Of a row of the request limit."""
    limit_type = text_of(item, "limitType")
    try:
        budget_of(item, seed_limit=seed_limit)
    except StoreDamagedError as error:
        yield Remark(kind="budget", id=limit_type, reason=str(error))
    else:
        if "limit" not in item:
            reason = f"it says how many calls are left, not the limit: the limit is {seed_limit}"
            yield Remark(kind="budget", id=limit_type, reason=reason, is_taken=True)


def of_hatton_flag(item: Item, *, accessed_at: float | None) -> Iterator[Remark]:
    """Of a flag of Hatton's table, last accessed at what `accessed_at` could read of it."""
    name = text_of(item, "name")
    if hatton_flag(item) is None:
        reason = f"its value is {_shown(item.get('value'))}, not true or false" if name else "it has no name"
        yield Remark(kind="flag", id=name or repr(item), reason=reason)
        return
    if slug(name) != name:
        reason = f"its name can be no key: its key begins with {slug(name)}"
        yield Remark(kind="flag", id=name, reason=reason, is_taken=True)
    if "lastAccessed" in item and accessed_at is None:
        reason = f"lastAccessed is {_shown(item['lastAccessed'])}, no time: left out"
        yield Remark(kind="flag", id=name, reason=reason, is_taken=True)
    yield from _extra("flag", name, item, _HATTON)


def _in_part(kind: str, name: str, item: Item, *, texts: Iterable[str], known: set[str]) -> Iterator[Remark]:
    reasons = []
    new = {**item, **{now: item[old] for old, now in _OLD_NAMES.items() if old in item and now not in item}}
    for each in texts:
        if each not in new:
            reasons.append(f"it has no {each}")
        elif not isinstance(new[each].get("S"), str):
            reasons.append(f"{each} is {_shown(new[each])}, no text: left out")
    for each in _TIMES:
        if each not in new:
            reasons.append(f"it has no {each}")
        elif "N" not in new[each] or not math.isfinite(float_of(new, each, math.nan)):
            is_number = math.isfinite(float_of(new, each, math.nan))
            read = "read as a number" if is_number else "no number: left out"
            reasons.append(f"{each} is {_shown(new[each])}, {read}")
    yield from (Remark(kind=kind, id=name, reason=reason, is_taken=True) for reason in reasons)
    yield from _extra(kind, name, item, known | _OURS)


def _extra(kind: str, name: str, item: Item, known: set[str]) -> Iterator[Remark]:
    more = sorted(item.keys() - known)
    if more:
        reason = f"Burgee has no place for {', '.join(more)}"
        yield Remark(kind=kind, id=name, reason=reason, is_taken=True)


def _no_status(item: Item) -> str:
    return f"its status is {_shown(item.get('status'))}, neither ENABLED nor DISABLED"


def _shown(attribute: Mapping[str, object] | None) -> str:
    """An attribute in the words of its table."""
    if not attribute:
        return "missing"
    kind, value = next(iter(attribute.items()))
    return f"{value!r:.60}" if kind in ("S", "N", "BOOL") else f"a {kind}"
