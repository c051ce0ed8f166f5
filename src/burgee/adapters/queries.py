"""What the queries of the ports match, written once for every store."""

from burgee.model.audit import AuditEvent
from burgee.model.flag import Flag
from burgee.ports import AuditQuery, FlagQuery


def search_text(flag: Flag) -> str:
    """Everything of `flag` that a search looks at, folded so that case does not count."""
    return "\n".join((flag.key, flag.name, flag.description)).casefold()


def flag_matches(flag: Flag, query: FlagQuery) -> bool:
    """Whether `flag` is one of those that `query` asks for, its limit aside."""
    return (
        (query.within is None or flag.flag_set in query.within)
        and (query.flag_set is None or flag.flag_set == query.flag_set)
        and (query.status is None or flag.status is query.status)
        and (query.tag is None or query.tag in flag.tags)
        and query.search.casefold() in search_text(flag)
        and (query.after is None or (flag.flag_set, flag.key) > query.after)
    )


def event_matches(event: AuditEvent, query: AuditQuery) -> bool:
    """Whether `event` is one of those that `query` asks for, its limit aside."""
    return (
        (query.within is None or event.flag_set in query.within)
        and (query.actor is None or event.actor == query.actor)
        and (query.flag_set is None or event.flag_set == query.flag_set)
        and (query.flag_key is None or event.flag_key == query.flag_key)
        and (query.action is None or event.action == query.action)
        and (query.since is None or event.at >= query.since)
        and (query.until is None or event.at < query.until)
        and (query.before is None or event.sequence < query.before)
    )
