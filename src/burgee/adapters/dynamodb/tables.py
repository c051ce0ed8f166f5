"""The tables: their names, and what each of them is, for whoever makes them without the template."""

from typing import Any

import msgspec

TTL_ATTRIBUTE = "ttl"
"""Unix seconds after which DynamoDB may delete an item of the main table."""


class TableNames(msgspec.Struct, frozen=True, kw_only=True):
    """What the tables are called; the first three are those of the Real-Dev-Squad service."""

    flags: str = "featureFlag"
    overrides: str = "featureFlagUserMapping"
    budgets: str = "requestLimit"
    main: str = "burgee"

    def keys_of(self, table: str) -> tuple[str, ...]:
        """The names of the key attributes of `table`."""
        if table == self.flags:
            return ("id",)
        if table == self.overrides:
            return ("userId", "flagId")
        return ("limitType",) if table == self.budgets else ("pk", "sk")


def table_requests(names: TableNames, *, streams: bool = True) -> list[dict[str, Any]]:
    """CreateTable requests for all tables: on demand, all keys text, streams on all but the budgets."""
    requests = []
    for table in (names.flags, names.overrides, names.budgets, names.main):
        keys = names.keys_of(table)
        kinds = ("HASH", "RANGE")
        request: dict[str, Any] = {
            "TableName": table,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
            "KeySchema": [
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, kinds, strict=False)
            ],
        }
        if streams and table != names.budgets:
            request["StreamSpecification"] = {
                "StreamEnabled": True,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            }
        requests.append(request)
    return requests
