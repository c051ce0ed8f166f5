"""What Burgee on DynamoDB costs: capacity units of each operation, and dollars.

Run: PYTHONPATH=src python benchmarks/dynamodb_cost.py (needs requirements-aws.lock; node for the check on dynalite)

Each operation runs on moto, and every request that it makes is counted by DynamoDB's own rules from the sizes of
its items (aws.md sections 7.3 and 7.4): a write unit for each KB begun, two in a transaction; a read unit for each 4 KB
begun of a consistent read. moto's own figures are constants. With --check, the same single writes and reads are made on
dynalite, whose figures are DynamoDB's, and compared.
"""

import math
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from burgee.adapters.dynamodb.client import DynamoClient
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.items import flag_item
from burgee.adapters.dynamodb.layout import item_bytes
from burgee.adapters.dynamodb.overrides import DynamoOverrideStore
from burgee.model.flag import Flag
from burgee.testing.aws.dynamodb_stores import patient_client, running_serial_moto, with_tables
from burgee.testing.aws.emulators import ENVIRONMENT, running_dynalite
from burgee.testing.builders import THE_DAY
from burgee.testing.override_builders import an_override, an_override_change, override_subject
from burgee.testing.publishing import publish

WRITE_DOLLARS, READ_DOLLARS = 0.625 / 1e6, 0.125 / 1e6
"""On demand, us-east-1, since November 2024 (aws.md section 7.3)."""

MANY = 200
"""moto copies its tables for every transaction: more takes minutes, and costs the same each."""


class Counting:
    """A client of boto3 that adds up the units of what it is asked."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.writes = self.reads = 0.0
        self.calls = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.calls += 1
            answer = getattr(self._raw, name)(**request)
            reads, writes = units_of(name, request, answer)
            self.reads += reads
            self.writes += writes
            return answer

        return call


def units_of(name: str, request: Any, answer: Any) -> tuple[float, float]:
    match name:
        case "get_item":
            return read_units(item_bytes(answer.get("Item", {}))), 0
        case "batch_get_item":
            found = [item for items in answer["Responses"].values() for item in items]
            asked = sum(len(each["Keys"]) for each in request["RequestItems"].values())
            return sum(read_units(item_bytes(item)) for item in found) + asked - len(found), 0
        case "query" | "scan":
            return read_units(sum(item_bytes(item) for item in answer["Items"])), 0
        case "transact_write_items":
            puts = [each["Put"]["Item"] for each in request["TransactItems"] if "Put" in each]
            others = len(request["TransactItems"]) - len(puts)
            return 0, 2 * (sum(write_units(item_bytes(item)) for item in puts) + others)
        case "put_item":
            return 0, write_units(item_bytes(request["Item"]))
        case "batch_write_item":
            each = [one for some in request["RequestItems"].values() for one in some]
            return 0, sum(write_units(item_bytes(one.get("PutRequest", {}).get("Item", {}))) for one in each)
        case "update_item" | "delete_item":
            return 0, 1
        case _:
            return 0, 0


def read_units(size: int) -> int:
    return max(1, math.ceil(size / 4096))


def write_units(size: int) -> int:
    return max(1, math.ceil(size / 1024))


def a_small_flag(key: str, **changes: Any) -> Flag:
    """A boolean flag with a rule, 0.6 KB as JSON: what most flags are."""
    fields: dict[str, Any] = {
        "id": f"5fa5f0d5-9f0e-4a38-8f21-{int(key[1:]):012d}",
        "key": key,
        "flag_set": "checkout",
        "name": f"Flag {key}",
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


def measure(url: str) -> list[tuple[str, int, float, float]]:
    """(operation, calls, read units, write units)."""
    counting = Counting(with_tables(patient_client(url), streams=False)._raw)
    client = DynamoClient(counting, read_seconds=60, total_seconds=120)
    store = DynamoFlagStore(client, lambda: THE_DAY)
    overrides = DynamoOverrideStore(store)
    rows: list[tuple[str, int, float, float]] = []

    def row(what: str, run: Callable[[], object], share: int = 1) -> None:
        counting.calls = 0
        counting.reads = counting.writes = 0.0
        run()
        rows.append((what, counting.calls, counting.reads / share, counting.writes / share))

    from burgee.testing.publishing import next_change

    publish(store, a_small_flag("k0"))
    change = next_change(store, a_small_flag("k1"))
    row("publish: create one flag (0.6 KB)", lambda: store.commit([change]))
    again = next_change(store, a_small_flag("k1", name="again"))
    row("publish: change one flag", lambda: store.commit([again]))
    row("catch up with one publish", lambda: store.changes_since("checkout", 2))
    gone = next_change(store, delete=["k1"])
    row("publish: delete one flag", lambda: store.commit([gone]))
    many = next_change(store, *(a_small_flag(f"k{number}") for number in range(2, 2 + MANY)))
    row(f"import of {MANY} flags, each", lambda: store.commit([many]), share=MANY)
    row("override: write one", lambda: override_subject(overrides, "ada", flag_key="k0"))
    some = [an_override_change(an_override(targeting_key=f"u{n}", flag_key="k0")) for n in range(MANY)]
    row(f"import of {MANY} overrides, each", lambda: overrides.write_overrides(some), share=MANY)
    row("evaluation, subject without overrides", lambda: None)
    row("evaluation, subject with overrides", lambda: overrides.override("checkout", "k0", "ada"))
    row("management: read one flag", lambda: store.flag("checkout", "k0"))
    row("management: list 100 flags", lambda: list(store.reads.flags("checkout", first(store, 100))))
    row(f"start: read {MANY + 1} flags", lambda: store.snapshot("checkout"))
    row("poll (twice a second and process)", store.change_token)
    row(f"filter of {MANY + 1} overridden subjects", lambda: list(overrides.overridden_subjects()))
    return rows


def first(store: DynamoFlagStore, count: int) -> list[Any]:
    from itertools import islice

    return list(islice(store.reads.entries("checkout", page=count), count))


def check() -> list[tuple[str, float, float]]:
    """(single operation, units by the rules, units by dynalite)."""
    with tempfile.TemporaryDirectory() as folder, running_dynalite(Path(folder)) as url:
        client = with_tables(patient_client(url), streams=False)
        found = []
        for kilobytes in (1, 3, 10, 60):
            item = flag_item(a_small_flag("k1", description="x" * (512 * kilobytes)))
            answer = client.call(
                "put_item", TableName="featureFlag", Item=item, ReturnConsumedCapacity="TOTAL"
            )
            size = item_bytes(item)
            found.append(
                (f"put {size} bytes", write_units(size), answer["ConsumedCapacity"]["CapacityUnits"])
            )
            answer = client.call(
                "get_item",
                TableName="featureFlag",
                Key={"id": item["id"]},
                ConsistentRead=True,
                ReturnConsumedCapacity="TOTAL",
            )
            found.append((f"get {size} bytes", read_units(size), answer["ConsumedCapacity"]["CapacityUnits"]))
        return found


def main() -> None:
    os.environ.update(ENVIRONMENT)
    with running_serial_moto() as url:
        rows = measure(url)
    print("| operation | calls | read units | write units | dollars per million |")
    print("|---|---|---|---|---|")
    for what, calls, reads, writes in rows:
        dollars = (reads * READ_DOLLARS + writes * WRITE_DOLLARS) * 1e6
        print(f"| {what} | {calls} | {reads:g} | {writes:g} | {dollars:,.2f} |")
    by_name = {what: (reads, writes) for what, _, reads, writes in rows}
    reads, writes = by_name["publish: change one flag"]
    print(f"\n1,000 publishes: ${1_000 * (reads * READ_DOLLARS + writes * WRITE_DOLLARS):.4f}")
    reads, _ = by_name["evaluation, subject with overrides"]
    print(
        f"1,000,000 evaluations: $0 of DynamoDB; ${reads * READ_DOLLARS * 1e6:.4f} where every subject is overridden"
    )
    if "--check" in sys.argv:
        print("\n| on dynalite | by the rules | by dynalite |\n|---|---|---|")
        for what, rules, measured in check():
            print(f"| {what} | {rules:g} | {measured:g} |")


if __name__ == "__main__":
    main()
