"""One-time sign-in codes in the main table, kept only as hashes; DynamoDB deletes those that expired."""

from burgee.adapters.dynamodb.client import ConditionFailed, DynamoClient
from burgee.adapters.dynamodb.items import number
from burgee.adapters.dynamodb.layout import main_key
from burgee.adapters.dynamodb.tables import TTL_ATTRIBUTE, TableNames


class DynamoSignInCodes:
    """SignInCodes of any number of machines."""

    def __init__(self, client: DynamoClient, names: TableNames) -> None:
        self._client, self._table = client, names.main

    def put(self, code_hash: str, *, expires_at: float) -> None:
        item = {
            **main_key(f"code#{code_hash}", "code"),
            "expiresAt": number(float(expires_at)),
            TTL_ATTRIBUTE: number(int(expires_at) + 1),
        }
        self._client.call("put_item", TableName=self._table, Item=item)

    def take(self, code_hash: str, *, now: float) -> bool:
        # The deletion is what decides: of two who come at once, one deletes nothing.
        try:
            self._client.call(
                "delete_item",
                TableName=self._table,
                Key=main_key(f"code#{code_hash}", "code"),
                ConditionExpression="expiresAt > :now",
                ExpressionAttributeValues={":now": number(float(now))},
            )
        except ConditionFailed:
            return False
        return True
