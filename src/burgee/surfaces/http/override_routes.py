"""The operations on overrides, for the route table."""

from typing import Any

import msgspec

from burgee.model.json import JsonObject
from burgee.model.override import Override
from burgee.service.access import Permission
from burgee.service.override_drafts import MAX_TARGETING_KEY_CHARACTERS
from burgee.service.overrides import ImportedOverrides
from burgee.surfaces.http.management import overrides
from burgee.surfaces.http.management.cursors import CURSOR
from burgee.surfaces.http.operation import CSV, Ceiling, Operation, Payload, Reach, Reply
from burgee.surfaces.http.parameters import Parameter, Place
from burgee.surfaces.http.preconditions import IF_MATCH, IF_NONE_MATCH, IF_NONE_MATCH_ANY
from burgee.surfaces.http.route_parameters import (
    FLAG_SET,
    FLAG_SET_PATH,
    KEY,
    KEY_PATH,
    LIMIT,
    query,
    switch,
)

TARGETING_KEY_PATH = Parameter(
    name="targetingKey",
    place=Place.PATH,
    description="The targeting key of the subject, percent-encoded; a slash is %2F.",
    min_length=1,
    max_length=MAX_TARGETING_KEY_CHARACTERS,
    example="user-42",
)
_LONG_CURSOR = msgspec.structs.replace(CURSOR, pattern=r"[A-Za-z0-9_-]{14,1500}", max_length=1500)
"""A page may end at a targeting key of 256 characters, with four bytes each."""

_ETAG = ("ETag",)
_UNCHANGED = Reply(status=304, description="The client's copy is still right.", headers=_ETAG)
_CONFLICTS = (404, 409, 412, 507)
_EXAMPLE: JsonObject = {"status": "ENABLED", "reason": "asked for the beta"}


def _page(path: str, name: str, handler: Any, summary: str, **more: Any) -> Operation:
    return Operation(
        name=name,
        method="GET",
        path=path,
        permission=Permission.READ,
        handler=handler,
        summary=summary,
        tag="overrides",
        replies=(
            Reply(status=200, description=summary, schema=overrides.OverridePage, headers=_ETAG),
            _UNCHANGED,
        ),
        **more,
    )


def _of_flag(path: str, where: tuple[Parameter, ...], infix: str) -> tuple[Operation, ...]:
    """The operations on the overrides of one flag; the short paths are those of the default flag set."""
    one = f"{path}/overrides/{{targetingKey}}"
    more: dict[str, Any] = {"path": one, "tag": "overrides", "reach": Reach.DEFAULT}
    place = (*where, TARGETING_KEY_PATH)
    kept = Reply(status=200, description="As it is now.", schema=Override, headers=_ETAG)
    return (
        _page(
            f"{path}/overrides",
            f"list{infix}Overrides",
            overrides.list_flag_overrides,
            "The overrides of a flag, by targeting key",
            reach=Reach.DEFAULT,
            parameters=(*where, _LONG_CURSOR, LIMIT, IF_NONE_MATCH),
            problems=(404,),
        ),
        Operation(
            name=f"get{infix}Override",
            method="GET",
            permission=Permission.READ,
            handler=overrides.get_override,
            summary="What one subject gets of a flag",
            parameters=(*place, IF_NONE_MATCH),
            replies=(kept, _UNCHANGED),
            problems=(404,),
            **more,
        ),
        Operation(
            name=f"put{infix}Override",
            method="PUT",
            permission=Permission.WRITE,
            handler=overrides.put_override,
            summary="Pin a subject to a status or a variant, for good or until a time",
            parameters=(*place, IF_NONE_MATCH_ANY, IF_MATCH),
            payload=Payload(schema=overrides.OverrideForm, example=_EXAMPLE),
            replies=(
                kept,
                Reply(status=201, description="Created.", schema=Override, headers=("ETag", "Location")),
            ),
            problems=_CONFLICTS,
            **more,
        ),
        Operation(
            name=f"delete{infix}Override",
            method="DELETE",
            permission=Permission.WRITE,
            handler=overrides.delete_override,
            summary="Let the subject have what the flag says",
            parameters=(*place, IF_MATCH),
            replies=(Reply(status=204, description="Deleted."),),
            problems=_CONFLICTS,
            **more,
        ),
    )


OVERRIDE_OPERATIONS: tuple[Operation, ...] = (
    *_of_flag("/api/v1/flag-sets/{flagSet}/flags/{key}", (FLAG_SET_PATH, KEY_PATH), ""),
    *_of_flag("/api/v1/flags/{key}", (KEY_PATH,), "Default"),
    _page(
        "/api/v1/subjects/{targetingKey}/overrides",
        "listSubjectOverrides",
        overrides.list_subject_overrides,
        "The overrides of a subject, by flag set and flag",
        reach=Reach.OWN,
        parameters=(TARGETING_KEY_PATH, FLAG_SET, CURSOR, LIMIT, IF_NONE_MATCH),
    ),
    Operation(
        name="importOverrides",
        method="POST",
        path="/api/v1/overrides/import",
        permission=Permission.WRITE,
        handler=overrides.import_overrides,
        summary="Put the overrides of a CSV file; none of them where one has a fault",
        tag="overrides",
        reach=Reach.OWN,
        parameters=(
            query("flagSet", "For rows that name no flag set.", pattern=KEY, max_length=128),
            query("key", "For rows that name no flag.", pattern=KEY, max_length=128),
            switch("dryRun", "Only say what would change."),
        ),
        payload=Payload(
            schema={"type": "string"},
            media_types=(CSV,),
            ceiling=Ceiling.IMPORT,
            example="flagKey,targetingKey,status\nbanner,user-42,ENABLED\n",
        ),
        replies=(Reply(status=200, description="How many changed.", schema=ImportedOverrides),),
        problems=(409, 507),
    ),
)
"""Overrides of flags, of subjects, and their import."""
