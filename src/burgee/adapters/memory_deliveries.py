"""The reference implementation of Deliveries: forgotten with the process, as are its events."""

import threading

import msgspec

from burgee.model.delivery import DeadLetter, DeliveryState


class MemoryDeliveries:
    """Deliveries in a dictionary and a list."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, DeliveryState] = {}
        self._dead: list[DeadLetter] = []
        self._buried: set[tuple[str, int]] = set()

    def state(self, sink: str) -> DeliveryState | None:
        return self._states.get(sink)

    def keep(self, sink: str, state: DeliveryState, *, dead: DeadLetter | None = None) -> None:
        with self._lock:
            known = self._states.get(sink)
            if known is None or known.sequence <= state.sequence:
                self._states[sink] = state
            if dead is not None and (dead.sink, dead.sequence) not in self._buried:
                self._buried.add((dead.sink, dead.sequence))
                self._dead.append(msgspec.structs.replace(dead, number=len(self._dead) + 1))

    def dead_letters(self, *, before: int | None = None, limit: int = 100) -> tuple[DeadLetter, ...]:
        with self._lock:
            newest = [each for each in reversed(self._dead) if before is None or each.number < before]
        return tuple(newest[: max(0, limit)])
