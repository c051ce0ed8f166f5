"""Request budgets in DynamoDB: each step is one conditional write, so that any number of clients is exact."""

import re
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from burgee.adapters.aws.failures import RefusedCallError, calling
from burgee.adapters.dynamodb.budget_items import (
    CHANGE,
    KEY,
    VALUE,
    VERSION,
    Item,
    budget_of,
    item_of,
    key_of,
    number,
    text,
)
from burgee.errors import StoreDamagedError, UnavailableError
from burgee.model.budget import SEED_LIMIT, BudgetState, Renewal, RequestBudget, Taken, renewed

TRIES = 20
"""How often a step is tried whose condition others keep changing."""

_FAILED = "ConditionalCheckFailedException"
_INVALID = "ValidationException"
_WHAT = "the request budget cannot be reached"
_OPEN = "(attribute_not_exists(#state) OR #state = :open)"
_NEXT_VERSION = "#version = if_not_exists(#version, :none) + :one"
_CONSTANTS = {":open": text(BudgetState.OPEN.value), ":none": number(0), ":one": number(1)}
_FIRST_EPOCH = 1


class _Stored(NamedTuple):
    item: Item
    budget: RequestBudget


class DynamoBudgetStore:
    """BudgetStore on the table requestLimit; `client` is a DynamoDB client of boto3.

    Items that the source system wrote are read as they stand; their limit is `seed_limit`. A call that was
    carried out though its answer got lost, and that boto3 makes again, costs tokens and never makes any.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        seed_limit: int = SEED_LIMIT,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._client, self._table, self._seed_limit, self._new_id = client, table, seed_limit, new_id

    def read(self, limit_type: str) -> RequestBudget | None:
        stored = self._read(limit_type)
        return None if stored is None else stored.budget

    def seed(self, budget: RequestBudget) -> RequestBudget:
        try:
            with calling(_WHAT, _FAILED):
                self._client.put_item(
                    TableName=self._table,
                    Item=item_of(budget),
                    ConditionExpression="attribute_not_exists(#key)",
                    ExpressionAttributeNames={"#key": KEY},
                )
        except RefusedCallError:
            return self.read(budget.limit_type) or budget
        return budget

    def take(self, limit_type: str, wanted: int, *, at: float) -> Taken | None:
        tokens, change = wanted, self._new_id()
        for _ in range(TRIES):
            left = self._subtract(limit_type, tokens)
            if left is not None:
                return Taken(budget=left, tokens=tokens)
            stored = self._read(limit_type)
            if stored is None:
                return None
            budget = stored.budget
            if budget.state is not BudgetState.OPEN:
                tripped_here = stored.item.get(CHANGE) == text(change)
                return Taken(budget=budget, tokens=0, tripped=tripped_here)
            tokens = min(wanted, budget.limit_value)
            if tokens < 1:
                tripped = self._trip(budget, change, at)
                if tripped is not None:
                    return Taken(budget=tripped, tokens=0, tripped=True)
                tokens = wanted
        raise UnavailableError("the request budget changes too often to be taken from")

    def give_back(self, limit_type: str, tokens: int, *, epoch: int) -> None:
        for _ in range(TRIES):
            stored = self._read(limit_type)
            if stored is None or stored.budget.epoch != epoch or stored.budget.state is not BudgetState.OPEN:
                return
            # Only of the very version that was read: repeated by boto3, the addition is refused.
            version = stored.item.get(VERSION)
            try:
                self._update(
                    limit_type,
                    f"SET #limitValue = #limitValue + :tokens, {_NEXT_VERSION}",
                    f"{_OPEN} AND "
                    + ("attribute_not_exists(#version)" if version is None else "#version = :seen"),
                    {":tokens": number(tokens), **({} if version is None else {":seen": version})},
                )
            except RefusedCallError as error:
                if error.is_certain:
                    continue
                return  # it may have been added: tokens that are lost harm nobody, those added twice do
            return
        raise UnavailableError("the request budget changes too often to be given back to")

    def renew(self, limit_type: str, renewal: Renewal, *, epoch: int | None = None) -> RequestBudget | None:
        change = self._new_id()
        try:
            try:
                return self._renew(limit_type, renewal, change, epoch)
            except RefusedCallError:
                stored = self._read(limit_type)
        except StoreDamagedError:
            if epoch is not None:
                raise
            return self._replace_damaged(limit_type, renewal)
        # Refused because it was carried out before: boto3 made the call again.
        return stored.budget if stored is not None and stored.item.get(CHANGE) == text(change) else None

    def _subtract(self, limit_type: str, tokens: int) -> RequestBudget | None:
        """The budget with `tokens` less, None where they cannot be had so."""
        try:
            return self._update(
                limit_type,
                f"SET #limitValue = #limitValue - :tokens, {_NEXT_VERSION}",
                f"#limitValue >= :tokens AND {_OPEN}",
                {":tokens": number(tokens)},
            )
        except RefusedCallError:
            return None

    def _trip(self, budget: RequestBudget, change: str, at: float) -> RequestBudget | None:
        """The budget, tripped; None where it is no longer as it was read."""
        try:
            return self._update(
                budget.limit_type,
                f"SET #state = :tripped, #trippedAt = :at, #changeId = :changeId, {_NEXT_VERSION}",
                f"#limitValue < :one AND {_OPEN} AND (attribute_not_exists(#epoch) OR #epoch = :epoch)",
                {
                    ":tripped": text(BudgetState.TRIPPED.value),
                    ":at": number(at),
                    ":changeId": text(change),
                    ":epoch": number(budget.epoch),
                },
            )
        except RefusedCallError:
            return None

    def _renew(self, limit_type: str, renewal: Renewal, change: str, epoch: int | None) -> RequestBudget:
        values: dict[str, dict[str, Any]] = {
            "state": text(renewal.state.value),
            "scope": text(renewal.scope.value),
            "changedAt": number(renewal.at),
            "by": text(renewal.by),
            "reason": text(renewal.reason),
            CHANGE: text(change),
        }
        if renewal.limit_value is not None:
            values[VALUE] = number(renewal.limit_value)
        if renewal.limit is not None:
            values["limit"] = number(renewal.limit)
        gone = ["trippedAt"]
        if renewal.window_ends_at is None:
            gone.append("windowEndsAt")
        else:
            values["windowEndsAt"] = number(renewal.window_ends_at)
        sets = ", ".join(f"#{name} = :{name}" for name in values)
        condition = "attribute_exists(#limitType) AND attribute_type(#limitValue, :number)"
        more = {f":{name}": value for name, value in values.items()} | {":number": text("N")}
        if epoch is None:
            condition += " AND (attribute_not_exists(#changeId) OR #changeId <> :changeId)"
        else:
            absent = "attribute_not_exists(#epoch) OR " if epoch == _FIRST_EPOCH else ""
            condition += f" AND ({absent}#epoch = :epoch)"
            more[":epoch"] = number(epoch)
        update = f"SET {sets}, #epoch = if_not_exists(#epoch, :one) + :one, {_NEXT_VERSION} REMOVE "
        return self._update(limit_type, update + ", ".join(f"#{name}" for name in gone), condition, more)

    def _replace_damaged(self, limit_type: str, renewal: Renewal) -> RequestBudget:
        # The epoch of the row is lost: milliseconds make one that no lease in any worker carries.
        lost = RequestBudget(
            limit_type=limit_type, limit_value=0, limit=self._seed_limit, epoch=int(renewal.at * 1000)
        )
        replacement = renewed(lost, renewal)
        with calling(_WHAT):
            self._client.put_item(TableName=self._table, Item=item_of(replacement))
        return replacement

    def _read(self, limit_type: str) -> _Stored | None:
        with calling(_WHAT):
            answer = self._client.get_item(TableName=self._table, Key=key_of(limit_type), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return None if item is None else _Stored(item, budget_of(item, seed_limit=self._seed_limit))

    def _update(self, limit_type: str, update: str, condition: str, values: Item) -> RequestBudget:
        """The budget after `update`, whose names are the attributes behind `#`.

        Raises RefusedCallError where `condition` does not hold, or the item is not one that can be updated.
        """
        both = f"{update} {condition}"
        known = {**_CONSTANTS, **values}
        with calling(_WHAT, _FAILED, _INVALID):
            answer = self._client.update_item(
                TableName=self._table,
                Key=key_of(limit_type),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in set(re.findall(r"#(\w+)", both))},
                ExpressionAttributeValues={name: known[name] for name in set(re.findall(r":\w+", both))},
                ReturnValues="ALL_NEW",
            )
        return budget_of(answer["Attributes"], seed_limit=self._seed_limit)
