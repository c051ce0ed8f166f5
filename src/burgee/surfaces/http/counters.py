"""Counters: plain integers in each worker, copied to memory that all workers share.

A request adds to a Python list; ten times a second the list is copied into the worker's slot of a memory
map that all workers share. A worker that starts in a slot goes on counting from what stands there, so that
totals only grow; its gauges start at zero.
"""

import mmap
import os
import time
from bisect import bisect_left

EVALUATIONS = ("STATIC", "TARGETING_MATCH", "DEFAULT", "DISABLED", "ERROR")
ROUTES = ("evaluate", "bulk", "stream", "management")
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)
"""Upper bounds in seconds; the last bucket, of everything slower, has none."""
REFUSALS = ("url", "headers", "body", "receipt", "connections", "streams", "write_stall", "malformed")

REQUESTS = len(EVALUATIONS)
LATENCY = REQUESTS + len(ROUTES) * len(CLASSES)
PER_ROUTE = len(BUCKETS) + 2  # the open bucket, and the sum in nanoseconds
REFUSED = LATENCY + len(ROUTES) * PER_ROUTE
PUBLISHES = REFUSED + len(REFUSALS)
EVENTS = PUBLISHES + 1
GAUGES = EVENTS + 1
PID, STREAMS, CONNECTIONS, REVISION, FLAGS, BEAT = range(GAUGES, GAUGES + 6)
CELLS = GAUGES + 6

EVALUATE, BULK, STREAM, MANAGEMENT = range(len(ROUTES))
BUCKETS_NS = tuple(int(bound * 1e9) for bound in BUCKETS)

EVALUATE_OK = REQUESTS + EVALUATE * len(CLASSES) + CLASSES.index("2xx")
EVALUATE_LATENCY = LATENCY + EVALUATE * PER_ROUTE
EVALUATE_NS = EVALUATE_LATENCY + len(BUCKETS) + 1
"""Where the inline path counts, without a call."""


class SharedCounters:
    """The memory map of all workers' slots, each CELLS unsigned 64-bit integers.

    `descriptor` is inherited by worker processes; `create` makes an unlinked file of `slots` slots.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        size = os.fstat(descriptor).st_size
        self._cells = memoryview(mmap.mmap(descriptor, size)).cast("Q")
        self.slots = size // (CELLS * 8)

    @classmethod
    def create(cls, slots: int) -> "SharedCounters":
        descriptor = os.memfd_create("burgee-counters")
        os.ftruncate(descriptor, slots * CELLS * 8)
        os.set_inheritable(descriptor, True)
        return cls(descriptor)

    def slot(self, number: int) -> "memoryview[int]":
        return self._cells[number * CELLS : (number + 1) * CELLS]

    def retire(self, number: int) -> None:
        """A worker ended: its counts stay, its gauges go."""
        slot = self.slot(number)
        for gauge in range(GAUGES, CELLS):
            slot[gauge] = 0

    def totals(self) -> list[int]:
        rows = [self.slot(number).tolist() for number in range(self.slots)]
        return [sum(column) for column in zip(*rows, strict=True)]

    def living(self) -> list[list[int]]:
        """The rows of the workers that run, by slot."""
        return [row for number in range(self.slots) if (row := self.slot(number).tolist())[PID]]


class Counters:
    """One worker's own counts."""

    def __init__(self, shared: SharedCounters, slot: int) -> None:
        self.shared, self._slot = shared, shared.slot(slot)
        self.cells = self._slot.tolist()
        self.cells[GAUGES:] = [0] * (CELLS - GAUGES)
        self.cells[PID] = os.getpid()

    def evaluated(self, outcome: int) -> None:
        self.cells[outcome] += 1

    def answered(self, route: int, status: int, nanoseconds: int) -> None:
        """One request of `route` that was answered with `status` after `nanoseconds` of work."""
        cells = self.cells
        cells[REQUESTS + route * len(CLASSES) + status // 100 - 1] += 1
        base = LATENCY + route * PER_ROUTE
        cells[base + bisect_left(BUCKETS_NS, nanoseconds)] += 1
        cells[base + len(BUCKETS) + 1] += nanoseconds

    def refused(self, why: str) -> None:
        self.cells[REFUSED + REFUSALS.index(why)] += 1

    def flush(self) -> None:
        """Copy everything to the slot, with a sign of life."""
        self.cells[BEAT] = int(time.time())
        for place, count in enumerate(self.cells):
            self._slot[place] = count
