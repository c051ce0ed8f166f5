"""Counters: plain integers in each worker, copied to shared memory, exported as the total of all workers.

A request adds to a Python list; ten times a second the list is copied into the worker's slot of a memory
map that all workers share. A worker that starts in a slot goes on counting from what stands there, so that
totals only grow; its gauges start at zero.
"""

import mmap
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

EVALUATIONS = ("STATIC", "TARGETING_MATCH", "DEFAULT", "DISABLED", "ERROR")
ROUTES = ("evaluate", "bulk", "stream", "management")
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)
"""Upper bounds in seconds; the last bucket, of everything slower, has none."""
BUDGETS = ("management", "evaluation")
REFUSALS = ("url", "headers", "body", "receipt", "connections", "streams", "write_stall", "malformed")

_REQUESTS = len(EVALUATIONS)
_LATENCY = _REQUESTS + len(ROUTES) * len(CLASSES)
_PER_ROUTE = len(BUCKETS) + 2  # the open bucket, and the sum in nanoseconds
_REFUSED = _LATENCY + len(ROUTES) * _PER_ROUTE
_TOO_MANY = _REFUSED + len(REFUSALS)
ADMITTED = _TOO_MANY + len(ROUTES)
OVER_BUDGET = ADMITTED + len(BUDGETS)
"""The first of as many cells as there are budgets, in their order."""
PUBLISHES = OVER_BUDGET + len(BUDGETS)
EVENTS = PUBLISHES + 1
_GAUGES = EVENTS + 1
PID, STREAMS, CONNECTIONS, REVISION, FLAGS, BEAT = range(_GAUGES, _GAUGES + 6)
CELLS = _GAUGES + 6

EVALUATE, BULK, STREAM, MANAGEMENT = range(len(ROUTES))
BUCKETS_NS = tuple(int(bound * 1e9) for bound in BUCKETS)

EVALUATE_OK = _REQUESTS + EVALUATE * len(CLASSES) + CLASSES.index("2xx")
EVALUATE_LATENCY = _LATENCY + EVALUATE * _PER_ROUTE
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
        for gauge in range(_GAUGES, CELLS):
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
        self.cells[_GAUGES:] = [0] * (CELLS - _GAUGES)
        self.cells[PID] = os.getpid()
        self._followed: list[tuple[int, int, Callable[[], int]]] = []

    def follow(self, cell: int, read: Callable[[], int]) -> None:
        """Add to `cell` what somebody else counts from zero on; `read` is called at each flush."""
        self._followed.append((cell, self.cells[cell], read))

    def evaluated(self, outcome: int) -> None:
        self.cells[outcome] += 1

    def answered(self, route: int, status: int, nanoseconds: int) -> None:
        """One request of `route` that was answered with `status` after `nanoseconds` of work."""
        cells = self.cells
        cells[_REQUESTS + route * len(CLASSES) + status // 100 - 1] += 1
        if status == 429:
            cells[_TOO_MANY + route] += 1
        base = _LATENCY + route * _PER_ROUTE
        cells[base + bisect_left(BUCKETS_NS, nanoseconds)] += 1
        cells[base + len(BUCKETS) + 1] += nanoseconds

    def refused(self, why: str) -> None:
        self.cells[_REFUSED + REFUSALS.index(why)] += 1

    def flush(self) -> None:
        """Copy everything to the slot, with a sign of life."""
        self.cells[BEAT] = int(time.time())
        for cell, before, read in self._followed:
            self.cells[cell] = before + read()
        for place, count in enumerate(self.cells):
            self._slot[place] = count


class TotalsCollector(Collector):
    """Prometheus families over the totals of all workers."""

    def __init__(self, shared: SharedCounters) -> None:
        self._shared = shared

    def collect(self) -> Iterator[Metric]:
        totals = self._shared.totals()
        evaluations = CounterMetricFamily(
            "burgee_evaluations", "Evaluations over HTTP, by reason.", labels=["reason"]
        )
        for place, reason in enumerate(EVALUATIONS):
            evaluations.add_metric([reason], totals[place])
        yield evaluations
        yield from self._requests(totals)
        yield from self._budgets(totals)
        refused = CounterMetricFamily(
            "burgee_refusals", "Requests and connections refused by a cap.", labels=["cap"]
        )
        for place, cap in enumerate(REFUSALS):
            refused.add_metric([cap], totals[_REFUSED + place])
        yield refused
        yield CounterMetricFamily(
            "burgee_publishes", "Revisions published while serving.", value=totals[PUBLISHES]
        )
        yield CounterMetricFamily("burgee_stream_events", "Events written to streams.", value=totals[EVENTS])
        yield from self._gauges(totals)

    def _requests(self, totals: list[int]) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "burgee_http_requests", "Requests answered.", labels=["route", "status"]
        )
        latency = HistogramMetricFamily(
            "burgee_http_request_seconds",
            "Time from the last byte in to the first byte out.",
            labels=["route"],
        )
        for route, name in enumerate(ROUTES):
            for place, status in enumerate(CLASSES):
                requests.add_metric([name, status], totals[_REQUESTS + route * len(CLASSES) + place])
            base = _LATENCY + route * _PER_ROUTE
            count, buckets = 0, []
            for place, bound in enumerate((*map(str, BUCKETS), "+Inf")):
                count += totals[base + place]
                buckets.append((bound, count))
            latency.add_metric([name], buckets, totals[base + len(BUCKETS) + 1] / 1e9)
        yield requests
        yield latency

    def _budgets(self, totals: list[int]) -> Iterator[Metric]:
        """What an alarm needs: how many calls are turned away, among how many."""
        too_many = CounterMetricFamily(
            "burgee_http_too_many_requests", "Requests answered with 429, whatever for.", labels=["route"]
        )
        for place, route in enumerate(ROUTES):
            too_many.add_metric([route], totals[_TOO_MANY + place])
        yield too_many
        for name, text, first in (
            ("burgee_budget_admitted", "Metered calls that passed.", ADMITTED),
            ("burgee_budget_refused", "Metered calls over budget or stopped.", OVER_BUDGET),
        ):
            family = CounterMetricFamily(name, text, labels=["budget"])
            for place, budget in enumerate(BUDGETS):
                family.add_metric([budget], totals[first + place])
            yield family

    def _gauges(self, totals: list[int]) -> Iterator[Metric]:
        living = self._shared.living()
        yield GaugeMetricFamily("burgee_streams", "Open event streams.", value=totals[STREAMS])
        yield GaugeMetricFamily("burgee_connections", "Open connections.", value=totals[CONNECTIONS])
        yield GaugeMetricFamily("burgee_workers", "Workers that run.", value=len(living))
        revisions = GaugeMetricFamily(
            "burgee_revision",
            "Sum of the revisions of all flag sets, as a worker sees them.",
            labels=["worker"],
        )
        flags = GaugeMetricFamily("burgee_flags", "Flags that a worker evaluates.", labels=["worker"])
        for row in living:
            revisions.add_metric([str(row[PID])], row[REVISION])
            flags.add_metric([str(row[PID])], row[FLAGS])
        yield revisions
        yield flags
