"""A source service at work: it writes its own tables beside Burgee, and knows nothing of it."""

from typing import Any

from burgee.adapters.dynamodb.client import DynamoClient

_NAMES = {f"#{name}": name for name in ("status", "updatedAt", "updatedBy")}


class SourceService:
    """The Real-Dev-Squad service, as far as DynamoDB sees it."""

    def __init__(self, client: DynamoClient) -> None:
        self._client = client

    def put(self, table: str, item: Any) -> None:
        """Its PutItem of a whole item."""
        self._client.call("put_item", TableName=table, Item=item)

    def patch(self, flag_id: str, status: str, *, at: int = 1_800_000_000) -> None:
        """Its UpdateItem of a flag: sets the status, when and by whom, where the flag exists."""
        self._patch("featureFlag", {"id": {"S": flag_id}}, status, at, "attribute_exists(id)")

    def patch_mapping(self, user: str, flag_id: str, status: str, *, at: int = 1_800_000_000) -> None:
        """The same of a mapping."""
        key = {"userId": {"S": user}, "flagId": {"S": flag_id}}
        self._patch("featureFlagUserMapping", key, status, at, "attribute_exists(userId)")

    def _patch(self, table: str, key: Any, status: str, at: int, condition: str) -> None:
        self._client.call(
            "update_item",
            TableName=table,
            Key=key,
            UpdateExpression="set #status = :s, #updatedAt = :a, #updatedBy = :b",
            ConditionExpression=condition,
            ExpressionAttributeNames=_NAMES,
            ExpressionAttributeValues={":s": {"S": status}, ":a": {"N": str(at)}, ":b": {"S": "them"}},
        )
