"""What this server evaluates from."""

from burgee import __version__
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.management.scope import in_scope
from burgee.surfaces.http.management.views import StatusView


def get_status(call: Call) -> Answer:
    """Version, revisions, snapshot hash and age: equal on every server of a healthy fleet."""
    status = call.services.refresher.status()
    return json_answer(
        StatusView(
            version=__version__,
            revisions={key: number for key, number in status.revisions.items() if in_scope(call, key)},
            hash=status.hash,
            snapshot_age_seconds=status.snapshot_age_seconds,
            read_only=status.read_only,
            stale=status.stale,
            message=status.message,
        )
    )
