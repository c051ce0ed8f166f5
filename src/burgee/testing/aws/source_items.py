"""Items exactly as the source services write them (source-systems.md sections 1.2, 1.5 and 2.2)."""

from burgee.adapters.dynamodb.client import Item


def a_source_flag(flag_id: str, name: str, *, status: str = "ENABLED", at: int = 1_745_400_000) -> Item:
    """A flag as the Real-Dev-Squad service (all generations) puts it."""
    return {
        "id": {"S": flag_id},
        "name": {"S": name},
        "description": {"S": f"about {name}"},
        "createdAt": {"N": str(at)},
        "createdBy": {"S": "XAF7rSUvk4p0d098qWYS"},
        "updatedAt": {"N": str(at)},
        "updatedBy": {"S": "XAF7rSUvk4p0d098qWYS"},
        "status": {"S": status},
    }


def a_source_mapping(user: str, flag_id: str, *, status: str = "ENABLED", at: int = 1_745_400_100) -> Item:
    """A mapping as the Real-Dev-Squad service puts it."""
    return {
        "userId": {"S": user},
        "flagId": {"S": flag_id},
        "status": {"S": status},
        "createdAt": {"N": str(at)},
        "createdBy": {"S": "XAF7rSUvk4p0d098qWYS"},
        "updatedAt": {"N": str(at)},
        "updatedBy": {"S": "XAF7rSUvk4p0d098qWYS"},
    }


def a_hatton_flag(name: str, *, value: bool = True) -> Item:
    """A flag as Hatton's service saves it."""
    return {
        "name": {"S": name},
        "value": {"BOOL": value},
        "lastAccessed": {"S": "2023-03-27T18:04:11.512Z"},
    }
