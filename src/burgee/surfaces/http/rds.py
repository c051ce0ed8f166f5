"""The Real-Dev-Squad dialect: the paths, bodies and answers of feature-flag-backend, without its holes.

docs/reference/rds.md says what is kept, what is fixed and what is new; the wire format is that of
reference/source-systems.md, section 1.
"""

from typing import Any

from burgee.model.budget import MAX_LIMIT
from burgee.service.access import Permission
from burgee.surfaces.http import rds_evaluation, rds_flags, rds_limits, rds_users
from burgee.surfaces.http.management.cursors import CURSOR
from burgee.surfaces.http.operation import ANY, JSON, Handler, Operation, Payload, Reach, Reply
from burgee.surfaces.http.parameters import Parameter, Place
from burgee.surfaces.http.rds_errors import RDS
from burgee.surfaces.http.rds_views import RdsCreated, RdsEvaluation, RdsFlag, RdsMapping
from burgee.surfaces.http.route_parameters import LIMIT

_FLAGS = "/feature-flags"
_FLAG = _FLAGS + "/{flagId}"
_FLAG_ID = Parameter(
    name="flagId", place=Place.PATH, description="The id of the flag.", max_length=4_096, example="a UUID"
)
_MAPPINGS = "/users/{userId}/feature-flags"
_MAPPING = _MAPPINGS + "/{flagId}"
_USER_ID = Parameter(
    name="userId", place=Place.PATH, description="Who: the user's id.", min_length=1, example="ada"
)
_USER_BODY = {"userId": {"description": "Anything; ignored: who acts is whom the token is for."}}
_REASON = {"reason": {"type": "string", "maxLength": rds_limits.REASON_CHARACTERS}}
_STATUS = {"type": "string", "description": "ENABLED or DISABLED, in whatever case."}


def _payload(
    required: tuple[str, ...],
    members: dict[str, Any],
    example: dict[str, Any],
    *,
    is_required: bool = True,
) -> Payload:
    optional = {name: _or_absent(schema) for name, schema in members.items() if name not in required}
    schema = {
        "type": "object" if is_required else ["object", "null"],
        "required": list(required),
        "properties": {**members, **optional, **_USER_BODY},
    }
    return Payload(schema=schema, media_types=(JSON, ANY), required=is_required, example=example)


def _or_absent(schema: dict[str, Any]) -> dict[str, Any]:
    """What `schema` allows, and what counts as absent: null, and a text without characters."""
    if "enum" in schema:
        return schema | {"enum": [*schema["enum"], None]}
    return {name: value for name, value in schema.items() if name != "minLength"} | {
        "type": [schema["type"], "null"]
    }


def _operation(
    name: str,
    method: str,
    path: str,
    handler: Handler,
    summary: str,
    *,
    reply: Reply,
    permission: Permission | None = Permission.READ,
    problems: tuple[int, ...] = (),
    **more: Any,
) -> Operation:
    return Operation(
        name=name,
        method=method,
        path=path,
        permission=permission,
        handler=handler,
        summary=summary,
        tag="Real-Dev-Squad",
        reach=more.pop("reach", Reach.DEFAULT),
        dialect=RDS,
        replies=(reply,),
        problems=(*problems, 500) if permission is not None else problems,
        **more,
    )


def _ok(schema: Any, description: str = "As it is now.", *, status: int = 200) -> Reply:
    return Reply(status=status, description=description, schema=schema)


def _array(of: str) -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{of}"}}


def _text(description: str) -> Reply:
    return Reply(status=200, description=description, schema={"type": "string"}, media_type="text/plain")


_DELETED = Reply(status=204, description="Deleted.")
_TEXTS = {
    "name": {"type": "string", "minLength": 1, "maxLength": 256},
    "description": {"type": "string", "minLength": 1, "maxLength": 4096},
}

RDS_OPERATIONS: tuple[Operation, ...] = (
    _operation(
        "rdsHealthCheck",
        "GET",
        "/health-check",
        rds_limits.check_health,
        "Whether the server answers",
        reply=_text("It does."),
        permission=None,
    ),
    _operation(
        "rdsResetLimit",
        "POST",
        "/reset-limit",
        rds_limits.reset_limit,
        "Fill the request budget and open the breaker",
        reply=_text("Done."),
        permission=Permission.ADMINISTER,
        payload=_payload(
            ("pendingLimit",),
            {"pendingLimit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}, **_REASON},
            {"pendingLimit": 1000},
        ),
        reach=Reach.NAMED,
        is_metered=False,
    ),
    _operation(
        "rdsMarkConcurrencyZero",
        "PATCH",
        "/mark-concurrency-zero",
        rds_limits.mark_concurrency_zero,
        "Refuse every metered call until the next reset",
        reply=_text("Done."),
        permission=Permission.ADMINISTER,
        payload=_payload((), {"scope": {"enum": ["all", "management"]}, **_REASON}, {}, is_required=False),
        reach=Reach.NAMED,
        is_metered=False,
    ),
    _operation(
        "rdsCreateFlag",
        "POST",
        _FLAGS,
        rds_flags.create_flag,
        "Create a boolean flag that is on",
        permission=Permission.WRITE,
        payload=_payload(
            ("name", "description"), _TEXTS, {"name": "dark mode", "description": "The dark colours"}
        ),
        reply=_ok(RdsCreated, "Created.", status=201),
        problems=(409, 422),
    ),
    _operation(
        "rdsListFlags",
        "GET",
        _FLAGS,
        rds_flags.list_flags,
        "All flags of the default flag set",
        parameters=(LIMIT, CURSOR),
        reply=_ok(_array("RdsFlag")),
    ),
    _operation(
        "rdsGetFlag",
        "GET",
        _FLAG,
        rds_flags.get_flag,
        "One flag by its id",
        parameters=(_FLAG_ID,),
        reply=_ok(RdsFlag),
        problems=(404,),
    ),
    _operation(
        "rdsPatchFlag",
        "PATCH",
        _FLAG,
        rds_flags.patch_flag,
        "Change a flag's status, name or description",
        permission=Permission.WRITE,
        parameters=(_FLAG_ID,),
        payload=_payload((), {"status": _STATUS, **_TEXTS}, {"status": "DISABLED"}),
        reply=_ok(RdsFlag),
        problems=(404, 409),
    ),
    _operation(
        "rdsDeleteFlag",
        "DELETE",
        _FLAG,
        rds_flags.delete_flag,
        "Delete a flag by its id",
        permission=Permission.WRITE,
        parameters=(_FLAG_ID,),
        reply=_DELETED,
        problems=(404, 409),
    ),
    _operation(
        "rdsCreateMapping",
        "POST",
        _MAPPING,
        rds_users.create_mapping,
        "Pin a user to a status of a flag",
        permission=Permission.WRITE,
        parameters=(_USER_ID, _FLAG_ID),
        payload=_payload(("status",), {"status": _STATUS}, {"status": "ENABLED"}),
        reply=_ok(RdsMapping),
        problems=(404, 409, 422),
    ),
    _operation(
        "rdsPatchMapping",
        "PATCH",
        _MAPPING,
        rds_users.patch_mapping,
        "Change what a user is pinned to",
        permission=Permission.WRITE,
        parameters=(_USER_ID, _FLAG_ID),
        payload=_payload(("status",), {"status": _STATUS}, {"status": "DISABLED"}),
        reply=_ok(RdsMapping),
        problems=(404, 409, 422),
    ),
    _operation(
        "rdsGetMapping",
        "GET",
        _MAPPING,
        rds_users.get_mapping,
        "What a user is pinned to",
        parameters=(_USER_ID, _FLAG_ID),
        reply=_ok(RdsMapping),
        problems=(404,),
    ),
    _operation(
        "rdsDeleteMapping",
        "DELETE",
        _MAPPING,
        rds_users.delete_mapping,
        "Give a user what everybody gets",
        permission=Permission.WRITE,
        parameters=(_USER_ID, _FLAG_ID),
        reply=_DELETED,
        problems=(404, 409),
    ),
    _operation(
        "rdsListMappings",
        "GET",
        _MAPPINGS,
        rds_users.list_mappings,
        "All that a user is pinned to",
        parameters=(_USER_ID, LIMIT, CURSOR),
        reply=_ok(_array("RdsMapping")),
    ),
    _operation(
        "rdsEvaluateFlag",
        "GET",
        _MAPPING + "/evaluation",
        rds_evaluation.evaluate_flag,
        "What a flag is for a user",
        permission=Permission.EVALUATE,
        parameters=(_USER_ID, _FLAG_ID),
        is_metered=False,
        reply=_ok(RdsEvaluation),
        problems=(404,),
    ),
    _operation(
        "rdsEvaluateFlags",
        "GET",
        _MAPPINGS + "/evaluation",
        rds_evaluation.evaluate_flags,
        "What all flags are for a user",
        permission=Permission.EVALUATE,
        parameters=(_USER_ID,),
        is_metered=False,
        reply=_ok(_array("RdsEvaluation")),
    ),
)
"""Every operation of the dialect."""
