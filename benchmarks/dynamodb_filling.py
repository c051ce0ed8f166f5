"""Very many overrides put into the tables as `burgee migrate` puts them: by batches, the head last."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from burgee.adapters.dynamodb.client import pages
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.head import head_item
from burgee.adapters.dynamodb.restore import DynamoRestore
from burgee.model.audit import chain
from burgee.model.flag import Flag
from burgee.testing.aws.dynamodb_stores import patient_client
from burgee.testing.builders import THE_DAY, an_audit_draft
from burgee.testing.override_builders import an_override

BATCH = 2_000
WORKERS = 3


def a_small_flag(number: int, **changes: Any) -> Flag:
    """A boolean flag with a rule, 0.6 KB as JSON: what most flags are."""
    fields: dict[str, Any] = {
        "id": f"5fa5f0d5-9f0e-4a38-8f21-{number:012d}",
        "key": f"k{number:06d}",
        "flag_set": "checkout",
        "name": f"Flag {number}",
        "description": "Whether the new checkout is shown.",
        "variants": {"on": True, "off": False},
        "default_variant": "off",
        "targeting": {"if": [{"in": [{"var": "plan"}, ["gold", "silver"]]}, "on", "off"]},
        "tags": ("checkout",),
        "created_at": THE_DAY,
        "created_by": "ada@example.com",
        "updated_at": THE_DAY,
        "updated_by": "ada@example.com",
    }
    return Flag(**{**fields, **changes})


def subject(number: int) -> str:
    """The targeting key of the override of that number."""
    return f"user-{number:08d}"


def fill_overrides(store: DynamoFlagStore, url: str, *, first: int, count: int, flag_key: str) -> None:
    """Pin `count` subjects from `first` on, each with its audit event, unmetered."""
    if count <= 0:
        return
    head = store.writer.head()
    client = patient_client(url)
    restore = DynamoRestore(DynamoFlagStore(client, lambda: THE_DAY, names=store.names))
    sequence, previous = head.sequence, head.hash
    with ThreadPoolExecutor(WORKERS) as workers:
        waiting = []
        for numbers in pages(range(first, first + count), BATCH):
            events, pins = [], []
            for number in numbers:
                sequence += 1
                draft = an_audit_draft(
                    action="override.created", flag_key=flag_key, revision=0, reason="bulk"
                )
                events.append(chain(draft, sequence=sequence, previous_hash=previous))
                previous = events[-1].hash
                pins.append(
                    (sequence, an_override(targeting_key=subject(number), flag_key=flag_key, variant="on"))
                )
            waiting += [
                workers.submit(restore.put_overrides, pins),
                workers.submit(restore.put_events, events),
            ]
            while len(waiting) > 2 * WORKERS:
                waiting.pop(0).result()
        for each in waiting:
            each.result()
    after = msgspec.structs.replace(
        head,
        sequence=sequence,
        hash=previous,
        override_sequence=sequence,
        override_count=head.override_count + count,
    )
    store.client.call("put_item", TableName=store.names.main, Item=head_item(after))
    client.close()
