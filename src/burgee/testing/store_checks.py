"""Whether everything that one commit writes is there together: the check after every crash."""

from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.model.audit import first_broken
from burgee.model.flag import Flag, Tombstone
from burgee.ports import FlagStore

_ALL = 10_000_000


def disagreements(store: FlagStore) -> list[str]:
    """What does not fit together, in words; an empty list is a sound store."""
    found = _audit_problems(store)
    for flag_set in store.flag_sets():
        for step in store.changes_since(flag_set.key, 0):
            current: Flag | Tombstone | None = store.flag(flag_set.key, step.key)
            if current != step.flag:
                found.append(f"{step.key} is not its last step")
            current = current or store.tombstone(flag_set.key, step.key)
            if current is None or current.version != step.version:
                found.append(f"{step.key} is not at version {step.version}")
            versions = [each.version for each in store.flag_versions(flag_set.key, step.key, limit=_ALL)]
            if versions != list(range(step.version, 0, -1)):
                found.append(f"{step.key} has a gap in its history")
    return found


def _audit_problems(store: FlagStore) -> list[str]:
    events = store.audit_range(first=1, limit=_ALL)
    found = []
    broken = first_broken(events)
    if broken is not None:
        found.append(f"the audit chain breaks at {broken}")
    if events and store.audit_head() != (events[-1].sequence, events[-1].hash):
        found.append("the audit head is not the last event")
    last = {event.flag_set: event.revision for event in events if event.flag_set and event.revision}
    if last != {each.key: each.revision for each in store.flag_sets()}:
        found.append("the revisions are not those of the last audit events")
    if isinstance(store, SqliteFlagStore) and store.outbox(first=1, limit=_ALL) != tuple(
        (event.sequence, event.hash) for event in events
    ):
        found.append("the outbox is not the audit")
    return found
