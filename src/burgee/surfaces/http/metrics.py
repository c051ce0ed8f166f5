"""The counters of all workers as Prometheus families."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from burgee.surfaces.http.counters import (
    BUCKETS,
    CLASSES,
    CONNECTIONS,
    EVALUATIONS,
    EVENTS,
    FLAGS,
    LATENCY,
    PER_ROUTE,
    PID,
    PUBLISHES,
    REFUSALS,
    REFUSED,
    REQUESTS,
    REVISION,
    ROUTES,
    STREAMS,
    SharedCounters,
)


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
        refused = CounterMetricFamily(
            "burgee_refusals", "Requests and connections refused by a cap.", labels=["cap"]
        )
        for place, cap in enumerate(REFUSALS):
            refused.add_metric([cap], totals[REFUSED + place])
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
                requests.add_metric([name, status], totals[REQUESTS + route * len(CLASSES) + place])
            base = LATENCY + route * PER_ROUTE
            count, buckets = 0, []
            for place, bound in enumerate((*map(str, BUCKETS), "+Inf")):
                count += totals[base + place]
                buckets.append((bound, count))
            latency.add_metric([name], buckets, totals[base + len(BUCKETS) + 1] / 1e9)
        yield requests
        yield latency

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
