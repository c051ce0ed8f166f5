"""When flags were last read, in items of their own: a note never touches the item of a flag."""

from collections.abc import Mapping
from typing import Any

from burgee.adapters.aws.failures import RefusedCallError, calling

_WHAT = "the access times cannot be reached"
_FAILED = "ConditionalCheckFailedException"


class DynamoAccessTimes:
    """AccessTimes in the table burgee (`pk`, `sk`), one item a flag; `client` is a DynamoDB client of boto3.

    The items stay when flags go: their ids never come back, and no flag can be made again by a late note.
    """

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def note(self, times: Mapping[str, float]) -> None:
        for flag_id, at in times.items():
            try:
                with calling(_WHAT, _FAILED):
                    self._client.update_item(
                        TableName=self._table,
                        Key=_key(flag_id),
                        UpdateExpression="SET #at = :at",
                        ConditionExpression="attribute_not_exists(#at) OR #at < :at",
                        ExpressionAttributeNames={"#at": "at"},
                        ExpressionAttributeValues={":at": {"N": repr(float(at))}},
                    )
            except RefusedCallError:
                continue  # a later time stands there already

    def last(self, flag_id: str) -> float | None:
        with calling(_WHAT):
            answer = self._client.get_item(TableName=self._table, Key=_key(flag_id), ConsistentRead=True)
        item = answer.get("Item")
        return None if item is None else float(item["at"]["N"])


def _key(flag_id: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": f"access#{flag_id}"}, "sk": {"S": "last"}}


def access_item(flag_id: str, at: float) -> dict[str, dict[str, str]]:
    """The item of an access time."""
    return {**_key(flag_id), "at": {"N": repr(float(at))}}
