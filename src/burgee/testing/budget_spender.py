"""A worker process that spends a budget; its arguments are where that is and how many share it.

Where: a SQLite file, or `dynamodb:` and the name of a table at AWS_ENDPOINT_URL.

It says `ready`, waits for a line, spends until it is refused or its time is over, and prints one JSON line:
how many calls were admitted, when the last one was (monotonic seconds), and how many steps the store made.
With a third argument it writes a byte to standard output for each admitted call, before it makes the next,
so that a test can kill it and still count.
"""

import sys
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec

from burgee.adapters.sqlite.budgets import SqliteBudgetStore
from burgee.adapters.sqlite.connections import Connections
from burgee.errors import TooManyRequestsError, UnavailableError
from burgee.model.budget import MANAGEMENT_BUDGET
from burgee.ports import BudgetStore
from burgee.service.meter import Meter
from burgee.testing.unreliable_budgets import UnreliableBudgetStore

REFUSED_FOR_GOOD_SECONDS = 0.5
"""A spender that nothing was admitted to for this long goes home."""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker did; `failed` counts the calls that the store could not decide."""

    admitted: int
    last_at: float
    steps: int
    failed: int


def main(path: str, workers: int, *, counts_aloud: bool) -> Spent:
    """Spend as fast as possible."""
    with ExitStack() as stack:
        return _spend(_open(path, stack), workers, counts_aloud=counts_aloud)


def _open(path: str, stack: ExitStack) -> BudgetStore:
    kind, _, table = path.partition(":")
    if kind == "dynamodb":
        from burgee.adapters.aws.session import aws_client
        from burgee.adapters.dynamodb.budgets import DynamoBudgetStore

        return DynamoBudgetStore(aws_client("dynamodb"), table)
    connections = Connections(Path(path))
    stack.callback(connections.close)
    return SqliteBudgetStore(connections)


def _spend(inner: BudgetStore, workers: int, *, counts_aloud: bool) -> Spent:
    store = UnreliableBudgetStore(inner)
    meter = Meter(
        store,
        MANAGEMENT_BUDGET,
        seed_limit=1,
        clock=time.time,
        monotonic=time.monotonic,
        workers=workers,
    )
    sys.stdout.buffer.write(b"ready\n")
    sys.stdout.buffer.flush()
    sys.stdin.readline()
    admitted = failed = 0
    last_at = time.monotonic()
    while time.monotonic() - last_at < REFUSED_FOR_GOOD_SECONDS:
        try:
            if not meter.try_spend():
                meter.spend()
        except TooManyRequestsError:
            time.sleep(0.02)
            continue
        except UnavailableError:
            failed += 1
            time.sleep(0.02)
            continue
        admitted += 1
        last_at = time.monotonic()
        if counts_aloud:
            sys.stdout.buffer.write(b".")
            sys.stdout.buffer.flush()
            time.sleep(0.001)  # as long as a request may take: the kill falls between two calls
    return Spent(admitted=admitted, last_at=last_at, steps=len(store.steps), failed=failed)


if __name__ == "__main__":
    spent = main(sys.argv[1], int(sys.argv[2]), counts_aloud=len(sys.argv) > 3)
    sys.stdout.buffer.write(b"\n" + msgspec.json.encode(spent) + b"\n")
