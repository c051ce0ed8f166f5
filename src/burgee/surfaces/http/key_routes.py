"""The part of the route table that is about SDK keys."""

from burgee.service.access import Permission
from burgee.surfaces.http.management import keys, views
from burgee.surfaces.http.management.cursors import CURSOR
from burgee.surfaces.http.operation import Operation, Payload, Reply
from burgee.surfaces.http.preconditions import IF_NONE_MATCH
from burgee.surfaces.http.route_parameters import KEY_ID_PATH, LIMIT

KEY_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="listKeys",
        method="GET",
        path="/api/v1/keys",
        permission=Permission.ADMINISTER,
        handler=keys.list_keys,
        summary="SDK keys, without their secrets",
        tag="access",
        parameters=(CURSOR, LIMIT, IF_NONE_MATCH),
        replies=(
            Reply(status=200, description="A page of keys.", schema=views.SdkKeyPage, headers=("ETag",)),
            Reply(status=304, description="The client's copy is still right.", headers=("ETag",)),
        ),
    ),
    Operation(
        name="createKey",
        method="POST",
        path="/api/v1/keys",
        permission=Permission.ADMINISTER,
        handler=keys.create_key,
        summary="Make an SDK key",
        tag="access",
        payload=Payload(
            schema=views.SdkKeyRequest,
            example={"name": "checkout", "kind": "server", "flagSets": ["default"]},
        ),
        replies=(Reply(status=201, description="The key, shown this once.", schema=views.NewSdkKeyView),),
        problems=(409, 507),
    ),
    Operation(
        name="revokeKey",
        method="DELETE",
        path="/api/v1/keys/{keyId}",
        permission=Permission.ADMINISTER,
        handler=keys.revoke_key,
        summary="Revoke an SDK key",
        tag="access",
        parameters=(KEY_ID_PATH,),
        replies=(Reply(status=204, description="Revoked, now or before."),),
        problems=(404, 507),
    ),
)
"""Only administrators, and only those who reach every flag set."""
