"""Counters: shared by all workers, growing over replacements, exported as totals."""

import os

from prometheus_client import CollectorRegistry, generate_latest

from burgee.surfaces.http.counters import (
    BUCKETS_NS,
    BULK,
    EVALUATE,
    EVALUATIONS,
    MANAGEMENT,
    PID,
    PUBLISHES,
    REVISION,
    STREAMS,
    Counters,
    SharedCounters,
)
from burgee.surfaces.http.metrics import TotalsCollector


def exported(shared: SharedCounters) -> str:
    registry = CollectorRegistry()
    registry.register(TotalsCollector(shared))
    return generate_latest(registry).decode()


def test_the_totals_of_all_workers_are_exported() -> None:
    shared = SharedCounters.create(3)
    for slot, times in ((0, 2), (2, 5)):
        counters = Counters(shared, slot)
        for _ in range(times):
            counters.evaluated(EVALUATIONS.index("STATIC"))
            counters.answered(EVALUATE, 200, 1000)
        counters.cells[PUBLISHES] += 1
        counters.flush()
    text = exported(shared)
    assert 'burgee_evaluations_total{reason="STATIC"} 7.0' in text
    assert 'burgee_http_requests_total{route="evaluate",status="2xx"} 7.0' in text
    assert 'burgee_http_request_seconds_count{route="evaluate"} 7.0' in text
    assert "burgee_publishes_total 2.0" in text
    assert "burgee_workers 2.0" in text


def test_a_worker_in_a_slot_used_before_goes_on_counting_but_starts_its_gauges_anew() -> None:
    shared = SharedCounters.create(1)
    first = Counters(shared, 0)
    first.evaluated(0)
    first.cells[STREAMS] = 9
    first.flush()
    shared.retire(0)
    assert shared.living() == []
    second = Counters(shared, 0)
    second.evaluated(0)
    second.cells[REVISION] = 4
    second.flush()
    text = exported(shared)
    assert 'burgee_evaluations_total{reason="STATIC"} 2.0' in text
    assert "burgee_streams 0.0" in text
    assert f'burgee_revision{{worker="{os.getpid()}"}} 4.0' in text
    assert shared.living()[0][PID] == os.getpid()


def test_a_duration_falls_into_the_bucket_whose_bound_it_reaches() -> None:
    shared = SharedCounters.create(1)
    counters = Counters(shared, 0)
    for nanoseconds in (BUCKETS_NS[0] - 1, BUCKETS_NS[0], BUCKETS_NS[0] + 1, 5 * BUCKETS_NS[-1]):
        counters.answered(BULK, 200, nanoseconds)
    counters.flush()
    text = exported(shared)
    assert 'burgee_http_request_seconds_bucket{le="5e-05",route="bulk"} 2.0' in text
    assert 'burgee_http_request_seconds_bucket{le="0.0001",route="bulk"} 3.0' in text
    assert 'burgee_http_request_seconds_bucket{le="1.0",route="bulk"} 3.0' in text
    assert 'burgee_http_request_seconds_bucket{le="+Inf",route="bulk"} 4.0' in text


def test_each_status_class_and_each_refusal_is_counted_apart() -> None:
    shared = SharedCounters.create(1)
    counters = Counters(shared, 0)
    for status in (200, 304, 404, 503):
        counters.answered(MANAGEMENT, status, 0)
    counters.refused("body")
    counters.flush()
    text = exported(shared)
    for name in ("2xx", "3xx", "4xx", "5xx"):
        assert f'burgee_http_requests_total{{route="management",status="{name}"}} 1.0' in text
    assert 'burgee_refusals_total{cap="body"} 1.0' in text
    assert 'burgee_refusals_total{cap="url"} 0.0' in text
