"""The operations listener: alive always, ready until draining, and what it counted up to this moment."""

import os
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from burgee import __version__
from burgee.adapters.memory import MemoryFlagStore
from burgee.errors import UnavailableError
from burgee.surfaces.http.counters import EVALUATIONS, PID, REVISION, Counters, SharedCounters
from burgee.surfaces.http.health import operations_app
from burgee.testing.workshop import HandClock, Workshop

PATHS = ["/healthz", "/readyz", "/metrics"]


class BreakableStore(MemoryFlagStore):
    """A memory store that can be lost."""

    lost = False

    def change_token(self) -> int:
        if self.lost:
            raise UnavailableError("the disk is gone")
        return super().change_token()


class Worker:
    """One worker's operations listener; `draining` and the store change under it."""

    def __init__(self) -> None:
        clock = HandClock()
        self.store = BreakableStore(clock)
        self.workshop = Workshop(self.store, clock=clock)
        self.workshop.refresher.load()
        self.counters = Counters(SharedCounters.create(3), 1)
        self.draining = False
        app = operations_app(self.workshop.refresher, self.counters, draining=lambda: self.draining)
        self.client = TestClient(app, follow_redirects=False)

    def lose_the_store(self) -> None:
        self.store.lost = True
        self.workshop.refresher.poll()

    def drain(self) -> None:
        self.draining = True

    def samples(self) -> dict[str, float]:
        """The metrics, by name and labels as the text has them."""
        text = self.client.get("/metrics").text
        families = text_string_to_metric_families(text)
        return {
            sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
        }


@pytest.fixture
def worker() -> Worker:
    return Worker()


def publish(worker: Worker) -> None:
    worker.workshop.put("a")


@pytest.mark.parametrize(
    ("happens", "ready"), [(publish, 200), (Worker.lose_the_store, 200), (Worker.drain, 503)]
)
def test_a_worker_is_alive_whatever_happens_and_ready_until_it_drains(
    worker: Worker, happens: Callable[[Worker], None], ready: int
) -> None:
    assert worker.client.get("/readyz").status_code == 200
    happens(worker)
    alive = worker.client.get("/healthz")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    answer = worker.client.get("/readyz")
    assert answer.status_code == ready
    assert answer.json()["status"] == {200: "ready", 503: "draining"}[ready]


def test_readiness_tells_what_is_served(worker: Worker) -> None:
    worker.workshop.put("a")
    worker.workshop.put("b", flag_set="shop")
    worker.workshop.put("c", flag_set="shop")
    worker.workshop.refresher.poll()
    worker.workshop.clock.now += 7
    worker.counters.cells[REVISION] = 3
    assert worker.client.get("/readyz").json() == {
        "status": "ready",
        "version": __version__,
        "revisions": {"default": 1, "shop": 2},
        "snapshotAgeSeconds": 7,
        "hash": worker.workshop.live.current.fingerprint,
        "readOnly": False,
        "stale": False,
        "message": "",
        "workers": [{"pid": os.getpid(), "revision": 3}],
    }


def test_a_lost_store_shows_as_stale_until_it_is_back(worker: Worker) -> None:
    worker.workshop.put("a")
    worker.lose_the_store()
    body = worker.client.get("/readyz").json()
    assert (body["stale"], body["readOnly"], body["revisions"]) == (True, False, {"default": 1})
    assert "the disk is gone" in body["message"]
    worker.store.lost = False
    worker.workshop.clock.now += 60
    worker.workshop.refresher.poll()
    body = worker.client.get("/readyz").json()
    assert (body["stale"], body["message"], body["snapshotAgeSeconds"]) == (False, "", 0)


def test_all_workers_that_live_are_listed_and_no_other(worker: Worker) -> None:
    other = Counters(worker.counters.shared, 2)
    other.cells[PID], other.cells[REVISION] = 4242, 9
    other.flush()
    listed = worker.client.get("/readyz").json()["workers"]
    assert listed == [{"pid": os.getpid(), "revision": 0}, {"pid": 4242, "revision": 9}]
    worker.counters.shared.retire(2)
    assert [each["pid"] for each in worker.client.get("/readyz").json()["workers"]] == [os.getpid()]


def test_metrics_hold_what_was_counted_a_moment_ago_by_all(worker: Worker) -> None:
    static = EVALUATIONS.index("STATIC")
    other = Counters(worker.counters.shared, 2)
    other.evaluated(static)
    other.flush()
    worker.counters.evaluated(static)
    samples = worker.samples()
    assert samples["burgee_evaluations_total STATIC"] == 2
    assert samples["burgee_workers"] == 2
    worker.counters.evaluated(static)
    assert worker.samples()["burgee_evaluations_total STATIC"] == 3


def test_metrics_say_in_which_form_they_are(worker: Worker) -> None:
    kind = worker.client.get("/metrics").headers["content-type"]
    assert kind.split("; ") == ["text/plain", "version=1.0.0", "charset=utf-8"]


@pytest.mark.parametrize("path", PATHS)
def test_a_probe_may_ask_for_the_head_alone(worker: Worker, path: str) -> None:
    answer = worker.client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed_here(worker: Worker, path: str, method: str) -> None:
    assert worker.client.request(method, path).status_code == 405


@pytest.mark.parametrize("path", ["/", "/healthz/", "/api/v1/flags", "/ofrep/v1/evaluate/flags", "/docs"])
def test_nothing_else_is_here(worker: Worker, path: str) -> None:
    assert worker.client.get(path).status_code == 404
