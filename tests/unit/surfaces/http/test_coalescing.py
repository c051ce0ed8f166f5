"""Many changes at once are one event at once, and one more a second later."""

import asyncio

import pytest

from burgee.surfaces.http import node
from burgee.surfaces.http.node import Coalescing


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "OVERRIDE_EVENT_SECONDS", 0.2)


def heard(*pauses: float) -> list[float]:
    """When `act` ran, in seconds after the first change; between two changes lie `pauses`."""
    times: list[float] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        changes = Coalescing(lambda: times.append(loop.time() - began))
        changes.hear()
        for pause in pauses:
            await asyncio.sleep(pause)
            changes.hear()
        await asyncio.sleep(0.5)

    asyncio.run(run())
    return times


def test_the_first_change_is_told_at_once() -> None:
    (first,) = heard()
    assert first < 0.15


def test_changes_in_the_same_moment_are_told_once() -> None:
    assert len(heard(0, 0, 0)) <= 2


def test_those_that_follow_soon_wait_and_are_told_together() -> None:
    first, second = heard(0.05, 0.01, 0.01)
    assert second - first >= 0.19


def test_one_that_follows_later_does_not_wait() -> None:
    _, second = heard(0.4)
    assert second < 0.55
