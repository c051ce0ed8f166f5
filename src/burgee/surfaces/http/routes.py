"""The route table: every path, who may use it, what it takes and what it answers."""

from typing import Any

from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.json import JsonObject
from burgee.service.access import Permission
from burgee.service.drafts import FlagDraft, FlagSetDraft
from burgee.surfaces.http.budget_routes import BUDGET_OPERATIONS
from burgee.surfaces.http.hatton import HATTON_OPERATIONS
from burgee.surfaces.http.idempotency import IDEMPOTENCY_KEY
from burgee.surfaces.http.key_routes import KEY_OPERATIONS
from burgee.surfaces.http.management import (
    audit,
    flag_sets,
    flags,
    history,
    imports,
    status,
    tokens,
    views,
)
from burgee.surfaces.http.management.cursors import CURSOR
from burgee.surfaces.http.operation import (
    JSON,
    MERGE_PATCH,
    YAML,
    Ceiling,
    Handler,
    Operation,
    Payload,
    Reach,
    Reply,
)
from burgee.surfaces.http.override_routes import OVERRIDE_OPERATIONS
from burgee.surfaces.http.page_routes import page_operations
from burgee.surfaces.http.parameters import Parameter
from burgee.surfaces.http.preconditions import IF_MATCH, IF_NONE_MATCH, IF_NONE_MATCH_ANY
from burgee.surfaces.http.rds import RDS_OPERATIONS
from burgee.surfaces.http.route_parameters import (
    FLAG_SET,
    FLAG_SET_PATH,
    FORCE,
    KEY,
    KEY_PATH,
    LIMIT,
    REVISION,
    query,
    switch,
)
from burgee.surfaces.http.usage_routes import STALE_DAYS, USAGE_OPERATIONS

_ETAG = ("ETag",)
_FLAG_PATCH: JsonObject = {"$ref": "#/components/schemas/FlagPatch"}
_FLAG_SET_PATCH: JsonObject = {"$ref": "#/components/schemas/FlagSetPatch"}
_EXAMPLE_FLAG: JsonObject = {
    "name": "Spring banner",
    "variants": {"on": True, "off": False},
    "defaultVariant": "off",
    "targeting": {"if": [{"ends_with": [{"var": "email"}, "@example.com"]}, "on"]},
    "tags": ["web"],
}
_DOCUMENT: JsonObject = {"type": "object", "description": "A flagd definition document."}
_EXAMPLE_DOCUMENT: JsonObject = {
    "flags": {"banner": {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}}
}


WRITE_HEADERS = (IF_MATCH, IDEMPOTENCY_KEY)
UNCHANGED = Reply(status=304, description="The client's copy is still right.", headers=_ETAG)
CONFLICTS = (404, 409, 412, 422, 507)


def _read(name: str, path: str, handler: Handler, schema: Any, summary: str, **more: Any) -> Operation:
    permission = more.pop("permission", Permission.READ)
    parameters = (*more.pop("parameters", ()), IF_NONE_MATCH)
    replies = (Reply(status=200, description=summary, schema=schema, headers=_ETAG), UNCHANGED)
    return Operation(
        name=name,
        method="GET",
        path=path,
        permission=permission,
        handler=handler,
        summary=summary,
        parameters=parameters,
        replies=replies,
        **more,
    )


def _write(
    name: str,
    method: str,
    path: str,
    handler: Handler,
    summary: str,
    *,
    replies: tuple[Reply, ...],
    **more: Any,
) -> Operation:
    return Operation(
        name=name,
        method=method,
        path=path,
        permission=more.pop("permission", Permission.WRITE),
        handler=handler,
        summary=summary,
        replies=replies,
        problems=more.pop("problems", CONFLICTS),
        **more,
    )


def _made(schema: Any, *, created: bool = True) -> tuple[Reply, ...]:
    changed = Reply(status=200, description="As it is now.", schema=schema, headers=_ETAG)
    if not created:
        return (changed,)
    return (changed, Reply(status=201, description="Created.", schema=schema, headers=("ETag", "Location")))


def _flag_operations(path: str, where: tuple[Parameter, ...], infix: str) -> tuple[Operation, ...]:
    """The operations on one flag; the short paths are those of the default flag set."""
    more: dict[str, Any] = {"tag": "flags", "reach": Reach.DEFAULT}
    patch = Payload(schema=_FLAG_PATCH, media_types=(MERGE_PATCH, JSON), example={"defaultVariant": "on"})
    restore = Payload(schema=views.RestoreRequest, example={"revision": 3})
    return (
        _read(
            f"get{infix}Flag",
            path,
            flags.get_flag,
            Flag,
            "One flag",
            parameters=(*where, REVISION),
            problems=(404,),
            **more,
        ),
        _write(
            f"put{infix}Flag",
            "PUT",
            path,
            flags.put_flag,
            "Create or replace a flag",
            parameters=(*where, FORCE, IF_NONE_MATCH_ANY, *WRITE_HEADERS),
            payload=Payload(schema=FlagDraft, example=_EXAMPLE_FLAG),
            replies=_made(views.FlagView),
            **more,
        ),
        _write(
            f"patch{infix}Flag",
            "PATCH",
            path,
            flags.patch_flag,
            "Change a flag by merge patch",
            parameters=(*where, *WRITE_HEADERS),
            payload=patch,
            replies=_made(views.FlagView, created=False),
            **more,
        ),
        _write(
            f"delete{infix}Flag",
            "DELETE",
            path,
            flags.delete_flag,
            "Delete a flag; its key stays reserved for 30 days",
            parameters=(*where, *WRITE_HEADERS),
            replies=(Reply(status=204, description="Deleted."),),
            **more,
        ),
        _read(
            f"list{infix}FlagHistory",
            f"{path}/history",
            history.list_history,
            views.HistoryPage,
            "A flag's versions, newest first",
            parameters=(*where, CURSOR, LIMIT),
            problems=(404,),
            **more,
        ),
        _write(
            f"restore{infix}Flag",
            "POST",
            f"{path}/restore",
            history.restore_flag,
            "Publish the content of an earlier revision again",
            parameters=(*where, *WRITE_HEADERS),
            payload=restore,
            replies=_made(views.FlagView),
            **more,
        ),
    )


_SETS = "/api/v1/flag-sets"
_DOCUMENT_PARAMETERS = (
    query("flagSet", "For flags whose document names no set.", pattern=KEY, max_length=128),
    query("source", "The source of the set, for selectors.", max_length=1024),
)

MANAGEMENT_OPERATIONS: tuple[Operation, ...] = (
    _read(
        "listFlagSets",
        _SETS,
        flag_sets.list_flag_sets,
        views.FlagSetPage,
        "All flag sets",
        tag="flag sets",
        reach=Reach.OWN,
    ),
    _read(
        "getFlagSet",
        _SETS + "/{flagSet}",
        flag_sets.get_flag_set,
        FlagSet,
        "One flag set, without its flags",
        tag="flag sets",
        parameters=(FLAG_SET_PATH,),
        problems=(404,),
    ),
    _write(
        "putFlagSet",
        "PUT",
        _SETS + "/{flagSet}",
        flag_sets.put_flag_set,
        "Create or replace what holds for a whole set",
        tag="flag sets",
        parameters=(FLAG_SET_PATH, IF_NONE_MATCH_ANY, *WRITE_HEADERS),
        payload=Payload(schema=FlagSetDraft, example={"source": "shop", "metadata": {"team": "web"}}),
        replies=_made(views.FlagSetView),
    ),
    _write(
        "patchFlagSet",
        "PATCH",
        _SETS + "/{flagSet}",
        flag_sets.patch_flag_set,
        "Change a flag set by merge patch",
        tag="flag sets",
        parameters=(FLAG_SET_PATH, *WRITE_HEADERS),
        payload=Payload(schema=_FLAG_SET_PATCH, media_types=(MERGE_PATCH, JSON), example={"priority": 10}),
        replies=_made(views.FlagSetView),
    ),
    _read(
        "listFlags",
        "/api/v1/flags",
        flags.list_flags,
        views.FlagPage,
        "Flags, page by page",
        tag="flags",
        reach=Reach.OWN,
        parameters=(
            FLAG_SET,
            query("status", "Only flags of this status.", choices=("ENABLED", "DISABLED")),
            query("tag", "Only flags with this tag."),
            query("search", "Only flags with this in key, name or description; case does not count."),
            STALE_DAYS,
            CURSOR,
            LIMIT,
        ),
    ),
    *_flag_operations(_SETS + "/{flagSet}/flags/{key}", (FLAG_SET_PATH, KEY_PATH), ""),
    *_flag_operations("/api/v1/flags/{key}", (KEY_PATH,), "Default"),
    *OVERRIDE_OPERATIONS,
    _write(
        "importDocument",
        "POST",
        "/api/v1/import",
        imports.import_document,
        "Publish a flagd document, all of it or nothing",
        tag="documents",
        reach=Reach.OWN,
        parameters=(
            *_DOCUMENT_PARAMETERS,
            switch("dryRun", "Only say what would change."),
            switch("lenient", "Let faulty targeting in, as flagd does, with a warning."),
            switch("replace", "Delete the flags of the set that the document does not have."),
            FORCE,
            IDEMPOTENCY_KEY,
        ),
        payload=Payload(
            schema=_DOCUMENT, media_types=(JSON, YAML), ceiling=Ceiling.IMPORT, example=_EXAMPLE_DOCUMENT
        ),
        replies=(Reply(status=200, description="What changed.", schema=views.ImportView),),
        problems=(409, 422, 507),
    ),
    _read(
        "exportDocument",
        "/api/v1/export",
        imports.export_document,
        _DOCUMENT,
        "A flag set as a flagd document",
        tag="documents",
        reach=Reach.DEFAULT,
        parameters=(FLAG_SET,),
        problems=(404,),
    ),
    _write(
        "validateDocument",
        "POST",
        "/api/v1/validate",
        imports.validate_document,
        "Every fault and warning of a flagd document; writes nothing",
        tag="documents",
        permission=Permission.READ,
        reach=Reach.OWN,
        parameters=_DOCUMENT_PARAMETERS,
        payload=Payload(
            schema={}, media_types=(JSON, YAML), ceiling=Ceiling.IMPORT, example=_EXAMPLE_DOCUMENT
        ),
        replies=(Reply(status=200, description="What was found.", schema=views.ValidationView),),
        problems=(),
    ),
    _read(
        "listAudit",
        "/api/v1/audit",
        audit.list_audit,
        views.AuditPage,
        "Who changed what, newest first",
        tag="audit",
        reach=Reach.OWN,
        parameters=(
            query("actor", "Only events of this subject."),
            FLAG_SET,
            query("key", "Only events of flags with this key.", pattern=KEY, max_length=128),
            query("action", "Such as `flag.updated`.", pattern=r"[a-z_.]{1,64}", max_length=64),
            query("since", "Unix seconds, included.", kind="number", minimum=0, maximum=10**11),
            query("until", "Unix seconds, not included.", kind="number", minimum=0, maximum=10**11),
            CURSOR,
            LIMIT,
        ),
    ),
    _read(
        "verifyAudit",
        "/api/v1/audit/verify",
        audit.verify_audit,
        views.VerificationView,
        "Walk the hash chain of the whole audit log",
        tag="audit",
    ),
    _write(
        "createToken",
        "POST",
        "/api/v1/tokens",
        tokens.create_token,
        "Make a token",
        tag="access",
        permission=Permission.ADMINISTER,
        payload=Payload(
            schema=views.TokenRequest, example={"subject": "ci", "role": "editor", "ttlSeconds": 3600}
        ),
        replies=(Reply(status=201, description="The token, shown this once.", schema=views.TokenView),),
        problems=(409, 507),
    ),
    *KEY_OPERATIONS,
    _read(
        "whoAmI",
        "/api/v1/whoami",
        tokens.who_am_i,
        views.IdentityView,
        "Who the caller is",
        tag="access",
        permission=Permission.EVALUATE,
        reach=Reach.OWN,
    ),
    _read(
        "getStatus",
        "/api/v1/status",
        status.get_status,
        views.StatusView,
        "What this server evaluates from",
        tag="operations",
        reach=Reach.OWN,
    ),
    *BUDGET_OPERATIONS,
)

OPERATIONS: tuple[Operation, ...] = (
    *MANAGEMENT_OPERATIONS,
    *HATTON_OPERATIONS,
    *RDS_OPERATIONS,
    *USAGE_OPERATIONS,
    *page_operations(lambda: OPERATIONS),
)
"""All of it: the API and the few pages for people."""
