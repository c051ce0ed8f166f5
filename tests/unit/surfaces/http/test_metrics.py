"""Counters: shared by all workers, growing over replacements, exported as totals."""

import os
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from burgee.surfaces.http.counters import (
    ADMITTED,
    BUCKETS_NS,
    BULK,
    EVALUATE,
    EVALUATIONS,
    MANAGEMENT,
    OVER_BUDGET,
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


@pytest.mark.parametrize(("status", "counted"), [(428, 0), (429, 1), (430, 0), (200, 0), (503, 0)])
def test_what_was_turned_away_as_too_much_is_counted_for_an_alarm(status: int, counted: int) -> None:
    shared = SharedCounters.create(1)
    counters = Counters(shared, 0)
    counters.answered(EVALUATE, status, 0)
    counters.flush()
    text = exported(shared)
    assert f'burgee_http_too_many_requests_total{{route="evaluate"}} {counted}.0' in text
    assert 'burgee_http_too_many_requests_total{route="management"} 0.0' in text


def test_what_others_count_is_added_up_over_workers_and_replacements() -> None:
    shared = SharedCounters.create(2)
    for slot, passed, refused in ((0, 7, 2), (1, 5, 0), (0, 10, 1)):
        counters = Counters(shared, slot)
        counted = {"admitted": 0, "refused": 0}
        counters.follow(ADMITTED, lambda counted=counted: counted["admitted"])  # type: ignore[misc]
        counters.follow(OVER_BUDGET + 1, lambda counted=counted: counted["refused"])  # type: ignore[misc]
        counters.flush()
        counted.update(admitted=passed, refused=refused)
        counters.flush()
        counters.flush()
    text = exported(shared)
    assert 'burgee_budget_admitted_total{budget="management"} 22.0' in text
    assert 'burgee_budget_admitted_total{budget="evaluation"} 0.0' in text
    assert 'burgee_budget_refused_total{budget="evaluation"} 3.0' in text
    assert 'burgee_budget_refused_total{budget="management"} 0.0' in text


def test_the_reference_lists_every_metric_and_no_other() -> None:
    shared = SharedCounters.create(1)
    Counters(shared, 0).flush()
    families = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in TotalsCollector(shared).collect()
    }
    page = (Path(__file__).parents[4] / "docs/reference/metrics.md").read_text()
    assert set(re.findall(r"^\| `(burgee_\w+)`", page, re.MULTILINE)) == families
