"""A client of boto3 whose answers say what they cost, and that does transactions where there are none.

dynalite counts capacity exactly as DynamoDB does, and has no transactions. Here one is made of single
writes, each at twice its price, which is DynamoDB's own rule (reference: aws.md section 7.3). It is right for
a single caller only, and says so where it would be wrong.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

_SINGLE = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}
_READS = {"get_item", "batch_get_item", "query", "scan"}
_METERED = {*_READS, *_SINGLE.values(), "batch_write_item"}


class Cost(NamedTuple):
    """How many requests were made, and what they cost."""

    calls: int = 0
    reads: float = 0.0
    writes: float = 0.0

    def less(self, before: "Cost") -> "Cost":
        """What was spent since `before`."""
        return Cost(self.calls - before.calls, self.reads - before.reads, self.writes - before.writes)


class BrokenTransactionError(Exception):
    """A transaction was refused after a part of it was written: two callers, or a conflict, met here."""


class MeteredClient:
    """`raw`, with `spent` beside it: the capacity that the emulator reports for every call."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.spent = Cost()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            if name == "transact_write_items":
                return self._transact(request["TransactItems"])
            if name not in _METERED:
                return getattr(self._raw, name)(**request)
            answer = self._metered(name, request)
            self._add(name, _units(answer), calls=1)
            return answer

        return call

    def close(self) -> None:
        """Close the connections."""
        self._raw.close()

    def _metered(self, name: str, request: dict[str, Any]) -> Any:
        answer = getattr(self._raw, name)(**request, ReturnConsumedCapacity="TOTAL")
        if name == "scan" and request.get("ConsistentRead"):
            # dynalite takes every Scan for an eventual one, at half the price.
            answer["ConsumedCapacity"]["CapacityUnits"] *= 2
        return answer

    def _transact(self, actions: list[dict[str, Any]]) -> dict[str, Any]:
        units = 0.0
        for index, action in enumerate(actions):
            ((kind, body),) = action.items()
            try:
                units += 2 * _units(self._metered(_SINGLE[kind], body))
            except Exception as error:
                raise BrokenTransactionError(f"action {index} of {len(actions)}: {error}") from error
        self._add("transact_write_items", units, calls=1)
        return {}

    def _add(self, name: str, units: float, *, calls: int) -> None:
        reads, writes = (units, 0.0) if name in _READS else (0.0, units)
        spent = self.spent
        self.spent = Cost(spent.calls + calls, spent.reads + reads, spent.writes + writes)


def _units(answer: Any) -> float:
    consumed = answer["ConsumedCapacity"]
    each = consumed if isinstance(consumed, list) else [consumed]
    return sum(float(one["CapacityUnits"]) for one in each)
