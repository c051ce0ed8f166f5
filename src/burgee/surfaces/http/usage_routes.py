"""The part of the route table about usage, and about events that were not delivered."""

from burgee.service.access import Permission
from burgee.surfaces.http.management import audit, usage
from burgee.surfaces.http.management.cursors import CURSOR
from burgee.surfaces.http.operation import Operation, Reach, Reply
from burgee.surfaces.http.parameters import Parameter
from burgee.surfaces.http.preconditions import IF_NONE_MATCH
from burgee.surfaces.http.route_parameters import FLAG_SET_PATH, KEY_PATH, LIMIT, query

STALE_DAYS = query(
    "staleDays",
    "Only flags neither evaluated nor changed for so many days. A page may then hold fewer than `limit`.",
    kind="integer",
    minimum=1,
    maximum=3_650,
)
_HOURS = query(
    "hours",
    "How many hours back, the present one among them; 24 by default.",
    kind="integer",
    minimum=1,
    maximum=720,
)


def _replies(description: str, schema: type) -> tuple[Reply, ...]:
    return (
        Reply(status=200, description=description, schema=schema, headers=("ETag",)),
        Reply(status=304, description="The client's copy is still right.", headers=("ETag",)),
    )


def _usage(name: str, path: str, where: tuple[Parameter, ...]) -> Operation:
    return Operation(
        name=name,
        method="GET",
        path=path,
        permission=Permission.READ,
        handler=usage.flag_usage,
        summary="How often a flag was evaluated, to what, by hour",
        tag="usage",
        reach=Reach.DEFAULT,
        parameters=(*where, _HOURS, IF_NONE_MATCH),
        problems=(404,),
        replies=_replies("The counts.", usage.UsageView),
    )


USAGE_OPERATIONS: tuple[Operation, ...] = (
    _usage("getFlagUsage", "/api/v1/flag-sets/{flagSet}/flags/{key}/usage", (FLAG_SET_PATH, KEY_PATH)),
    _usage("getDefaultFlagUsage", "/api/v1/flags/{key}/usage", (KEY_PATH,)),
    Operation(
        name="listDeadLetters",
        method="GET",
        path="/api/v1/audit/dead-letters",
        permission=Permission.READ,
        handler=audit.list_dead_letters,
        summary="Audit events that a sink never got, newest first",
        tag="audit",
        parameters=(CURSOR, LIMIT, IF_NONE_MATCH),
        replies=_replies("The events.", audit.DeadLetterPage),
    ),
)
